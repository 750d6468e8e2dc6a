// The weighing itself; join_find.c looks up who comes into question.
#include "join.h"
#include <string.h>
#include "base/mono.h"
#include "call.h"
#include "event.h"
#include "join_find.h"
#include "parts.h"
#include "rows.h"
#include "stats.h"

// What a piece of evidence is worth. Alone from 80 on it joins; the rest must come together. Numbers and box alone (30 + 30 + 20) join just so:
// the same caller, the same callee, through the same box, within the window.
static const int8_t score_of[EVIDENCE_KINDS] = {
    [EVIDENCE_SESSION_ID] = 90,  // made to say just this
    [EVIDENCE_REPLACES] = 100,   // names the dialog, tags too
    [EVIDENCE_REFER] = 60,       // the number alone could be dialled by chance
    [EVIDENCE_REFERRED_BY] = 40, // and who sent it
    [EVIDENCE_HEADER] = 90,      // by setting: someone configured it to say this
    [EVIDENCE_CALL_ID] = 80,
    [EVIDENCE_ORIGIN] = 50, // phones exist that number sessions from 1
    [EVIDENCE_MEDIA] = 50,  // private addresses repeat behind two NATs
    [EVIDENCE_BOX] = 30,
    [EVIDENCE_TO] = 30,
    [EVIDENCE_FROM] = 20, // a trunk shows one number for many
    [EVIDENCE_DIVERSION] = 40,
    [EVIDENCE_REDIRECT] = 90,
    [EVIDENCE_PARK] = 90,
    [EVIDENCE_FOCUS] = 90,
    [EVIDENCE_SESSION_DIFFERS] = -60,
    [EVIDENCE_OUTCOME_DIFFERS] = -60,
    [EVIDENCE_BETTER] = -100,
    [EVIDENCE_REFUSED] = -100,
};

int join_score(const struct candidate *at)
{
    int sum = 0;
    for (size_t i = 0; i < at->n; i++)
        sum += score_of[at->kind[i]];
    return sum;
}

// Says that these two are one talk by what they look like, not by what they say.
static bool is_weak(enum evidence_kind k)
{
    return k == EVIDENCE_ORIGIN || k == EVIDENCE_MEDIA || k == EVIDENCE_BOX || k == EVIDENCE_TO ||
           k == EVIDENCE_FROM;
}

static bool all_weak(const struct edge *e)
{
    for (uint8_t i = 0; i < e->n; i++)
        if (!is_weak((enum evidence_kind)e->e[i].kind))
            return false;
    return true;
}

static void part(struct world *w, struct call *c, int64_t at_us, const char *why)
{
    event_note(w, c, NULL, at_us, "legs_split", SIDE_NONE, 0, "%s: score %d", why,
               edge_score(&c->edge));
    count(STAT_SPLIT);
    parts_split(w, c);
}

// Evidence on an edge that is there. The row stands with the later call of the two.
static void note(struct world *w, struct call *child, enum evidence_kind kind, int64_t at_us,
                 const char *detail)
{
    struct evidence e = {.at_us = at_us, .kind = (uint8_t)kind, .score = score_of[kind]};
    if (edge_add(&child->edge, &e))
        event_evidence(w, child, child->parent, &e, detail);
    else if (!edge_has(&child->edge, kind))
        count(STAT_FULL_EVIDENCE);
}

void join_against(struct world *w, struct call *c, enum evidence_kind kind, int64_t at_us,
                  const char *detail)
{
    if (!c->parent || edge_has(&c->edge, kind))
        return;
    if (c->edge.n == EVIDENCE_MAX)
        c->edge.n--; // room for what speaks against it
    note(w, c, kind, at_us, detail);
    if (edge_score(&c->edge) < w->lim.join_threshold)
        part(w, c, at_us, evidence_name((int)kind));
    else
        call_touch(w, c, false);
}

static void kinds_text(const struct edge *e, char *buf, size_t cap)
{
    size_t n = 0;
    buf[0] = 0;
    for (uint8_t i = 0; i < e->n; i++) {
        struct span name = span_str(evidence_name(e->e[i].kind));
        if (n + name.n + 2 > cap)
            return;
        if (n)
            buf[n++] = '+';
        n += span_copy(name, buf + n, cap - n);
    }
}

static void announce(struct world *w, struct call *c, struct call *other, int64_t at_us)
{
    char kinds[110];
    const struct call *child = parts_edge(c, other);
    kinds_text(&child->edge, kinds, sizeof kinds);
    event_note(w, c, NULL, at_us, "legs_joined", SIDE_NONE, 0, "%s by %s: score %d",
               relation_name((int)parts_relation(child)), kinds, edge_score(&child->edge));
}

