#include "mesh.h"

#include <string.h>
#include "base/log.h"
#include "base/mono.h"
#include "callmesh/v1/control.pb-c.h"
#include "stats.h"

#define SILENT_US      (30 * US_PER_S)
#define ROUND_US       (20 * US_PER_MS)
#define SNAPSHOT_PARTS 65536u

int mesh_open(struct mesh *m, char *err, size_t err_cap)
{
    int r = calls_init(&m->calls, m->o.calls);
    if (r == 0)
        r = cast_sub_open(&m->sub, m->o.mesh_url, false, err, err_cap);
    if (r == 0)
        r = ask_open(&m->ask, m->o.control_url, err, err_cap);
    return r;
}

static bool push_tap(struct mesh *m, const struct call *call, int64_t until_us)
{
    m->order.kind = until_us > 0 ? ORDER_TAP : ORDER_UNTAP;
    m->order.lease_us = until_us;
    calls_fill_job(call, &m->order.job);
    return ring_push(m->orders, &m->order);
}

static void on_tap(struct mesh *m, const Callmesh__V1__Tap *t, int64_t wall_us)
{
    if (t->call_id.len != sizeof(struct uuid))
        return;
    struct uuid id;
    memcpy(&id, t->call_id.data, sizeof(id));
    struct call *call = calls_find(&m->calls, &id);
    if (!call)
        return; // of another site, or it has ended
    call->tap_until_us = t->until_us > wall_us ? t->until_us : 0;
    if (!push_tap(m, call, call->tap_until_us))
        count(STAT_CALLS_REFUSED, 1);
}

static void on_erase(struct mesh *m, const Callmesh__V1__Erase *e)
{
    struct erase o = {.asked_us = e->asked_at_us};
    if (e->recording_id.len != sizeof(o.recording_id) || e->call_id.len != sizeof(o.call_id))
        return;
    memcpy(&o.recording_id, e->recording_id.data, sizeof(o.recording_id));
    memcpy(&o.call_id, e->call_id.data, sizeof(o.call_id));
    (void)span_copy(span_str(e->site), o.site, sizeof(o.site));
    (void)span_copy(span_str(e->basis), o.basis, sizeof(o.basis));
    (void)span_copy(span_str(e->actor), o.actor, sizeof(o.actor));
    (void)span_copy(span_str(e->reason), o.reason, sizeof(o.reason));
    if (!ring_push(m->erases, &o))
        count(STAT_ERASE_REFUSED, 1); // it is told again
}

static void apply(struct mesh *m, const Callmesh__V1__MeshChange *ch)
{
    int64_t wall_us = wall_now_us();
    switch (ch->change_case) {
    case CALLMESH__V1__MESH_CHANGE__CHANGE_CALL: {
        m->calls.heard_us = atomic_load(m->heard_us);
        struct call *call = calls_apply(&m->calls, ch->call, wall_us);
        if (call && call->tap_until_us > wall_us && call->stage == CALL_UP)
            (void)push_tap(m, call, call->tap_until_us); // its streams may be others now
        break;
    }
    case CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_REMOVED:
        if (ch->call_removed.len == sizeof(struct uuid)) {
            struct uuid id;
            memcpy(&id, ch->call_removed.data, sizeof(id));
            calls_remove(&m->calls, &id);
        }
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_TAP:
        on_tap(m, ch->tap, wall_us);
        break;
    case CALLMESH__V1__MESH_CHANGE__CHANGE_ERASE:
        on_erase(m, ch->erase);
        break;
    default:
        break; // harvesters and recordings are for the api
    }
}

static bool take_snapshot(struct mesh *m)
{
    Callmesh__V1__SnapshotRequest part = CALLMESH__V1__SNAPSHOT_REQUEST__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.from = (char *)(uintptr_t)m->o.name; // packed, not written to
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT;
    q.snapshot = &part;
    calls_round_begin(&m->calls);
    uint64_t seq = 0;
    uint8_t incarnation[sizeof(m->incarnation)] = {0};
    for (uint32_t i = 0; i < SNAPSHOT_PARTS && !thread_should_stop(&m->thread); i++) {
        const Callmesh__V1__ControlReply *a = ask_call(m->ask, &q, 2 * US_PER_S);
        if (!a || (a->error && a->error[0] != '\0') ||
            a->reply_case != CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT)
            return false;
        const Callmesh__V1__SnapshotReply *s = a->snapshot;
        if (i == 0) {
            seq = s->as_of_seq;
            if (s->incarnation.len == sizeof(incarnation))
                memcpy(incarnation, s->incarnation.data, sizeof(incarnation));
            // Another director, or another life: what the last one had told and not stored, this one makes anew, and it
            // counts its revisions from what was stored.
            m->calls.new_life = memcmp(incarnation, m->incarnation, sizeof(incarnation)) != 0;
        }
        for (size_t k = 0; k < s->n_changes; k++)
            apply(m, s->changes[k]);
        part.token = s->token;
        part.part = s->next_part;
        if (s->next_part == 0) {
            calls_round_end(&m->calls);
            m->calls.new_life = false;
            memcpy(m->incarnation, incarnation, sizeof(incarnation));
            m->seq = seq;
            m->whole = true;
            count(STAT_SNAPSHOTS, 1);
            return true;
        }
    }
    return false;
}

