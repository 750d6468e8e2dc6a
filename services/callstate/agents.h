// agents.h: keeps the director's list (agents, extensions) and the dial plans of the sites (numbers.h) in memory. A thread of its own looks at its revision each
// second on its own connection; a list that has changed is read into the table that nobody reads and handed over by one index, so the
// state thread never waits. PostgreSQL away: the list as it was stays.
// Limit: limits.extensions entries, twice; more: left out, counted (callstate_table_refused{extensions}), said once a reading.
#pragma once
#include "world.h"

struct agents;
struct agents *agents_new(const char *dsn, size_t max);
struct agents *agents_free(struct agents *a);
// Before the first message: what is there now. STORE_OK or an error of lib/store.
int agents_load(struct agents *a, struct store *s);
int agents_start(struct agents *a);
void agents_stop(struct agents *a); // its memory stays: the state thread may still read it
// State thread: the newest list into the world.
void agents_adopt(struct agents *a, struct world *w);
// Who the parties of a call are: at its INVITE, of other signalling each time that one is called something else. Without a list, or without a match, they stay unknown.
void agents_match(struct world *w, struct call *c, const struct leg *l);
