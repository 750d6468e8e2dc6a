#include "journal_ring.h"

#include <errno.h>

#include "base/fail.h"
#include "base/mem.h"

#define WRAP UINT64_MAX // as seq: what is left before the end of the ring

struct rec {
    uint64_t seq;
    uint64_t len;
};

static uint64_t padded(uint64_t len)
{
    return (sizeof(struct rec) + len + 7) & ~UINT64_C(7);
}

static struct rec *rec_at(const struct journal_ring *r, uint64_t pos)
{
    return (struct rec *)(void *)(r->p + pos % r->bytes);
}

static uint64_t to_end(const struct journal_ring *r, uint64_t pos)
{
    return r->bytes - pos % r->bytes;
}

static uint64_t skip_wrap(const struct journal_ring *r, uint64_t pos)
{
    uint64_t room = to_end(r, pos);
    if (pos < r->head && (room < sizeof(struct rec) || rec_at(r, pos)->seq == WRAP))
        return pos + room;
    return pos;
}

int jring_take(struct journal_ring *r, uint64_t bytes)
{
    *r = (struct journal_ring){.bytes = bytes, .p = mem_take(bytes)};
    return r->p ? 0 : -ENOMEM;
}

void jring_give(struct journal_ring *r)
{
    if (r->p)
        mem_give(r->p, r->bytes);
    r->p = NULL;
}

uint64_t jring_record_max(const struct journal_ring *r)
{
    return r->bytes - sizeof(struct rec);
}

bool jring_put(struct journal_ring *r, uint64_t seq, struct span head, struct span payload)
{
    uint64_t len = head.n + payload.n, need = padded(len);
    if (r->tail == r->head && to_end(r, r->head) < need) // empty: begin at the front
        r->tail = r->head += to_end(r, r->head);
    uint64_t room = to_end(r, r->head), skip = room < need ? room : 0;
    if (r->head + skip + need - r->tail > r->bytes)
        return false;
    if (skip >= sizeof(struct rec))
        rec_at(r, r->head)->seq = WRAP;
    r->head += skip;
    struct rec *c = rec_at(r, r->head);
    c->seq = seq;
    c->len = len;
    uint8_t *dst = (uint8_t *)(c + 1);
    if (head.n)
        memcpy(dst, head.p, head.n);
    if (payload.n)
        memcpy(dst + head.n, payload.p, payload.n);
    r->head += need;
    return true;
}

bool jring_at(const struct journal_ring *r, uint64_t pos, uint64_t *ret_seq, struct span *ret,
              uint64_t *ret_end)
{
    // Whoever stood at the end of the empty ring stands behind its tail since it began at the front: nothing of ours is there.
    pos = skip_wrap(r, pos < r->tail ? r->tail : pos);
    if (pos >= r->head)
        return false;
    const struct rec *c = rec_at(r, pos);
    *ret_seq = c->seq;
    *ret = span_of(c + 1, c->len);
    *ret_end = pos + padded(c->len);
    return true;
}

bool jring_oldest(const struct journal_ring *r, uint64_t *ret_seq)
{
    struct span s;
    uint64_t end;
    return jring_at(r, r->tail, ret_seq, &s, &end);
}

void jring_pop(struct journal_ring *r)
{
    uint64_t seq, end;
    struct span s;
    must(jring_at(r, r->tail, &seq, &s, &end));
    r->tail = skip_wrap(r, end);
}

bool jring_find(struct journal_ring *r, uint64_t from, uint64_t *ret_seq, struct span *ret)
{
    uint64_t pos = r->tail, end;
    if (r->hint_seq != 0 && r->hint_seq < from && r->hint_pos >= r->tail)
        pos = r->hint_pos; // the position behind hint_seq
    for (; jring_at(r, pos, ret_seq, ret, &end); pos = end) {
        if (*ret_seq < from)
            continue;
        r->hint_seq = *ret_seq;
        r->hint_pos = end;
        return true;
    }
    return false;
}
