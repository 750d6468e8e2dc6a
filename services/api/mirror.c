// Over 450 lines: the tables of the mirror and each change that moves them, one function a change.
#include "mirror.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/slab.h"
#include "base/stat.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "callmesh/v1/mesh.pb-c.h"
#include "events.h"
#include "listen.h"
#include "mirror_priv.h"
#include "view.h"

struct mirror mi = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct stat_def stat_defs[MIRROR_STATS] = {
    [MI_CALLS] = {"mirror_calls", NULL, "calls in the live mirror", STAT_GAUGE},
    [MI_HARVESTERS] = {"mirror_harvesters", NULL, "harvesters in the live mirror", STAT_GAUGE},
    [MI_FRESH] = {"mirror_fresh", NULL, "1: callstate was heard within 10 s", STAT_GAUGE},
    [MI_CHANGES] = {"mirror_changes_total", NULL, "changes taken from the mesh feed", STAT_COUNTER},
    [MI_OLD] = {"mirror_old_changes_total", NULL, "changes with a revision already known",
                STAT_COUNTER},
    [MI_GAPS] = {"mirror_gaps_total", NULL, "gaps in the mesh feed's numbers", STAT_COUNTER},
    [MI_SNAPSHOTS] = {"mirror_snapshots_total", NULL, "snapshots taken", STAT_COUNTER},
    [MI_REFUSED] = {"mirror_refused_total", NULL, "calls and harvesters not shown live: table full",
                    STAT_COUNTER},
    [MI_BAD] = {"mirror_bad_messages_total", NULL,
                "messages of the mesh feed that could not be read", STAT_COUNTER},
    [MI_DIGESTS] = {"mirror_digests_total", NULL,
                    "times the mirror was compared with callstate's sum", STAT_COUNTER},
    [MI_DIVERGED] =
        {"mirror_diverged_total", NULL,
         "times the mirror was not what callstate had told: a fault of ours, mended by a "
         "snapshot",
         STAT_COUNTER},
};

static bool call_is(const void *ctx, uint64_t value, const void *key)
{
    const struct mirror_slot *c = slab_get(ctx, value);
    return c && memcmp(c->id.b, key, sizeof(c->id.b)) == 0;
}

struct mirror_slot *mirror_find(const struct uuid *id)
{
    return slab_get(mi.calls, map_get(mi.by_id, map_hash(id->b, sizeof(id->b)), id->b));
}

static struct mirror_slot *add_call(const struct uuid *id)
{
    struct mirror_slot *c = slab_take(mi.calls);
    if (!c)
        return NULL;
    c->id = *id;
    if (!map_put(mi.by_id, map_hash(id->b, sizeof(id->b)), slab_handle_of(mi.calls, c))) {
        slab_give(mi.calls, c);
        return NULL;
    }
    stat_set(&mi.stat[MI_CALLS], slab_stat(mi.calls).used);
    return c;
}

void mirror_remove(struct mirror_slot *c)
{
    map_del(mi.by_id, map_hash(c->id.b, sizeof(c->id.b)), slab_handle_of(mi.calls, c));
    slab_give(mi.calls, c);
    stat_set(&mi.stat[MI_CALLS], slab_stat(mi.calls).used);
}

// ---- changes (mesh thread)

static const char *event_of(bool is_new, Callmesh__V1__CallState was, Callmesh__V1__CallState is)
{
    static const char *const names[] = {"call.started", "call.started",  "call.ringing",
                                        "call.early",   "call.answered", "call.held",
                                        "call.ended"};
    if (!is_new && was == is)
        return "call.updated";
    if (!is_new && was == CALLMESH__V1__CALL_STATE__CALL_STATE_HELD &&
        is == CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED)
        return "call.resumed";
    return (unsigned)is < sizeof(names) / sizeof(names[0]) ? names[is] : "call.updated";
}

static void name_codecs(struct mirror_slot *m, const Callmesh__V1__Call *c)
{
    for (size_t i = 0; i < c->n_streams; i++) {
        unsigned side = (unsigned)c->streams[i]->side;
        if ((side == 1 || side == 2) && c->streams[i]->codec[0])
            snprintf(m->codec[side - 1], sizeof(m->codec[0]), "%s", c->streams[i]->codec);
    }
}

