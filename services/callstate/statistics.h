// statistics.h: the sums of sites and trunks by quarters of an hour (schema 16, docs/decisions/0017-statistics.md), kept by the callstate that
// leads, on a thread and a connection of its own: signalling never waits for them, nor do alerts. A round takes in what has changed and makes due
// intervals anew, the oldest first, each in a transaction of its own; once an hour what is older than it is kept goes.
//
// Limits: a round stops taking intervals after STATISTICS_ROUND_US, and the next comes when nine times as long has passed as it took, so
// at most a tenth of the time goes into it; what is not done stays due (gauges statistics_due, statistics_lag_seconds). Killed at any moment: an interval
// stops being due in the transaction that wrote its sums.
#pragma once
#include "store/conn.h"

#define STATISTICS_ROUND_US 2000000

struct statistics;
struct statistics_opts {
    const char *dsn;   // borrowed until the end
    int64_t every_us;  // between two rounds
    int64_t keep_days; // sums that are older, and were made longer ago, go
};
// NULL: no memory.
struct statistics *statistics_new(const struct statistics_opts *o);
int statistics_start(struct statistics *s);
void statistics_stop(struct statistics *s);

// One round, as if it were now_us, until nothing is due or budget_us have passed. STORE_OK or the store's error.
int statistics_round(struct store *s, int64_t now_us, int64_t budget_us);
// Takes away what is older than keep_days, some thousand rows at a time until none is left.
int statistics_forget(struct store *s, int64_t now_us, int64_t keep_days);
