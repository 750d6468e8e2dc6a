#include "calls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/map.h"
#include "base/mono.h"
#include "codec.h"
#include "feeds.h"

#define STREAMS_PER_CALL 4u
// A call that we have reported, and that callstate still calls pending when it has stored what we said this much later, is cut again. Not
// before: a callstate that is behind would get the same work again and again.
#define ASK_AGAIN_US (60 * US_PER_S)

static bool eq(const void *ctx, uint64_t value, const void *key)
{
    const struct call *call = slab_get(ctx, value);
    return call && memcmp(&call->id, key, sizeof(call->id)) == 0;
}

int calls_init(struct calls *c, size_t calls)
{
    memset(c, 0, sizeof(*c));
    c->slab = slab_new("calls", calls, sizeof(struct call));
    c->streams = slab_new("call_streams", calls * STREAMS_PER_CALL, sizeof(struct call_stream));
    c->by_id = c->slab ? map_new(calls, eq, c->slab) : NULL;
    if (c->slab && c->streams && c->by_id)
        return 0;
    calls_deinit(c);
    return -ENOMEM;
}

void calls_deinit(struct calls *c)
{
    c->by_id = map_free(c->by_id);
    c->streams = slab_free(c->streams);
    c->slab = slab_free(c->slab);
}

struct call *calls_find(struct calls *c, const struct uuid *id)
{
    return slab_get(c->slab, map_get(c->by_id, map_hash(id, sizeof(*id)), id));
}

static void give_streams(struct calls *c, struct call *call)
{
    while (call->streams) {
        struct call_stream *s = call->streams;
        call->streams = s->next;
        slab_give(c->streams, s);
    }
    call->streams_n = 0;
}

static void unlink_pending(struct calls *c, struct call *call)
{
    *(call->pending_prev ? &call->pending_prev->pending_next : &c->pending_first) =
        call->pending_next;
    *(call->pending_next ? &call->pending_next->pending_prev : &c->pending_last) =
        call->pending_prev;
    call->pending_prev = call->pending_next = NULL;
    c->pending--;
}

static void link_pending(struct calls *c, struct call *call)
{
    call->pending_prev = c->pending_last;
    *(c->pending_last ? &c->pending_last->pending_next : &c->pending_first) = call;
    c->pending_last = call;
    c->pending++;
}

void calls_set_stage(struct calls *c, struct call *call, enum call_stage stage, int64_t wall_us)
{
    if (call->stage == stage)
        return;
    if (call->stage == CALL_PENDING)
        unlink_pending(c, call);
    call->stage = stage;
    if (stage == CALL_PENDING) {
        link_pending(c, call);
        call->pending_us = wall_us;
    }
    if (stage == CALL_QUEUED)
        call->cut_streams = call->streams_n;
    if (stage == CALL_DONE)
        call->done_us = wall_us;
}

static void drop(struct calls *c, struct call *call)
{
    calls_set_stage(c, call, CALL_UP, 0);
    give_streams(c, call);
    (void)map_del(c->by_id, map_hash(&call->id, sizeof(call->id)), slab_handle_of(c->slab, call));
    slab_give(c->slab, call);
}

void calls_remove(struct calls *c, const struct uuid *id)
{
    struct call *call = calls_find(c, id);
    if (!call)
        return;
    call->removed = true;
    if (call->stage == CALL_UP || call->stage == CALL_DONE)
        drop(c, call);
}

// Makes room by forgetting a call that is done; a bounded search that goes on where the last one stopped.
static void make_room(struct calls *c)
{
    size_t slots = slab_stat(c->slab).slots;
    for (size_t i = 0; i < 1024 && i < slots; i++) {
        struct call *call = slab_at(c->slab, c->hand);
        c->hand = (c->hand + 1) % slots;
        if (call && call->stage == CALL_DONE) {
            drop(c, call);
            return;
        }
    }
}

static struct call *add(struct calls *c, const struct uuid *id, int64_t wall_us)
{
    if (slab_stat(c->slab).used == slab_stat(c->slab).slots)
        make_room(c);
    struct call *call = slab_take(c->slab);
    if (!call || !map_put(c->by_id, map_hash(id, sizeof(*id)), slab_handle_of(c->slab, call))) {
        if (call)
            slab_give(c->slab, call);
        c->refused++;
        return NULL;
    }
    call->id = *id;
    call->first_us = wall_us;
    return call;
}

