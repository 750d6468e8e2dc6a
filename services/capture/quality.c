#include "quality.h"

void quality_init(struct quality *q, uint16_t seq, uint32_t timestamp, int64_t at_us)
{
    *q = (struct quality){
        .last_at_us = at_us,
        .last_timestamp = timestamp,
        .base_seq = seq,
        .max_seq = (uint16_t)(seq - 1), // so that the first packet is one step forward
    };
    if (seq == 0)
        q->cycles = UINT16_MAX; // the step onto 0 is not a wrap
}

void quality_set_clock(struct quality *q, uint32_t clock_rate)
{
    float us_per_tick = clock_rate ? 1e6F / (float)clock_rate : 0;
    if (us_per_tick == q->us_per_tick)
        return;
    q->us_per_tick = us_per_tick;
    q->step = 0;
    q->step_votes = 0;
}

static uint32_t range_expected(const struct quality *q)
{
    return ((uint32_t)q->cycles << 16 | q->max_seq) - q->base_seq + 1;
}

// The sender began anew: a sequence range of two, seq - 1 and seq. What the old one expected is kept.
static void range_begin(struct quality *q, uint16_t seq)
{
    q->expected_before += range_expected(q);
    q->base_seq = (uint16_t)(seq - 1);
    q->max_seq = seq;
    q->cycles = seq == 0;
    q->window = 3;
    q->has_bad = false;
}

// A step of more than one, or back.
static int32_t seq_odd(struct quality *q, uint16_t seq, uint16_t ahead)
{
    if (ahead != 0 && ahead < QUALITY_MAX_DROPOUT) { // a gap
        if (seq < q->max_seq)
            q->cycles++;
        q->max_seq = seq;
        q->window = ahead < 64 ? q->window << ahead | 1 : 1;
        q->has_bad = false;
        return ahead;
    }
    uint16_t behind = (uint16_t)(q->max_seq - seq);
    if (behind <= QUALITY_MAX_MISORDER) {
        if (behind < 64) {
            if (q->window >> behind & 1)
                return QUALITY_DUPLICATE;
            q->window |= UINT64_C(1) << behind;
        }
        q->out_of_order++;
        // Late before the very first: the range began earlier than we thought (only while it has not wrapped).
        if (q->cycles == 0 && seq < q->base_seq &&
            (uint16_t)(q->base_seq - seq) <= QUALITY_MAX_MISORDER)
            q->base_seq = seq;
        return -(int32_t)behind;
    }
    if (q->has_bad && seq == q->bad_seq) { // two in a row
        q->strays--;
        range_begin(q, seq);
        return QUALITY_RESTART;
    }
    q->has_bad = true;
    q->bad_seq = (uint16_t)(seq + 1);
    q->strays++;
    return QUALITY_STRAY;
}

// The most common spacing by Boyer and Moore's vote: two words instead of a histogram.
static inline void step_vote(struct quality *q, uint32_t step)
{
    if (q->step == step) {
        if (q->step_votes < UINT8_MAX)
            q->step_votes++;
    } else if (q->step_votes == 0) {
        q->step = step;
        q->step_votes = 1;
    } else {
        q->step_votes--;
    }
}

int32_t quality_packet(struct quality *q, uint16_t seq, uint32_t timestamp, int64_t at_us,
                       uint32_t payload_bytes, bool timed)
{
    bool first = q->packets == 0;
    q->packets++;
    q->bytes += payload_bytes;
    int64_t delta = at_us - q->last_at_us;
    q->last_at_us = at_us;
    uint32_t gap = delta < 0 ? 0 : delta < UINT32_MAX ? (uint32_t)delta : UINT32_MAX;
    if (gap > q->delta_max_us)
        q->delta_max_us = gap;
    gap += q->since_timed_us;
    q->since_timed_us = gap;
    uint16_t ahead = (uint16_t)(seq - q->max_seq);
    bool next = ahead == 1;
    int32_t step = 1;
    if (__builtin_expect(next, 1)) {
        q->max_seq = seq;
        q->cycles = (uint16_t)(q->cycles + (seq == 0));
        q->window = q->window << 1 | 1;
        q->has_bad = false;
    } else {
        step = seq_odd(q, seq, ahead);
        if (step == QUALITY_DUPLICATE) {
            q->duplicates++;
            return step;
        }
    }
    if (!timed)
        return step;
    int32_t ticks = (int32_t)(timestamp - q->last_timestamp);
    q->last_timestamp = timestamp;
    q->since_timed_us = 0;
    if (first)
        return step;
    if (next && ticks > 0)
        step_vote(q, (uint32_t)ticks);
    if (q->us_per_tick > 0) {
        float d = (float)gap - (float)ticks * q->us_per_tick;
        if (d < 0)
            d = -d;
        q->jitter_us += (d - q->jitter_us) * (1.0F / 16);
        if (q->jitter_us > q->jitter_max_us)
            q->jitter_max_us = q->jitter_us;
    }
    return step;
}

uint64_t quality_lost(const struct quality *q)
{
    uint64_t expected = (uint64_t)q->expected_before + range_expected(q);
    uint64_t received = (uint64_t)q->packets - q->duplicates - q->strays;
    return expected > received ? expected - received : 0;
}

uint32_t quality_ptime_us(const struct quality *q)
{
    double us = (double)q->step * (double)q->us_per_tick;
    return us < 10e6 ? (uint32_t)(us + 0.5) : 0;
}
