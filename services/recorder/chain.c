#include "chain.h"

#include <string.h>

static bool before(struct spool_pos a, struct spool_pos b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

size_t chain_collect(struct chain *c, struct spool_reader *reader, struct spool_pos head,
                     struct spool_pos *refs, size_t cap)
{
    c->reader = reader;
    c->refs = refs;
    c->n = 0;
    c->truncated = false;
    c->unreadable = 0;
    struct spool_head first = {0};
    for (struct spool_pos pos = head; pos.segment != 0;) {
        struct spool_head h;
        if (c->n == cap || spool_read_head(reader, pos, &h) != 0) {
            c->truncated = true;
            break;
        }
        if (c->n == 0)
            first = h;
        struct spool_pos prev = {h.prev_segment, h.prev_offset};
        refs[c->n++] = pos;
        // A chain goes back in the files and stays with its stream; anything else is damage.
        if (prev.segment != 0 &&
            (!before(prev, pos) || h.feed != first.feed || h.stream_no != first.stream_no)) {
            c->truncated = true;
            break;
        }
        pos = prev;
    }
    for (size_t i = 0; i < c->n / 2; i++) {
        struct spool_pos swap = refs[i];
        refs[i] = refs[c->n - 1 - i];
        refs[c->n - 1 - i] = swap;
    }
    chain_rewind(c);
    return c->n;
}

void chain_rewind(struct chain *c)
{
    c->at = 0;
    c->index = 0;
    c->unreadable = 0;
    c->cur = cur_of((struct span){c->block, 0});
}

static bool next_block(struct chain *c)
{
    while (c->at < c->n) {
        int r = spool_read_block(c->reader, c->refs[c->at++], c->block);
        if (r == 0) {
            struct spool_head h;
            memcpy(&h, c->block, sizeof(h));
            c->cur = cur_of(span_of(c->block + sizeof(h), h.bytes));
            c->index = 0;
            return true;
        }
        c->unreadable++;
    }
    return false;
}

bool chain_next(struct chain *c, struct chain_packet *ret)
{
    for (;;) {
        if (cur_left(&c->cur) == 0 && !next_block(c))
            return false;
        int64_t at_us = (int64_t)cur_u64le(&c->cur);
        uint16_t length = cur_u16le(&c->cur), flags = cur_u16le(&c->cur);
        struct span packet = cur_take(&c->cur, length);
        if (c->cur.failed) { // the sums were good, so this is a block of another form
            c->unreadable++;
            c->cur = cur_of((struct span){c->block, 0});
            continue;
        }
        *ret = (struct chain_packet){(uint64_t)c->at << 32 | c->index++, at_us, flags, packet};
        return true;
    }
}
