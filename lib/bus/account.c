#include "account.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "count.h"

#define BEHIND_US      (50 * US_PER_MS) // a live envelope may be under way on SUB for so long
#define NAME_IN_USE_US (1 * US_PER_S) // another incarnation of the name was heard within this time
#define IDLE_PLACE_US                                                                              \
    (10 *                                                                                          \
     US_PER_S) // then, in a full table, the place of a publisher that owes nothing may go to a new one; its cursor is kept

struct cursor {
    char publisher[ENVELOPE_NAME_MAX + 1];
    uint8_t incarnation[ENVELOPE_BIRTH];
    uint64_t committed_seq;
};

struct accounts {
    struct account *list;
    uint32_t max, used;
    struct cursor *cursors; // a ring: the newest overwrites the oldest
    uint32_t cursors_max;
    uint64_t ncursors; // ever written
    struct queue *queue;
    struct stat_cell *cells;
};

struct accounts *accounts_new(uint32_t max, uint32_t cursors, struct queue *q,
                              struct stat_cell *cells)
{
    struct accounts *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->max = max;
    t->cursors_max = cursors;
    t->queue = q;
    t->cells = cells;
    t->list = mem_take(max * sizeof(*t->list));
    t->cursors = mem_take(cursors * sizeof(*t->cursors));
    if (!t->list || !t->cursors)
        return accounts_free(t);
    for (uint32_t i = 0; i < max; i++)
        t->list[i].slot = i;
    return t;
}

struct accounts *accounts_free(struct accounts *t)
{
    if (!t)
        return NULL;
    if (t->list)
        mem_give(t->list, t->max * sizeof(*t->list));
    if (t->cursors)
        mem_give(t->cursors, t->cursors_max * sizeof(*t->cursors));
    free(t);
    return NULL;
}

uint32_t accounts_max(const struct accounts *t)
{
    return t->max;
}

struct account *accounts_at(struct accounts *t, uint32_t index)
{
    return index < t->max && t->list[index].used ? &t->list[index] : NULL;
}

struct account *accounts_by_slot(struct accounts *t, uint32_t slot)
{
    struct account *ac = accounts_at(t, BUS_SLOT_INDEX(slot));
    return ac && ac->slot == slot ? ac : NULL;
}

static bool is_named(const char *name, struct span s)
{
    return strlen(name) == s.n && memcmp(name, s.p, s.n) == 0;
}

static struct cursor *find_cursor(struct accounts *t, struct span publisher,
                                  struct span incarnation)
{
    uint64_t n = t->ncursors < t->cursors_max ? t->ncursors : t->cursors_max;
    for (uint64_t i = 0; i < n; i++) {
        struct cursor *c = &t->cursors[i];
        if (memcmp(c->incarnation, incarnation.p, ENVELOPE_BIRTH) == 0 &&
            is_named(c->publisher, publisher))
            return c;
    }
    return NULL;
}

void accounts_set_cursor(struct accounts *t, struct span publisher, struct span incarnation,
                         uint64_t committed_seq)
{
    if (publisher.n == 0 || publisher.n > ENVELOPE_NAME_MAX || incarnation.n != ENVELOPE_BIRTH)
        return;
    struct cursor *c = find_cursor(t, publisher, incarnation);
    if (!c)
        c = &t->cursors[t->ncursors++ % t->cursors_max];
    memset(c, 0, sizeof(*c));
    span_copy(publisher, c->publisher, sizeof(c->publisher));
    memcpy(c->incarnation, incarnation.p, ENVELOPE_BIRTH);
    c->committed_seq = committed_seq;
}

static struct account *find(struct accounts *t, struct span publisher, struct span incarnation)
{
    for (uint32_t i = 0; i < t->max; i++) {
        struct account *ac = &t->list[i];
        if (ac->used && memcmp(ac->incarnation, incarnation.p, ENVELOPE_BIRTH) == 0 &&
            is_named(ac->publisher, publisher))
            return ac;
    }
    return NULL;
}

// ---- opening an account -------------------------------------------------------------------------------------------

