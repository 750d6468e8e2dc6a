// feed_pub_impl.h: what the parts of a publisher share: feed_pub.c (owner thread: send, flush, open, stop), feed_ask.c (the
// ask thread) and feed_sync.c (the sync thread of a journal on disk). Nobody else includes it.
#pragma once
#include <pthread.h>
#include <nng/nng.h>

#include "base/mono.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "count.h"
#include "envelope.h"
#include "journal.h"
#include "sign.h"
#include "sock.h"

#define FEED_IDLE_US      (100 * US_PER_MS) // between two Asks while something is not committed
#define FEED_QUIET_US     (400 * US_PER_MS) // and when all is: below NAME_IN_USE_US of account.c
#define FEED_POLL_MS      50
#define FEED_BACKFILL_MAX 900000u // bytes of envelopes in one Ask, at most
#define FEED_BACKFILL_MIN 16384u  // and when the consumer has little room

struct feed_pub {
    char publisher[ENVELOPE_NAME_MAX + 1], site[ENVELOPE_SITE_MAX + 1];
    Callmesh__V1__Kind kind;
    nng_socket pub, req;
    int req_fd; // readable when a reply is there
    struct thread ask_thread, sync_thread;
    bool sign;    // the feed leaves the machine and there is a key
    bool on_disk; // then the sync thread publishes what has become durable
    struct stat_cell *cells;
    uint8_t *scratch;    // BUS_MESSAGE_MAX, owner thread: packed payloads
    struct arena *arena; // ask thread: replies
    uint64_t ask_no;     // ask thread: Asks of this life
    uint32_t ask_id;     // ask thread, and the next three: the envelopes of the last Ask
    uint64_t ask_from, ask_n;
    size_t ask_bytes, backfill_limit;
    int64_t refused_us, warned_us; // ask thread
    struct arena *order_arena;     // owner of feed_pub_orders
    struct sock_pipes pub_pipes, req_pipes;

    pthread_mutex_t lock;     // everything below
    pthread_cond_t progress;  // for those who wait for commits
    pthread_cond_t wake;      // for the ask thread
    pthread_cond_t sync_wake; // for the sync thread
    struct journal *journal;
    uint64_t lost, syncs, io_failed; // what is counted of the journal's
    bool sync_idle;                  // the sync thread waits for an append
    bool stopping, live, known;      // known: next_seq is what the consumer said
    bool quiet;                      // the ask thread sleeps long: who lets be seen wakes it
    uint32_t waiting;                // how many wait for commits
    uint64_t next_seq;               // consumer's
    uint64_t sent, backfilled;
    uint64_t orders_version; // 0: none came yet
    uint64_t orders_kept;    // what the consumer hears of them, if keeps_orders
    bool keeps_orders;
    size_t orders_n;
    uint8_t orders[BUS_ORDERS_MAX];
    int64_t answered_us, asked_us, redialled_us; // monotonic
    int64_t offset_us, offset_rtt_us, offset_at_us;
    struct sock_kept kept;
};

void feed_pub_wait_us(pthread_cond_t *c, pthread_mutex_t *m, int64_t us); // at most that long
void feed_pub_gauges(struct feed_pub *f, const struct journal_stat *st);  // locked
void feed_pub_wake_ask(struct feed_pub *f, bool live); // locked: there is more to be seen
void feed_ask_body(struct thread *t, void *arg);
void feed_sync_body(struct thread *t, void *arg);
void feed_pub_publish(struct feed_pub *f, struct span head,
                      struct span payload); // by PUB, may be lost
