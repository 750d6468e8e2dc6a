// thread.h: named threads that stop in reverse order of start, and the "am I the owner" check.
#pragma once
#include <pthread.h>
#include <stdbool.h>

struct thread {
    pthread_t id;
    bool started;
    _Atomic bool stop; // the body looks at thread_should_stop
    const char *name;  // at most 15 characters (shown by ps -L)
    void (*body)(struct thread *t, void *arg);
    void *arg;
};
// 0 or negative errno. All signals are blocked in the thread.
int thread_start(struct thread *t, const char *name, void (*body)(struct thread *, void *),
                 void *arg);
void thread_ask_stop(struct thread *t);
bool thread_should_stop(const struct thread *t);
void thread_join(struct thread *t); // asks, then waits; fine when never started

// An owner is claimed by the first thread that runs the check and is then fixed until reset.
struct owner {
    _Atomic(pthread_t) id;
    _Atomic bool set;
};
void thread_must_own(struct owner *o);
void owner_reset(struct owner *o);