static bool write_text(struct mirror_slot *m, struct call_view *v)
{
    struct json j;
    for (int i = 0; i < 2;
         i++) { // a call of many long dialogs: without the list of their ids it fits
        json_init(&j, m->text, sizeof(m->text));
        call_json_open(&j, v);
        if (!j.overflow)
            break;
        v->sip_call_ids.n = v->sip_call_ids.n ? 1 : 0;
        v->harvesters.n = v->harvesters.n ? 1 : 0;
        v->from_name.n = v->to_name.n = 0;
        v->transfers.n = 0;
    }
    m->text_n = (uint16_t)(j.overflow ? 0 : j.n);
    return !j.overflow;
}

static void emit_call(const char *type, const struct mirror_slot *m)
{
    char text[MIRROR_TEXT + 64], id[37];
    struct json j;
    json_init(&j, text, sizeof(text));
    call_json_close(&j, span_of(m->text, m->text_n), listen_count(&m->id));
    uuid_format(&m->id, id);
    events_emit(type, span_of(id, 36), "call", span_of(j.buf, j.n));
}

void mirror_emit_call(const struct uuid *id, const char *type)
{
    pthread_mutex_lock(&mi.lock);
    const struct mirror_slot *m = mirror_find(id);
    if (m && m->text_n)
        emit_call(type, m);
    pthread_mutex_unlock(&mi.lock);
}

static void refuse(const char *what)
{
    stat_add(&mi.stat[MI_REFUSED], 1);
    log_warn("live table full: not shown live", "table=%s", what);
}

static void take_call(const Callmesh__V1__Call *c, bool quiet, bool new_life)
{
    struct call_view v;
    call_view_of(c, &v);
    if (uuid_is_zero(&v.id)) {
        stat_add(&mi.stat[MI_BAD], 1);
        return;
    }
    pthread_mutex_lock(&mi.lock);
    struct mirror_slot *m = mirror_find(&v.id);
    bool is_new = !m;
    if (m)
        m->sweep = mi.sweep;
    if (m && c->revision <= m->revision && !(new_life && c->revision != m->revision)) {
        stat_add(&mi.stat[MI_OLD], 1);
        pthread_mutex_unlock(&mi.lock);
        return;
    }
    if (!m)
        m = add_call(&v.id);
    if (!m) {
        pthread_mutex_unlock(&mi.lock);
        refuse("mirror.calls");
        return;
    }
    Callmesh__V1__CallState state = c->story ? c->story->state : c->state;
    bool merged = !uuid_is_zero(&v.merged_into);
    const char *type = merged && !m->merged ? "call.merged" : event_of(is_new, m->state, state);
    bool news = is_new || m->own_state != c->state;
    m->sweep = mi.sweep;
    m->revision = c->revision;
    m->state = state;
    m->own_state = c->state;
    m->merged = merged;
    snprintf(m->site, sizeof(m->site), "%s", c->site);
    name_codecs(m, c);
    if (!write_text(m, &v))
        stat_add(&mi.stat[MI_BAD], 1);
    else if (!quiet) {
        // A call that was quicker than its first announcement has started all the same.
        if (is_new && !merged && state > CALLMESH__V1__CALL_STATE__CALL_STATE_STARTED)
            emit_call("call.started", m);
        emit_call(type, m);
    }
    pthread_mutex_unlock(&mi.lock);
    if (news)
        listen_on_state(&v.id, view_state(c->state),
                        c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED); // its own sound
}

static void take_removed(ProtobufCBinaryData b)
{
    struct uuid id;
    if (b.len != sizeof(id.b))
        return;
    memcpy(id.b, b.data, sizeof(id.b));
    pthread_mutex_lock(&mi.lock);
    struct mirror_slot *m = mirror_find(&id);
    if (m)
        mirror_remove(m);
    pthread_mutex_unlock(&mi.lock);
    listen_on_state(&id, "ended", true);
}

static struct mirror_harvester *harvester_slot(const char *name)
{
    struct mirror_harvester *free_one = NULL;
    for (uint32_t i = 0; i < settings.mirror_harvesters; i++) {
        struct mirror_harvester *h = &mi.harvesters[i];
        if (h->used && strncmp(h->name, name, sizeof(h->name) - 1) == 0)
            return h;
        if (!h->used && !free_one)
            free_one = h;
    }
    return free_one;
}

