#include "recordings.h"
#include <string.h>
#include "base/log.h"
#include "base/mono.h"
#include "call.h"
#include "parts.h"
#include "recorders.h"
#include "rows.h"
#include "stats.h"

_Static_assert(AGENTS_SHOWN <= POLICY_AGENTS && AGENT_TEAM_MAX < POLICY_TEAM,
               "rules know all of them");

#define NONE    CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_NONE
#define ACTIVE  CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_ACTIVE
#define PENDING CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_PENDING
#define READY   CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_READY
#define FAILED  CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_FAILED

// There will be none: said as a recorder would say it, so that whoever waits for recording.ready or recording.failed hears one of them.
static void tell_failed(struct world *w, uint16_t site, const struct uuid *call_id,
                        const char *reason)
{
    Callmesh__V1__Recording r = CALLMESH__V1__RECORDING__INIT;
    struct uuid id = uuid_of_recording(call_id), of = *call_id;
    if (!w->doors.recording)
        return;
    r.id = (ProtobufCBinaryData){sizeof id.b, id.b};
    r.call_id = (ProtobufCBinaryData){sizeof of.b, of.b};
    // Packing does not write.
    r.site = w->site[site].name;
    r.reason = (char *)(uintptr_t)reason;
    r.status = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED;
    w->doors.recording(w->doors.ctx, &r);
}

static struct wait *find_wait(const struct world *w, const struct uuid *call_id)
{
    uint64_t h = hash_uuid(call_id);
    for (uint32_t i = chain_first(w->wait_by_id, h); i != CHAIN_END;
         i = chain_next(w->wait_by_id, i)) {
        struct wait *at = slab_at(w->waits, i);
        if (memcmp(at->call_id.b, call_id->b, sizeof call_id->b) == 0)
            return at;
    }
    return NULL;
}

bool recordings_awaited(const struct world *w, const struct uuid *call_id)
{
    const struct wait *at = find_wait(w, call_id);
    return at && !at->early;
}

static void set_away(struct world *w, struct wait *at, bool away)
{
    w->waits_away += away && !at->away;
    w->waits_away -= !away && at->away;
    at->away = away;
}

static void give_wait(struct world *w, struct wait *at)
{
    set_away(w, at, false);
    chain_del(w->wait_by_id, slab_index_of(w->waits, at));
    list_del(&at->age_link);
    slab_give(w->waits, at);
}

static void drop_wait(struct world *w, struct wait *at)
{
    if (!call_by_id(w, &at->call_id))
        rows_open_gone(w, &at->call_id);
    give_wait(w, at);
}

// A call that waits for its report has the place of the oldest report that waits for its call.
static struct wait *new_wait(struct world *w, const struct uuid *call_id, bool early)
{
    struct wait *at = slab_take(w->waits);
    if (!at && !list_empty(&w->early_age)) {
        give_wait(w, LIST_OBJECT(struct wait, age_link, w->early_age.next));
        count(STAT_FULL_EARLY);
        w->early--;
        at = slab_take(w->waits);
    }
    if (!at)
        return NULL;
    at->call_id = *call_id;
    at->early = early;
    at->since_wall_us = w->wall_us;
    chain_add(w->wait_by_id, hash_uuid(call_id), slab_index_of(w->waits, at));
    list_push(early ? &w->early_age : &w->wait_age, &at->age_link);
    return at;
}

static bool put_wait(struct world *w, uint16_t site, const struct uuid *call_id)
{
    if (find_wait(w, call_id))
        return true;
    struct wait *at = new_wait(w, call_id, false);
    if (at)
        at->site = site;
    return at != NULL;
}

// The feeds of harvesters and recorders have no order between them. After a start at older cursors (a callstate that was killed
// between telling an end and storing it, a replica that lagged) a report may come before its call has ended here, or is here.
static void put_early(struct world *w, const struct uuid *call_id, int state)
{
    struct wait *at = find_wait(w, call_id);
    if (!at && (at = new_wait(w, call_id, true)))
        w->early++;
    if (at)
        at->state = (uint8_t)state;
    else
        count(STAT_FULL_EARLY);
}

// The report was here before the end: its word, once.
static bool take_early(struct world *w, struct call *c)
{
    struct wait *at = find_wait(w, &c->id);
    if (!at || !at->early)
        return false;
    c->recording_state = at->state;
    give_wait(w, at);
    w->early--;
    count(STAT_EARLY_TAKEN);
    return true;
}

