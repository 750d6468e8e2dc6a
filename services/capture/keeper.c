// The keeper: what was started. Opens the rings, then has no right any more; has workers and a sender made, and stays.
// The workers are made first, by forks of a process that has done nothing yet: the one that has no thread, no nng
// (which does not live through a fork) and no file but the rings.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mono.h"
#include "cage/sandbox.h"
#include "live.h"

#define COUNT_US (200 * US_PER_MS) // the kernel's counts are read so often
#define STOP_US  (7 * US_PER_S)    // the sender has a clock of its own for 5 s
#define TWICE_US                                                                                   \
    (200 * US_PER_MS) // timeout(1) and a terminal signal process and group: two at once are one
#define AGAIN_US    (200 * US_PER_MS) // a sender that died is started again after so long
#define INBOX_BYTES (4u << 20)        // datagrams of the listeners on their way to the worker
#define CROSS_BYTES (1u << 20)        // from one worker to another

struct keeper {
    struct live *live;
    pid_t sender, nursery[LANES_MAX];
    int alive_write_fd;
    uint32_t nurseries;
    struct tpring_count count[LANES_MAX];
    int64_t count_us, stop_us, again_us;
    int code;
};

// ---- what is shared ----

static void *shared_new(size_t bytes)
{
    void *p =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static bool share(struct live *l)
{
    size_t out = (size_t)conf_int(l->conf, "capture.handover-bytes");
    bool ok = (l->shared = shared_new(sizeof *l->shared)) != NULL;
    if (ok)
        l->shared->pauses[0] = l->found;
    l->out_bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ok = ok && l->out_bell_fd >= 0;
    for (uint32_t i = 0; ok && i < l->lanes; i++) {
        struct lane *lane = &l->lane[i];
        l->bell_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        lane->shared = shared_new(sizeof *lane->shared);
        lane->out = xring_new(out);
        ok = l->bell_fd[i] >= 0 && lane->shared && lane->out;
        for (uint32_t k = 0; ok && k < l->lanes; k++) {
            lane->inbox[k] = xring_new(k == i ? INBOX_BYTES : CROSS_BYTES);
            ok = lane->inbox[k] != NULL;
        }
    }
    return ok;
}

// ---- making the others ----

static void close_all_but(const struct keeper *k, uint32_t lane)
{
    const struct live *l = k->live;
    close(k->alive_write_fd);
    for (uint32_t i = 0; i < l->lanes; i++)
        if (i != lane)
            close(l->lane[i].ring.fd);
}

static bool start_nursery(struct keeper *k, uint32_t lane)
{
    pid_t child = fork();
    if (child == 0) {
        close_all_but(k, lane);
        close(STDIN_FILENO);
        live_worker_run(k->live, lane);
    }
    k->nursery[lane] = child;
    return child > 0;
}

// True in the sender.
static bool start_sender(struct keeper *k)
{
    pid_t self = getpid(), child = fork();
    if (child < 0) {
        log_warn("no process for the sender, tried again", "reason=\"%s\"", strerror(errno));
        k->again_us = mono_now_us() + AGAIN_US;
        return false;
    }
    if (child > 0) {
        k->sender = child;
        return false;
    }
    prctl(PR_SET_NAME, "cm-sender", 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != self)
        _exit(EX_SOFTWARE);
    close_all_but(k, LANES_MAX);
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &chld, NULL);
    return true;
}

// ---- standing by ----

static void begin_stop(struct keeper *k, int code)
{
    if (!k->stop_us) {
        k->stop_us = mono_now_us();
        k->code = code;
    }
    atomic_store(&k->live->shared->stop, true);
    if (k->sender > 0)
        kill(k->sender, SIGTERM);
}

__attribute__((noreturn)) static void end_now(struct keeper *k, const char *why)
{
    log_error("ended without a clean stop", "reason=\"%s\"", why);
    if (k->sender > 0)
        kill(k->sender, SIGKILL);
    _exit(1); // the nurseries and their workers hear of it: the pipe, and the death of their parent
}

static void on_signal(struct keeper *k, int sig)
{
    int64_t now_us = mono_now_us();
    if (k->stop_us && now_us - k->stop_us > TWICE_US)
        end_now(k, "second signal");
    if (!k->stop_us)
        log_info("stop asked", "signal=%d process=keeper", sig);
    begin_stop(k, 0);
}

