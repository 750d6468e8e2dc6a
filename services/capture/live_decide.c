#include <poll.h>
#include <time.h>
#include <unistd.h>
#include "base/mono.h"
#include "live_run.h"

#define POLL_US  (5 * US_PER_MS)  // with a batch open
#define IDLE_US  (20 * US_PER_MS) // without
#define TICK_US  (200 * US_PER_MS)
#define DRAIN_US (30 * US_PER_MS) // after the stop: the kernel hands over its last block
#define STOP_US  (3 * US_PER_S)
// Of 256 streams, a tick.
#define SHED_UP   32
#define SHED_DOWN 8
#define SHED_CALM 10 // ticks

static bool stopping(const struct lane_run *w)
{
    return atomic_load_explicit(&w->live->shared->stop, memory_order_relaxed);
}

static void sleep_until_something(struct lane_run *w, int64_t us)
{
    struct pollfd fds[] = {
        {.fd = w->lane->ring.fd, .events = POLLIN},
        {.fd = w->live->bell_fd[w->no], .events = POLLIN},
        {.fd = w->live->alive_fd},
    };
    uint64_t rung;
    const struct timespec wait = {0, (us < US_PER_MS ? US_PER_MS : us) * 1000};
    if (ppoll(fds, 3, &wait, &w->awake) <= 0) // SIGCHLD: the parked copy has died
        return;
    if (fds[0].revents & (POLLERR | POLLHUP)) // the keeper reads why
        nanosleep(&(struct timespec){0, 10 * 1000 * US_PER_MS}, NULL);
    if ((fds[1].revents & POLLIN) && read(fds[1].fd, &rung, sizeof rung) < 0)
        return;
    if (fds[2].revents) {
        atomic_store(&w->live->shared->stop, true);
    }
}

// Overload is a ring that fills. Up quickly, by an eighth of the streams a tick; down slowly, when it has been nearly empty for
// two seconds: or it would swing.
static uint32_t shed_level(struct lane_run *w)
{
    uint32_t blocks = w->lane->ring.blocks, waiting = tpring_waiting(&w->lane->ring, w->block);
    if (waiting > blocks / 2) {
        w->shed_level = w->shed_level + SHED_UP < 256 ? w->shed_level + SHED_UP : 256;
        w->shed_calm = 0;
    } else if (waiting > blocks / 8) {
        w->shed_calm = 0;
    } else if (w->shed_level && ++w->shed_calm >= SHED_CALM) {
        w->shed_level = w->shed_level > SHED_DOWN ? w->shed_level - SHED_DOWN : 0;
    }
    return w->shed_level;
}

static void decide_tick(struct lane_run *w, struct step *s, int64_t now_us, bool idle)
{
    const struct live_shared *all = w->live->shared;
    bool first = w->no == 0;
    // With an empty ring all up to now has been seen; behind, only what the packets say.
    int64_t seen_us = idle ? wall_now_us() : worker_last_at_us(w->worker);
    *s = (struct step){
        .kind = STEP_TICK,
        .feed_us = seen_us - w->slack_us,
        .clock_us = now_us,
        .shed = shed_level(w),
        .announce = atomic_load(&all->announce),
        .lost = {.kernel = atomic_load(&w->lane->shared->kernel_dropped)},
    };
    s->lost.crossing = atomic_load(&w->lane->shared->cross_lost);
    if (first) { // what is lost for all of them is told by one
        s->lost.kernel += atomic_load(&all->listener_dropped);
        s->lost.handover = atomic_load(&all->handover_lost);
        s->lost.journal = atomic_load(&all->journal_lost);
        s->lost.bus = atomic_load(&all->bus_lost);
        s->lost.hep_connections = atomic_load(&all->hep_connections);
        s->lost.hep_refused = atomic_load(&all->hep_refused);
        s->lost.hep_evicted = atomic_load(&all->hep_evicted);
    }
    w->tick_us = now_us + TICK_US;
}

static bool nothing_waits(struct lane_run *w)
{
    bool some = tpring_ready(&w->lane->ring, w->block);
    for (uint32_t i = 0; i < w->live->lanes && !some; i++)
        some = xring_peek(&w->inbox[i]) != NULL;
    return !some;
}

static bool decide_input(struct lane_run *w, struct step *s)
{
    struct lane_shared *mine = w->lane->shared;
    if (tpring_ready(&w->lane->ring, w->block)) {
        *s = (struct step){.kind = STEP_BLOCK};
        atomic_store(&mine->begun_packets, w->packets += tpring_packets(&w->lane->ring, w->block));
        atomic_store(&mine->begun_blocks, w->block + 1);
        return true;
    }
    for (uint32_t i = 0; i < w->live->lanes; i++) {
        const struct xring_record *rec = xring_peek(&w->inbox[i]);
        if (!rec)
            continue;
        *s = (struct step){.kind = STEP_INBOX, .which = i};
        struct xring_consumer after = w->inbox[i];
        xring_next(&after);
        atomic_store(&mine->begun_inbox[i], after.at);
        return true;
    }
    return false;
}

// The keeper or the sender wants an end: what is in the ring by now still comes.
static bool decide_end(struct lane_run *w, struct step *s, int64_t now_us, bool idle)
{
    if (!stopping(w))
        return false;
    if (!w->stop_us)
        w->stop_us = now_us;
    if (now_us - w->stop_us < DRAIN_US || (!idle && now_us - w->stop_us < STOP_US))
        return false;
    *s = (struct step){.kind = STEP_END, .clock_us = now_us};
    return true;
}

void live_decide(struct lane_run *w, struct step *s)
{
    for (;;) {
        int64_t now_us = mono_now_us();
        bool open = w->outbox && outbox_is_open(w->outbox);
        bool idle = nothing_waits(w);
        if (decide_end(w, s, now_us, idle))
            return;
        if (now_us >= w->tick_us) {
            decide_tick(w, s, now_us, idle);
            return;
        }
        if (open && now_us - w->close_us >= POLL_US) {
            *s = (struct step){.kind = STEP_CLOSE, .clock_us = now_us};
            w->close_us = now_us;
            return;
        }
        if (decide_input(w, s))
            return;
        if (heirs_orphan(&w->heirs)) { // parked anew before the next step
            *s = (struct step){.kind = STEP_REST};
            return;
        }
        sleep_until_something(w, open ? POLL_US : IDLE_US);
    }
}
