#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/thread.h"

#define WATCHDOG_US (5 * US_PER_S)
#define TWICE_US    (200 * US_PER_MS)
#define LOOK_US     (200 * US_PER_MS) // at a start that goes on
#define WAITS       INT64_MAX         // the start waits for others, however long
#define ARM_SIGNAL  SIGUSR1           // from ourselves only: stopping has begun without a signal

static struct thread waiter;
static _Atomic bool stopping;
static int64_t start_limit_us;
static _Atomic int64_t start_until_us; // 0: it is over, or not watched
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; // on the monotonic clock

static sigset_t our_signals(void)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGTERM);
    sigaddset(&s, SIGINT);
    sigaddset(&s, SIGHUP);
    sigaddset(&s, ARM_SIGNAL);
    return s;
}

static struct timespec timespec_of(int64_t us)
{
    return (struct timespec){.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};
}

__attribute__((noreturn)) static void end_now(const char *why)
{
    log_error("ended without a clean stop", "reason=\"%s\"", why);
    _exit(1);
}

// A library that did not get a thread, or memory, may wait for it for ever and tell nobody: nng 1.5.2 does.
static void look_at_start(void)
{
    int64_t until_us = atomic_load(&start_until_us);
    if (!until_us || mono_now_us() < until_us || signals_stopping())
        return;
    log_error("the start does not come to its end",
              "limit_ms=%lld setting=start.limit likely=\"no memory, threads or descriptors left\"",
              (long long)(start_limit_us / US_PER_MS));
    _exit(EX_OSERR);
}

static int64_t wait_us(int64_t deadline)
{
    int64_t left = deadline ? deadline - mono_now_us() : 3600 * US_PER_S;
    if (atomic_load(&start_until_us) && left > LOOK_US)
        left = LOOK_US;
    return left > 0 ? left : 0;
}

// The first signal starts the clock, the next one or its end ends the process. The arm signal only starts the clock.
static void wait_body(struct thread *t, void *arg)
{
    (void)t;
    (void)arg;
    sigset_t set = our_signals();
    int64_t deadline = 0, asked_us = 0;
    for (;;) {
        struct timespec wait = timespec_of(wait_us(deadline));
        int sig = sigtimedwait(&set, NULL, &wait);
        if (sig < 0 && errno == EAGAIN && deadline && mono_now_us() >= deadline)
            end_now("the stop took more than 5 s");
        look_at_start();
        if (sig < 0)
            continue;
        // timeout(1) and a terminal signal the process and its group: two at once are one.
        if (sig != ARM_SIGNAL && asked_us && mono_now_us() - asked_us < TWICE_US)
            continue;
        if (sig != ARM_SIGNAL && asked_us)
            end_now("second signal");
        if (sig != ARM_SIGNAL) {
            asked_us = mono_now_us();
            log_info("stop asked", "signal=%s",
                     sig == SIGTERM  ? "TERM"
                     : sig == SIGINT ? "INT"
                                     : "HUP");
        }
        if (!deadline)
            deadline = mono_now_us() + WATCHDOG_US;
        signals_request_stop();
    }
}

void signals_block(void)
{
    sigset_t set = our_signals();
    signal(SIGPIPE, SIG_IGN);
    must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

int signals_start(int64_t limit_us)
{
    start_limit_us = limit_us;
    signals_start_waits(false);
    pthread_condattr_t a;
    must(pthread_condattr_init(&a) == 0);
    must(pthread_condattr_setclock(&a, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&changed, &a) == 0);
    pthread_condattr_destroy(&a);
    return thread_start(&waiter, "signals", wait_body, NULL);
}

void signals_start_waits(bool waits)
{
    if (start_limit_us)
        atomic_store(&start_until_us, waits ? WAITS : mono_now_us() + start_limit_us);
}

void signals_started(void)
{
    atomic_store(&start_until_us, 0);
}

bool signals_stopping(void)
{
    return atomic_load_explicit(&stopping, memory_order_acquire);
}

void signals_request_stop(void)
{
    pthread_mutex_lock(&lock);
    atomic_store_explicit(&stopping, true, memory_order_release);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void signals_wait(int64_t timeout_us)
{
    struct timespec until = timespec_of(mono_now_us() + (timeout_us > 0 ? timeout_us : 0));
    pthread_mutex_lock(&lock);
    while (!signals_stopping())
        if (pthread_cond_timedwait(&changed, &lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&lock);
}

void signals_arm_watchdog(void)
{
    signals_request_stop();
    must(pthread_kill(waiter.id, ARM_SIGNAL) == 0);
}
