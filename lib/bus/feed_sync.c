// The publisher's sync thread: makes the journal on disk durable, then publishes what has become so. It sleeps until an
// append wakes it; a disk that fails is tried again five times a second, with one line when it begins and one when it ends.
#include "feed_pub_impl.h"

#include <string.h>

#include "base/log.h"

// Locked. Sleeps until `us` from now, or for an append.
static void sleep_until_due(struct feed_pub *f, int64_t us)
{
    f->sync_idle = us == JOURNAL_NOTHING || journal_turn_lazy(f->journal);
    if (us == JOURNAL_NOTHING && !f->stopping)
        pthread_cond_wait(&f->sync_wake, &f->lock);
    else if (us > 0 && !f->stopping)
        feed_pub_wait_us(&f->sync_wake, &f->lock, us);
    f->sync_idle = false;
}

static void say(struct feed_pub *f, int was, int is)
{
    if (is != 0 && was == 0)
        log_error("journal cannot be written: nothing is published until it can",
                  "publisher=%s error=\"%s\"", f->publisher, strerror(-is));
    if (is == 0 && was != 0)
        log_warn("journal is written again", "publisher=%s", f->publisher);
}

static void publish(struct feed_pub *f)
{
    size_t it = 0;
    uint64_t seq;
    struct span s;
    while (journal_seen_next(f->journal, &it, &seq, &s))
        feed_pub_publish(f, s, (struct span){0});
}

void feed_sync_body(struct thread *t, void *arg)
{
    (void)t;
    struct feed_pub *f = arg;
    int error = 0;
    pthread_mutex_lock(&f->lock);
    while (!f->stopping) {
        uint64_t head = journal_stat(f->journal).head_seq;
        int64_t us = journal_turn(f->journal, &f->lock);
        struct journal_stat st = journal_stat(f->journal);
        feed_pub_gauges(f, &st);
        if (st.io_error != error)
            say(f, error, st.io_error);
        error = st.io_error;
        bool live = f->live && st.head_seq > head;
        if (st.head_seq > head)
            feed_pub_wake_ask(f, live);
        if (f->waiting > 0)
            pthread_cond_broadcast(&f->progress); // the stage has room again
        if (live) {
            pthread_mutex_unlock(&f->lock);
            publish(f);
            pthread_mutex_lock(&f->lock);
        }
        if (us > 0)
            sleep_until_due(f, us);
    }
    pthread_mutex_unlock(&f->lock);
}
