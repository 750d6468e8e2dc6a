#include "parts.h"
#include <stdlib.h>
#include <string.h>
#include "call.h"
#include "stats.h"

bool parts_same(const struct call *a, const struct call *b)
{
    return parts_head(a) == parts_head(b);
}

size_t parts_count(const struct call *c)
{
    size_t n = 0;
    for (const struct call *p = parts_first(c); p; p = p->next_part)
        n++;
    return n;
}

bool parts_over(const struct call *c)
{
    for (const struct call *p = parts_first(c); p; p = p->next_part)
        if (p->state != CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED)
            return false;
    return true;
}

// ---- edges --------------------------------------------------------------------------------------------------------

int edge_score(const struct edge *e)
{
    int sum = 0;
    for (uint8_t i = 0; i < e->n; i++)
        sum += e->e[i].score;
    return sum < 0 ? 0 : sum > 100 ? 100 : sum;
}

bool edge_has(const struct edge *e, enum evidence_kind kind)
{
    for (uint8_t i = 0; i < e->n; i++)
        if (e->e[i].kind == kind)
            return true;
    return false;
}

bool edge_add(struct edge *e, const struct evidence *one)
{
    if (e->n == EVIDENCE_MAX || edge_has(e, (enum evidence_kind)one->kind))
        return false;
    e->e[e->n++] = *one;
    return true;
}

struct call *parts_edge(struct call *a, struct call *b)
{
    return a->parent == b ? a : b->parent == a ? b : NULL;
}

// ---- trees --------------------------------------------------------------------------------------------------------

struct set {
    struct call *at[2 * CALL_PARTS_MAX];
    size_t n;
};

static void add_all(struct set *s, struct call *c)
{
    for (struct call *p = c->head ? c->head : c; p; p = p->next_part)
        s->at[s->n++] = p;
}

static int by_start(const void *a, const void *b)
{
    const struct call *x = *(struct call *const *)a, *y = *(struct call *const *)b;
    if (x->started_us != y->started_us)
        return x->started_us < y->started_us ? -1 : 1;
    return memcmp(x->id.b, y->id.b, sizeof x->id.b);
}

// Makes `to` the root: on the way up every edge is given to the one it was hung on.
static void reroot(struct call *to)
{
    struct call *below = NULL, *c = to;
    struct edge edge = {.n = 0};
    while (c) {
        struct call *up = c->parent;
        struct edge own = c->edge;
        c->parent = below;
        c->edge = edge;
        below = c;
        edge = own;
        c = up;
    }
}

// One tree: the earliest is its head and root, the list is by start.
static void settle(struct set *s)
{
    qsort(s->at, s->n, sizeof s->at[0], by_start);
    reroot(s->at[0]);
    for (size_t i = 0; i < s->n; i++) {
        s->at[i]->head = s->n > 1 ? s->at[0] : NULL;
        s->at[i]->next_part = i + 1 < s->n ? s->at[i + 1] : NULL;
    }
}

static void touch(struct world *w, const struct set *s)
{
    for (size_t i = 0; i < s->n; i++)
        call_touch(w, s->at[i], true);
}

// tell: rows and mesh are behind (not so when it is read back).
static bool join(struct world *w, struct call *c, struct call *other, const struct edge *edge,
                 bool tell)
{
    struct set s = {.n = 0};
    if (parts_same(c, other))
        return false;
    if (parts_count(c) + parts_count(other) > CALL_PARTS_MAX) {
        count(STAT_FULL_PARTS);
        return false;
    }
    add_all(&s, c);
    add_all(&s, other);
    reroot(c);
    c->parent = other;
    c->edge = *edge;
    settle(&s);
    if (tell)
        touch(w, &s);
    return true;
}

bool parts_join(struct world *w, struct call *c, struct call *other, const struct edge *edge)
{
    return join(w, c, other, edge, true);
}

static bool hangs_on(const struct call *c, const struct call *top)
{
    while (c && c != top)
        c = c->parent;
    return c == top;
}

void parts_split(struct world *w, struct call *c)
{
    struct set all = {.n = 0}, mine = {.n = 0}, rest = {.n = 0};
    if (!c->parent)
        return;
    add_all(&all, c);
    for (size_t i = 0; i < all.n; i++) {
        struct set *s = hangs_on(all.at[i], c) ? &mine : &rest;
        s->at[s->n++] = all.at[i];
    }
    c->parent = NULL;
    c->edge = (struct edge){.n = 0};
    settle(&mine);
    settle(&rest);
    touch(w, &mine);
    touch(w, &rest);
}