static void count_kernel(struct keeper *k)
{
    struct live *l = k->live;
    for (uint32_t i = 0; i < l->lanes; i++) {
        struct lane_shared *to = l->lane[i].shared;
        tpring_count(&l->lane[i].ring, &k->count[i]);
        atomic_store(&to->kernel_dropped, k->count[i].dropped);
        atomic_store(&to->kernel_seen, k->count[i].seen);
        int e = tpring_error(&l->lane[i].ring);
        if (e == 0 || k->stop_us)
            continue;
        log_error("the interface cannot be read any more", "input=%s why=\"%s\"", l->input,
                  strerror(-e));
        begin_stop(k, EX_UNAVAILABLE);
    }
}

static void on_sender_end(struct keeper *k, int status)
{
    struct live_shared *all = k->live->shared;
    k->sender = 0;
    bool own_end = WIFEXITED(status);
    if (own_end && (WEXITSTATUS(status) == 0 || k->stop_us || !atomic_load(&all->sender_ready))) {
        int code = k->code ? k->code : WEXITSTATUS(status);
        atomic_store(&all->stop, true);
        _exit(code);
    }
    if (k->stop_us)
        _exit(k->code ? k->code : 1);
    atomic_fetch_add(&all->sender_restarts, 1);
    atomic_fetch_add(&all->announce, 1);
    log_warn("the sender died and is started again",
             "signal=%d exit=%d effect=\"none: what it had not stored is sent again\"",
             own_end ? 0 : WTERMSIG(status), own_end ? WEXITSTATUS(status) : 0);
    k->again_us = mono_now_us() + AGAIN_US;
}

static void reap(struct keeper *k)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == k->sender) {
            on_sender_end(k, status);
            continue;
        }
        for (uint32_t i = 0; i < k->live->lanes; i++) {
            if (pid != k->nursery[i])
                continue;
            k->nursery[i] = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                continue; // in order
            if (!k->stop_us)
                log_error("a worker's first process has ended", "worker=%u status=%d", i, status);
            begin_stop(k, WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
            atomic_store(&k->live->lane[i].shared->done, true);
        }
    }
}

// True in a sender that was started again; else it does not return.
static bool stand_by(struct keeper *k)
{
    sigset_t wanted;
    const struct timespec wait = {0, COUNT_US * 1000};
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    sigaddset(&wanted, SIGCHLD);
    for (;;) {
        int sig = sigtimedwait(&wanted, NULL, &wait);
        if (sig > 0 && sig != SIGCHLD)
            on_signal(k, sig);
        reap(k);
        int64_t now_us = mono_now_us();
        if (now_us >= k->count_us) {
            count_kernel(k);
            k->count_us = now_us + COUNT_US;
        }
        if (k->stop_us && now_us - k->stop_us > STOP_US)
            end_now(k, "the stop took more than 7 s");
        if (!k->sender && !k->stop_us && now_us >= k->again_us && start_sender(k))
            return true;
    }
}

static int open_rings(struct live *l, const char *interface)
{
    char err[1024] = "";
    struct tpring ring[LANES_MAX];
    struct tpring_opts o = {
        .interface = interface,
        .filter = conf_str(l->conf, "filter"),
        .bytes = (uint64_t)conf_int(l->conf, "capture.ring-bytes"),
        .rings = l->lanes,
    };
    int r = tpring_open(ring, &o, err, sizeof err);
    if (r)
        log_error(err, "%s", "");
    for (uint32_t i = 0; r == 0 && i < l->lanes; i++)
        l->lane[i].ring = ring[i];
    return r;
}

int keeper_split(struct live *l, const char *interface)
{
    static struct keeper k; // lives as long as the process, and so does the sender's copy
    int alive[2], r = open_rings(l, interface);
    if (r)
        return r;
    k = (struct keeper){.live = l};
    if (pipe2(alive, O_CLOEXEC) != 0 || !share(l)) {
        log_error("no memory for what the processes share", "reason=\"%s\"", strerror(errno));
        return EX_OSERR;
    }
    l->alive_fd = alive[0];
    k.alive_write_fd = alive[1];
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    for (uint32_t i = 0; i < l->lanes; i++) // still with the right to become nobody
        if (!start_nursery(&k, i)) {
            log_error("no process for a worker", "reason=\"%s\"", strerror(errno));
            return EX_OSERR;
        }
    r = sandbox_drop_rights();
    if (r < 0) {
        log_error("rights cannot be given up", "reason=\"%s\"", strerror(-r));
        return EX_OSERR;
    }
    prctl(PR_SET_NAME, "cm-keeper", 0, 0, 0);
    if (start_sender(&k))
        return 0;
    return stand_by(&k) ? 0 : EX_SOFTWARE;
}
