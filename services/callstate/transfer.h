// transfer.h: REFER, its answer and its NOTIFYs (RFC 3515), 3xx, parking: who was sent where, and what came of it. Each call keeps
// the last two; what is still open when a third comes is given up, counted. They stand in a table for half as many as there may be calls;
// full: a new one takes the place of one of its call, or is not kept, counted. Owner: the state thread.
#pragma once
#include "world.h"

// The i-th of a call that has none yet; NULL: the table is full.
struct transfer *transfer_take(struct world *w, struct call *c, size_t i);
void transfer_drop(struct world *w, struct call *c, size_t i); // none: nothing
void transfer_on_message(struct world *w, struct call *c, const struct message *m);
// c was answered, or ended without: if it is what a REFER led to, the transfer is done.
void transfer_on_outcome(struct world *w, struct call *c, bool answered, int64_t at_us);