// A free place, or that of a publisher that is gone and owes nothing.
static struct account *find_place(struct accounts *t, int64_t mono_us)
{
    struct account *old = NULL;
    for (uint32_t i = 0; i < t->max; i++) {
        struct account *ac = &t->list[i];
        if (!ac->used)
            return ac;
        bool gone = ac->superseded || mono_us - ac->seen_mono_us > IDLE_PLACE_US;
        if (gone && ac->committed_seq + 1 == ac->next_seq && ac->pending_lost == 0 &&
            (!old || ac->seen_mono_us < old->seen_mono_us))
            old = ac;
    }
    if (!old)
        return NULL;
    accounts_set_cursor(t, span_str(old->publisher), span_of(old->incarnation, ENVELOPE_BIRTH),
                        old->committed_seq);
    t->used--;
    old->used = false;
    old->slot += 0x10000u;
    return old;
}

static struct account *open_account(struct accounts *t, const struct ask_msg *a, int64_t mono_us,
                                    const char **ret_error)
{
    struct account *before = NULL;
    for (uint32_t i = 0; i < t->max; i++) {
        struct account *ac = &t->list[i];
        if (ac->used && !ac->superseded && is_named(ac->publisher, a->publisher))
            before = ac;
    }
    if (before && mono_us - before->seen_mono_us < NAME_IN_USE_US) {
        *ret_error = "another process uses this publisher's name";
        return NULL;
    }
    struct account *ac = find_place(t, mono_us);
    if (!ac) {
        *ret_error = "too many publishers";
        return NULL;
    }
    uint32_t slot = ac->slot;
    *ac = (struct account){.used = true, .slot = slot};
    span_copy(a->publisher, ac->publisher, sizeof(ac->publisher));
    memcpy(ac->incarnation, a->incarnation.p, ENVELOPE_BIRTH);
    const struct cursor *c = find_cursor(t, a->publisher, a->incarnation);
    if (c) {
        ac->committed_seq = c->committed_seq;
        ac->next_seq = c->committed_seq + 1;
    } else {
        // Never met: from the oldest on. What went before it was lost, unless a consumer had committed it.
        ac->next_seq = a->first_seq;
        ac->committed_seq = a->first_seq - 1;
        if (ac->committed_seq > a->committed_seq)
            ac->pending_lost = ac->committed_seq - a->committed_seq;
    }
    if (before) {
        // Its journal is gone: what it had said but not delivered will not come any more.
        before->superseded = true;
        if (before->head_seq >= before->next_seq)
            ac->pending_lost += before->head_seq - before->next_seq + 1;
    }
    ac->lost = ac->pending_lost;
    count_add(&t->cells[IN_LOST], ac->pending_lost);
    t->used++;
    stat_set(&t->cells[IN_PUBLISHERS], t->used);
    return ac;
}

static void book_lost(struct accounts *t, struct account *ac, uint64_t first_left)
{
    uint64_t n = first_left - ac->next_seq;
    ac->pending_lost += n;
    ac->lost += n;
    ac->next_seq = first_left;
    count_add(&t->cells[IN_LOST], n);
}

static void caught_up(struct account *ac)
{
    ac->behind_since_us = 0;
    if (ac->next_seq > ac->head_seq)
        ac->gap_open = false;
}

struct account *accounts_on_ask(struct accounts *t, const struct ask_msg *a, int64_t mono_us,
                                int64_t wall_us, const char **ret_error)
{
    if (a->first_seq == 0 || a->first_seq > a->head_seq + 1 || a->head_seq > UINT64_MAX / 2) {
        *ret_error = "numbers that cannot be";
        return NULL;
    }
    struct account *ac = find(t, a->publisher, a->incarnation);
    if (ac && a->checked) {
        if (a->epoch < ac->ask_epoch || (a->epoch == ac->ask_epoch && a->ask_no <= ac->ask_no)) {
            count_add(&t->cells[IN_REFUSED_REPLAYED], 1);
            *ret_error = "an Ask that was sent before";
            return NULL;
        }
        ac->ask_epoch = a->epoch;
        ac->ask_no = a->ask_no;
    }
    if (!ac)
        ac = open_account(t, a, mono_us, ret_error);
    if (!ac)
        return NULL;
    ac->seen_mono_us = mono_us;
    ac->seen_wall_us = wall_us;
    ac->superseded = false;
    ac->paused = a->paused;
    ac->orders_have = a->orders_version;
    ac->clock_offset_us = a->clock_offset_us;
    span_copy(a->site, ac->site, sizeof(ac->site));
    ac->head_seq = a->head_seq; // the publisher's own word, whatever SUB may have brought
    if (a->first_seq > ac->next_seq)
        book_lost(t, ac, a->first_seq);
    if (ac->next_seq > ac->head_seq)
        caught_up(ac);
    else if (ac->behind_since_us == 0)
        ac->behind_since_us = mono_us;
    return ac;
}

