// agent_table.h: who a SIP user or an address is, at a site and a time: the director's list as one fixed hash table. Pure: filled
// by one thread, then read by one other (agents.c hands it over). Limit: `limits.extensions` entries, and 48 bytes of text for each
// of them together (values, names, teams; what the entry before has too is kept once); full: the rest is left out, counted by the caller.
#pragma once
#include "base/span.h"
#include "base/uuid.h"

enum agent_match { // numbers of mesh.proto
    AGENT_NONE,
    AGENT_BY_USER,
    AGENT_BY_ADDRESS,
    AGENT_BY_NUMBER, // the same number in E.164, however each of the two is written
};

#define AGENT_NAME_MAX  64
#define AGENT_TEAM_MAX  48
#define AGENT_SITE_MAX  63
#define AGENT_VALUE_MAX 64

// An agent as a call remembers it: the text is the name, then the team, borrowed from a table or among the texts of a call.
struct agent_ref {
    struct uuid id;
    uint8_t by, name_n, team_n; // by: enum agent_match
    const uint8_t *text;
};

static inline struct span agent_name(const struct agent_ref *a)
{
    return span_of(a->text, a->name_n);
}

static inline struct span agent_team(const struct agent_ref *a)
{
    return span_of(a->name_n ? a->text + a->name_n : a->text, a->team_n);
}

// An extension of an agent. What is longer than the bounds above is cut.
struct agent_entry {
    enum agent_match kind; // by user or by address
    int64_t from_us, to_us;
    struct uuid id;
    struct span site, value, name, team; // site "": any
    uint64_t e164;                       // of a user; 0: is no number
};

struct agent_table;
struct agent_table *agent_table_new(size_t max);
struct agent_table *agent_table_free(struct agent_table *t);
void agent_table_clear(struct agent_table *t);
bool agent_table_add(struct agent_table *t, const struct agent_entry *e); // false: full
size_t agent_table_used(const struct agent_table *t);
// The agent of this user or, when there is none, of this number (0: none) or this address (as text), at this time. An extension of the site
// itself goes before one of any site, a later one before an earlier one. *ret borrows from the table.
bool agent_table_match(const struct agent_table *t, struct span site, struct span user,
                       uint64_t e164, struct span address, int64_t at_us, struct agent_ref *ret);
