#include "wire/tcpbuf.h"

void tcpbuf_begin(struct tcpbuf *b, uint8_t *buf, uint32_t cap, uint32_t seq)
{
    *b = (struct tcpbuf){.buf = buf, .cap = cap, .base_seq = seq};
}

void tcpbuf_jump(struct tcpbuf *b, uint32_t seq)
{
    b->base_seq = seq;
    b->start = b->n = b->aheads = 0;
}

struct span tcpbuf_waiting(const struct tcpbuf *b)
{
    return span_of(b->buf + b->start, b->n - b->start);
}

uint32_t tcpbuf_seq(const struct tcpbuf *b)
{
    return b->base_seq + b->start;
}

uint32_t tcpbuf_next_seq(const struct tcpbuf *b)
{
    return b->base_seq + b->n;
}

void tcpbuf_take(struct tcpbuf *b, size_t n)
{
    size_t most = b->n - b->start;
    b->start += (uint32_t)(n < most ? n : most);
    if (b->start == b->n && b->aheads == 0) {
        b->base_seq += b->n;
        b->start = b->n = 0;
    }
}

// Moves what is kept to the front.
static void compact(struct tcpbuf *b)
{
    uint32_t by = b->start, end = b->aheads ? b->ahead[b->aheads - 1].to : b->n;
    if (by == 0)
        return;
    memmove(b->buf, b->buf + by, end - by);
    b->base_seq += by;
    b->start = 0;
    b->n -= by;
    for (uint32_t i = 0; i < b->aheads; i++) {
        b->ahead[i].from -= by;
        b->ahead[i].to -= by;
    }
}

static void drop_first_piece(struct tcpbuf *b)
{
    b->aheads--;
    memmove(&b->ahead[0], &b->ahead[1], b->aheads * sizeof b->ahead[0]);
}

static void absorb(struct tcpbuf *b)
{
    while (b->aheads > 0 && b->ahead[0].from <= b->n) {
        if (b->ahead[0].to > b->n)
            b->n = b->ahead[0].to;
        drop_first_piece(b);
    }
}

uint32_t tcpbuf_pass_hole(struct tcpbuf *b)
{
    if (b->aheads == 0)
        return 0;
    uint32_t missing = b->ahead[0].from - b->n;
    b->start = b->n = b->ahead[0].from;
    absorb(b);
    return missing;
}

// The next bytes in order.
static size_t append(struct tcpbuf *b, struct span data)
{
    if (data.n > b->cap - b->n)
        compact(b);
    size_t room = b->cap - b->n;
    if (b->aheads > 0 && b->ahead[0].from - b->n < room)
        room = b->ahead[0].from - b->n;
    size_t n = data.n < room ? data.n : room;
    memcpy(b->buf + b->n, data.p, n);
    b->n += (uint32_t)n;
    absorb(b);
    return n;
}

// A part of data that stands behind a hole; from is its position in buf. 0: no room.
static size_t keep(struct tcpbuf *b, uint32_t from, struct span data)
{
    uint32_t i = 0, to = from + (uint32_t)data.n;
    while (i < b->aheads && b->ahead[i].to <= from)
        i++;
    if (i < b->aheads && b->ahead[i].from <= from) // known already
        return (b->ahead[i].to < to ? b->ahead[i].to : to) - from;
    if (i < b->aheads && b->ahead[i].from < to)
        to = b->ahead[i].from;
    bool joins = i > 0 && b->ahead[i - 1].to == from;
    if (!joins && b->aheads == TCPBUF_AHEAD_MAX)
        return 0;
    memcpy(b->buf + from, data.p, to - from);
    if (joins) {
        b->ahead[i - 1].to = to;
    } else {
        memmove(&b->ahead[i + 1], &b->ahead[i], (b->aheads - i) * sizeof b->ahead[0]);
        b->ahead[i] = (struct tcpbuf_piece){from, to};
        b->aheads++;
    }
    return to - from;
}

static size_t put_ahead(struct tcpbuf *b, uint32_t distance, struct span data, int64_t at_us)
{
    if (distance > b->cap || data.n > b->cap - distance || b->n > b->cap - distance - data.n)
        compact(b);
    if (distance > b->cap || data.n > b->cap - distance || b->n > b->cap - distance - data.n)
        return 0;
    if (b->aheads == 0)
        b->ahead_at_us = at_us;
    return keep(b, b->n + distance, data);
}

size_t tcpbuf_put(struct tcpbuf *b, uint32_t seq, struct span data, int64_t at_us)
{
    size_t done = 0;
    while (done < data.n) { // each turn stores or passes at least a byte
        struct span rest = span_sub(data, done, data.n);
        int32_t distance = (int32_t)(seq + (uint32_t)done - tcpbuf_next_seq(b));
        size_t n;
        if (distance < 0)
            n = (uint64_t) - (int64_t)distance < rest.n ? (size_t) - (int64_t)distance : rest.n;
        else if (distance == 0)
            n = append(b, rest);
        else
            n = put_ahead(b, (uint32_t)distance, rest, at_us);
        if (n == 0)
            break;
        done += n;
    }
    return done;
}
