// journal_ring.h: a ring of records in memory: the whole of a memory journal, the stage of one on disk.
// Positions are logical: they only grow, the place is position % bytes. A record does not cross the end of the ring.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

struct journal_ring {
    uint8_t *p;
    uint64_t bytes; // multiple of 8
    uint64_t tail, head;
    uint64_t hint_seq, hint_pos; // where the last search ended: reads go forward
};
int jring_take(struct journal_ring *r, uint64_t bytes); // -ENOMEM
void jring_give(struct journal_ring *r);
// The largest record that it can ever hold.
uint64_t jring_record_max(const struct journal_ring *r);
// False: no room until the oldest goes.
bool jring_put(struct journal_ring *r, uint64_t seq, struct span head, struct span payload);
// The record at or behind pos; its end in *ret_end. False: none.
bool jring_at(const struct journal_ring *r, uint64_t pos, uint64_t *ret_seq, struct span *ret,
              uint64_t *ret_end);
bool jring_oldest(const struct journal_ring *r, uint64_t *ret_seq);
void jring_pop(struct journal_ring *r);
// The record with the lowest seq >= from.
bool jring_find(struct journal_ring *r, uint64_t from, uint64_t *ret_seq, struct span *ret);
