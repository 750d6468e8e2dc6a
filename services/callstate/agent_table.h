// agent_table.h: who a SIP user or an address is, at a site and a time: the director's list as one fixed hash table. Pure: filled and
// sealed by one thread, then read by one other (agents.c hands it over). Limit: `limits.extensions`; full: the rest is left out,
// counted by the caller.
#pragma once
#include "base/uuid.h"
#include "base/span.h"

enum agent_match { // numbers of mesh.proto
    AGENT_NONE,
    AGENT_BY_USER,
    AGENT_BY_ADDRESS,
};

// An agent as a call remembers it.
struct agent_ref {
    struct uuid id;
    uint8_t by, name_n, team_n; // by: enum agent_match
    uint8_t name[64], team[48];
};

struct agent_entry {
    uint32_t next; // with the same hash; UINT32_MAX: none
    uint8_t kind;  // enum agent_match
    int64_t from_us, to_us;
    char site[64]; // "": any
    char value[65];
    struct agent_ref agent;
};

struct agent_table;
struct agent_table *agent_table_new(size_t max);
struct agent_table *agent_table_free(struct agent_table *t);
void agent_table_clear(struct agent_table *t);
// The next place, to be filled, then put; NULL: full.
struct agent_entry *agent_table_next(struct agent_table *t);
void agent_table_put(struct agent_table *t);
size_t agent_table_used(const struct agent_table *t);
// The agent of this user or, when there is none, of this address (as text), at this time. An extension of the site itself goes before one of
// any site, a later one before an earlier one.
bool agent_table_match(const struct agent_table *t, struct span site, struct span user,
                       struct span address, int64_t at_us, struct agent_ref *ret);
