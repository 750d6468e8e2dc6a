#include "call.h"
#include <string.h>
#include "base/fail.h"
#include "base/log.h"
#include "base/mono.h"
#include "blob.h"
#include "dialog.h"
#include "join.h"
#include "media_hosts.h"
#include "media_join.h"
#include "parts.h"
#include "recordings.h"
#include "rows.h"
#include "stats.h"
#include "story.h"

#define ENDED       CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
#define ROW_LATE_US (300 * US_PER_MS)

struct call *call_by_id(const struct world *w, const struct uuid *id)
{
    uint64_t h = hash_uuid(id);
    for (uint32_t i = chain_first(w->by_id, h); i != CHAIN_END; i = chain_next(w->by_id, i)) {
        struct call *c = slab_at(w->calls, i);
        if (memcmp(c->id.b, id->b, sizeof id->b) == 0)
            return c;
    }
    return NULL;
}

// The table is full: the oldest ended call whose recording is not awaited, else the oldest ended one, leaves early.
static bool evict_one(struct world *w)
{
    struct call *victim = NULL;
    int looked = 0;
    for (struct link *l = w->ended.next; l != &w->ended && looked < 64; l = l->next, looked++) {
        struct call *c = LIST_OBJECT(struct call, ended_link, l);
        if (!parts_over(c))
            continue; // shown as long as one of its parts lives
        if (!victim)
            victim = c;
        if (c->recording_state != CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_PENDING) {
            victim = c;
            break;
        }
    }
    if (!victim)
        return false;
    count_n(STAT_EVICTED_CALLS, parts_count(victim));
    parts_remove(w, victim);
    return true;
}

uint8_t *call_keep_text(struct world *w, struct call *c, struct span s, uint16_t *ret_n)
{
    size_t room = TEXTS_INLINE - c->texts_n;
    if (s.n > room && !c->block && !(c->block = slab_take(w->texts)))
        count(STAT_FULL_TEXTS);
    bool here = s.n <= room || !c->block;
    uint8_t *at = here ? c->texts + c->texts_n : c->block + c->block_n;
    size_t max = here ? room : (size_t)(TEXTS_BLOCK - c->block_n), n = s.n < max ? s.n : max;
    if (n)
        memcpy(at, s.p, n);
    *(here ? &c->texts_n : &c->block_n) += (uint16_t)n;
    *ret_n = (uint16_t)n;
    return at;
}

void call_keep_party(struct world *w, struct call *c, struct party *p, struct span uri,
                     struct span user, struct span name)
{
    p->uri = call_keep_text(w, c, span_sub(uri, 0, PARTY_URI_MAX), &p->uri_n);
    p->user = call_keep_text(w, c, span_sub(user, 0, PARTY_USER_MAX), &p->user_n);
    p->name = call_keep_text(w, c, span_sub(name, 0, PARTY_NAME_MAX), &p->name_n);
    p->user_cut = p->user_n < user.n;
}

void call_keep_agent(struct world *w, struct call *c, struct party *p, const struct agent_ref *a)
{
    uint16_t n = 0;
    p->agent = *a;
    p->agent.text = call_keep_text(w, c, span_of(a->text, (size_t)a->name_n + a->team_n), &n);
    if (p->agent.name_n > n)
        p->agent.name_n = (uint8_t)n;
    if (p->agent.team_n > n - p->agent.name_n)
        p->agent.team_n = (uint8_t)(n - p->agent.name_n);
}

struct call *call_new(struct world *w, uint16_t site, struct span call_id, const struct uuid *id)
{
    if (slab_stat(w->calls).used >= w->lim.calls)
        (void)evict_one(w);
    struct call *c = slab_take(w->calls);
    if (!c) {
        count(STAT_FULL_CALLS);
        log_error("call table full: new calls are refused", "calls=%zu setting=limits.calls",
                  w->lim.calls);
        return NULL;
    }
    c->id = *id;
    c->site = site;
    c->call_id_n = (uint16_t)(call_id.n > UINT16_MAX ? UINT16_MAX : call_id.n);
    c->call_id = call_keep_text(w, c, span_sub(call_id, 0, CALL_ID_MAX), &c->call_id_kept);
    c->call_id_hash = hash_site_span(w, site, call_id);
    c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_STARTED;
    size_t slot = slab_index_of(w->calls, c);
    chain_add(w->by_call_id, c->call_id_hash, slot);
    chain_add(w->by_id, hash_uuid(id), slot);
    w->site[site].calls++;
    return c;
}

struct leg *call_leg_new(struct world *w, struct call *c)
{
    struct leg *l = c->leg_count < CALL_LEGS_MAX ? slab_take(w->legs) : NULL;
    if (!l) {
        count(STAT_FULL_LEGS);
        return NULL;
    }
    l->call = c;
    l->state = CALLMESH__V1__CALL_STATE__CALL_STATE_STARTED;
    struct leg **end = &c->legs; // the first leg stays first: it is the one of the INVITE
    while (*end)
        end = &(*end)->next;
    *end = l;
    c->leg_count++;
    return l;
}

