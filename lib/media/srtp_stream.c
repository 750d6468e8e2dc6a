#include "media/srtp_stream.h"

#include <string.h>

void srtp_stream_open(struct srtp_stream *s, const struct srtp_key *keys, uint32_t n)
{
    srtp_stream_close(s);
    s->keys = keys;
    s->n = n < SRTP_STREAM_KEYS ? n : SRTP_STREAM_KEYS;
}

static void forget(struct srtp_ssrc *c)
{
    srtp_in_close(&c->now.in);
    srtp_in_close(&c->before.in);
    *c = (struct srtp_ssrc){0};
}

void srtp_stream_close(struct srtp_stream *s)
{
    for (uint32_t i = 0; i < SRTP_STREAM_SSRCS; i++)
        forget(&s->at[i]);
    *s = (struct srtp_stream){0};
}

static struct srtp_ssrc *ssrc_of(struct srtp_stream *s, uint32_t ssrc)
{
    for (uint32_t i = 0; i < SRTP_STREAM_SSRCS; i++)
        if (s->at[i].used && s->at[i].ssrc == ssrc)
            return &s->at[i];
    struct srtp_ssrc *c = &s->at[s->oldest];
    s->oldest = (s->oldest + 1) % SRTP_STREAM_SSRCS;
    forget(c);
    c->used = true;
    c->ssrc = ssrc;
    return c;
}

// The lowest counter to try: a key opens no index below what it has opened, or packets sent again much later would be sound again.
static uint32_t roc_min(const struct srtp_ssrc *c, uint32_t key, uint16_t seq)
{
    const struct srtp_pass *p = c->now.in.context && c->now.key == key         ? &c->now
                                : c->before.in.context && c->before.key == key ? &c->before
                                                                               : NULL;
    if (!p)
        return 0;
    return (uint32_t)(p->top >> 16) + (seq <= (uint16_t)p->top);
}

struct question {
    struct span packet;
    uint16_t seq;
    uint32_t roc_max;
    uint8_t *out;
    size_t *ret_n;
};

// False: it is used up.
static bool spend(struct srtp_stream *s, uint32_t tries)
{
    if (!s->budget)
        return true;
    bool enough = *s->budget >= tries;
    *s->budget = enough ? *s->budget - tries : 0;
    return enough;
}

static bool key_fits(struct srtp_stream *s, const struct srtp_key *key, uint32_t ssrc,
                     uint32_t from, const struct question *q, struct srtp_pass *ret)
{
    if (!spend(s, SRTP_STREAM_OPEN) || srtp_in_open(&ret->in, key, ssrc) < 0)
        return false;
    for (uint32_t roc = from; roc <= q->roc_max && spend(s, 1); roc++) {
        srtp_in_set_roc(&ret->in, roc);
        if (srtp_in_take(&ret->in, q->packet, q->out, q->ret_n) == SRTP_CLEAR) {
            ret->top = (uint64_t)roc << 16 | q->seq;
            return true;
        }
    }
    srtp_in_close(&ret->in);
    return false;
}

static bool search(struct srtp_stream *s, struct srtp_ssrc *c, const struct question *q)
{
    for (uint32_t i = 0; i < s->n; i++) {
        struct srtp_pass found = {.key = i};
        uint32_t from = roc_min(c, i, q->seq);
        if (from > q->roc_max || !key_fits(s, &s->keys[i], c->ssrc, from, q, &found))
            continue;
        srtp_in_close(&c->before.in);
        c->before = c->now;
        c->now = found;
        s->used |= UINT64_C(1) << i;
        return true;
    }
    return false;
}

static enum srtp_verdict pass_take(struct srtp_pass *p, const struct question *q)
{
    if (!p->in.context)
        return SRTP_FAILED;
    enum srtp_verdict v = srtp_in_take(&p->in, q->packet, q->out, q->ret_n);
    int16_t ahead = (int16_t)(q->seq - (uint16_t)p->top);
    if (v == SRTP_CLEAR && ahead > 0)
        p->top += (uint64_t)ahead;
    return v;
}

static enum srtp_verdict take(struct srtp_stream *s, struct srtp_ssrc *c, const struct question *q)
{
    enum srtp_verdict v = pass_take(&c->now, q);
    if (v == SRTP_CLEAR || (v == SRTP_DUPLICATE && c->misses < SRTP_STREAM_DUPS))
        return v;
    if (pass_take(&c->before, q) == SRTP_CLEAR) {
        struct srtp_pass p = c->now;
        c->now = c->before;
        c->before = p;
        return SRTP_CLEAR;
    }
    bool tired = c->misses >= SRTP_STREAM_TRIES && c->misses % SRTP_STREAM_REST != 0;
    if (!tired && search(s, c, q))
        return SRTP_CLEAR;
    return v == SRTP_OLD ? SRTP_DUPLICATE : v;
}

enum srtp_verdict srtp_stream_take(struct srtp_stream *s, struct span packet, uint32_t roc_max,
                                   uint8_t *out, size_t *ret_n)
{
    struct cur head = cur_of(packet);
    cur_skip(&head, 2);
    struct question q = {.packet = packet,
                         .seq = cur_u16be(&head),
                         .roc_max = roc_max < SRTP_STREAM_ROCS ? roc_max : SRTP_STREAM_ROCS - 1,
                         .out = out,
                         .ret_n = ret_n};
    cur_skip(&head, 4);
    uint32_t ssrc = cur_u32be(&head);
    enum srtp_verdict v = SRTP_FAILED;
    if (!head.failed && s->n > 0) {
        struct srtp_ssrc *c = ssrc_of(s, ssrc);
        v = take(s, c, &q);
        c->misses = v == SRTP_CLEAR ? 0 : c->misses + 1;
    }
    s->clear += v == SRTP_CLEAR;
    s->duplicates += v == SRTP_DUPLICATE;
    s->failed += v == SRTP_FAILED;
    return v;
}