// ---- envelopes ----------------------------------------------------------------------------------------------------

// The next one of its account: into the queue. False: no room.
static bool take(struct accounts *t, struct account *ac, const struct envelope *e,
                 struct span bytes)
{
    struct queue_note note = {.slot = ac->slot,
                              .new_epoch =
                                  e->first_of_epoch || (ac->epoch != 0 && e->epoch != ac->epoch),
                              .lost_before = ac->pending_lost};
    if (!queue_push(t->queue, note, bytes)) {
        count_add(&t->cells[IN_DROP_FULL], 1);
        return false;
    }
    ac->pending_lost = 0;
    ac->epoch = e->epoch;
    ac->next_seq++;
    if (e->seq > ac->head_seq)
        ac->head_seq = e->seq;
    caught_up(ac);
    count_add(&t->cells[IN_MESSAGES], 1);
    count_add(&t->cells[IN_BYTES], bytes.n);
    stat_set(&t->cells[IN_QUEUE_BYTES], queue_bytes_used(t->queue));
    stat_set(&t->cells[IN_QUEUE_MESSAGES], queue_count(t->queue));
    return true;
}

static void open_gap(struct accounts *t, struct account *ac, uint64_t seen)
{
    if (!ac->gap_open) {
        ac->gaps++;
        count_add(&t->cells[IN_GAPS], 1);
    }
    ac->gap_open = true;
    if (seen > ac->head_seq)
        ac->head_seq = seen;
}

void account_on_backfill(struct accounts *t, struct account *ac, struct ask_msg *a)
{
    struct span bytes;
    struct envelope e;
    bool whole =
        a->backfill_from != 0 && a->backfill_from <= ac->next_seq; // what is not in it is lost
    bool any = false;
    while (ask_next_envelope(a, &bytes)) {
        if (bytes.n > BUS_MESSAGE_MAX || !envelope_read(bytes, &e) ||
            !span_eq(e.publisher, a->publisher) || !span_eq(e.incarnation, a->incarnation) ||
            e.seq > a->head_seq + BUS_MESSAGE_MAX) {
            count_add(&t->cells[IN_DROP_BAD], 1);
            return;
        }
        any = true;
        if (e.seq < ac->next_seq) {
            count_add(&t->cells[IN_DROP_DUPLICATE], 1);
            continue;
        }
        if (e.seq > ac->next_seq) {
            if (!whole)
                return; // sent for an earlier answer of ours
            book_lost(t, ac, e.seq);
        }
        if (!take(t, ac, &e, bytes))
            return;
        ac->backfilled++;
        count_add(&t->cells[IN_BACKFILLED], 1);
    }
    if (whole && !any && a->head_seq >= ac->next_seq)
        book_lost(t, ac, a->head_seq + 1);
    if (ac->next_seq > ac->head_seq)
        caught_up(ac);
}

void accounts_on_live(struct accounts *t, const struct envelope *e, struct span bytes)
{
    struct account *ac = find(t, e->publisher, e->incarnation);
    if (!ac) {
        count_add(&t->cells[IN_DROP_UNKNOWN], 1);
        return;
    }
    if (e->seq < ac->next_seq) {
        count_add(&t->cells[IN_DROP_DUPLICATE], 1);
    } else if (e->seq > ac->next_seq) {
        count_add(&t->cells[IN_DROP_EARLY], 1);
        open_gap(t, ac, e->seq);
    } else if (!take(t, ac, e, bytes)) {
        open_gap(t, ac, e->seq);
    }
}

bool account_wants_backfill(const struct account *ac, int64_t mono_us)
{
    if (ac->next_seq > ac->head_seq)
        return false;
    return ac->paused || ac->gap_open ||
           (ac->behind_since_us != 0 && mono_us - ac->behind_since_us >= BEHIND_US);
}

bool account_commit(struct account *ac, uint64_t seq)
{
    if (seq >= ac->next_seq)
        seq = ac->next_seq - 1;
    if (seq <= ac->committed_seq)
        return false;
    ac->committed_seq = seq;
    return true;
}
