// The mesh thread: takes numbered changes from callstate and keeps the mirror one with it. State: the incarnation and number of
// the last change taken. A gap, another incarnation, or a start: a snapshot, whose parts are applied like changes; what it
// does not name is gone. Changes that arrive meanwhile wait in the socket; older ones are known by their number.
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "events.h"
#include "mirror_priv.h"

#define FRESH_US (10 * US_PER_S)
#define QUIET_US                                                                                   \
    (5 * US_PER_S) // nothing heard for so long: ask, so that silence and death can be told apart

static struct {
    struct thread thread;
    struct cast_sub *sub;
    struct ask *ask;
    uint8_t incarnation[16];
    uint64_t seq;
    bool known, want_snapshot;
    int64_t retry_us;
} mesh;

static Callmesh__V1__SnapshotReply *ask_part(uint32_t part, uint64_t token)
{
    Callmesh__V1__SnapshotRequest snap = CALLMESH__V1__SNAPSHOT_REQUEST__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    char name[] = "api"; // protobuf-c wants it writable
    snap.part = part;
    snap.token = token;
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.from = name;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT;
    q.snapshot = &snap;
    Callmesh__V1__ControlReply *r = ask_call(mesh.ask, &q, 2 * US_PER_S);
    if (!r || r->error[0] || r->reply_case != CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT)
        return NULL;
    return r->snapshot;
}

// Those that the snapshot did not name are not in the live mesh any more: what ended meanwhile nobody told us.
static void forget_unnamed(void)
{
    bool lost = false;
    pthread_mutex_lock(&mi.lock);
    for (size_t i = 0; i < settings.mirror_calls; i++) {
        struct mirror_slot *c = slab_at(mi.calls, i);
        if (c && c->sweep != mi.sweep) {
            lost = lost || c->state != CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
            mirror_remove(c);
        }
    }
    for (uint32_t i = 0; i < settings.mirror_harvesters; i++) {
        if (mi.harvesters[i].used && mi.harvesters[i].sweep != mi.sweep)
            mi.harvesters[i].used = false;
    }
    pthread_mutex_unlock(&mi.lock);
    if (lost)
        events_emit("stream.reset", SPAN_LIT(""), NULL,
                    SPAN_LIT("{\"reason\":\"mesh_resync\",\"snapshot\":\"/api/v1/calls/active\"}"));
}

static bool take_snapshot(void)
{
    uint64_t token = 0;
    uint32_t part = 0, parts = 0;
    bool first = !mesh.known, new_life = false;
    uint8_t incarnation[16] = {0};
    uint64_t as_of = 0;
    pthread_mutex_lock(&mi.lock);
    mi.sweep++;
    pthread_mutex_unlock(&mi.lock);
    do {
        Callmesh__V1__SnapshotReply *r = ask_part(part, token);
        if (!r || ++parts > 100000)
            return false;
        if (part == 0) {
            as_of = r->as_of_seq;
            token = r->token;
            if (r->incarnation.len == sizeof(incarnation))
                memcpy(incarnation, r->incarnation.data, sizeof(incarnation));
            new_life = memcmp(incarnation, mesh.incarnation, sizeof(incarnation)) != 0;
        }
        for (size_t i = 0; i < r->n_changes; i++)
            mirror_take(r->changes[i], first, new_life);
        part = r->next_part;
    } while (part != 0);
    forget_unnamed();
    memcpy(mesh.incarnation, incarnation, sizeof(incarnation));
    mesh.seq = as_of;
    mesh.known = true;
    mesh.want_snapshot = false;
    __atomic_store_n(&mi.heard_us, mono_now_us(), __ATOMIC_RELAXED);
    stat_add(&mi.stat[MI_SNAPSHOTS], 1);
    if (first || new_life)
        log_info("live mesh taken from callstate",
                 "seq=%" PRIu64 " calls=%" PRIu64 " parts=%" PRIu32, as_of,
                 stat_get(&mi.stat[MI_CALLS]), parts);
    return true;
}