static void on_mesh(struct mesh *m, struct span bytes)
{
    const Callmesh__V1__Envelope *e =
        cast_sub_unpack(m->sub, &callmesh__v1__envelope__descriptor, bytes);
    if (!e || e->kind != CALLMESH__V1__KIND__KIND_MESH ||
        e->incarnation.len != sizeof(m->incarnation))
        return;
    if (!m->whole)
        return; // a snapshot is on its way and holds this change
    bool same = memcmp(e->incarnation.data, m->incarnation, sizeof(m->incarnation)) == 0;
    if (same && e->seq <= m->seq)
        return; // the snapshot knew it
    if (!same || e->seq != m->seq + 1) {
        log_info("mesh has a gap, asking for a snapshot", "have=%llu got=%llu same_life=%d",
                 (unsigned long long)m->seq, (unsigned long long)e->seq, same);
        m->whole = false;
        m->next_snapshot_us = 0;
        return;
    }
    m->seq = e->seq;
    const Callmesh__V1__MeshBatch *b = cast_sub_unpack(
        m->sub, &callmesh__v1__mesh_batch__descriptor, span_of(e->payload.data, e->payload.len));
    if (!b) {
        m->whole = false; // too large for the arena: the snapshot comes in parts
        m->next_snapshot_us = 0;
        return;
    }
    for (size_t i = 0; i < b->n_changes; i++)
        apply(m, b->changes[i]);
}

enum verdict {
    CUT,
    WAIT,
    NOT_OURS
};

// Is all that will ever come of this call's media here?
static enum verdict ripe(struct mesh *m, const struct call *call, int64_t wall_us)
{
    const char *names[CALLS_HARVESTERS];
    for (uint32_t i = 0; i < call->harvesters; i++)
        names[i] = call->harvester[i];
    int64_t waited_us = wall_us - call->pending_us;
    struct feeds_question q = {.site = call->site,
                               .harvesters = names,
                               .n = call->harvesters,
                               .live = call->live,
                               .until_us = call->ended_us + m->o.cut_delay_us,
                               .since_us = call->pending_us,
                               .wall_us = wall_us,
                               .silent_us = SILENT_US};
    switch (feeds_passed(m->feeds, &q)) {
    case FEEDS_PASSED:
        return CUT;
    case FEEDS_BEHIND: // alive: it will come, but not for ever
        return waited_us > 10 * m->o.wait_max_us ? CUT : WAIT;
    case FEEDS_SILENT:
        return waited_us > m->o.wait_max_us ? CUT : WAIT;
    case FEEDS_UNKNOWN:
        break;
    }
    if (waited_us <= m->o.wait_max_us)
        return WAIT;
    return strcmp(call->site, m->o.site) == 0 ? CUT : NOT_OURS;
}

static void send_ripe(struct mesh *m)
{
    int64_t wall_us = wall_now_us();
    struct call *next;
    for (struct call *call = m->calls.pending_first; call; call = next) {
        next = call->pending_next;
        enum verdict v = ripe(m, call, wall_us);
        if (v == WAIT)
            continue;
        if (v == NOT_OURS) {
            m->foreign++;
            calls_set_stage(&m->calls, call, CALL_DONE, wall_us);
            continue;
        }
        m->order.kind = ORDER_CUT;
        calls_fill_cut(call, &m->order.job);
        if (!ring_push(m->orders, &m->order))
            return;
        calls_set_stage(&m->calls, call, CALL_QUEUED, wall_us);
    }
}

static void by_time(struct mesh *m)
{
    int64_t now_us = mono_now_us();
    if (now_us >= m->next_snapshot_us) {
        bool was = atomic_load(&m->up);
        bool good = take_snapshot(m);
        now_us = mono_now_us();
        m->next_snapshot_us = now_us + (good ? m->o.snapshot_every_us : US_PER_S);
        atomic_store(&m->up, good);
        if (good != was)
            log_info(good ? "mesh is here" : "callstate does not answer", "calls=%zu pending=%zu",
                     slab_stat(m->calls.slab).used, m->calls.pending);
    }
    if (now_us >= m->next_round_us) {
        m->next_round_us = now_us + ROUND_US;
        struct done d;
        while (ring_pop(m->done, &d))
            calls_on_done(&m->calls, &d, wall_now_us());
        send_ripe(m);
        gauge(STAT_CALLS, slab_stat(m->calls.slab).used);
        gauge(STAT_PENDING, m->calls.pending);
        gauge(STAT_CALLS_REFUSED, m->calls.refused);
    }
    if (now_us >= m->next_wanted_us) {
        m->next_wanted_us = now_us + US_PER_S;
        // Before the first snapshot nobody knows what is wanted: everything.
        atomic_store(m->wanted_us, m->calls.round > 0 && m->whole ? calls_wanted_us(&m->calls) : 0);
    }
}

static void body(struct thread *t, void *arg)
{
    struct mesh *m = arg;
    while (!thread_should_stop(t)) {
        struct span bytes;
        if (cast_sub_next(m->sub, ROUND_US, &bytes) > 0)
            on_mesh(m, bytes);
        by_time(m);
    }
}

int mesh_start(struct mesh *m)
{
    return thread_start(&m->thread, "mesh", body, m);
}

void mesh_stop(struct mesh *m)
{
    thread_join(&m->thread);
}
