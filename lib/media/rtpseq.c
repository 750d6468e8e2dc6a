#include "media/rtpseq.h"

#include <string.h>

void rtpseq_init(struct rtpseq *s)
{
    memset(s, 0, sizeof(*s));
}

static uint64_t run_lost(const struct rtpseq *s)
{
    if (!s->started)
        return 0;
    uint64_t expected = s->newest - s->first + 1;
    return expected > s->received ? expected - s->received : 0;
}

void rtpseq_break(struct rtpseq *s)
{
    s->lost_before += run_lost(s);
    s->started = false;
}

static bool test_and_set(struct rtpseq *s, uint64_t ext)
{
    uint64_t *word = &s->seen[ext / 64 % (RTPSEQ_WINDOW / 64)];
    uint64_t bit = UINT64_C(1) << (ext % 64);
    bool was = (*word & bit) != 0;
    *word |= bit;
    return was;
}

static void forget(struct rtpseq *s, uint64_t ext)
{
    s->seen[ext / 64 % (RTPSEQ_WINDOW / 64)] &= ~(UINT64_C(1) << (ext % 64));
}

static void run_start(struct rtpseq *s, uint16_t seq, uint64_t *ret_ext)
{
    memset(s->seen, 0, sizeof(s->seen));
    s->started = true;
    // One cycle up, so that a packet from just before the first has a number too.
    s->first = s->newest = UINT64_C(0x10000) + seq;
    s->received = 1;
    (void)test_and_set(s, s->first);
    *ret_ext = s->first;
}

enum rtpseq_verdict rtpseq_on(struct rtpseq *s, uint16_t seq, uint64_t *ret_ext, uint32_t *ret_gap)
{
    *ret_gap = 0;
    if (!s->started) {
        run_start(s, seq, ret_ext);
        return RTPSEQ_FIRST;
    }
    int delta = (int16_t)(uint16_t)(seq - (uint16_t)s->newest);
    if (delta > (int)RTPSEQ_DROPOUT || delta <= -(int)RTPSEQ_WINDOW) {
        rtpseq_break(s);
        s->jumps++;
        run_start(s, seq, ret_ext);
        return RTPSEQ_JUMP;
    }
    if (delta > 0) {
        uint64_t steps = (uint64_t)delta < RTPSEQ_WINDOW ? (uint64_t)delta : RTPSEQ_WINDOW;
        s->newest += (uint64_t)delta;
        for (uint64_t i = 0; i < steps; i++)
            forget(s, s->newest - i);
        (void)test_and_set(s, s->newest);
        s->received++;
        *ret_gap = (uint32_t)(delta - 1);
        *ret_ext = s->newest;
        return RTPSEQ_NEXT;
    }
    uint64_t ext = s->newest - (uint64_t)-delta;
    *ret_ext = ext;
    if (test_and_set(s, ext)) {
        s->duplicates++;
        return RTPSEQ_DUP;
    }
    if (ext < s->first)
        s->first = ext;
    s->received++;
    s->late++;
    return RTPSEQ_LATE;
}

uint64_t rtpseq_lost(const struct rtpseq *s)
{
    return s->lost_before + run_lost(s);
}
