#include "control.h"
#include <pthread.h>
#include <string.h>
#include "base/mem.h"
#include "call.h"
#include "mesh.h"
#include "parts.h"
#include "pause.h"
#include "recordings.h"
#include "sites/renew.h"
#include "srtp_keys.h"
#include "stats.h"

#define PART_CHANGES 24
#define PART_BYTES   (128u << 10) // packed and unpacked they stand in an arena of 1 MiB

// Views into the world are only good while the state thread stands still, and the reply is packed by the other thread
// later: so each change is copied, by packing it and unpacking it into the reply's arena.
#define VIEW_BYTES (256u << 10) // one object at a time; the largest call takes 100 KiB

struct control {
    struct arena *views;
    struct world *w;
    struct cast_pub *mesh;
    struct srtp_keys *keys; // borrowed
    struct renew *renew;    // the same; NULL: this centre signs no certificates
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const Callmesh__V1__ControlRequest *q; // set: one waits
    Callmesh__V1__ControlReply *reply;
    struct arena *arena;
    _Atomic bool waiting, closed;
};

struct control *control_new(struct world *w, struct cast_pub *mesh, struct srtp_keys *keys,
                            struct renew *renew)
{
    struct control *c = mem_take(sizeof *c);
    if (!c)
        return NULL;
    c->w = w;
    c->mesh = mesh;
    c->keys = keys;
    c->renew = renew;
    c->views = arena_new(VIEW_BYTES);
    if (!c->views)
        return control_free(c);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    return c;
}

struct control *control_free(struct control *c)
{
    if (!c)
        return NULL;
    arena_free(c->views);
    mem_give(c, sizeof *c);
    return NULL;
}

static void set_error(Callmesh__V1__ControlReply *reply, struct arena *a, const char *text)
{
    char *p = arena_take(a, strlen(text) + 1);
    if (p)
        reply->error = memcpy(p, text, strlen(text) + 1);
}

