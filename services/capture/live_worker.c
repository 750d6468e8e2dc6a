// The worker of live capture: reads the blocks of its ring and its inboxes, step by step, and hands batches to the sender.
//
// What it does is a list of steps, each written into shared memory before it is done. A successor (heirs.h) goes back to the
// parked state and does the steps since then again, to the letter: the same packets (blocks are given back to the kernel only
// when a younger state is parked), the same clocks (they stand in the steps), so the same batches, of which those that the sender
// has already are passed over (xring.h). So nothing is lost and nothing is doubled, whenever it dies.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mono.h"
#include "cage/sandbox.h"
#include "live_run.h"

#define PARK_US      (250 * US_PER_MS) // state older than this is parked anew, when there was anything
#define STEP_S       2                 // of CPU: a step that takes more has no end
#define SLACK_US     (100 * US_PER_MS)
#define HEP_SLACK_US (1 * US_PER_S)

static struct lane_run run;

// ---- parking ----

static void release(struct lane_run *w)
{
    struct lane_shared *mine = w->lane->shared;
    for (uint64_t n = atomic_load(&mine->released); n < w->block; n++) {
        tpring_release(&w->lane->ring, n);
        atomic_store(&mine->released, n + 1);
    }
    for (uint32_t i = 0; i < w->live->lanes; i++)
        xring_release(w->lane->inbox[i], w->inbox[i].at);
}

static void park(struct lane_run *w)
{
    int64_t now_us = mono_now_us();
    if (heirs_park(&w->heirs) == HEIRS_NO_FORK) {
        w->parked_us = now_us; // tried again after a while
        return;
    }
    w->parked_at = w->at;
    w->out_parked_at = w->out.at;
    w->parked_us = now_us;
    w->fed = false;
    release(w);
}

static void park_when_due(struct lane_run *w)
{
    const struct lane_shared *mine = w->lane->shared;
    uint64_t held = w->block - atomic_load_explicit(&mine->released, memory_order_relaxed);
    uint64_t steps = w->at - w->parked_at;
    bool due = steps > STEPS_MAX / 2 || held > w->lane->ring.blocks / 4 ||
               w->out.at - w->out_parked_at > xring_bytes(w->lane->out) / 4;
    due = due || heirs_orphan(&w->heirs);
    if (!due && w->fed)
        due = mono_now_us() - w->parked_us >= PARK_US;
    if (due)
        park(w);
    while (w->at - w->parked_at >= STEPS_MAX) { // no fork: the order must not be lost
        nanosleep(&(struct timespec){0, 10 * 1000 * US_PER_MS}, NULL);
        park(w);
    }
}

static const struct step *next_step(struct lane_run *w)
{
    struct lane_shared *mine = w->lane->shared;
    struct step *s = &mine->step[w->at % STEPS_MAX];
    if (w->at < atomic_load_explicit(&mine->steps, memory_order_acquire)) {
        if (s->kind == STEP_BLOCK) // done by a forerunner
            w->packets += tpring_packets(&w->lane->ring, w->block);
        return s;
    }
    park_when_due(w);
    // A parked copy comes back here when its younger one has died: the steps since are there.
    if (w->at < atomic_load_explicit(&mine->steps, memory_order_acquire))
        return next_step(w);
    s = &mine->step[w->at % STEPS_MAX];
    live_decide(w, s);
    atomic_store_explicit(&mine->steps, w->at + 1, memory_order_release);
    return s;
}

static void limit_time(void)
{
    const struct itimerval t = {.it_value = {.tv_sec = STEP_S}};
    setitimer(ITIMER_VIRTUAL, &t, NULL);
}

static void resume_without_forerunner(struct lane_run *w)
{
    struct lane_shared *mine = w->lane->shared;
    w->at = atomic_load(&mine->steps);
    w->block = atomic_load(&mine->begun_blocks);
    w->packets = atomic_load(&mine->begun_packets);
    uint64_t known = mine->counts.n[CAPTURE_PACKETS];
    // Some of them were sent: more than so many cannot be missing.
    worker_resume(w->worker, &mine->counts, w->packets > known ? w->packets - known : 0,
                  atomic_load(&mine->last_stream_no) + 65536 * w->live->lanes);
    w->crossed = atomic_load(&mine->crossed);
    w->told.input_packets[0] = w->packets;
    for (uint32_t i = 0; i < w->live->lanes; i++)
        w->inbox[i].at = atomic_load(&mine->begun_inbox[i]);
    log_warn("worker begins with empty tables", "publisher=%s worker=%u lost_at_most=%llu",
             w->live->publisher, w->no,
             (unsigned long long)(w->packets > known ? w->packets - known : 0));
}