void call_credit_publisher(struct world *w, struct call *c, uint16_t publisher)
{
    for (uint8_t i = 0; i < c->publishers; i++)
        if (c->publisher[i] == publisher)
            return;
    if (c->publishers >= CALL_PUBLISHERS_MAX)
        return;
    c->publisher[c->publishers++] = publisher;
    w->publisher[publisher].calls++;
}

static void mark_dirty(struct world *w, struct call *c)
{
    if (!c->dirty) {
        c->dirty = true;
        list_push(&w->dirty_calls, &c->dirty_link);
        w->dirty_call_count++;
    }
    if (c->leg_count > c->dirty_legs) {
        w->dirty_leg_count += (size_t)(c->leg_count - c->dirty_legs);
        c->dirty_legs = c->leg_count;
    }
    size_t bytes = blob_bound(c);
    if (bytes > c->dirty_bytes) {
        w->dirty_bytes += bytes - c->dirty_bytes;
        c->dirty_bytes = bytes;
    }
}

void call_touch(struct world *w, struct call *c, bool state_changed)
{
    c->revision++;
    if (state_changed) {
        c->row_due = true;
    } else if (!c->row_due && !c->row_late_us) {
        c->row_late_us = w->wall_us;
        list_push(&w->late_calls, &c->late_link);
    }
    mark_dirty(w, c);
    if (state_changed && !c->tell_now) {
        list_del(&c->tell_link);
        list_push(&w->tell_now, &c->tell_link);
        c->tell_now = true;
    } else if (!list_in(&c->tell_link)) {
        list_push(&w->tell_later, &c->tell_link);
    }
    if (parts_is_merged(c)) // what people see of it
        call_touch(w, c->head, state_changed);
}

bool call_rows_due(struct world *w, bool all)
{
    while (!list_empty(&w->late_calls)) {
        struct call *c = LIST_OBJECT(struct call, late_link, w->late_calls.next);
        if (!all && w->wall_us - c->row_late_us < ROW_LATE_US)
            return true;
        if (world_batch_full(w))
            return false;
        c->row_due = true;
        c->row_late_us = 0;
        list_del(&c->late_link);
        mark_dirty(w, c);
    }
    return true;
}

// RFC 3261 21; mesh.proto says which is which.
Callmesh__V1__CallResult call_result_of(const struct call *c)
{
    unsigned s = c->status;
    if (c->answered_us)
        return CALLMESH__V1__CALL_RESULT__CALL_RESULT_ANSWERED;
    if (c->canceled && (s < 200 || s == 487))
        return CALLMESH__V1__CALL_RESULT__CALL_RESULT_CANCELED;
    if (s < 200 || s == 408 || s == 480 || s == 487)
        return CALLMESH__V1__CALL_RESULT__CALL_RESULT_NO_ANSWER;
    if (s < 400)
        return CALLMESH__V1__CALL_RESULT__CALL_RESULT_REDIRECTED;
    if (s == 486 || s == 600)
        return CALLMESH__V1__CALL_RESULT__CALL_RESULT_BUSY;
    if (s == 403 || s == 488 || s == 433 || s == 603 || (s >= 606 && s <= 608))
        return CALLMESH__V1__CALL_RESULT__CALL_RESULT_REJECTED;
    return CALLMESH__V1__CALL_RESULT__CALL_RESULT_FAILED;
}

static Callmesh__V1__EndReason end_reason_of(const struct call *c)
{
    if (c->by_bye)
        return CALLMESH__V1__END_REASON__END_REASON_BYE;
    if (c->canceled)
        return CALLMESH__V1__END_REASON__END_REASON_CANCELED;
    if (c->answered_us || c->status < 300 || c->status == 408)
        return CALLMESH__V1__END_REASON__END_REASON_NOT_ANSWERED;
    return c->status < 400 ? CALLMESH__V1__END_REASON__END_REASON_REDIRECTED
                           : CALLMESH__V1__END_REASON__END_REASON_REJECTED;
}

void call_settle(struct world *w, struct call *c, int64_t at_us)
{
    bool was_ended = list_in(&c->ended_link);
    bool open = false;
    for (const struct leg *l = c->legs; l; l = l->next)
        open |= l->dialog != DIALOG_ENDED;
    if (open) {
        if (was_ended) { // tried again, or answered after all
            list_del(&c->ended_link);
            c->ended_us = 0;
            c->end_reason = 0;
        }
        return;
    }
    if (was_ended) {
        c->result = (uint8_t)call_result_of(c); // a late 2xx
        return;
    }
    c->state = ENDED;
    c->ended_us = at_us > c->started_us ? at_us : c->started_us;
    if (c->hold_since_us && c->ended_us > c->hold_since_us)
        c->hold_us += c->ended_us - c->hold_since_us;
    c->hold_since_us = 0;
    c->result = (uint8_t)call_result_of(c);
    if (!c->hangup_by)
        c->hangup_by = c->canceled ? CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLER
                                   : CALLMESH__V1__HANGUP_BY__HANGUP_BY_SYSTEM;
    if (!c->end_reason)
        c->end_reason = (uint8_t)end_reason_of(c);
    c->ended_wall_us = w->wall_us;
    list_push(&w->ended, &c->ended_link);
    count((enum callstate_stat)(STAT_CALLS_ANSWERED + c->result - 1));
    recordings_on_end(w, c);
    story_on_end(w, c);
}

