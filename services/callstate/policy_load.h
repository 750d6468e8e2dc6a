// policy_load.h: the rules from PostgreSQL, and their way from the thread that reads them to the one that asks them: three places,
// each with one owner at any time, handed over by exchange. No lock, nobody waits.
// A change counts for calls that begin a second later; a call that has been asked about keeps its answer.
#pragma once
#include <stdatomic.h>
#include "policy.h"
#include "store/conn.h"

struct policy_board {
    struct policy place[3];
    struct policy *now;  // the state thread's
    struct policy *mine; // the reading thread's
    int64_t have;        // version last read
    _Atomic(struct policy *) next, spare;
};

void policy_board_init(struct policy_board *b);
// Rules of the database when they are others than `have`. STORE_OK: *ret_news says whether *ret was written.
int policy_read(struct store *s, int64_t have, struct policy *ret, bool *ret_news);
// The reading thread, about each second; at the start before there are others.
int policy_refresh(struct policy_board *b, struct store *s);
// The state thread, each round: what is in force from now on.
const struct policy *policy_current(struct policy_board *b);
