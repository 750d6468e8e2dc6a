#include "media/timeline.h"

#include <math.h>
#include <string.h>

void timeline_init(struct timeline *t, struct timeline_segment *segments, size_t cap)
{
    memset(t, 0, sizeof(*t));
    t->segments = segments;
    t->cap = cap;
    t->rate = 8000;
    rtpseq_init(&t->seq);
}

void timeline_rewind(struct timeline *t)
{
    struct timeline_segment *segments = t->segments;
    size_t n = t->n, cap = t->cap;
    uint64_t refused = t->refused;
    uint32_t rate = t->rate;
    timeline_init(t, segments, cap);
    t->n = n;
    t->refused = refused;
    t->rate = rate;
}

int64_t timeline_samples(int64_t us, uint32_t rate)
{
    // Split, so that no product leaves 64 bits.
    int64_t s = us / 1000000 * rate, part = us % 1000000 * rate;
    return s + (part >= 0 ? (part + 500000) / 1000000 : -((-part + 500000) / 1000000));
}

static int64_t ticks_us(int64_t ticks, uint32_t clock)
{
    // Split, so that no product leaves 64 bits.
    return ticks / clock * 1000000 + ticks % clock * 1000000 / clock;
}

static int64_t ticks_samples(int64_t ticks, uint32_t clock, uint32_t rate)
{
    return clock == rate ? ticks : ticks / clock * rate + ticks % clock * rate / clock;
}

// What a stretch adds to a span.
static int64_t stretched(int64_t span, int32_t stretch)
{
    return span / DRIFT_ONE * stretch + span % DRIFT_ONE * stretch / DRIFT_ONE;
}

// Sequence bookkeeping, the same in both passes.
static enum rtpseq_verdict take_seq(struct timeline *t, const struct timeline_packet *p,
                                    uint64_t *ret_ext, uint32_t *ret_gap)
{
    if (t->has_ssrc && t->ssrc != p->ssrc) {
        rtpseq_break(&t->seq);
        t->run++;
    }
    t->ssrc = p->ssrc;
    t->has_ssrc = true;
    enum rtpseq_verdict v = rtpseq_on(&t->seq, p->seq, ret_ext, ret_gap);
    if (v == RTPSEQ_JUMP)
        t->run++;
    return v;
}

static int64_t ticks_of(const struct timeline *t, uint32_t timestamp)
{
    return t->ticks + (int32_t)(timestamp - t->timestamp);
}

static void note_newest(struct timeline *t, const struct timeline_packet *p, uint64_t ext,
                        int64_t ticks)
{
    t->ticks = ticks;
    t->timestamp = p->timestamp;
    t->duration = p->duration;
    t->ext = ext;
}

static void enter_segment(struct timeline *t, uint32_t timestamp)
{
    t->ticks_prev = t->ticks;
    t->timestamp_prev = t->timestamp;
    t->ticks = 0;
    t->timestamp = timestamp;
}

// A late packet from before the present segment belongs to the one before it.
static bool belongs_before(const struct timeline *t, size_t at, uint64_t ext)
{
    const struct timeline_segment *s = &t->segments[at];
    return at > 0 && s->run == t->run && t->segments[at - 1].run == t->run && ext < s->first_seq;
}

static void widen(struct timeline_segment *s, int64_t ticks, uint32_t duration)
{
    if (ticks < s->ticks_min)
        s->ticks_min = ticks;
    if (ticks + duration > s->ticks_max)
        s->ticks_max = ticks + duration;
}

static bool open_segment(struct timeline *t, const struct timeline_packet *p, uint64_t ext)
{
    if (t->n == t->cap) {
        t->refused++;
        return t->n > 0;
    }
    t->segments[t->n++] = (struct timeline_segment){.key = p->key,
                                                    .first_seq = ext,
                                                    .anchor_us = p->at_us,
                                                    .timestamp = p->timestamp,
                                                    .clock = p->clock,
                                                    .ssrc = p->ssrc,
                                                    .run = t->run};
    t->settled = 0;
    drift_begin(&t->drift);
    enter_segment(t, p->timestamp);
    return true;
}

static void close_segment(struct timeline *t)
{
    if (t->n > 0)
        t->segments[t->n - 1].stretch = (int32_t)lrint(drift_slope(&t->drift));
}