void recordings_expect(struct world *w, uint16_t site, const struct uuid *call_id)
{
    if (!put_wait(w, site, call_id))
        count(STAT_FULL_WAITS);
}

// Asked once; what it was called and who was on the line then is what the rules saw.
static void decide(struct world *w, struct call *c)
{
    if (c->decision.reason != POLICY_UNDECIDED)
        return;
    struct policy_facts f = {.call_id = &c->id,
                             .site = span_str(w->site[c->site].name),
                             .from_user = span_of(c->from.user, c->from.user_n),
                             .to_user = span_of(c->to.user, c->to.user_n)};
    policy_digits(f.from_user, f.from_number);
    policy_digits(f.to_user, f.to_number);
    f.direction = (uint8_t)policy_direction_of(f.from_user, f.to_user, w->lim.inside_digits);
    const struct leg *first = c->legs;
    for (const struct leg *l = c->legs; l; l = l->next)
        if (l->started_us < first->started_us)
            first = l;
    if (first) {
        f.src = first->src.ip;
        f.dst = first->dst.ip;
    }
    struct part_agent at[AGENTS_SHOWN];
    f.agents = parts_agents(parts_head(c), at);
    for (size_t i = 0; i < f.agents; i++) {
        f.agent[i].id = &at[i].agent->id;
        f.agent[i].team = agent_team(at[i].agent);
    }
    policy_decide(w->policy ? w->policy->now : NULL, &f, &c->decision);
}

static bool is_over(const struct call *c)
{
    return c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
}

// The word of the rules now that the call has come this far. False: it is not recorded.
static bool is_wanted(struct world *w, struct call *c)
{
    decide(w, c);
    struct decision *d = &c->decision;
    if (d->record && d->reason != POLICY_ASKED && is_over(c) && !c->answered_us &&
        (d->after_answer || d->from_answer)) {
        d->record = false;
        d->reason = POLICY_NOT_ANSWERED;
    }
    return d->record;
}

static bool has_media(const struct call *c)
{
    for (const struct stream *s = c->streams; s; s = s->next)
        if (s->packets)
            return true;
    return false;
}

static void expect(struct world *w, struct call *c)
{
    if (put_wait(w, c->site, &c->id)) {
        c->recording_state = PENDING;
        return;
    }
    c->recording_state = FAILED;
    count(STAT_FULL_WAITS);
    tell_failed(w, c->site, &c->id, "too many recordings are awaited");
}

void recordings_on_media(struct world *w, struct call *c)
{
    if (c->recording_state != NONE || !has_media(c) || !is_wanted(w, c))
        return;
    if (is_over(c))
        expect(w, c);
    else
        c->recording_state = ACTIVE;
}

void recordings_on_end(struct world *w, struct call *c)
{
    bool media = has_media(c);
    decide(
        w,
        c); // a call that no rule wants is skipped, and not lost, also when nobody said a word in it
    if (take_early(w, c))
        return;
    if (c->recording_state != ACTIVE && (c->recording_state != NONE || !media))
        return;
    if (is_wanted(w, c)) {
        expect(w, c);
        return;
    }
    c->recording_state = NONE;
    count(STAT_SKIPPED);
}

void recordings_ask(struct world *w, struct call *c, struct span by)
{
    struct decision *d = &c->decision;
    decide(w, c);
    if (d->record && d->reason != POLICY_ASKED)
        return; // a rule says so already
    if (d->reason != POLICY_ASKED || !d->record) {
        count(STAT_ASKED);
        *d = (struct decision){
            .reason = POLICY_ASKED, .record = true, .sides = d->sides ? d->sides : 3};
        (void)span_utf8(by, d->by, sizeof d->by);
    }
    recordings_on_media(w, c);
    call_touch(w, c, true);
}

void recordings_refuse(struct world *w, struct call *c, struct span by)
{
    struct decision *d = &c->decision;
    decide(w, c);
    if (is_over(c) || (d->reason == POLICY_ASKED && !d->record))
        return;
    *d = (struct decision){.reason = POLICY_ASKED, .sides = d->sides};
    (void)span_utf8(by, d->by, sizeof d->by);
    call_touch(w, c, true);
}

// The call's word on it, wherever the call is: in memory, or only in the database.
static void settle(struct world *w, uint16_t site, const struct uuid *call_id, int state)
{
    struct call *c = call_by_id(w, call_id);
    if (c) {
        c->recording_state = (uint8_t)state;
        call_touch(w, c, true);
    } else {
        rows_recording_state(w, w->site[site].name, call_id, state);
    }
}

