// pending.h: messages of a call whose INVITE has not been seen yet (two mirrors, reordering). Held for 5 s of feed time; when
// the INVITE comes they go through the machines, and their rows get their call.
// Limit: slots (limits.pending) of 4 KiB; full: the oldest is pushed out (its row stays without a call), counted.
#pragma once
#include "world.h"

#define PENDING_KEEP_US (5 * INT64_C(1000000))
#define PENDING_AT_ONCE 16

void pending_hold(struct world *w, const struct message *m);
// The held messages of this Call-ID within the time around at_us, oldest first. The caller gives each back (pending_drop).
size_t pending_find(struct world *w, uint16_t site, struct span call_id, int64_t at_us,
                    struct pending *ret[PENDING_AT_ONCE]);
void pending_drop(struct world *w, struct pending *p);
void pending_sweep(struct world *w, size_t n);
