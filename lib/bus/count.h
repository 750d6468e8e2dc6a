// count.h: the counters of this library, as base/stat tables: one for each kind of feed that is published and one for all
// that is received. Added to from several threads, so by atomic addition (a few a batch, never one a packet).
#pragma once
#include <stdatomic.h>
#include <stdint.h>
#include "base/stat.h"
#include "callmesh/v1/envelope.pb-c.h"

enum count_out {
    OUT_MESSAGES,
    OUT_BYTES,
    OUT_BACKFILLED,
    OUT_JOURNAL_LOST,  // overwritten uncommitted
    OUT_WAITS,         // times the source had to wait for room
    OUT_SYNCS,         // fdatasync of journal segments
    OUT_IO_FAILED,     // writes and syncs that failed
    OUT_JOURNAL_BYTES, // gauges
    OUT_JOURNAL_LIMIT,
    OUT_UNCOMMITTED,
    OUT_N
};
enum count_in {
    IN_MESSAGES,
    IN_BYTES,
    IN_GAPS,
    IN_BACKFILLED,
    IN_LOST,
    IN_DROP_EARLY,     // after a gap; comes again by the sure path
    IN_DROP_FULL,      // the owner is slow; comes again
    IN_DROP_DUPLICATE, // had come by the other path
    IN_DROP_UNKNOWN,   // before the first Ask of its publisher; comes again
    IN_DROP_BAD,       // not an Envelope or Ask
    IN_DROP_VERSION,
    IN_DROP_REFUSED,           // one publisher too many, or its name is in use
    IN_UNKNOWN_FIELDS,         // envelopes of a later version
    IN_REFUSED_NO_CERTIFICATE, // wss:// connections
    IN_REFUSED_FOREIGN,
    IN_REFUSED_TLS,
    IN_REFUSED_REVOKED, // and what is signed with a key that was revoked
    IN_REFUSED_UNKNOWN,
    IN_REFUSED_UNSIGNED, // envelopes and Asks that came by wss://
    IN_REFUSED_SIGNATURE,
    IN_REFUSED_REPLAYED,
    IN_QUEUE_BYTES, // gauges
    IN_QUEUE_MESSAGES,
    IN_PUBLISHERS,
    IN_N
};

struct stat_cell *count_out_cells(Callmesh__V1__Kind kind); // registers the table at its first call
struct stat_cell *count_in_cells(void);

static inline void count_add(struct stat_cell *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->v, n, memory_order_relaxed);
}