static void flush_harvester(struct mirror_harvester *h, int64_t now)
{
    if (!h->event)
        return;
    // What only counts is told every 2 s; what changes is told at once.
    if (!strcmp(h->event, "harvester.updated") && now - h->told_us < 2 * US_PER_S)
        return;
    h->told_us = now;
    events_emit(h->event, span_str(h->name), "harvester", span_of(h->text, h->text_n));
    h->event = NULL;
}

static void take_harvester(const Callmesh__V1__Harvester *p, bool quiet)
{
    struct json j;
    pthread_mutex_lock(&mi.lock);
    struct mirror_harvester *h = harvester_slot(p->name);
    if (!h) {
        pthread_mutex_unlock(&mi.lock);
        refuse("mirror.harvesters");
        return;
    }
    bool is_new = !h->used, turned = is_new || h->up != p->up || h->ended != p->ended;
    h->used = true;
    h->sweep = mi.sweep;
    snprintf(h->name, sizeof(h->name), "%s", p->name);
    snprintf(h->site, sizeof(h->site), "%s", p->site);
    if (is_new || h->up != p->up)
        h->event = p->up ? "harvester.up" : "harvester.down";
    else if (!h->event)
        h->event = "harvester.updated";
    h->up = p->up;
    h->ended = p->ended;
    json_init(&j, h->text, sizeof(h->text));
    harvester_json(&j, p);
    if (j.overflow) { // more counters than the text holds: the object without them
        Callmesh__V1__Harvester few = *p;
        few.n_counters = 0;
        json_init(&j, h->text, sizeof(h->text));
        harvester_json(&j, &few);
    }
    h->text_n = (uint32_t)j.n;
    if (turned)
        h->told_us = 0;
    if (quiet)
        h->event = NULL;
    else
        flush_harvester(h, mono_now_us());
    uint64_t used = 0;
    for (uint32_t i = 0; i < settings.mirror_harvesters; i++)
        used += mi.harvesters[i].used;
    stat_set(&mi.stat[MI_HARVESTERS], used);
    pthread_mutex_unlock(&mi.lock);
}

static void take_recording(const Callmesh__V1__Recording *r)
{
    static char text[16 << 10]; // mesh thread alone
    struct json j;
    struct uuid u = {0};
    char id[37];
    json_init(&j, text, sizeof(text));
    recording_json(&j, r);
    if (j.overflow || r->id.len != sizeof(u.b)) {
        stat_add(&mi.stat[MI_BAD], 1);
        return;
    }
    memcpy(u.b, r->id.data, sizeof(u.b));
    uuid_format(&u, id);
    bool ready = r->status == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY;
    bool deleted = r->status == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_DELETED;
    events_emit(ready     ? "recording.ready"
                : deleted ? "recording.deleted"
                          : "recording.failed",
                span_of(id, 36), "recording", span_of(j.buf, j.n));
}

// Holds and their ends are told by the call itself.
static void take_call_event(const Callmesh__V1__CallEvent *e)
{
    char type[48], id[37], text[1024];
    struct uuid u;
    struct json j;
    if (e->head_id.len != sizeof(u.b) || !strcmp(e->type, "held") || !strcmp(e->type, "resumed"))
        return;
    memcpy(u.b, e->head_id.data, sizeof(u.b));
    uuid_format(&u, id);
    snprintf(type, sizeof(type), "call.%s", e->type);
    json_init(&j, text, sizeof(text));
    call_event_json(&j, e);
    if (j.overflow)
        stat_add(&mi.stat[MI_BAD], 1);
    else
        events_emit(type, span_of(id, 36), "call_event", span_of(j.buf, j.n));
}

void mirror_take(const Callmesh__V1__MeshChange *c, bool quiet, bool new_life)
{
    stat_add(&mi.stat[MI_CHANGES], 1);
    switch (c->change_case) {
    case CALLMESH__V1__MESH_CHANGE__CHANGE_CALL:
        take_call(c->call, quiet, new_life);
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_REMOVED:
        take_removed(c->call_removed);
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_HARVESTER:
        take_harvester(c->harvester, quiet);
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_RECORDING:
        take_recording(c->recording);
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_EVENT:
        if (!quiet)
            take_call_event(c->call_event);
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_ALERT:
        if (!quiet)
            alerts_take(c->alert);
        break;
    default: // taps are between callstate and the recorders
        break;
    }
}

