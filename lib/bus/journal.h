// journal.h: the bounded memory of a publisher: what it has sent and the consumer has not committed.
// One mmapped ring file (or plain memory when path is NULL). kill -9 at any instant leaves a valid journal: a record is
// written first, then the head moves. A damaged record costs itself, not the file: it becomes a hole. Full: the oldest
// record goes; with keep set an uncommitted one stays and the append is refused instead.
// Not safe against a power cut: after one (other boot, not closed) it begins a new incarnation, so that no sequence number
// is used twice; what was uncommitted is then a declared loss. No thread rule of its own: the owner holds a lock.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct journal;

// 0 or negative errno with one clear line in err. bytes: size of the ring (rounded up to pages). keep: see above.
int journal_open(struct journal **ret, const char *path, uint64_t bytes, bool keep, char *err,
                 size_t err_cap);
// Syncs and marks it as closed; the memory stays mapped until journal_free.
void journal_close(struct journal *j);
struct journal *journal_free(struct journal *j);

// Appends head + payload as record journal_next_seq. -EAGAIN: full of uncommitted records (keep only). -EMSGSIZE.
int journal_append(struct journal *j, struct span head, struct span payload);
// The record with the lowest seq >= from: a view until the next append. False: none.
bool journal_read(struct journal *j, uint64_t from, uint64_t *ret_seq, struct span *ret_bytes);
// The consumer has everything up to seq. Never goes back, never beyond the head.
void journal_commit(struct journal *j, uint64_t seq);

struct journal_stat {
    uint8_t incarnation[16];
    uint64_t epoch;
    uint64_t first_seq; // oldest still here; head_seq + 1 when empty
    uint64_t head_seq;  // newest, 0 when none was ever written
    uint64_t committed_seq;
    uint64_t overwritten; // uncommitted records that went, since open
    uint64_t damaged;     // records that were unreadable at open
    uint64_t bytes_used, bytes;
    bool reborn; // new incarnation because of a power cut
};
struct journal_stat journal_stat(const struct journal *j);
