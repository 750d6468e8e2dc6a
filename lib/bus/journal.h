// journal.h: the bounded memory of a publisher: what it has sent and the consumer has not committed.
//
// In memory (path NULL): one ring; what is appended may be published at once. On disk: append only copies into a stage in
// memory; the owner's sync thread calls journal_turn, which writes the stage into segment files, syncs them and only then
// lets the records be seen (head_seq). So whatever a consumer has ever been given survives kill -9 and, with `sync`, a power
// cut. Without `sync` (media) records are seen when written; a power cut costs what the last second's fdatasync did not
// cover, and their numbers are declared lost, never used again.
// Full: the oldest segment goes; with keep an uncommitted one stays and the append is refused instead.
// Threads: the owner's lock is held for every call; journal_turn lets go of it during I/O.
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct journal;
struct journal_opts {
    const char *path; // directory, made when missing; NULL: memory
    uint64_t bytes;   // of all segments (or the ring) together
    bool keep;        // see above
    bool sync;        // durable before it is seen
};

// 0 or negative errno with one clear line in err.
int journal_open(struct journal **ret, const struct journal_opts *o, char *err, size_t err_cap);
// Writes and syncs what is left and marks it as closed; readable until journal_free.
void journal_close(struct journal *j);
struct journal *journal_free(struct journal *j);

// Appends head + payload as record next_seq. -EAGAIN: full of uncommitted records (keep only). -EMSGSIZE.
int journal_append(struct journal *j, struct span head, struct span payload);
// The record with the lowest seq >= from that may be seen: a view until the next append or read. False: none.
bool journal_read(struct journal *j, uint64_t from, uint64_t *ret_seq, struct span *ret_bytes);
// The consumer has everything up to seq. Never goes back, never beyond the head.
void journal_commit(struct journal *j, uint64_t seq);

// On disk only, one thread. Does what is due and gives the time until there is more to do: 0 at once,
// JOURNAL_NOTHING when the next append must wake it.
#define JOURNAL_NOTHING INT64_MAX
int64_t journal_turn(struct journal *j, pthread_mutex_t *lock);
// After a turn, by the same thread, lock not needed: the records that this turn let be seen. *it is 0 at first.
bool journal_seen_next(struct journal *j, size_t *it, uint64_t *ret_seq, struct span *ret_bytes);
// So much waits that a turn is due at once.
bool journal_turn_due(const struct journal *j);
// The time that the last turn gave is that of a sync which may wait: the next append is due before it.
bool journal_turn_lazy(const struct journal *j);

struct journal_stat {
    uint8_t incarnation[16];
    uint64_t epoch;
    uint64_t first_seq; // oldest still here; head_seq + 1 when empty
    uint64_t head_seq;  // newest that may be seen, 0 when none was ever written
    uint64_t next_seq;  // of the next append
    uint64_t committed_seq;
    uint64_t overwritten; // uncommitted records that went, since open
    uint64_t damaged;     // numbers that were unreadable or may have been used at open
    uint64_t bytes_used, bytes;
    uint64_t syncs, io_failed; // since open
    int io_error;              // of the last turn: negative errno, 0 when well
    bool after_power_cut;
};
struct journal_stat journal_stat(const struct journal *j);
