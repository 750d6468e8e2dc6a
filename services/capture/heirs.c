#include "heirs.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/mono.h"

#define LOOK_MS       200 // a parked process looks whether it is still needed
#define RETRY_MS      20
#define NO_PLACE      UINT64_MAX
#define EXIT_NO_TRUST 3 // a parked process ends like this when its own state seems to be what kills

static void on_child(int sig)
{
    (void)sig; // ends the poll of a parked process
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static bool of_its_own_making(int status)
{
    if (!WIFSIGNALED(status))
        return false;
    switch (WTERMSIG(status)) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGABRT:
    case SIGSYS:
    case SIGTRAP:
    case SIGVTALRM: // no end of a step within the time it may take
        return true;
    default:
        return false;
    }
}

// False: not to be trusted any more.
static bool note_death(struct heirs *h, int status)
{
    atomic_fetch_add(&h->shared->restarts, 1);
    if (!of_its_own_making(status))
        return true;
    uint64_t place = atomic_load(&h->shared->place);
    atomic_fetch_add(&h->shared->faults, 1);
    bool again = place == h->fault_place;
    h->fault_place = again ? NO_PLACE : place;
    if (++h->faults > HEIRS_FAULTS_MAX || (again && h->skips == HEIRS_SKIP_MAX))
        return false;
    if (again)
        h->skip[h->skips++] = place;
    return true;
}

bool heirs_skips(const struct heirs *h, uint64_t place)
{
    for (uint32_t i = 0; i < h->skips; i++)
        if (h->skip[i] == place)
            return true;
    return false;
}

// Waits for the child's death (its status) or until a younger copy is parked (then this process ends).
static int wait_parked(const struct heirs *h, pid_t child)
{
    sigset_t open;
    struct timespec look = {0, LOOK_MS * 1000000L};
    pthread_sigmask(SIG_BLOCK, NULL, &open);
    sigdelset(&open, SIGCHLD);
    for (;;) {
        int status;
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        if (atomic_load(&h->shared->generation) > h->generation)
            _exit(0);
        ppoll(NULL, 0, &look, &open);
    }
}

static void become_worker(struct heirs *h, int parent, uint64_t number)
{
    h->number = number;
    h->parked_pid = parent;
    atomic_store(&h->shared->generation, h->generation);
    h->generation++;
    prctl(PR_SET_NAME, h->name, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGCHLD, 0, 0,
          0); // ends a wait, so that the next copy is parked at once
}

static void forgive(struct heirs *h)
{
    h->faults = 0;
    h->skips = 0;
    h->fault_place = NO_PLACE;
}

// Takes the right to work over from the one that had it. Two may want it when a process is killed while it parks: its parent
// saw it die, its child is just born. One of them gets it.
static bool inherit(struct heirs *h, uint64_t from, uint64_t to)
{
    return atomic_compare_exchange_strong(&h->shared->heir, &from, to);
}

enum heirs_result heirs_park(struct heirs *h)
{
    uint64_t number = atomic_fetch_add(&h->shared->numbers, 1) + 1;
    int self = (int)getpid();
    int64_t cpu_us = cpu_now_us();
    prctl(PR_SET_NAME, "cm-parked", 0, 0, 0);
    pid_t child = fork();
    if (child < 0) {
        prctl(PR_SET_NAME, h->name, 0, 0, 0);
        atomic_fetch_add(&h->shared->fork_failed, 1);
        return HEIRS_NO_FORK;
    }
    forgive(h);
    if (child == 0) {
        if (!inherit(h, h->number, number))
            _exit(0);
        become_worker(h, self, number);
        atomic_fetch_add(&h->shared->cpu_us, cpu_us);
        atomic_fetch_add(&h->shared->parked, 1);
        return HEIRS_GOES_ON;
    }
    for (;;) {
        int status = wait_parked(h, child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            _exit(0);
        uint64_t dead = number;
        number = atomic_fetch_add(&h->shared->numbers, 1) + 1;
        // The dead one may not have come to inherit from us.
        if (!inherit(h, dead, number) && !inherit(h, h->number, number))
            _exit(0);
        if (!note_death(h, status))
            _exit(EXIT_NO_TRUST);
        while ((child = fork()) < 0)
            pause_ms(RETRY_MS);
        if (child == 0) {
            become_worker(h, self, number);
            return HEIRS_SUCCESSOR;
        }
    }
}

bool heirs_orphan(const struct heirs *h)
{
    return getppid() != h->parked_pid;
}

void heirs_root(struct heirs *h, void (*work)(void *ctx, bool reset), void *ctx,
                const _Atomic bool *done)
{
    struct sigaction on = {.sa_handler = on_child};
    sigset_t chld;
    forgive(h);
    h->number = 0;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &chld, NULL);
    sigaction(SIGCHLD, &on, NULL);
    for (bool reset = false;; reset = true) {
        pid_t child = fork();
        if (child < 0) {
            pause_ms(RETRY_MS);
            continue;
        }
        if (child == 0) {
            prctl(PR_SET_NAME, h->name, 0, 0, 0);
            h->generation = atomic_load(&h->shared->generation) + 1;
            h->number = atomic_fetch_add(&h->shared->numbers, 1) + 1;
            h->parked_pid = (int)getppid();
            atomic_store(&h->shared->heir, h->number); // all others are gone
            work(ctx, reset);
            _exit(0);
        }
        // Copies that were parked and let go come to us as well (we are their reaper): all must be gone.
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
            ;
        if (atomic_load(done))
            _exit(0);
        atomic_fetch_add(&h->shared->resets, 1);
        pause_ms(RETRY_MS);
    }
}