static void copy_text(char *dst, size_t cap, const char *src)
{
    (void)snprintf(dst, cap, "%s", src ? src : "");
}

static void fill_stream(struct job_stream *s, const Callmesh__V1__CallStream *m)
{
    memcpy(&s->id, m->info->stream_id.data, sizeof(s->id));
    s->side = m->side == CALLMESH__V1__SIDE__SIDE_CALLER   ? JOB_CALLER
              : m->side == CALLMESH__V1__SIDE__SIDE_CALLEE ? JOB_CALLEE
                                                           : 0;
    s->first_at_us = m->info->first_at_us;
    s->reported = m->packets;
    s->harvester = feeds_name(m->harvester ? m->harvester : "");
    s->srtp = m->srtp;
    copy_text(s->codec, sizeof(s->codec), m->codec);
    for (size_t i = 0; i < m->n_payload_map && s->maps < JOB_MAP_MAX; i++) {
        const Callmesh__V1__PayloadMap *p = m->payload_map[i];
        if (codec_is_fixed(p->payload_type, p->codec))
            continue; // RFC 3551 says it already
        struct job_codec *k = &s->map[s->maps++];
        k->payload_type = (uint8_t)(p->payload_type & 0x7Fu);
        k->clock = p->clock_rate;
        k->channels = p->channels < UINT8_MAX ? (uint8_t)p->channels : UINT8_MAX;
        k->flags = (uint8_t)(p->fmtp_flags & (CODEC_OCTET_ALIGN | CODEC_UNUSUAL));
        copy_text(k->name, sizeof(k->name), p->codec);
    }
}

static void take_streams(struct calls *c, struct call *call, const Callmesh__V1__Call *m)
{
    give_streams(c, call);
    struct call_stream **tail = &call->streams;
    for (size_t i = 0; i < m->n_streams && call->streams_n < JOB_STREAMS_MAX; i++) {
        const Callmesh__V1__CallStream *cs = m->streams[i];
        if (!cs->info || cs->info->stream_id.len != sizeof(struct uuid))
            continue;
        struct call_stream *s = slab_take(c->streams);
        if (!s) {
            c->refused++;
            return;
        }
        fill_stream(&s->s, cs);
        *tail = s;
        tail = &s->next;
        call->streams_n++;
    }
}

// What is not there in this time was not lost. An order needs a moment to reach the harvesters, and so does its end.
#define PAUSE_REACH_US (2 * US_PER_S)

static void take_pauses(struct call *call, const Callmesh__V1__Call *m)
{
    call->pauses = 0;
    for (size_t i = 0; i < m->n_pauses && i < JOB_PAUSES_MAX; i++) {
        const Callmesh__V1__RecordingPause *p = m->pauses[i];
        struct job_pause *to = &call->pause[call->pauses++];
        to->from_us = p->from_us;
        to->to_us = (p->to_us ? p->to_us : p->until_us) + PAUSE_REACH_US;
        copy_text(to->by, sizeof(to->by), p->by);
        copy_text(to->reason, sizeof(to->reason), p->reason);
    }
}

static void fill(struct calls *c, struct call *call, const Callmesh__V1__Call *m)
{
    call->revision = m->revision;
    call->live = m->live;
    call->removed = false;
    call->started_us = m->started_at_us;
    call->ended_us = m->ended_at_us;
    copy_text(call->site, sizeof(call->site), m->site);
    call->answered_us = m->answered_at_us;
    take_pauses(call, m);
    call->sides = 0;
    call->from_answer = false;
    call->rule[0] = '\0';
    if (m->recording_policy) {
        call->sides = (uint8_t)(m->recording_policy->sides & 3u);
        call->from_answer = m->recording_policy->from_answer;
        copy_text(call->rule, sizeof(call->rule), m->recording_policy->rule);
    }
    call->harvesters = 0;
    for (size_t i = 0; i < m->n_harvesters && i < CALLS_HARVESTERS; i++)
        copy_text(call->harvester[call->harvesters++], sizeof(call->harvester[0]),
                  m->harvesters[i]);
    take_streams(c, call, m);
}

