#include "state.h"
#include <time.h>
#include "agents.h"
#include "alerts.h"
#include "announce.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "call.h"
#include "expiry.h"
#include "media_join.h"
#include "pause.h"
#include "recordings.h"
#include "stats.h"

#define POLL_US         (20 * US_PER_MS) // an envelope ends the wait at once
#define SWEEP_SLOTS     256
#define WAITS_LOOKED_AT 32 // a turn: all 20,000 in 13 s
#define GAUGES_US       US_PER_S
#define ENVELOPES_RUN   16 // envelopes between two rounds of the rest

struct state {
    struct state_opts o;
    struct intake intake;
    struct announce *announce;
    struct thread thread;
    int64_t gauges_us;
    _Atomic bool done;
};

static void seal(void *ctx)
{
    struct state *s = ctx;
    announce_flush(s->announce);
    persist_seal(s->o.persist, s->o.world);
}

static int send_mesh(void *ctx, const Callmesh__V1__MeshBatch *b)
{
    return cast_pub_send(((struct state *)ctx)->o.mesh, &b->base);
}

struct state *state_new(const struct state_opts *o)
{
    struct state *s = mem_take(sizeof *s);
    if (!s)
        return NULL;
    s->o = *o;
    s->intake = (struct intake){
        .w = o->world, .seal = seal, .ctx = s, .known = o->known, .knowns = o->knowns};
    s->announce = announce_new(o->world, send_mesh, s);
    return s->announce ? s : NULL;
}

// The time goes on, and no feed is read.
static void hear_nobody(struct world *w)
{
    w->wall_us = w->listening_since_wall_us = wall_now_us();
}

// A turn takes some 20 ms. One that took so much longer was asleep (stopped, starved): nobody was heard meanwhile.
static void next_turn(struct world *w)
{
    int64_t before = w->wall_us;
    w->wall_us = wall_now_us();
    if (w->wall_us - before > US_PER_S)
        w->listening_since_wall_us = w->wall_us;
}

void state_while_waiting(void *ctx)
{
    struct state *s = ctx;
    hear_nobody(s->o.world);
    control_serve(s->o.control);
}

static void take(struct state *s, const struct feed_msg *m)
{
    struct publisher *p = intake_begin(&s->intake, m->env, m->slot, m->lost_before);
    if (!p)
        return;
    uint64_t seq = m->env->seq;
    if (seq <= p->taken.seq)
        return; // done before the restart
    switch (m->env->kind) {
    case CALLMESH__V1__KIND__KIND_SIG: {
        const Callmesh__V1__SigBatch *b =
            feed_sub_unpack(s->o.sub, &callmesh__v1__sig_batch__descriptor, m->payload);
        if (b)
            intake_sig(&s->intake, p, seq, b);
        else
            intake_unreadable(&s->intake, p, seq, "not a SigBatch, or too large", m->payload);
        break;
    }
    case CALLMESH__V1__KIND__KIND_REPORT: {
        const Callmesh__V1__ReportBatch *b =
            feed_sub_unpack(s->o.sub, &callmesh__v1__report_batch__descriptor, m->payload);
        if (b)
            intake_report(&s->intake, p, seq, b);
        else
            intake_unreadable(&s->intake, p, seq, "not a ReportBatch, or too large", m->payload);
        break;
    }
    default:
        intake_unreadable(&s->intake, p, seq, "unknown kind of feed", m->payload);
    }
}

static void gauges(struct world *w)
{
    const struct {
        enum callstate_stat stat;
        struct slab *slab;
    } used[] = {
        {STAT_USED_CALLS, w->calls},     {STAT_USED_LEGS, w->legs},
        {STAT_USED_STREAMS, w->streams}, {STAT_USED_ADDRESSES, w->addresses},
        {STAT_USED_PENDING, w->pending},
    };
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
        gauge(used[i].stat, slab_stat(used[i].slab).used);
    gauge(STAT_USED_WAITS, slab_stat(w->waits).used - w->early);
    gauge(STAT_USED_EARLY, w->early);
    gauge(STAT_WAITS_AWAY, w->waits_away);
    size_t ended = 0, publishers = 0;
    for (const struct link *l = w->ended.next; l != &w->ended; l = l->next)
        ended++;
    for (size_t i = 0; i < w->lim.publishers; i++)
        publishers += w->publisher[i].used;
    gauge(STAT_CALLS_ACTIVE, slab_stat(w->calls).used - ended);
    gauge(STAT_USED_PUBLISHERS, publishers);
    gauge(STAT_STREAMS_UNJOINED, media_unjoined(w));
}

// Of live publishers: in a file the time of packets is the only clock.
static void clocks(struct state *s)
{
    struct world *w = s->o.world;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        struct feed_sub_peer peer;
        if (p->used && p->bound && p->live && feed_sub_peer(s->o.sub, p->bus_slot, &peer))
            p->clock_offset_us = peer.clock_offset_us;
    }
}

static void tell_alerts(struct state *s)
{
    struct alert a;
    const struct doors *d = &s->o.world->doors;
    for (int i = 0; i < ALERTS_QUEUE && s->o.alerts && ring_pop(s->o.alerts, &a); i++)
        if (d->alert)
            d->alert(d->ctx, &a);
}

static void rest(struct state *s)
{
    struct world *w = s->o.world;
    (void)policy_current(w->policy);
    tell_alerts(s);
    if (s->o.agents)
        agents_adopt(s->o.agents, w);
    control_serve(s->o.control);
    pauses_round(w);
    intake_tick(&s->intake);
    expiry_sweep(w, SWEEP_SLOTS);
    media_sweep(w, SWEEP_SLOTS);
    recordings_sweep(w, WAITS_LOOKED_AT);
    (void)call_rows_due(w, false);
    control_taps_expire(w);
    announce_flush(s->announce);
    persist_seal_if_due(s->o.persist, w);
    int64_t now = mono_now_us();
    if (now - s->gauges_us >= GAUGES_US) {
        s->gauges_us = now;
        gauges(w);
        clocks(s);
    }
}

static void body(struct thread *t, void *arg)
{
    struct state *s = arg;
    struct world *w = s->o.world;
    while (!thread_should_stop(t)) {
        struct feed_msg m;
        next_turn(w);
        for (int i = 0; i < ENVELOPES_RUN && feed_sub_next(s->o.sub, i ? 0 : POLL_US, &m) == 1;
             i++) {
            take(s, &m);
            announce_flush(s->announce);
            if (thread_should_stop(t))
                break;
        }
        rest(s);
    }
    announce_flush(s->announce);
    persist_seal(s->o.persist, w);
    s->done = true;
}

int state_start(struct state *s)
{
    hear_nobody(s->o.world);
    return thread_start(&s->thread, "state", body, s);
}

bool state_stop(struct state *s, int64_t timeout_us)
{
    int64_t until = mono_now_us() + timeout_us;
    thread_ask_stop(&s->thread);
    while (!s->done && mono_now_us() < until) {
        struct timespec t = {.tv_nsec = 1000000};
        (void)nanosleep(&t, NULL);
    }
    if (!s->done)
        return false;
    thread_join(&s->thread);
    return true;
}
