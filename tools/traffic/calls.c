// The run: one heap of events over simulated time, one slot a call up, RTP with its impairments.
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double rng_exp(struct rng *r, double mean)
{
    return -mean * log(1.0 - rng_unit(r));
}

static bool before(const struct event *a, const struct event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

void schedule(struct run *r, int64_t at_us, enum kind kind, uint32_t index, unsigned arg)
{
    if (r->heap_n == r->heap_cap) // sized for the worst case at start: a call has at most 3 events,
                                  // plus pool and arrival
        abort();
    struct event e = {at_us, r->order++, index, (uint8_t)kind, (uint8_t)arg};
    size_t i = r->heap_n++;
    while (i > 0 && before(&e, &r->heap[(i - 1) / 2])) {
        r->heap[i] = r->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    r->heap[i] = e;
}

static struct event next_event(struct run *r)
{
    struct event top = r->heap[0], e = r->heap[--r->heap_n];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= r->heap_n)
            break;
        if (c + 1 < r->heap_n && before(&r->heap[c + 1], &r->heap[c]))
            c++;
        if (!before(&r->heap[c], &e))
            break;
        r->heap[i] = r->heap[c];
        i = c;
    }
    r->heap[i] = e;
    return top;
}

// Which frame of its side this is; remembered for the truth.
static uint32_t frame_note(struct side *s, uint64_t n0, unsigned samples)
{
    if (!s->first_us)
        s->n0 = n0;
    const uint32_t frame = (uint32_t)((n0 - s->n0) / samples);
    if (s->ranges > 0 && s->range[s->ranges - 1][1] + 1 == frame) {
        s->range[s->ranges - 1][1] = frame;
    } else if (s->ranges < FRAME_RANGES) {
        s->range[s->ranges][0] = s->range[s->ranges][1] = frame;
        s->ranges++;
    }
    return frame;
}

static uint8_t *rtp_write(const struct run *r, struct call *c, unsigned side, uint8_t *p)
{
    struct side *s = &c->side[side];
    const unsigned samples = r->o->ptime_ms * 8;
    const uint64_t n0 = (uint64_t)(r->now_us - c->answered_us) / 1000 * 8;
    const uint32_t ts = s->ts0 + (uint32_t)n0;
    const uint8_t head[12] = {0x80,
                              (uint8_t)((s->first_us ? 0 : 0x80) | (c->alaw ? 8 : 0)),
                              (uint8_t)(s->seq >> 8),
                              (uint8_t)s->seq,
                              (uint8_t)(ts >> 24),
                              (uint8_t)(ts >> 16),
                              (uint8_t)(ts >> 8),
                              (uint8_t)ts,
                              (uint8_t)(s->ssrc >> 24),
                              (uint8_t)(s->ssrc >> 16),
                              (uint8_t)(s->ssrc >> 8),
                              (uint8_t)s->ssrc};
    memcpy(p, head, sizeof head);
    const uint32_t frame = frame_note(s, n0, samples);
    if (r->o->audio == AUDIO_COUNT)
        audio_count(p + 12, samples, (uint32_t)c->number, side, frame);
    for (unsigned i = 0; r->o->audio != AUDIO_COUNT && i < samples; i++) {
        int16_t v = audio_sample(r->o->audio, s->hz, side, n0 + i);
        p[12 + i] = c->alaw ? audio_alaw(v) : audio_ulaw(v);
    }
    s->seq++;
    return p + 12 + samples;
}

static bool delay(struct run *r, const struct side *from, struct addr to, const uint8_t *p,
                  size_t n, double late_ms)
{
    if (r->pool_n == 0) {
        r->total.pool_full++;
        return false;
    }
    uint32_t i = r->pool_free[--r->pool_n];
    r->pool[i] = (struct delayed){.src = from->rtp, .dst = to, .n = (uint16_t)n};
    memcpy(r->pool[i].b, p, n);
    schedule(r, r->now_us + (int64_t)(late_ms * 1000), EV_DELAYED, i, 0);
    return true;
}