struct call *calls_apply(struct calls *c, const Callmesh__V1__Call *m, int64_t wall_us)
{
    if (m->id.len != sizeof(struct uuid))
        return NULL;
    struct uuid id;
    memcpy(&id, m->id.data, sizeof(id));
    struct call *call = calls_find(c, &id);
    bool ended = m->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
    bool pending =
        ended && m->recording_state == CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_PENDING;
    if (call) {
        call->round = c->round;
        if (m->revision < call->revision && !c->new_life)
            return call;
    }
    // A stream that was joined after the cut: the recording is made again, under its id.
    bool more = ended && call && call->stage >= CALL_QUEUED && m->n_streams > call->cut_streams &&
                m->n_streams > call->streams_n;
    if (ended && !pending && !more) {
        // callstate has an answer, or wants none. What we have cut stays known until the call leaves the mesh.
        if (call && call->stage != CALL_QUEUED && call->stage != CALL_DONE)
            drop(c, call);
        return NULL;
    }
    if (!call)
        call = add(c, &id, wall_us);
    if (!call)
        return NULL;
    call->round = c->round;
    fill(c, call, m);
    if (!ended &&
        call->stage == CALL_PENDING) // the end was told and not stored: it will be told again
        calls_set_stage(c, call, CALL_UP, wall_us);
    bool unheard = call->stage == CALL_DONE && call->done_us + ASK_AGAIN_US < c->heard_us;
    if (more && call->stage == CALL_QUEUED)
        call->again = true;
    else if (more || (pending && (call->stage == CALL_UP || unheard)))
        calls_set_stage(c, call, CALL_PENDING, wall_us);
    return call;
}

void calls_round_begin(struct calls *c)
{
    c->round++;
}

void calls_round_end(struct calls *c)
{
    size_t slots = slab_stat(c->slab).slots;
    for (size_t i = 0; i < slots; i++) {
        struct call *call = slab_at(c->slab, i);
        if (call && call->round != c->round && (call->stage == CALL_UP || call->stage == CALL_DONE))
            drop(c, call);
    }
}

void calls_on_done(struct calls *c, const struct done *d, int64_t wall_us)
{
    struct call *call = calls_find(c, &d->call_id);
    if (!call || call->stage != CALL_QUEUED)
        return;
    bool again = call->again || d->result == JOB_ABANDONED || d->result == JOB_NO_KEYS;
    if (d->result == JOB_NO_KEYS && call->key_rounds < UINT8_MAX)
        call->key_rounds++;
    call->again = false;
    calls_set_stage(c, call, again ? CALL_PENDING : CALL_DONE, wall_us);
    if (call->removed && call->stage == CALL_DONE)
        drop(c, call);
}

void calls_fill_job(const struct call *call, struct job *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->call_id = call->id;
    memcpy(ret->site, call->site, sizeof(ret->site));
    ret->started_us = call->started_us;
    ret->ended_us = call->ended_us;
    for (const struct call_stream *s = call->streams; s; s = s->next)
        ret->stream[ret->streams++] = s->s;
    ret->pauses = call->pauses;
    memcpy(ret->pause, call->pause, sizeof(ret->pause));
}

void calls_fill_cut(const struct call *call, struct job *ret)
{
    calls_fill_job(call, ret);
    memcpy(ret->rule, call->rule, sizeof(ret->rule));
    ret->key_rounds = call->key_rounds;
    if (call->from_answer)
        ret->from_us = call->answered_us;
    if (call->sides == 0 || call->sides == 3)
        return;
    // A stream whose side nobody knows may be the one that is not wanted.
    uint32_t n = 0;
    for (uint32_t i = 0; i < ret->streams; i++)
        if (ret->stream[i].side == (call->sides == 1 ? JOB_CALLER : JOB_CALLEE))
            ret->stream[n++] = ret->stream[i];
    ret->streams = n;
}

int64_t calls_wanted_us(const struct calls *c)
{
    int64_t wanted = INT64_MAX;
    size_t slots = slab_stat(c->slab).slots;
    for (size_t i = 0; i < slots; i++) {
        const struct call *call = slab_at(c->slab, i);
        if (!call || call->stage == CALL_DONE)
            continue;
        // A live call's capture time is the wall clock's; a file's media came about when the call did, and
        // when the call was here before us (first snapshot) nobody knows: all is kept.
        int64_t since = call->live && call->started_us < call->first_us
                            ? call->started_us
                            : call->first_us - 60 * US_PER_S;
        if (!call->live && call->round <= 1)
            since = 0;
        if (since < wanted)
            wanted = since;
    }
    return wanted;
}
