// lease.h: which of several callstates leads: one row of PostgreSQL with a holder, an end, and a fence that rises at each change of
// hands. Every transaction of the leader renews the row by its fence, so it fails when another has taken it, and the taking waits
// for a transaction that is under way. Safety comes from that alone; the end in time only says when a standby may try. No
// session state: it works behind a pooler and after a fail-over. The clock is PostgreSQL's.
// A process of the same holder takes its own lease at once: two that stand by for each other need different names (setting node).
#pragma once
#include "store/conn.h"

enum {
    LEASE_E_HELD = 16 // by another, whose time has not run out
};
// The database thread, or the start. STORE_OK with the fence; LEASE_E_HELD; else as store_query.
int lease_take(struct store *s, const char *holder, int64_t ttl_us, int64_t *ret_fence);
// STORE_E_DATA: another has it.
int lease_renew(struct store *s, int64_t fence, int64_t ttl_us);
// At a clean end: the next one need not wait.
void lease_release(struct store *s, int64_t fence);

// The renewal as a statement of a transaction: fails with division by zero, and the transaction with it.
extern const char *const lease_renew_sql;
void lease_args(struct store_args *a, int64_t fence, int64_t ttl_us);
