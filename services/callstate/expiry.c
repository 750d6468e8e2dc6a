#include "expiry.h"
#include "call.h"
#include "join.h"
#include "parts.h"
#include "pending.h"
#include "recordings.h"
#include "stats.h"

#define ENDED                CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
#define EMERGENCY_UNANSWERED (4 * INT64_C(1000000))

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#define MEDIA_LOST_US (60 * INT64_C(1000000))

// RFC 4028 10: the session is over when its time and a third more (32 s at most) have passed without a refresh. Media that go on
// say that it was refreshed where we do not see. INT64_MAX: there is no session timer.
static int64_t session_deadline(const struct call *c, int64_t alive_us)
{
    int64_t expires_us = (int64_t)c->session_expires * 1000000;
    int64_t grace_us = expires_us / 3 < 32000000 ? expires_us / 3 : 32000000;
    return c->session_expires
               ? max64(c->refreshed_us + expires_us + grace_us, alive_us + MEDIA_LOST_US)
               : INT64_MAX;
}

// Of two deadlines the earlier one is the reason, whenever one looks: a replay that is faster than the sweep says the same.
static bool answered_due(const struct world *w, const struct call *c, int64_t now_us,
                         int64_t *ret_at, uint8_t *ret_reason)
{
    const struct limits *l = &w->lim;
    bool held = c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_HELD;
    int64_t media_us = max64(c->last_media_us, c->last_rtcp_us);
    int64_t at = max64(c->last_sip_us, media_us);
    int64_t silence = at + (held ? l->hold_us : media_us ? l->media_silence_us : l->idle_us);
    int64_t session = session_deadline(c, at);
    *ret_at = at; // when it was last heard of
    *ret_reason = session < silence   ? CALLMESH__V1__END_REASON__END_REASON_SESSION_EXPIRED
                  : held || !media_us ? CALLMESH__V1__END_REASON__END_REASON_SILENCE
                                      : CALLMESH__V1__END_REASON__END_REASON_MEDIA_SILENCE;
    return now_us > (session < silence ? session : silence);
}

bool expiry_due(const struct world *w, const struct call *c, int64_t now_us, int64_t *ret_at,
                uint8_t *ret_reason)
{
    const struct limits *l = &w->lim;
    if (c->state == ENDED)
        return false;
    int64_t at, wait;
    bool confirmed = c->answered_us != 0;
    for (const struct leg *leg = c->legs; leg && !confirmed; leg = leg->next)
        confirmed = leg->dialog == DIALOG_CONFIRMED; // the 2xx was not captured, the ACK was
    if (confirmed)
        return answered_due(w, c, now_us, ret_at, ret_reason);
    if (c->canceled)
        at = c->cancel_us, wait = l->no_answer_us;
    else if (c->last_provisional_us && c->status < 200)
        at = c->last_provisional_us, wait = l->provisional_us;
    else
        at = c->last_sip_us, wait = l->no_answer_us;
    if (!c->last_provisional_us && c->status == 0 &&
        slab_stat(w->calls).used > w->lim.calls / 10 * 9)
        wait =
            EMERGENCY_UNANSWERED; // the table is nearly full: calls that nobody answers at all go first
    if (now_us <= at + wait)
        return false;
    *ret_at = c->canceled ? at : at + wait;
    *ret_reason = c->canceled ? CALLMESH__V1__END_REASON__END_REASON_CANCELED
                              : CALLMESH__V1__END_REASON__END_REASON_NOT_ANSWERED;
    return true;
}

// Feed time stands still when nobody feeds the site. A call whose harvesters have all been silent for an hour of wall
// time will hear nothing more. An hour in which we listened: what they said while we were away is still to come.
static bool abandoned(const struct world *w, const struct call *c)
{
    for (uint8_t i = 0; i < c->publishers; i++) {
        const struct publisher *p = &w->publisher[c->publisher[i]];
        int64_t since = max64(p->last_seen_wall_us, w->listening_since_wall_us);
        if (p->up || w->wall_us - since < w->lim.idle_us)
            return false;
    }
    return true;
}

static void end_for(struct world *w, struct call *c, int64_t at_us, Callmesh__V1__HangupBy by,
                    uint8_t reason)
{
    c->end_reason = reason;
    call_end(w, c, at_us, by);
}

// All its parts have been over for long enough, and none waits for its recording: a recorder that was away meanwhile asks what is
// pending, and could not be told of a call that has left. Who needs the room takes it (call.c).
static bool lingered(const struct world *w, const struct call *c)
{
    for (const struct call *p = parts_first(c); p; p = p->next_part)
        if (p->state != ENDED || w->wall_us - p->ended_wall_us <= w->lim.linger_us ||
            recordings_awaited(w, &p->id))
            return false;
    return true;
}

static void sweep_call(struct world *w, struct call *c)
{
    int64_t at;
    uint8_t reason;
    join_check(w, c, w->site[c->site].feed_us);
    if (c->state == ENDED) {
        if (lingered(w, c))
            parts_remove(w, c);
        return;
    }
    if (!expiry_due(w, c, w->site[c->site].feed_us, &at, &reason)) {
        if (abandoned(w, c))
            end_for(w, c, max64(c->last_sip_us, c->last_media_us),
                    CALLMESH__V1__HANGUP_BY__HANGUP_BY_SYSTEM,
                    CALLMESH__V1__END_REASON__END_REASON_ABANDONED);
        return;
    }
    count(STAT_CALLS_EXPIRED);
    end_for(w, c, at, CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT, reason);
}

void expiry_sweep(struct world *w, size_t n)
{
    for (size_t i = 0; i < n && !world_batch_full(w); i++) {
        w->call_hand = (w->call_hand + 1) % w->lim.calls;
        struct call *c = slab_at(w->calls, w->call_hand);
        if (c)
            sweep_call(w, c);
    }
    pending_sweep(w, 16);
}

static bool fed_only_by(const struct world *w, const struct call *c, uint16_t publisher)
{
    bool by_it = false;
    for (uint8_t i = 0; i < c->publishers; i++) {
        if (c->publisher[i] == publisher)
            by_it = true;
        else if (!w->publisher[c->publisher[i]].ended)
            return false;
    }
    return by_it;
}

bool expiry_end_of_input(struct world *w, uint16_t publisher, int64_t at_us)
{
    for (size_t i = 0; i < w->lim.calls && w->publisher[publisher].calls; i++) {
        struct call *c = slab_at(w->calls, i);
        if (!c || c->state == ENDED || !fed_only_by(w, c, publisher))
            continue;
        if (world_batch_full(w))
            return false;
        int64_t at;
        uint8_t reason;
        if (expiry_due(w, c, at_us, &at, &reason))
            end_for(w, c, at, CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT, reason);
        else
            end_for(w, c, at_us, CALLMESH__V1__HANGUP_BY__HANGUP_BY_SYSTEM,
                    CALLMESH__V1__END_REASON__END_REASON_INPUT_ENDED);
    }
    return true;
}