void parts_relink(struct world *w)
{
    for (size_t i = 0; i < w->lim.calls; i++) {
        struct call *c = slab_at(w->calls, i);
        if (!c || uuid_is_zero(&c->parent_id))
            continue;
        struct call *parent = call_by_id(w, &c->parent_id);
        struct edge edge = c->edge;
        c->edge = (struct edge){.n = 0};
        c->parent_id = (struct uuid){0};
        if (parent && parent != c)
            (void)join(w, c, parent, &edge, false);
    }
}

void parts_remove(struct world *w, struct call *c)
{
    struct set s = {.n = 0};
    add_all(&s, c);
    for (size_t i = 0; i < s.n; i++)
        call_write_last(w, s.at[i]); // while each still knows the others
    for (size_t i = 0; i < s.n; i++)
        s.at[i]->head = s.at[i]->next_part = s.at[i]->parent = NULL;
    for (size_t i = s.n; i-- > 0;)
        call_drop(w, s.at[i]);
}

// ---- what people see ----------------------------------------------------------------------------------------------

static bool is_against(const struct call *c)
{
    return by_start(&(const struct call *){c}, &(const struct call *){c->parent}) < 0;
}

Callmesh__V1__PartRelation parts_relation(const struct call *c)
{
    if (!parts_is_merged(c))
        return CALLMESH__V1__PART_RELATION__PART_RELATION_ORIGINAL;
    const struct edge *e = &c->edge;
    bool older = is_against(c); // than what it hangs on: the edge was turned round
    if (edge_has(e, EVIDENCE_PARK))
        return CALLMESH__V1__PART_RELATION__PART_RELATION_PICKUP;
    if (edge_has(e, EVIDENCE_REPLACES)) {
        const struct call *replaced = older ? c : c->parent, *by = older ? c->parent : c;
        if (older)
            return CALLMESH__V1__PART_RELATION__PART_RELATION_CONSULT;
        bool early = !replaced->answered_us || replaced->answered_us > by->started_us;
        // A REFER that names a dialog joins the two without an INVITE between them.
        return edge_has(e, EVIDENCE_REFER) ? CALLMESH__V1__PART_RELATION__PART_RELATION_CONSULT
               : early                     ? CALLMESH__V1__PART_RELATION__PART_RELATION_PICKUP
                       : CALLMESH__V1__PART_RELATION__PART_RELATION_TRANSFER_TARGET;
    }
    if (edge_has(e, EVIDENCE_REFER) || edge_has(e, EVIDENCE_REFERRED_BY))
        return CALLMESH__V1__PART_RELATION__PART_RELATION_TRANSFER_TARGET;
    if (edge_has(e, EVIDENCE_FOCUS))
        return CALLMESH__V1__PART_RELATION__PART_RELATION_CONFERENCE;
    if (edge_has(e, EVIDENCE_REDIRECT))
        return CALLMESH__V1__PART_RELATION__PART_RELATION_FORWARD;
    return CALLMESH__V1__PART_RELATION__PART_RELATION_LEG;
}

static bool is_leg(const struct call *c)
{
    return parts_relation(c) == CALLMESH__V1__PART_RELATION__PART_RELATION_LEG;
}

static bool is_aside(const struct call *c) // not between the parties of the call
{
    return parts_relation(c) == CALLMESH__V1__PART_RELATION__PART_RELATION_CONSULT;
}

#define ANSWERED CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED
#define HELD     CALLMESH__V1__CALL_STATE__CALL_STATE_HELD
#define ENDED    CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
#define TIE_US                                                                                     \
    INT64_C(                                                                                       \
        2000000) // what ends this close together is one end: the earlier part tells who began it

static uint8_t story_state(const struct call *head)
{
    const struct call *latest = NULL;
    bool held = false;
    for (const struct call *p = head; p; p = p->next_part) {
        if (p->state == ENDED)
            continue;
        if (!latest || is_aside(latest) || !is_aside(p))
            latest = p;
        held |= p->state == HELD && !is_aside(p);
    }
    if (!latest)
        return ENDED;
    uint8_t state = head->state != ENDED ? head->state : latest->state;
    return state == ANSWERED && held ? HELD : state;
}

// The part with which the call ended: the head, or the one that came in its place (transfer, forward, pickup) and lasted longer.
static const struct call *last_of(const struct call *head)
{
    const struct call *last = head;
    for (const struct call *p = head->next_part; p; p = p->next_part) {
        if (is_leg(p) || is_aside(p) || (p->state == ENDED && !p->answered_us && head->answered_us))
            continue;
        if (p->ended_us > last->ended_us + TIE_US ||
            (!last->answered_us && (p->answered_us || p->started_us > last->started_us)))
            last = p;
    }
    return last;
}

