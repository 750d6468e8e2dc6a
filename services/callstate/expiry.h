// expiry.h: calls whose end was not seen. Timers in feed time of the site (so a file of 2006 and a live line can be in
// the mesh together), looked at by a bounded hand over the table and whenever a message touches the call; the time
// of the end is the deadline or the last life sign, never the moment of looking: a replay gives the same rows.
#pragma once
#include "world.h"

// Is the call over at this time? Then *ret_at is when it ended.
bool expiry_due(const struct world *w, const struct call *c, int64_t now_us, int64_t *ret_at,
                uint8_t *ret_reason);
// The hand: n slots of calls; also the linger of ended ones (wall clock) and of pending messages.
void expiry_sweep(struct world *w, size_t n);
// Ends the open calls that only this publisher fed; its input has ended at at_us. Works until the batch is full: false
// means there is more to do.
bool expiry_end_of_input(struct world *w, uint16_t publisher, int64_t at_us);