// The clock has another slope from this packet on: a segment that begins where the one before puts it.
static void join_segment(struct timeline *t, const struct timeline_packet *p, uint64_t ext,
                         bool bent)
{
    if (t->n == t->cap) {
        t->refused++;
        return;
    }
    close_segment(t);
    const struct timeline_segment *s = &t->segments[t->n - 1];
    int64_t ticks = ticks_of(t, p->timestamp), us = ticks_us(ticks, s->clock);
    struct timeline_segment next = *s;
    next.key = p->key;
    next.first_seq = ext;
    next.anchor_us = s->anchor_us + us + stretched(us, s->stretch);
    next.timestamp = p->timestamp;
    next.ticks_min = next.ticks_max = 0;
    next.joined = true;
    next.joins_at = ticks;
    drift_join(&t->drift, bent);
    t->segments[t->n++] = next;
    t->settled = TIMELINE_SETTLE;
    enter_segment(t, p->timestamp);
}

// Does the present segment still tell where this packet belongs? Packets that come early against the anchor while it
// settles are the rest of a burst, when their timestamps follow their sequence numbers: the anchor moves to them.
static bool fits(const struct timeline *t, const struct timeline_packet *p, uint64_t ext,
                 int64_t anchor_us)
{
    const struct timeline_segment *s = &t->segments[t->n - 1];
    int64_t rtp_us = ticks_us(ticks_of(t, p->timestamp), s->clock);
    int64_t off =
        anchor_us - s->anchor_us - stretched(rtp_us, (int32_t)lrint(drift_slope(&t->drift)));
    if (off > TIMELINE_JUMP_US)
        return false;
    if (off >= -TIMELINE_JUMP_US)
        return true;
    int64_t step = (int32_t)(p->timestamp - t->timestamp);
    return t->settled < TIMELINE_SETTLE && s->run == t->run &&
           step == (int64_t)((ext - t->ext) * t->duration);
}

static enum timeline_verdict learn_late(struct timeline *t, const struct timeline_packet *p,
                                        uint64_t ext)
{
    size_t at = t->n - 1;
    int64_t ticks = ticks_of(t, p->timestamp);
    if (belongs_before(t, at, ext)) {
        at--;
        ticks = t->ticks_prev + (int32_t)(p->timestamp - t->timestamp_prev);
    }
    widen(&t->segments[at], ticks, p->duration);
    return TIMELINE_LATE;
}

// A packet that belongs to the newest segment: its anchor while that settles, its drift from then on.
static void settle(struct timeline *t, const struct timeline_packet *p, uint64_t ext,
                   int64_t anchor_us)
{
    struct timeline_segment *s = &t->segments[t->n - 1];
    bool bent = false;
    if (t->settled < TIMELINE_SETTLE) {
        t->settled++;
        if (anchor_us < s->anchor_us)
            s->anchor_us = anchor_us;
        return;
    }
    int64_t rtp_us = ticks_us(ticks_of(t, p->timestamp), p->clock);
    if (drift_on(&t->drift, rtp_us, anchor_us - s->anchor_us, &bent))
        join_segment(t, p, ext, bent);
}

enum timeline_verdict timeline_learn(struct timeline *t, const struct timeline_packet *p)
{
    uint64_t ext;
    uint32_t gap;
    enum rtpseq_verdict v = take_seq(t, p, &ext, &gap);
    if (v == RTPSEQ_DUP)
        return TIMELINE_DUP;
    if (!p->audio)
        return TIMELINE_OTHER;
    t->audio++;
    if (v == RTPSEQ_LATE && t->n > 0)
        return learn_late(t, p, ext);

    bool fresh = t->n == 0 || t->segments[t->n - 1].clock != p->clock ||
                 t->segments[t->n - 1].ssrc != p->ssrc;
    int64_t anchor_us = 0;
    if (!fresh) {
        anchor_us = p->at_us - ticks_us(ticks_of(t, p->timestamp), p->clock);
        fresh = !fits(t, p, ext, anchor_us);
    }
    if (fresh) {
        close_segment(t);
        if (!open_segment(t, p, ext))
            return TIMELINE_OUTSIDE;
        anchor_us = p->at_us - ticks_us(ticks_of(t, p->timestamp), p->clock);
    }
    settle(t, p, ext, anchor_us);
    int64_t ticks = ticks_of(t, p->timestamp);
    widen(&t->segments[t->n - 1], ticks, p->duration);
    note_newest(t, p, ext, ticks);
    return TIMELINE_PLACED;
}