static void work(void *ctx, bool reset)
{
    struct lane_run *w = ctx;
    w->out = xring_producer(w->lane->out);
    for (uint32_t i = 0; i < w->live->lanes; i++)
        w->inbox[i] = xring_consumer(w->lane->inbox[i]);
    if (reset)
        resume_without_forerunner(w);
    const struct live_shared *all = w->live->shared;
    worker_pauses(w->worker, &all->pauses[atomic_load(&all->pauses_at) & 1u]);
    pthread_sigmask(SIG_BLOCK, NULL, &w->awake);
    sigdelset(&w->awake, SIGCHLD);
    park(w);
    atomic_store(&w->lane->shared->started, true);
    for (;;) {
        const struct step *s = next_step(w);
        limit_time();
        live_perform(w, s);
        w->at++;
        w->fed = w->fed || s->kind == STEP_BLOCK || s->kind == STEP_INBOX;
    }
}

// ---- start ----

static bool keeper_has_gone(const struct lane_run *w)
{
    struct pollfd fd = {.fd = w->live->alive_fd};
    return poll(&fd, 1, 0) > 0;
}

static struct worker *new_worker(struct lane_run *w, const struct conf *c)
{
    struct worker_opts o = {
        .link_type = LINK_ETHERNET,
        .live = true,
        .publisher = w->live->publisher,
        .out = w->outbox,
        .streams = (size_t)conf_int(c, "capture.streams"),
        .stream_idle_us = conf_int(c, "capture.stream-idle"),
        .media_addresses = (size_t)conf_int(c, "capture.media-addresses"),
        .media_age_us = conf_int(c, "capture.media-age"),
        .fragments = (uint32_t)conf_int(c, "capture.fragments"),
        .tcp = (uint32_t)conf_int(c, "capture.tcp"),
        .signalled_calls = (size_t)conf_int(c, "capture.signalled-calls"),
        .framed_tcp = (uint32_t)conf_int(c, "capture.framed-tcp"),
        .probation = (size_t)conf_int(c, "capture.streams") / 4,
        .peers = (size_t)conf_int(c, "capture.peers"),
        .sip_unknown = (uint32_t)conf_int(c, "capture.sip-unknown"),
        .no_first = w->no + 1,
        .no_step = w->live->lanes,
        .on_sdp = w->live->lanes > 1 ? live_cross_sdp : NULL,
        .on_rtcp = w->live->lanes > 1 ? live_cross_rtcp : NULL,
        .on_media = w->live->lanes > 1 ? live_cross_media : NULL,
        .cross_ctx = w,
        .duplicate_window_us = conf_int(c, "capture.duplicate-window"),
        .duplicate_entries = (size_t)conf_int(c, "capture.duplicate-entries"),
        .tls = (size_t)conf_int(c, "capture.tls-connections"),
        .tls_hold_bytes = (uint32_t)conf_int(c, "capture.tls-hold"),
        .tls_wait_us = conf_int(c, "capture.tls-wait"),
        .tls_secrets = (size_t)conf_int(c, "capture.tls-secrets"),
        .tls_keylog_fd = w->live->keylog_fd,
        .keep_digits = conf_bool(c, "capture.keep-digits"),
        .hep_key = conf_str(c, "capture.hep-key"),
        .on_stream = w->report ? report_stream : NULL,
        .ctx = w->report,
    };
    struct worker *worker = worker_new(&o);
    if (worker)
        log_info("tables",
                 "input=%s publisher=%s worker=%u streams=%zu media_addresses=%zu fragments=%u "
                 "tcp=%u ring_bytes=%llu handover_bytes=%zu bytes=%zu",
                 w->live->input, w->live->publisher, w->no, o.streams, o.media_addresses,
                 o.fragments, o.tcp, (unsigned long long)w->lane->ring.blocks * TPRING_BLOCK_BYTES,
                 xring_bytes(w->lane->out),
                 worker_bytes(worker) + (w->outbox ? outbox_bytes() : 0));
    return worker;
}

static int build(struct lane_run *w)
{
    const struct conf *c = w->live->conf;
    struct outbox_sink sink = live_out_sink(w);
    if (!w->live->no_bus && !(w->outbox = outbox_new(&sink)))
        return -ENOMEM;
    if (w->live->json)
        w->report = report_new((size_t)conf_int(c, "report.streams"), conf_str(c, "site"),
                               w->live->publisher);
    w->worker = new_worker(w, c);
    return w->worker && (w->report || !w->live->json) ? 0 : -ENOMEM;
}

void live_worker_run(struct live *l, uint32_t lane)
{
    char err[256];
    struct lane_run *w = &run;
    *w = (struct lane_run){
        .live = l,
        .no = lane,
        .lane = &l->lane[lane],
        .heirs = {.shared = &l->lane[lane].shared->heirs, .name = "cm-worker"},
        .began_us = mono_now_us(),
        .slack_us = *conf_str(l->conf, "hep") ? HEP_SLACK_US : SLACK_US,
    };
    prctl(PR_SET_NAME, "cm-nursery", 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (build(w) < 0) {
        log_error("no memory for the tables", "worker=%u", lane);
        _exit(EX_OSERR);
    }
    if (sandbox_enter(err, sizeof err) < 0) {
        log_error("the worker's cage cannot be closed", "worker=%u step=\"%s\"", lane, err);
        _exit(EX_OSERR);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); // forgotten when rights change, so behind that
    if (keeper_has_gone(w))
        _exit(EX_SOFTWARE);
    heirs_root(&w->heirs, work, w, &w->lane->shared->done);
}