// There is a recording of this call. Where none is awaited it is news of a call that has its word, or comes before the end.
static void learn(struct world *w, uint16_t site, const struct uuid *call_id, int state)
{
    const struct call *c = call_by_id(w, call_id);
    struct wait *at = find_wait(w, call_id);
    bool awaited = at && !at->early, over = c && is_over(c);
    if (awaited || over || !c)
        settle(w, site, call_id, state);
    if (awaited)
        drop_wait(w, at);
    else if (!over)
        put_early(w, call_id, state);
}

void recordings_on_report(struct world *w, uint16_t publisher, const Callmesh__V1__Recording *r)
{
    struct uuid call_id;
    if (r->call_id.len != sizeof call_id.b || r->id.len != sizeof call_id.b) {
        count(STAT_QUARANTINED);
        return;
    }
    memcpy(call_id.b, r->call_id.data, sizeof call_id.b);
    const struct call *c = call_by_id(w, &call_id);
    const struct wait *at = find_wait(w, &call_id);
    uint16_t site = w->publisher[publisher].site;
    if (c)
        site = c->site;
    else if (at && !at->early)
        site = at->site;
    else if (r->site && r->site[0] && !site_intern(w, span_str(r->site), &site))
        return;
    if (r->status == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_DELETED) {
        rows_recording(w, w->site[site].name, r);
        if (w->doors.recording)
            w->doors.recording(w->doors.ctx, r);
        return;
    }
    int state = r->status == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY    ? READY
                : r->status == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED ? FAILED
                                                                                       : NONE;
    count(STAT_RECORDINGS);
    rows_recording(w, w->site[site].name, r);
    learn(w, site, &call_id, state);
    if (w->doors.recording)
        w->doors.recording(w->doors.ctx, r);
}

void recordings_found(struct world *w, struct span site, const struct uuid *call_id,
                      struct span status)
{
    int state = span_eq(status, SPAN_LIT("ready"))    ? READY
                : span_eq(status, SPAN_LIT("failed")) ? FAILED
                                                      : NONE;
    const struct call *c = call_by_id(w, call_id);
    uint16_t at;
    if (!recordings_awaited(w, call_id)) {
        if (!c || !is_over(c))
            put_early(w, call_id, state);
        return;
    }
    // An empty one is awaited again: a stream was joined later.
    if (state != NONE && site_intern(w, site, &at))
        learn(w, c ? c->site : at, call_id, state);
}

// ret_why: its counter.
static bool is_hopeless(struct world *w, struct wait *at, enum callstate_stat *ret_why)
{
    bool was_away = at->away;
    struct recorders r = recorders_of(w, at->site);
    int64_t since = r.back_wall_us > at->since_wall_us ? r.back_wall_us : at->since_wall_us;
    if (w->listening_since_wall_us > since)
        since = w->listening_since_wall_us;
    int64_t waited = w->wall_us - since;
    set_away(w, at, r.awaited);
    if (at->away)
        return false; // not for ever: who is away for too long is not known any more
    *ret_why = r.known ? STAT_RECORDER_SILENT : was_away ? STAT_RECORDER_AWAY : STAT_NO_RECORDER;
    return waited >= w->lim.recorder_slow_us * (r.known ? 10 : 1);
}

// Each has its turn, whatever the others of other sites wait for.
void recordings_sweep(struct world *w, size_t n)
{
    size_t all = slab_stat(w->waits).used - w->early;
    for (size_t i = 0; i < n && i < all && !world_batch_full(w); i++) {
        struct wait *at = LIST_OBJECT(struct wait, age_link, w->wait_age.next);
        enum callstate_stat why;
        if (!is_hopeless(w, at, &why)) {
            list_del(&at->age_link);
            list_push(&w->wait_age, &at->age_link);
            continue;
        }
        log_warn("no report of a recording: given up", "reason=%s waited_s=%lld",
                 why == STAT_NO_RECORDER     ? "no_recorder"
                 : why == STAT_RECORDER_AWAY ? "recorder_away"
                                             : "recorder_silent",
                 (long long)((w->wall_us - at->since_wall_us) / US_PER_S));
        count(why);
        settle(w, at->site, &at->call_id, FAILED);
        tell_failed(w, at->site, &at->call_id, "no recorder answered");
        drop_wait(w, at);
    }
}