// False: the change is not the next one, a snapshot is needed.
static bool in_order(const Callmesh__V1__Envelope *e, bool *ret_old)
{
    bool same = e->incarnation.len == sizeof(mesh.incarnation) &&
                memcmp(e->incarnation.data, mesh.incarnation, sizeof(mesh.incarnation)) == 0;
    *ret_old = same && e->seq <= mesh.seq;
    return same && e->seq <= mesh.seq + 1;
}

static void take_envelope(struct span bytes)
{
    const Callmesh__V1__Envelope *e =
        cast_sub_unpack(mesh.sub, &callmesh__v1__envelope__descriptor, bytes);
    bool old = false;
    if (!e || e->kind != CALLMESH__V1__KIND__KIND_MESH) {
        stat_add(&mi.stat[MI_BAD], 1);
        return;
    }
    __atomic_store_n(&mi.heard_us, mono_now_us(), __ATOMIC_RELAXED);
    if (mesh.want_snapshot)
        return; // the snapshot will be newer
    if (!in_order(e, &old)) {
        stat_add(&mi.stat[MI_GAPS], 1);
        mesh.want_snapshot = true;
        mesh.retry_us = 0;
        return;
    }
    if (old)
        return;
    const Callmesh__V1__MeshBatch *b = cast_sub_unpack(
        mesh.sub, &callmesh__v1__mesh_batch__descriptor, span_of(e->payload.data, e->payload.len));
    if (!b) {
        stat_add(&mi.stat[MI_BAD], 1);
        mesh.want_snapshot = true;
        return;
    }
    for (size_t i = 0; i < b->n_changes; i++)
        if (b->changes[i]->change_case != CALLMESH__V1__MESH_CHANGE__CHANGE_DIGEST)
            mirror_take(b->changes[i], false, false);
        else if (!mirror_agrees(b->changes[i]->digest))
            mesh.want_snapshot = true;
    mesh.seq = e->seq;
}

static void mesh_body(struct thread *t, void *arg)
{
    (void)arg;
    while (!thread_should_stop(t)) {
        int64_t now = mono_now_us();
        if (now - __atomic_load_n(&mi.heard_us, __ATOMIC_RELAXED) > QUIET_US)
            mesh.want_snapshot = true;
        if (mesh.want_snapshot && now >= mesh.retry_us && !take_snapshot()) {
            mesh.retry_us = mono_now_us() + US_PER_S;
            log_warn("callstate does not answer: the live mesh is not fresh, trying again",
                     "url=%s", settings.control_url);
        }
        struct span bytes;
        if (cast_sub_next(mesh.sub, 100 * US_PER_MS, &bytes) > 0)
            take_envelope(bytes);
        mirror_flush_harvesters(mono_now_us());
        char why[8];
        stat_set(&mi.stat[MI_FRESH], mirror_fresh(why, sizeof(why)));
    }
}

bool mirror_fresh(char *why, size_t cap)
{
    int64_t heard = __atomic_load_n(&mi.heard_us, __ATOMIC_RELAXED);
    if (heard && mono_now_us() - heard < FRESH_US)
        return true;
    if (heard)
        snprintf(why, cap, "callstate was last heard %" PRId64 " s ago",
                 (mono_now_us() - heard) / US_PER_S);
    else
        snprintf(why, cap, "callstate was not heard yet");
    return false;
}

int mirror_start(void)
{
    char err[256] = "";
    mesh.want_snapshot = true;
    if (mirror_init() || cast_sub_open(&mesh.sub, settings.mesh_url, false, err, sizeof(err)) ||
        ask_open(&mesh.ask, settings.control_url, err, sizeof(err)) ||
        thread_start(&mesh.thread, "api-mesh", mesh_body, NULL)) {
        log_error("the live mesh cannot be followed", "error=\"%s\"", err[0] ? err : "no memory");
        return -1;
    }
    return 0;
}

void mirror_stop(void)
{
    thread_join(&mesh.thread);
}