void control_answer(void *ctx, const Callmesh__V1__ControlRequest *q,
                    Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct control *c = ctx;
    if (!bus_speaks(q->protocol_version)) {
        set_error(reply, a, "unknown protocol version");
        return;
    }
    if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_SRTP_KEYS && c->keys) {
        srtp_keys_answer(c->keys, q->srtp_keys, reply, a);
        return;
    }
    if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_RENEW) {
        renew_answer(c->renew, q->renew, reply, a);
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    if (c->closed) {
        set_error(reply, a, "stopping");
    } else {
        c->q = q;
        c->reply = reply;
        c->arena = a;
        c->waiting = true;
        while (c->waiting && !c->closed)
            (void)pthread_cond_wait(&c->changed, &c->lock);
        if (c->waiting) {
            c->waiting = false;
            set_error(reply, a, "stopping");
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

// One position after the other: publishers, calls, taps. A part ends when it is large enough; the number of a part is the
// position where it begins, so nothing needs to be remembered between two parts.
static Callmesh__V1__MeshChange *at_position(struct arena *a, struct world *w, size_t pos,
                                             bool *ret_empty)
{
    *ret_empty = true;
    if (pos < w->lim.publishers) {
        const struct publisher *p = &w->publisher[pos];
        if (!p->used || p->is_recorder)
            return NULL;
        *ret_empty = false;
        return mesh_harvester(a, w, p);
    }
    pos -= w->lim.publishers;
    if (pos < w->lim.calls) {
        struct call *c = slab_at(w->calls, pos);
        if (!c)
            return NULL;
        *ret_empty = false;
        c->told_revision = c->revision;
        return mesh_call(a, w, c);
    }
    pos -= w->lim.calls;
    if (!w->tap[pos].until_us)
        return NULL;
    *ret_empty = false;
    return mesh_tap(a, &w->tap[pos]);
}

static Callmesh__V1__MeshChange *copy(const Callmesh__V1__MeshChange *m, struct arena *a,
                                      size_t *ret_bytes)
{
    size_t n = protobuf_c_message_get_packed_size(&m->base);
    uint8_t *packed = arena_take(a, n);
    if (!packed)
        return NULL;
    (void)protobuf_c_message_pack(&m->base, packed);
    ProtobufCAllocator allocator = bus_arena_allocator(a);
    *ret_bytes += n;
    ProtobufCMessage *u =
        protobuf_c_message_unpack(&callmesh__v1__mesh_change__descriptor, &allocator, n, packed);
    return (Callmesh__V1__MeshChange *)u;
}

void control_snapshot(struct world *w, const Callmesh__V1__SnapshotRequest *q,
                      Callmesh__V1__SnapshotReply *ret, struct arena *a, struct arena *views)
{
    size_t end = w->lim.publishers + w->lim.calls + w->lim.taps, bytes = 0;
    ret->changes = arena_take(a, PART_CHANGES * sizeof *ret->changes);
    ret->token = q->part ? q->token : (uint64_t)w->wall_us;
    if (!q->part)
        count(STAT_SNAPSHOTS);
    for (size_t pos = q->part; ret->changes && pos < end; pos++) {
        bool empty;
        arena_reset(views);
        Callmesh__V1__MeshChange *m = at_position(views, w, pos, &empty);
        if (empty)
            continue;
        if (m)
            m = copy(m, a, &bytes);
        if (m)
            ret->changes[ret->n_changes++] = m;
        // Not m: the arena is full. The first object of a part always fits (an arena is far larger than one call).
        bool full = ret->n_changes == PART_CHANGES || bytes > PART_BYTES;
        if ((full && pos + 1 < end) || !m) {
            ret->next_part = (uint32_t)(m ? pos + 1 : pos);
            return;
        }
    }
}

const char *control_tap(struct world *w, const Callmesh__V1__TapRequest *q, bool *ret_known)
{
    struct tap t = {.until_us = q->until_us};
    if (q->call_id.len != sizeof t.call_id.b)
        return "bad call id";
    memcpy(t.call_id.b, q->call_id.data, sizeof t.call_id.b);
    const struct call *c = call_by_id(w, &t.call_id);
    *ret_known = c && c->state != CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
    struct tap *place = NULL;
    for (size_t i = 0; i < w->lim.taps; i++) {
        struct tap *p = &w->tap[i];
        if (p->until_us && memcmp(p->call_id.b, t.call_id.b, sizeof t.call_id.b) == 0) {
            place = p;
            break;
        }
        if (!p->until_us && !place)
            place = p;
    }
    bool over = t.until_us <= w->wall_us;
    if (!*ret_known && !over)
        return NULL; // nothing to hear
    if (!place) {
        count(STAT_FULL_TAPS);
        return "too many taps";
    }
    if (over && !place->until_us)
        return NULL; // was not tapped
    if (over)
        t.until_us = 0;
    *place = t;
    if (w->doors.tap)
        w->doors.tap(w->doors.ctx, &t);
    return NULL;
}

void control_taps_expire(struct world *w)
{
    uint64_t active = 0;
    for (size_t i = 0; i < w->lim.taps; i++) {
        struct tap *p = &w->tap[i];
        if (!p->until_us)
            continue;
        if (p->until_us > w->wall_us) {
            active++;
            continue;
        }
        p->until_us = 0;
        if (w->doors.tap)
            w->doors.tap(w->doors.ctx, p);
    }
    gauge(STAT_TAPS, active);
}

static void serve_snapshot(struct control *c)
{
    struct arena *a = c->arena;
    Callmesh__V1__SnapshotReply *s = arena_take(a, sizeof *s);
    uint8_t *incarnation = arena_take(a, 16);
    if (!s || !incarnation) {
        set_error(c->reply, a, "no memory");
        return;
    }
    callmesh__v1__snapshot_reply__init(s);
    if (c->mesh) {
        s->as_of_seq = cast_pub_seq(c->mesh);
        cast_pub_incarnation(c->mesh, incarnation);
    }
    s->incarnation = (ProtobufCBinaryData){.len = 16, .data = incarnation};
    control_snapshot(c->w, c->q->snapshot, s, a, c->views);
    c->reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT;
    c->reply->snapshot = s;
}

static void serve_tap(struct control *c)
{
    Callmesh__V1__TapReply *t = arena_take(c->arena, sizeof *t);
    if (!t)
        return;
    callmesh__v1__tap_reply__init(t);
    bool known = false;
    const char *error = control_tap(c->w, c->q->tap, &known);
    if (error)
        set_error(c->reply, c->arena, error);
    t->known = known;
    c->reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_TAP;
    c->reply->tap = t;
}

static void serve_erase(struct control *c)
{
    const Callmesh__V1__Erase *e = c->q->erase;
    Callmesh__V1__EraseReply *r = arena_take(c->arena, sizeof *r);
    if (!r)
        return;
    callmesh__v1__erase_reply__init(r);
    if (e->recording_id.len != 16 || e->call_id.len != 16)
        set_error(c->reply, c->arena, "bad recording id");
    else if (c->w->doors.erase) {
        c->w->doors.erase(c->w->doors.ctx, e);
        r->told = true;
    }
    c->reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_ERASE;
    c->reply->erase = r;
}

static void serve_record(struct control *c)
{
    const Callmesh__V1__RecordRequest *q = c->q->record;
    Callmesh__V1__RecordReply *r = arena_take(c->arena, sizeof *r);
    struct uuid id;
    if (!r)
        return;
    callmesh__v1__record_reply__init(r);
    if (q->call_id.len != sizeof id.b) {
        set_error(c->reply, c->arena, "bad call id");
    } else {
        memcpy(id.b, q->call_id.data, sizeof id.b);
        struct call *of = call_by_id(c->w, &id);
        r->known = of != NULL;
        // A call of several parts is asked for as a whole.
        for (struct call *p = of ? (of->head ? of->head : of) : NULL; p; p = p->next_part)
            recordings_ask(c->w, p, span_str(q->actor));
        r->record = of && of->decision.record;
    }
    c->reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_RECORD;
    c->reply->record = r;
}

static void pause(struct world *w, struct call *c, const Callmesh__V1__PauseRequest *q,
                  Callmesh__V1__PauseReply *r, const char **ret_error)
{
    int64_t most_us = w->wall_us + w->pause_limit_us;
    r->known = true;
    if (q->until_us <= w->wall_us) {
        pause_stop(w, c, span_str(q->actor));
        return;
    }
    r->until_us = q->until_us < most_us ? q->until_us : most_us;
    if (!pause_start(w, c, r->until_us, span_str(q->actor), span_str(q->reason)))
        *ret_error = "too many calls are paused";
    pauses_round(w); // the harvesters' next Ask has it
}

static void serve_pause(struct control *c)
{
    const Callmesh__V1__PauseRequest *q = c->q->pause;
    Callmesh__V1__PauseReply *r = arena_take(c->arena, sizeof *r);
    struct uuid id;
    const char *error = NULL;
    if (!r)
        return;
    callmesh__v1__pause_reply__init(r);
    if (q->call_id.len != sizeof id.b || !c->w->pauses) {
        error = "bad call id";
    } else {
        memcpy(id.b, q->call_id.data, sizeof id.b);
        struct call *of = call_by_id(c->w, &id);
        if (of && !parts_over(of))
            pause(c->w, of, q, r, &error);
    }
    if (error)
        set_error(c->reply, c->arena, error);
    c->reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_PAUSE;
    c->reply->pause = r;
}

void control_serve(struct control *c)
{
    if (!c->waiting)
        return;
    (void)pthread_mutex_lock(&c->lock);
    if (c->waiting) {
        switch (c->q->request_case) {
        case CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT:
            serve_snapshot(c);
            break;
        case CALLMESH__V1__CONTROL_REQUEST__REQUEST_TAP:
            serve_tap(c);
            break;
        case CALLMESH__V1__CONTROL_REQUEST__REQUEST_ERASE:
            serve_erase(c);
            break;
        case CALLMESH__V1__CONTROL_REQUEST__REQUEST_RECORD:
            serve_record(c);
            break;
        case CALLMESH__V1__CONTROL_REQUEST__REQUEST_PAUSE:
            serve_pause(c);
            break;
        default:
            set_error(c->reply, c->arena, "unknown request");
        }
        c->waiting = false;
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void control_close(struct control *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->closed = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}
