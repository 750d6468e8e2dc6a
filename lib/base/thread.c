#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/fail.h"

static void *run(void *arg)
{
    struct thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->body(t, t->arg);
    return NULL;
}

int thread_start(struct thread *t, const char *name, void (*body)(struct thread *, void *),
                 void *arg)
{
    must(!t->started);
    t->name = name;
    t->body = body;
    t->arg = arg;
    atomic_store(&t->stop, false);
    // Signals belong to the main thread: the new one inherits the full mask.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&t->id, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r != 0)
        return err_trace(-r);
    t->started = true;
    return 0;
}

void thread_ask_stop(struct thread *t)
{
    atomic_store_explicit(&t->stop, true, memory_order_release);
}

bool thread_should_stop(const struct thread *t)
{
    return atomic_load_explicit(&t->stop, memory_order_acquire);
}

void thread_join(struct thread *t)
{
    if (!t->started)
        return;
    thread_ask_stop(t);
    must(pthread_join(t->id, NULL) == 0);
    t->started = false;
}

void thread_must_own(struct owner *o)
{
    bool free_yet = false;
    if (atomic_compare_exchange_strong(&o->set, &free_yet, true))
        atomic_store(&o->id, pthread_self());
    else
        must(pthread_equal(atomic_load(&o->id), pthread_self()));
}

void owner_reset(struct owner *o)
{
    atomic_store(&o->set, false);
}