static void on_rtp(struct run *r, uint32_t index, unsigned side)
{
    struct call *c = &r->call[index];
    const struct options *o = r->o;
    if (!c->up || !c->media)
        return;
    schedule(r, r->now_us + (int64_t)o->ptime_ms * 1000, EV_RTP, index, side);
    if (c->held)
        return;
    struct side *s = &c->side[side];
    uint8_t p[PACKET_MAX];
    size_t n = srtp_packet(r, s, p, (size_t)(rtp_write(r, c, side, p) - p));
    if (n == 0)
        r->failed = true;
    struct addr to = c->side[!side].rtp;
    if (!s->first_us)
        s->first_us = r->now_us;
    s->sent++;
    if (o->loss > 0 && rng_unit(&r->rng) < o->loss) {
        s->lost++;
        r->total.rtp_lost++;
        return;
    }
    double late_ms = o->jitter_ms > 0 ? rng_exp(&r->rng, o->jitter_ms) : 0;
    if (o->reorder > 0 && rng_unit(&r->rng) < o->reorder)
        late_ms += o->ptime_ms * 1.5;
    r->total.rtp++;
    if (o->duplicate > 0 && rng_unit(&r->rng) < o->duplicate &&
        delay(r, s, to, p, n, late_ms + 1)) {
        r->total.rtp++;
        r->total.rtp_duplicated++;
    }
    if (late_ms > 0 && delay(r, s, to, p, n, late_ms)) {
        r->total.rtp_late++;
        return;
    }
    if (!sink_udp(r->sink, r->now_us, s->rtp, to, p, n))
        r->failed = true;
}

static double rate_now(const struct run *r)
{
    if (r->o->day_s <= 0)
        return r->o->rate;
    double phase = 2 * M_PI * (double)(r->now_us - r->o->start_us) / 1e6 / r->o->day_s;
    return r->o->rate * (0.525 - 0.475 * cos(phase)); // 5 % at night, 100 % at noon
}

static void on_arrive(struct run *r)
{
    const struct options *o = r->o;
    if (*o->drain || (!o->forever && r->total.calls >= o->calls))
        return;
    double wait = o->rate > 0 ? rng_exp(&r->rng, 1.0 / rate_now(r)) : 0.001;
    schedule(r, r->now_us + (int64_t)(wait * 1e6) + 1, EV_ARRIVE, 0, 0);
    if (r->up >= o->concurrent)
        return;
    uint32_t i = (uint32_t)(r->total.calls % o->concurrent);
    while (r->call[i].up)
        i = (uint32_t)((i + 1) % o->concurrent);
    if (!call_begin(r, i))
        r->failed = true;
}

static void on_event(struct run *r, const struct event *e)
{
    r->now_us = e->at_us;
    switch ((enum kind)e->kind) {
    case EV_ARRIVE:
        on_arrive(r);
        break;
    case EV_STEP:
        call_step(r, e->index, (enum step)e->arg);
        break;
    case EV_RTP:
        on_rtp(r, e->index, e->arg);
        break;
    case EV_DELAYED: {
        struct delayed *d = &r->pool[e->index];
        if (!sink_udp(r->sink, r->now_us, d->src, d->dst, d->b, d->n))
            r->failed = true;
        r->pool_free[r->pool_n++] = e->index;
        break;
    }
    }
}

bool calls_run(const struct options *o, struct sink *s, FILE *truth, volatile bool *stop,
               struct totals *ret)
{
    struct run *r = calloc(1, sizeof *r);
    bool ok = false;
    if (!r)
        return false;
    r->o = o;
    r->sink = s;
    r->truth = truth;
    r->rng.s = o->seed;
    r->heap_cap = o->concurrent * 8 + POOL + 16;
    r->call = calloc(o->concurrent, sizeof *r->call);
    r->heap = calloc(r->heap_cap, sizeof *r->heap);
    r->pool = calloc(POOL, sizeof *r->pool);
    if (!r->call || !r->heap || !r->pool)
        goto out;
    for (uint32_t i = 0; i < POOL; i++)
        r->pool_free[r->pool_n++] = i;
    schedule(r, o->start_us, EV_ARRIVE, 0, 0);
    while (r->heap_n && !*stop && !r->failed) {
        struct event e = next_event(r);
        on_event(r, &e);
    }
    ok = !r->failed;
    *ret = r->total;
out:
    free(r->call);
    free(r->heap);
    free(r->pool);
    free(r);
    return ok;
}
