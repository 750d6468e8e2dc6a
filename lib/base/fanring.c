// Positions are counted in bytes, always a multiple of 8, and only grow. A record is one header
// word (length, and the size of the record before it, so that fanring_back can walk) and its bytes
// in whole words.
//
// The writer moves the tail past what it is about to overwrite, then stores the words (release),
// then the head. A reader loads words (acquire), then looks at the tail again: a word of a newer
// record can only have been seen together with the tail that had moved before it. So a copy that
// the tail has not passed is whole. All words are atomics: no race for Tsan to find, and on x86 a
// release store and an acquire load are plain moves.
#include "base/fanring.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/fail.h"
#include "base/mem.h"

struct fanring {
    void *mem;
    _Atomic uint64_t *words; // in mem
    size_t mask;             // in words
    size_t bytes;            // (mask + 1) * 8
    size_t largest;
    uint32_t prev; // writer: size of the last record, header and padding included; 0: none since
                   // the reset
    _Alignas(64) _Atomic uint64_t tail;
    _Atomic uint64_t head, last; // last: where the newest record begins
    _Atomic uint64_t refused;
};

struct fanring *fanring_new(size_t bytes)
{
    must(bytes >= 64 && bytes <= UINT32_MAX);
    struct fanring *f = mem_take(sizeof(*f));
    if (!f)
        return NULL;
    size_t words = 8;
    while (words * 8 < bytes)
        words *= 2;
    f->mask = words - 1;
    f->bytes = words * 8;
    f->largest = bytes / 4;
    f->mem = mem_take(f->bytes);
    f->words = f->mem;
    return f->mem ? f : fanring_free(f);
}

struct fanring *fanring_free(struct fanring *f)
{
    if (!f)
        return NULL;
    mem_give(f->mem, f->bytes);
    mem_give(f, sizeof(*f));
    return NULL;
}

static uint64_t word_at(const struct fanring *f, uint64_t pos)
{
    return atomic_load_explicit(&f->words[(pos / 8) & f->mask], memory_order_acquire);
}

static void set_word(struct fanring *f, uint64_t pos, uint64_t v)
{
    atomic_store_explicit(&f->words[(pos / 8) & f->mask], v, memory_order_release);
}

static uint64_t size_of(uint32_t len)
{
    return 8 + (((uint64_t)len + 7) & ~UINT64_C(7));
}

static uint64_t load(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_acquire);
}

void fanring_reset(struct fanring *f)
{
    uint64_t at = atomic_load_explicit(&f->head, memory_order_relaxed) + 8;
    f->prev = 0;
    // The tail first: a reader between the two stores finds itself overtaken, not a head without
    // records.
    atomic_store_explicit(&f->tail, at, memory_order_release);
    atomic_store_explicit(&f->last, at, memory_order_release);
    atomic_store_explicit(&f->head, at, memory_order_release);
}

int fanring_write(struct fanring *f, struct span record)
{
    if (record.n > f->largest) {
        atomic_fetch_add_explicit(&f->refused, 1, memory_order_relaxed);
        return -EMSGSIZE;
    }
    uint64_t head = atomic_load_explicit(&f->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&f->tail, memory_order_relaxed);
    uint64_t size = size_of((uint32_t)record.n);
    while (head + size - tail > f->bytes)
        tail += size_of((uint32_t)word_at(f, tail));
    atomic_store_explicit(&f->tail, tail,
                          memory_order_relaxed); // ordered by the releases that follow

    set_word(f, head, (uint64_t)f->prev << 32 | (uint32_t)record.n);
    for (size_t i = 0; i < record.n; i += 8) {
        uint64_t w = 0;
        size_t left = record.n - i;
        memcpy(&w, record.p + i, left < 8 ? left : 8);
        set_word(f, head + 8 + i, w);
    }
    f->prev = (uint32_t)size;
    atomic_store_explicit(&f->last, head, memory_order_release);
    atomic_store_explicit(&f->head, head + size, memory_order_release);
    return 0;
}

uint64_t fanring_head(const struct fanring *f)
{
    return load(&f->head);
}

uint64_t fanring_tail(const struct fanring *f)
{
    return load(&f->tail);
}

uint64_t fanring_back(const struct fanring *f, uint32_t records)
{
    uint64_t head = load(&f->head);
    if (records == 0 || load(&f->tail) >= head)
        return head;
    uint64_t pos = load(&f->last);
    for (uint32_t i = 1; i < records; i++) {
        uint64_t before = word_at(f, pos) >> 32;
        uint64_t tail = load(&f->tail);
        if (pos < tail)
            return tail; // overtaken while walking
        if (before == 0 || pos - tail < before)
            return pos; // the oldest there is
        pos -= before;
    }
    return pos;
}

static int lost(const struct fanring *f, uint64_t *cursor)
{
    *cursor = load(&f->tail);
    return FANRING_E_LOST;
}

int fanring_read(const struct fanring *f, uint64_t *cursor, void *buf, size_t cap, size_t *ret_n)
{
    uint64_t at = *cursor, tail = load(&f->tail), head = load(&f->head);
    if (at < tail || (at > head && at != tail) || at % 8)
        return lost(f, cursor);
    if (at >= head)
        return FANRING_E_EMPTY;
    uint32_t len = (uint32_t)word_at(f, at);
    if (load(&f->tail) > at) // the length may be another record's
        return lost(f, cursor);
    if (len > cap) {
        *ret_n = len;
        return FANRING_E_SMALL;
    }
    uint8_t *out = buf;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t w = word_at(f, at + 8 + i);
        size_t left = len - i;
        memcpy(out + i, &w, left < 8 ? left : 8);
    }
    if (load(&f->tail) > at)
        return lost(f, cursor);
    *ret_n = len;
    *cursor = at + size_of(len);
    return FANRING_OK;
}

uint64_t fanring_refused(const struct fanring *f)
{
    return load(&f->refused);
}
