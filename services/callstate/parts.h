// parts.h: calls that are one: a tree of calls, each joined to its parent by an edge of evidence. The earliest is the head and the
// root; the call that people see has its id. Parting at an edge gives two trees back, each with its own earliest as head, so a join is undone
// without a trace in the parts themselves. Limit: 8 parts; a ninth stays a call of its own, counted. Owner: the state thread.
#pragma once
#include "world.h"

static inline const struct call *parts_head(const struct call *c)
{
    return c->head ? c->head : c;
}
static inline const struct call *parts_first(const struct call *c) // of all; then ->next_part
{
    return parts_head(c);
}
static inline bool parts_is_merged(const struct call *c)
{
    return c->head && c->head != c;
}
bool parts_same(const struct call *a, const struct call *b);
size_t parts_count(const struct call *c);
bool parts_over(const struct call *c); // all have ended
// Joins the trees of both; the edge lies between them. False: too many parts, nothing was changed.
bool parts_join(struct world *w, struct call *c, struct call *other, const struct edge *edge);
// Parts at the edge between c and its parent.
void parts_split(struct world *w, struct call *c);
// The child of the edge between two calls; NULL: no edge joins them.
struct call *parts_edge(struct call *a, struct call *b);
int edge_score(const struct edge *e); // not below 0, not above 100
bool edge_has(const struct edge *e, enum evidence_kind kind);
// False: it has that already, or is full.
bool edge_add(struct edge *e, const struct evidence *one);
// After blobs were read: finds the parents by their ids.
void parts_relink(struct world *w);
// The whole tree leaves memory, its head last.
void parts_remove(struct world *w, struct call *c);
// What this part is to the call: number of PartRelation.
Callmesh__V1__PartRelation parts_relation(const struct call *c);

// The agents of a call, each once, in order of the parts: of a head those of all parts, of another its own. Returns how many.
#define AGENTS_SHOWN 4
struct part_agent {
    const struct agent_ref *agent; // borrowed from its party
    enum side side;
};
size_t parts_agents(const struct call *c, struct part_agent ret[AGENTS_SHOWN]);

// The call as people see it: the head with what its parts say.
struct call_story {
    uint8_t state, result, hangup_by, end_reason;
    uint8_t held_by;         // bit 0 caller, bit 1 callee
    uint8_t recording_state; // the best of the parts
    uint16_t status, q850;
    struct span reason;
    int64_t ringing_us, answered_us, ended_us, hold_us;
    uint32_t hold_count;
};
void parts_story(const struct call *c, struct call_story *ret);