void mirror_flush_harvesters(int64_t now)
{
    pthread_mutex_lock(&mi.lock);
    for (uint32_t i = 0; i < settings.mirror_harvesters; i++) {
        if (mi.harvesters[i].used)
            flush_harvester(&mi.harvesters[i], now);
    }
    pthread_mutex_unlock(&mi.lock);
}

int mirror_init(void)
{
    stat_register(stat_defs, mi.stat, MIRROR_STATS);
    mi.calls = slab_new("mirror_calls", settings.mirror_calls, sizeof(struct mirror_slot));
    mi.by_id = map_new(settings.mirror_calls, call_is, mi.calls);
    mi.harvesters = mem_take(settings.mirror_harvesters * sizeof(struct mirror_harvester));
    return mi.calls && mi.by_id && mi.harvesters ? 0 : -1;
}

// ---- readers (any thread)

bool mirror_call(const struct uuid *id, struct mirror_info *ret, char *text, size_t *ret_text_n)
{
    pthread_mutex_lock(&mi.lock);
    const struct mirror_slot *m = mirror_find(id);
    bool found = m && m->text_n;
    if (found) {
        ret->revision = m->revision;
        ret->ended = m->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
        memcpy(ret->codec, m->codec, sizeof(ret->codec));
    }
    if (found && text) {
        memcpy(text, m->text, m->text_n);
        *ret_text_n = m->text_n;
    }
    pthread_mutex_unlock(&mi.lock);
    return found;
}

static bool site_wanted(struct span sites, const char *site)
{
    struct span s;
    if (!sites.n)
        return true;
    while (query_list_next(&sites, &s)) {
        if (span_eq(s, span_str(site)))
            return true;
    }
    return false;
}

bool mirror_next_active(uint64_t *slot, struct span sites, struct uuid *ret_id, char *text,
                        size_t *ret_text_n)
{
    bool found = false;
    pthread_mutex_lock(&mi.lock);
    while (!found && *slot < settings.mirror_calls) {
        const struct mirror_slot *m = slab_at(mi.calls, (*slot)++);
        if (!m || !m->text_n || m->merged ||
            m->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED || !site_wanted(sites, m->site))
            continue;
        *ret_id = m->id;
        memcpy(text, m->text, m->text_n);
        *ret_text_n = m->text_n;
        found = true;
    }
    pthread_mutex_unlock(&mi.lock);
    return found;
}

bool mirror_next_harvester(uint64_t *slot, char name[96], char site[64], bool *ret_up, char *text,
                           size_t *ret_text_n)
{
    bool found = false;
    pthread_mutex_lock(&mi.lock);
    while (!found && *slot < settings.mirror_harvesters) {
        const struct mirror_harvester *h = &mi.harvesters[(*slot)++];
        if (!h->used)
            continue;
        memcpy(name, h->name, sizeof(h->name));
        memcpy(site, h->site, sizeof(h->site));
        *ret_up = h->up;
        memcpy(text, h->text, h->text_n);
        *ret_text_n = h->text_n;
        found = true;
    }
    pthread_mutex_unlock(&mi.lock);
    return found;
}

struct mirror_site mirror_site(const char *site)
{
    struct mirror_site r = {0};
    pthread_mutex_lock(&mi.lock);
    for (uint32_t i = 0; i < settings.mirror_harvesters; i++) {
        const struct mirror_harvester *h = &mi.harvesters[i];
        if (h->used && !strcmp(h->site, site)) {
            r.harvesters++;
            r.up += h->up;
        }
    }
    for (size_t i = 0; i < settings.mirror_calls; i++) {
        const struct mirror_slot *m = slab_at(mi.calls, i);
        if (m && !m->merged && m->state != CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED &&
            !strcmp(m->site, site))
            r.calls_active++;
    }
    pthread_mutex_unlock(&mi.lock);
    return r;
}
