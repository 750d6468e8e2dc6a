// housekeeping.h: what the database needs now and then, on a thread and a connection of its own, so that a question of minutes
// never stops the rows of calls. At start and once an hour: day partitions ahead; the index of words for days that are over;
// cursors of feeds that nobody has heard of for a quarter. Once a minute: do the books of the feeds balance? Stop ends it within a second, an index half made is made again.
#pragma once
#include "policy_load.h"

struct housekeeping;
// dsn: borrowed until the end. NULL: no memory.
struct ring;
struct housekeeping_opts {
    const char *dsn;
    int64_t alerts_us;          // between two looks at the rules of alerts
    struct ring *alerts;        // struct alert, to the state thread
    struct policy_board *board; // where the rules of recording go when they have changed
};
struct housekeeping *housekeeping_new(const struct housekeeping_opts *o);
int housekeeping_start(struct housekeeping *h);
void housekeeping_stop(struct housekeeping *h);
// One round, by the caller's thread (tests). STORE_OK or why it stopped early.
int housekeeping_round(struct store *s, int64_t now_us);