static bool same_user(const struct party *a, const struct party *b)
{
    return a->user_n && a->user_n == b->user_n && memcmp(a->user, b->user, a->user_n) == 0;
}

// Who of the call's two sides is the one who hung up in its last part. One of them may have given his place to another.
static uint8_t hangup_of(const struct call *head, const struct call *last)
{
    bool by_caller = last->hangup_by == CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLER;
    if (last == head ||
        (!by_caller && last->hangup_by != CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLEE))
        return last->hangup_by;
    const struct party *who = by_caller ? &last->from : &last->to;
    const struct party *other = by_caller ? &last->to : &last->from;
    if (same_user(who, &head->from) || same_user(other, &head->to))
        return CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLER;
    if (same_user(who, &head->to) || same_user(other, &head->from))
        return CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLEE;
    return last->hangup_by;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return !a ? b : !b ? a : a < b ? a : b;
}

static uint8_t held_by(const struct call *c)
{
    uint8_t by = 0;
    for (const struct leg *l = c->legs; l; l = l->next)
        if (l->dialog != DIALOG_ENDED)
            by |= (uint8_t)(l->hold_by >> 1);
    return by;
}

// Holds of sides of one talk are the same hold; those of talks that follow each other add up.
static void story_hold(const struct call *head, struct call_story *s)
{
    s->hold_us = head->hold_us;
    s->hold_count = head->hold_count;
    for (const struct call *p = head; p; p = p->next_part) {
        if (p != head && is_leg(p)) {
            s->hold_us = p->hold_us > s->hold_us ? p->hold_us : s->hold_us;
            s->hold_count = p->hold_count > s->hold_count ? p->hold_count : s->hold_count;
        }
        if (!is_aside(p))
            s->held_by |= held_by(p);
    }
    for (const struct call *p = head->next_part; p; p = p->next_part)
        if (!is_leg(p) && !is_aside(p)) {
            s->hold_us += p->hold_us;
            s->hold_count += p->hold_count;
        }
}

// Active before pending before ready before failed before none.
static uint8_t best_recording(const struct call *c)
{
    static const uint8_t rank[] = {0, 4, 3, 2, 1};
    uint8_t best = c->recording_state;
    for (const struct call *p = parts_is_merged(c) ? NULL : c->next_part; p; p = p->next_part)
        if (rank[p->recording_state] > rank[best])
            best = p->recording_state;
    return best;
}

void parts_story(const struct call *c, struct call_story *ret)
{
    bool merged = parts_is_merged(c);
    const struct call *last = merged ? c : last_of(c);
    struct call_story s = {.state = merged ? c->state : story_state(c),
                           .ringing_us = c->ringing_us,
                           .answered_us = c->answered_us,
                           .hold_us = c->hold_us,
                           .hold_count = c->hold_count};
    if (merged)
        s.held_by = held_by(c);
    else
        story_hold(c, &s);
    for (const struct call *p = merged ? NULL : c->next_part; p; p = p->next_part) {
        if (is_aside(p))
            continue;
        if (!c->ringing_us && !c->answered_us) // what the caller heard goes first
            s.ringing_us = earlier(s.ringing_us, p->ringing_us);
        if (!c->answered_us)
            s.answered_us = earlier(s.answered_us, is_leg(p) ? 0 : p->answered_us);
    }
    s.status = last->status;
    s.reason = span_of(last->reason, last->reason_n);
    s.q850 = last->q850 ? last->q850 : c->q850;
    s.recording_state = best_recording(c);
    if (s.state == ENDED) {
        s.ended_us = last->ended_us;
        s.result = s.answered_us ? CALLMESH__V1__CALL_RESULT__CALL_RESULT_ANSWERED : last->result;
        s.hangup_by = hangup_of(c, last);
        s.end_reason = last->end_reason;
    }
    *ret = s;
}

// ---- who is in it -------------------------------------------------------------------------------------------------

static size_t add_agent(struct part_agent *ret, size_t n, const struct agent_ref *a, enum side side)
{
    if (!a->by || n == AGENTS_SHOWN)
        return n;
    for (size_t i = 0; i < n; i++)
        if (memcmp(ret[i].agent->id.b, a->id.b, sizeof a->id.b) == 0)
            return n;
    ret[n] = (struct part_agent){a, side};
    return n + 1;
}

size_t parts_agents(const struct call *c, struct part_agent ret[AGENTS_SHOWN])
{
    size_t n = 0;
    for (const struct call *p = c; p; p = parts_is_merged(c) ? NULL : p->next_part) {
        n = add_agent(ret, n, &p->from.agent, SIDE_CALLER);
        n = add_agent(ret, n, &p->to.agent, SIDE_CALLEE);
    }
    return n;
}
