#include "expiry.h"
#include "call.h"
#include "pending.h"
#include "stats.h"

#define ENDED                CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
#define EMERGENCY_UNANSWERED (4 * INT64_C(1000000))

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool expiry_due(const struct world *w, const struct call *c, int64_t now_us, int64_t *ret_at)
{
    const struct limits *l = &w->lim;
    if (c->state == ENDED)
        return false;
    int64_t at, wait;
    bool confirmed = c->answered_us != 0;
    for (const struct leg *leg = c->legs; leg && !confirmed; leg = leg->next)
        confirmed = leg->dialog == DIALOG_CONFIRMED; // the 2xx was not captured, the ACK was
    if (confirmed) {
        bool held = c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_HELD;
        at = max64(c->last_sip_us, c->last_media_us);
        wait = held ? l->hold_us : c->last_media_us ? l->media_silence_us : l->idle_us;
        if (now_us <= at + wait)
            return false;
        *ret_at = at; // when it was last heard of
        return true;
    }
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
    return true;
}

// Feed time stands still when nobody feeds the site. A call whose harvesters have all been silent for an hour of wall
// time will hear nothing more.
static bool abandoned(const struct world *w, const struct call *c)
{
    for (uint8_t i = 0; i < c->publishers; i++) {
        const struct publisher *p = &w->publisher[c->publisher[i]];
        if (p->up || w->wall_us - p->last_seen_wall_us < w->lim.idle_us)
            return false;
    }
    return true;
}

static void sweep_call(struct world *w, struct call *c)
{
    int64_t at;
    if (c->state == ENDED) {
        if (w->wall_us - c->ended_wall_us > w->lim.linger_us)
            call_remove(w, c);
        return;
    }
    if (!expiry_due(w, c, w->site[c->site].feed_us, &at)) {
        if (abandoned(w, c))
            call_end(w, c, max64(c->last_sip_us, c->last_media_us),
                     CALLMESH__V1__HANGUP_BY__HANGUP_BY_SYSTEM);
        return;
    }
    count(STAT_CALLS_EXPIRED);
    call_end(w, c, at, CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT);
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
        if (expiry_due(w, c, at_us, &at))
            call_end(w, c, at, CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT);
        else
            call_end(w, c, at_us, CALLMESH__V1__HANGUP_BY__HANGUP_BY_SYSTEM);
    }
    return true;
}