// The farthest that drift puts the sound of the chain of joined segments from `at` on, and how many those are.
static int64_t farthest_us(const struct timeline *t, size_t at, size_t *ret_n)
{
    int64_t off = 0, most = 0;
    size_t n = 0;
    for (; at + n < t->n && (n == 0 || t->segments[at + n].joined); n++) {
        const struct timeline_segment *s = &t->segments[at + n];
        bool last = at + n + 1 == t->n || !s[1].joined;
        off += stretched(ticks_us(last ? s->ticks_max : s[1].joins_at, s->clock), s->stretch);
        int64_t far = off < 0 ? -off : off;
        most = far > most ? far : most;
    }
    *ret_n = n;
    return most;
}

// A chain becomes one segment without stretch.
static struct timeline_segment flat(const struct timeline_segment *s, size_t n)
{
    struct timeline_segment one = s[0];
    int64_t ticks = 0;
    one.stretch = 0;
    for (size_t i = 1; i < n; i++) {
        ticks += s[i].joins_at;
        widen(&one, ticks + s[i].ticks_min, 0);
        widen(&one, ticks + s[i].ticks_max, 0);
    }
    return one;
}

void timeline_learnt(struct timeline *t, int64_t least_us)
{
    size_t kept = 0, n;
    close_segment(t);
    for (size_t at = 0; at < t->n; at += n) {
        if (farthest_us(t, at, &n) <= least_us) {
            t->segments[kept++] = flat(&t->segments[at], n);
            continue;
        }
        memmove(&t->segments[kept], &t->segments[at], n * sizeof(t->segments[0]));
        kept += n;
    }
    t->n = kept;
}

int64_t timeline_pos(const struct timeline_segment *s, int64_t ticks, int64_t start_us,
                     uint32_t rate)
{
    int64_t samples = ticks_samples(ticks, s->clock, rate);
    return timeline_samples(s->anchor_us - start_us, rate) + samples +
           stretched(samples, s->stretch);
}

enum timeline_verdict timeline_place(struct timeline *t, const struct timeline_packet *p,
                                     int64_t start_us, struct timeline_place *ret)
{
    uint64_t ext;
    uint32_t gap;
    enum rtpseq_verdict v = take_seq(t, p, &ext, &gap);
    if (v == RTPSEQ_DUP)
        return TIMELINE_DUP;
    if (!p->audio)
        return TIMELINE_OTHER;
    if (t->n == 0 || p->key < t->segments[0].key)
        return TIMELINE_OUTSIDE;
    bool fresh = t->audio == 0;
    if (fresh)
        enter_segment(t, t->segments[0].timestamp);
    t->audio++;
    while (t->at + 1 < t->n && p->key >= t->segments[t->at + 1].key) {
        t->at++;
        enter_segment(t, t->segments[t->at].timestamp);
        fresh = true;
    }
    size_t at = t->at;
    int64_t ticks = ticks_of(t, p->timestamp);
    bool late = v == RTPSEQ_LATE && !fresh;
    if (late && belongs_before(t, at, ext)) {
        at--;
        ticks = t->ticks_prev + (int32_t)(p->timestamp - t->timestamp_prev);
    }
    *ret = (struct timeline_place){.pos = timeline_pos(&t->segments[at], ticks, start_us, t->rate),
                                   .samples = ticks_samples(p->duration, p->clock, t->rate),
                                   .missing = late ? 0 : gap,
                                   .stretch = t->segments[at].stretch,
                                   .fresh = fresh};
    if (late)
        return TIMELINE_LATE;
    note_newest(t, p, ext, ticks);
    return TIMELINE_PLACED;
}

bool timeline_start(const struct timeline *t, int64_t *ret_start_us)
{
    if (t->n == 0)
        return false;
    int64_t start = INT64_MAX;
    for (size_t i = 0; i < t->n; i++) {
        const struct timeline_segment *s = &t->segments[i];
        int64_t us = ticks_us(s->ticks_min, s->clock);
        us += s->anchor_us + stretched(us, s->stretch);
        if (us < start)
            start = us;
    }
    *ret_start_us = start;
    return true;
}

int64_t timeline_end(const struct timeline *t, int64_t start_us)
{
    int64_t end = 0;
    for (size_t i = 0; i < t->n; i++) {
        int64_t pos = timeline_pos(&t->segments[i], t->segments[i].ticks_max, start_us, t->rate);
        if (pos > end)
            end = pos;
    }
    return end;
}
