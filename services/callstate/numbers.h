// numbers.h: the parties of a call in E.164, by the dial plan of its site (lib/number). What was read stays with the call, whatever the plan
// says later. The plans come with the list of agents (agents.c): read when the revision of `director` has risen, no restart.
// Limit: DIALPLANS_MAX plans; more, or one that cannot be one: left out, counted (callstate_table_refused{dial_plans}), said in the log.
#pragma once
#include "store/conn.h"
#include "world.h"

// The loader's thread. STORE_OK or an error of lib/store.
int numbers_load(struct store *s, struct dialplans *ret);
// State thread: both parties, when what they are called has been told. No plan: only what is written with a + is a number.
void numbers_read(struct world *w, struct call *c);
