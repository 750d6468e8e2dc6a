// Eleven levels of 64 slots: a slot of level L spans 64^L ticks, so every int64_t time has a place
// and there is no overflow list. A timer stands at the level of the highest base-64 digit in which
// its tick differs from now; within a level all timers are therefore ahead of now's digit, and the
// next one is the lowest set bit of the lowest level that has any. Advancing goes from event to
// event, never tick by tick: an empty jump of decades costs nothing, a full one costs each timer at
// most one move per level.
#include "base/wheel.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/mem.h"

#define LEVELS 11
#define SLOTS  64

struct wheel {
    int64_t tick_us;
    uint64_t now;    // tick up to which everything has fired
    uint64_t target; // while advancing
    bool advancing;
    uint64_t bits[LEVELS];
    struct wheel_timer slots[LEVELS][SLOTS]; // list heads
    struct wheel_timer late;                 // armed for now or earlier: for the next advance
};

static void list_init(struct wheel_timer *head)
{
    head->next = head->prev = head;
}

static bool list_empty(const struct wheel_timer *head)
{
    return head->next == head;
}

static void list_append(struct wheel_timer *head, struct wheel_timer *t)
{
    t->prev = head->prev;
    t->next = head;
    head->prev->next = t;
    head->prev = t;
}

// All of `from` to the empty list `to`.
static void list_move(struct wheel_timer *to, struct wheel_timer *from)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

struct wheel *wheel_new(int64_t tick_us, int64_t now_us)
{
    must(tick_us > 0);
    struct wheel *w = mem_take(sizeof(*w));
    if (!w)
        return NULL;
    w->tick_us = tick_us;
    w->now = now_us > 0 ? (uint64_t)(now_us / tick_us) : 0;
    for (int l = 0; l < LEVELS; l++)
        for (int s = 0; s < SLOTS; s++)
            list_init(&w->slots[l][s]);
    list_init(&w->late);
    return w;
}

struct wheel *wheel_free(struct wheel *w)
{
    mem_give(w, sizeof(*w));
    return NULL;
}

static void place(struct wheel *w, struct wheel_timer *t)
{
    uint64_t tick =
        t->at_us > 0 ? (uint64_t)(t->at_us / w->tick_us + (t->at_us % w->tick_us != 0)) : 0;
    uint64_t diff = tick ^ w->now;
    int level = diff ? (63 - __builtin_clzll(diff)) / 6 : 0;
    int slot = (int)(tick >> (level * 6) & (SLOTS - 1));
    list_append(&w->slots[level][slot], t);
    w->bits[level] |= UINT64_C(1) << slot;
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, int64_t at_us)
{
    wheel_disarm(w, t);
    t->at_us = at_us;
    uint64_t reached = w->advancing ? w->target : w->now;
    if (at_us <= 0 ||
        (uint64_t)((at_us - 1) / w->tick_us) < reached) // its tick, rounded up, is not ahead
        list_append(&w->late, t);
    else
        place(w, t);
}

void wheel_disarm(struct wheel *w, struct wheel_timer *t)
{
    if (!t->next)
        return;
    struct wheel_timer *head = t->next == t->prev ? t->next : NULL; // it was alone
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->next = t->prev = NULL;
    struct wheel_timer *first = &w->slots[0][0];
    if (head && head >= first && head < first + LEVELS * SLOTS) {
        size_t i = (size_t)(head - first);
        w->bits[i / SLOTS] &= ~(UINT64_C(1) << (i % SLOTS));
    }
}

bool wheel_armed(const struct wheel_timer *t)
{
    return t->next != NULL;
}

// Stable merge of two chains linked by next only.
static struct wheel_timer *merge(struct wheel_timer *a, struct wheel_timer *b)
{
    struct wheel_timer head, *tail = &head;
    while (a && b) {
        struct wheel_timer **from = b->at_us < a->at_us ? &b : &a;
        tail->next = *from;
        tail = *from;
        *from = (*from)->next;
    }
    tail->next = a ? a : b;
    return head.next;
}

// By time; n log n, no memory: runs[i] holds a sorted chain of 2^i timers.
static void sort(struct wheel_timer *list)
{
    struct wheel_timer *runs[64] = {0};
    if (list->next == list->prev)
        return;
    list->prev->next = NULL;
    for (struct wheel_timer *t = list->next, *rest; t; t = rest) {
        rest = t->next;
        t->next = NULL;
        int i = 0;
        for (; runs[i]; i++) {
            t = merge(runs[i], t);
            runs[i] = NULL;
        }
        runs[i] = t;
    }
    struct wheel_timer *all = NULL;
    for (int i = 0; i < 64; i++)
        all = runs[i] ? merge(runs[i], all) : all;
    list_init(list);
    for (struct wheel_timer *t = all, *rest; t; t = rest) {
        rest = t->next;
        list_append(list, t);
    }
}

static uint64_t fire(struct wheel *w, struct wheel_timer *list, wheel_fn fn, void *ctx)
{
    uint64_t n = 0;
    while (!list_empty(list)) {
        struct wheel_timer *t = list->next;
        wheel_disarm(w, t);
        fn(ctx, t);
        n++;
    }
    return n;
}

// The next slot that has timers and does not begin after target; its first tick.
static bool next_slot(const struct wheel *w, int *ret_level, int *ret_slot, uint64_t *ret_tick)
{
    for (int l = 0; l < LEVELS; l++) {
        if (!w->bits[l])
            continue;
        int s = __builtin_ctzll(w->bits[l]);
        int shift = l * 6;
        uint64_t above = shift + 6 < 64 ? w->now >> (shift + 6) << (shift + 6) : 0;
        uint64_t tick = above | (uint64_t)s << shift;
        if (tick > w->target)
            return false; // higher levels are later still
        *ret_level = l;
        *ret_slot = s;
        *ret_tick = tick;
        return true;
    }
    return false;
}

uint64_t wheel_advance(struct wheel *w, int64_t now_us, wheel_fn fn, void *ctx)
{
    must(!w->advancing);
    uint64_t target = now_us > 0 ? (uint64_t)(now_us / w->tick_us) : 0;
    w->target = target > w->now ? target : w->now;
    w->advancing = true;

    // What was late stands in a list of its own, so that what the handlers arm now waits for the
    // next call.
    struct wheel_timer due;
    list_move(&due, &w->late);
    sort(&due);
    uint64_t fired = fire(w, &due, fn, ctx);

    int level, slot;
    uint64_t tick;
    while (next_slot(w, &level, &slot, &tick)) {
        w->now = tick;
        struct wheel_timer *list = &w->slots[level][slot];
        if (level == 0) {
            fired += fire(w, list, fn, ctx);
            continue;
        }
        struct wheel_timer moving;
        list_move(&moving, list);
        w->bits[level] &= ~(UINT64_C(1) << slot);
        while (!list_empty(&moving)) {
            struct wheel_timer *t = moving.next;
            wheel_disarm(w, t);
            place(w, t);
        }
    }
    w->now = w->target;
    w->advancing = false;
    return fired;
}
