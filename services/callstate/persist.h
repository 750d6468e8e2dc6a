// persist.h: batches of rows to PostgreSQL, by a thread of their own. A batch is one transaction: rows and cursors, the
// cursors by compare-and-set. Only after COMMIT may the journals forget (feed_sub_commit).
//
//   state thread: fills the open batch -> persist_seal -> ring -> database thread: writes, gives it back empty
//
// Limits: batches (default 4). All in use (PostgreSQL is away or slow): persist_seal waits, so the state thread takes
// nothing from the feeds, and the journals of the sites hold: nothing is lost. Away: tried again with back-off for ever.
// Rows that PostgreSQL refuses: the batch is written again row by row as far as needed, they go to quarantine.
#pragma once
#include "batch.h"
#include "bus/bus.h"
#include "store/conn.h"
#include "world.h"

struct persist;
struct persist_opts {
    struct store *store; // owned by the database thread from start to stop
    size_t rows, batches, publishers;
    int64_t batch_us;
    void (*while_waiting)(void *ctx); // called by persist_seal every few ms while it waits
    void *ctx;
    void (*committed)(void *ctx, uint32_t bus_slot, uint64_t seq); // database thread
    void *committed_ctx;
};
struct persist *persist_new(const struct persist_opts *o);
int persist_start(struct persist *p);
// Before the start: every transaction renews this lease, and so does the thread when it has nothing to write. 0: no lease (tests).
void persist_set_lease(struct persist *p, int64_t fence, int64_t ttl_us);
// Empties what is sealed, at most timeout_us; then ends the thread. True: all was committed.
bool persist_stop(struct persist *p, int64_t timeout_us);
struct persist *persist_free(struct persist *p);

// State thread. The open batch of the world is sealed with everything that is dirty and the cursors of all publishers;
// the world gets another. Waits when there is none.
void persist_seal(struct persist *p, struct world *w);
// Seals when the batch is old enough and the database thread has nothing to do, or when it is full.
void persist_seal_if_due(struct persist *p, struct world *w);
// The first batch.
void persist_open(struct persist *p, struct world *w);
// Another callstate leads, or has moved a cursor: this one must end.
bool persist_lost(const struct persist *p);
bool persist_up(const struct persist *p);
size_t persist_memory(const struct persist *p);

// The database thread's work on one batch (also for tests): STORE_OK, STORE_E_AWAY and STORE_E_RETRY (again later), or:
enum {
    PERSIST_OVERTAKEN = -1, // a cursor was moved by someone else
    PERSIST_FENCED = -2     // another leads
};
struct persist_lease {
    int64_t fence, ttl_us; // fence 0: none
};
int persist_write(struct store *s, struct batch *b, const struct persist_lease *lease);