void call_end(struct world *w, struct call *c, int64_t at_us, Callmesh__V1__HangupBy by)
{
    for (struct leg *l = c->legs; l; l = l->next)
        if (l->dialog != DIALOG_ENDED)
            dialog_end(l, at_us);
    if (!c->hangup_by)
        c->hangup_by = (uint8_t)by;
    call_settle(w, c, at_us);
    call_touch(w, c, true);
}

void call_write_last(struct world *w, struct call *c)
{
    // While its recording is awaited a restart must know it.
    bool gone = !recordings_awaited(w, &c->id);
    rows_call(w, c, true, gone);
    list_del(&c->late_link);
    if (c->dirty) {
        list_del(&c->dirty_link);
        w->dirty_call_count--;
        w->dirty_leg_count -= c->dirty_legs;
        if (gone)
            w->dirty_bytes -= c->dirty_bytes; // else they are in the batch
        c->dirty = false;
    }
}

void call_remove(struct world *w, struct call *c)
{
    call_write_last(w, c);
    call_drop(w, c);
}

void call_drop(struct world *w, struct call *c)
{
    list_del(&c->tell_link);
    list_del(&c->ended_link);
    while (c->streams) {
        struct stream *s = c->streams;
        c->streams = s->next;
        media_detach(w, s);
    }
    while (c->legs) {
        struct leg *l = c->legs;
        c->legs = l->next;
        media_forget_addresses(w, l);
        media_hosts_del_leg(w, l);
        media_forget_formats(l);
        slab_give(w->legs, l);
    }
    if (c->block)
        slab_give(w->texts, c->block);
    if (c->more_pauses)
        slab_give(w->pauses_more, c->more_pauses);
    for (uint8_t i = 0; i < c->publishers; i++) {
        must(w->publisher[c->publisher[i]].calls > 0);
        w->publisher[c->publisher[i]].calls--;
    }
    must(w->site[c->site].calls > 0);
    w->site[c->site].calls--;
    size_t slot = slab_index_of(w->calls, c);
    chain_del(w->by_call_id, slot);
    chain_del(w->by_id, slot);
    join_forget(w, c);
    struct uuid id = c->id;
    slab_give(w->calls, c);
    if (w->doors.call_removed)
        w->doors.call_removed(w->doors.ctx, &id);
}

bool world_batch_full(const struct world *w)
{
    const struct batch *b = w->batch;
    size_t rows = b->messages_max;
    const struct {
        size_t used, spare, max;
    } need[] = {
        {table_rows(b->t[ROWS_CALLS]) + w->dirty_call_count, 28, batch_calls_max(rows)},
        {table_rows(b->t[ROWS_LEGS]) + w->dirty_leg_count, 60, batch_legs_max(rows)},
        {table_rows(b->t[ROWS_EVENTS]), 96, batch_events_max(rows)},
        {table_rows(b->t[ROWS_EVIDENCE]), 96, batch_events_max(rows)},
        {table_rows(b->t[ROWS_STREAMS]) + w->dirty_stream_count, 100, batch_streams_max(rows)},
        {table_rows(b->t[ROWS_MESSAGES]), 20, rows},
        {table_rows(b->t[ROWS_ASSIGN]), 20, rows},
        {table_rows(b->t[ROWS_OPEN_GONE]), 8, rows},
        {table_rows(b->t[ROWS_REGISTRATIONS]), 20, rows},
        {table_rows(b->t[ROWS_RECORDING_STATE]), 8, rows},
        {table_rows(b->t[ROWS_LOSSES]), 4, batch_losses_max(rows)},
        {table_rows(b->t[ROWS_RECORDINGS]), 2, BATCH_RECORDINGS},
        {table_rows(b->t[ROWS_QUARANTINE]), 2, 16},
        {w->dirty_bytes, 128u << 10, batch_open_bytes(rows)},
        {b->moves, 2, b->moves_max},
    };
    for (size_t i = 0; i < sizeof need / sizeof need[0]; i++)
        if (need[i].used + need[i].spare > need[i].max)
            return true;
    return !table_fits(b->t[ROWS_MESSAGES], 160u << 10) || !table_fits(b->t[ROWS_RECORDINGS], 0) ||
           !table_fits(b->t[ROWS_REGISTRATIONS], 0) ||
           !table_fits(b->t[ROWS_QUARANTINE], 32u << 10) || !table_fits(b->t[ROWS_LOSSES], 0) ||
           !table_fits(b->t[ROWS_ASSIGN], 0) || !table_fits(b->t[ROWS_CALLS], 28 * STORY_BYTES);
}