static bool join_with(struct world *w, struct call *c, const struct candidate *at, int64_t at_us)
{
    struct edge edge = {.n = 0};
    for (size_t i = 0; i < at->n; i++)
        (void)edge_add(&edge, &(struct evidence){.at_us = at_us,
                                                 .kind = at->kind[i],
                                                 .score = score_of[at->kind[i]]});
    if (!parts_join(w, c, at->call, &edge))
        return false;
    count(STAT_JOINED);
    for (uint8_t i = 0; i < edge.n; i++)
        event_evidence(w, c, at->call, &edge.e[i], at->detail[i].s);
    announce(w, c, at->call, at_us);
    return true;
}

// What is new about two that are joined already.
static void more(struct world *w, struct call *child, const struct candidate *at, int64_t at_us)
{
    for (size_t i = 0; i < at->n; i++) {
        enum evidence_kind k = (enum evidence_kind)at->kind[i];
        if (score_of[k] < 0)
            join_against(w, child, k, at_us, at->detail[i].s);
        else
            note(w, child, k, at_us, at->detail[i].s);
        if (!child->parent)
            return; // parted
    }
}

// A call that hangs on another by its looks alone gives way to one that says more.
static bool give_way(struct world *w, struct call *c, const struct candidate *at, int64_t at_us)
{
    if (!c->parent || !all_weak(&c->edge) || parts_same(c, at->call) ||
        join_score(at) <= edge_score(&c->edge))
        return true;
    join_against(w, c, EVIDENCE_BETTER, at_us, "another call says more");
    return !c->parent;
}

static bool only_weak(const struct candidate *at)
{
    for (size_t i = 0; i < at->n; i++)
        if (score_of[at->kind[i]] > 0 && !is_weak((enum evidence_kind)at->kind[i]))
            return false;
    return true;
}

static int64_t apart(const struct call *a, const struct call *b)
{
    return a->started_us > b->started_us ? a->started_us - b->started_us
                                         : b->started_us - a->started_us;
}

// The heaviest first; of equals the one that began nearest.
static struct candidate *best_of(struct look *l)
{
    struct candidate *best = NULL;
    for (size_t i = 0; i < l->n; i++) {
        struct candidate *at = &l->at[i];
        if (at->done || join_score(at) < l->w->lim.join_threshold)
            continue;
        if (best && join_score(at) == join_score(best) && only_weak(at) &&
            !parts_same(at->call, best->call))
            count(STAT_JOIN_AMBIGUOUS);
        if (!best || join_score(at) > join_score(best) ||
            (join_score(at) == join_score(best) && apart(at->call, l->c) < apart(best->call, l->c)))
            best = at;
    }
    return best;
}

void join_look(struct world *w, struct call *c, const struct message *m)
{
    struct look l = {.w = w, .c = c, .m = m};
    bool weak_used = c->parent != NULL;
    if (!w->lim.join_threshold)
        return;
    join_find(&l);
    for (size_t i = 0; i < l.n; i++) {
        struct call *child = parts_edge(c, l.at[i].call);
        if (child) {
            more(w, child, &l.at[i], m->when_us);
            l.at[i].done = true;
        }
    }
    for (struct candidate *at; (at = best_of(&l));) {
        at->done = true;
        if (parts_same(c, at->call) || (only_weak(at) && weak_used))
            continue;
        if (give_way(w, c, at, m->when_us) && join_with(w, c, at, m->when_us))
            weak_used = true; // by its looks a call is the other side of one
    }
}

void join_by_refer(struct world *w, struct call *c, const struct message *m, struct span call_id,
                   struct span tag_a, struct span tag_b)
{
    struct call *other = join_dialog(w, c->site, call_id, tag_a, tag_b);
    if (!other || other == c || parts_same(c, other) || !w->lim.join_threshold)
        return;
    struct candidate at = {.call = other, .n = 2, .kind = {EVIDENCE_REPLACES, EVIDENCE_REFER}};
    at.detail[0] = event_text(call_id);
    (void)join_with(w, c, &at, m->when_us);
}

#define TOGETHER_US (10 * US_PER_S)

void join_check(struct world *w, struct call *c, int64_t now_us)
{
    const struct call *p = c->parent;
    if (!p || parts_relation(c) != CALLMESH__V1__PART_RELATION__PART_RELATION_LEG)
        return;
    for (const struct call *x = parts_first(c); x; x = x->next_part)
        if (x->transfer[0]) // then one side may well go on without the other
            return;
    const struct call *ended = c->ended_us ? c : p, *open = c->ended_us ? p : c;
    // Its BYE may just be lost: only sound tells that the talk goes on. And a side that was never answered is a try that
    // the box gave up (forking, hunting).
    if (ended->ended_us && !open->ended_us && (ended == p || ended->answered_us) &&
        open->last_media_us > ended->ended_us + TOGETHER_US)
        join_against(w, c, EVIDENCE_OUTCOME_DIFFERS, now_us, "one side has ended, the other talks");
}
