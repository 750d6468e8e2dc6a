// fanring.h: one writer, any number of readers over one contiguous buffer of records. A reader is a cursor
// (one absolute u64 position in the reader's own memory); it costs the ring nothing and leaves nothing behind.
// The writer never waits: the oldest records go. A reader that was overtaken is told so (FANRING_E_LOST),
// with its cursor moved to the oldest record still there. Writer and readers may be on different threads;
// reads copy out (a record that is overwritten while it is copied counts as overtaken).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

enum {
    FANRING_OK = 0,
    FANRING_E_EMPTY = 1,
    FANRING_E_LOST = 2,
    FANRING_E_SMALL = 3
};

struct fanring;
// bytes: total buffer; the largest record is a quarter of it.
struct fanring *fanring_new(size_t bytes);
struct fanring *fanring_free(struct fanring *f);
// Back to empty, all cursors invalid (FANRING_E_LOST once). Writer only.
void fanring_reset(struct fanring *f);
// One record; 0, or -EMSGSIZE (counted).
int fanring_write(struct fanring *f, struct span record);
uint64_t fanring_refused(const struct fanring *f); // records that were too large; any thread
// Where a new reader starts: at the head (only what comes) or at the oldest.
uint64_t fanring_head(const struct fanring *f);
uint64_t fanring_tail(const struct fanring *f);
// The oldest record written within the last `records` records.
uint64_t fanring_back(const struct fanring *f, uint32_t records);
// Copies the next record into buf and moves the cursor. FANRING_E_SMALL: ret_n says the needed size, cursor stays.
int fanring_read(const struct fanring *f, uint64_t *cursor, void *buf, size_t cap, size_t *ret_n);
