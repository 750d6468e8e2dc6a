// transfer.h: REFER, its answer and its NOTIFYs (RFC 3515), 3xx, parking: who was sent where, and what came of it. Each call keeps
// the last two; what is still open when a third comes is given up, counted. Owner: the state thread.
#pragma once
#include "world.h"

void transfer_on_message(struct world *w, struct call *c, const struct message *m);
// c was answered, or ended without: if it is what a REFER led to, the transfer is done.
void transfer_on_outcome(struct world *w, struct call *c, bool answered, int64_t at_us);
