#include "taps.h"

#include <pthread.h>
#include <stdio.h>

#include "base/fail.h"
#include "base/mem.h"
#include "base/mono.h"

#define FRAME_MAX 2048 // the largest RTP payload of an Ethernet packet, and the heads

static struct {
    pthread_mutex_t lock;
    struct tap *tap;
    uint32_t n;
    uint64_t refused, frames;
} taps = {.lock = PTHREAD_MUTEX_INITIALIZER};

int taps_init(uint32_t n, uint32_t ring_bytes)
{
    taps.tap = mem_take(n * sizeof(struct tap));
    if (!taps.tap)
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        taps.tap[i].ring = fanring_new(ring_bytes);
        if (!taps.tap[i].ring)
            return -1;
    }
    taps.n = n;
    return 0;
}

// A tap takes its first listener only once; between its last one and its end it may be joined again.
static struct tap *find(const struct uuid *id)
{
    for (uint32_t i = 0; i < taps.n; i++) {
        if (taps.tap[i].used && memcmp(taps.tap[i].call_id.b, id->b, sizeof(id->b)) == 0)
            return &taps.tap[i];
    }
    return NULL;
}

static struct tap *take(const struct uuid *id)
{
    for (uint32_t i = 0; i < taps.n; i++) {
        struct tap *t = &taps.tap[i];
        if (t->used)
            continue;
        struct fanring *ring = t->ring;
        fanring_reset(ring); // writers hold the lock too
        *t = (struct tap){.used = true, .call_id = *id, .ring = ring};
        return t;
    }
    taps.refused++;
    return NULL;
}

struct tap *taps_join(const struct uuid *call_id, bool *ret_first)
{
    pthread_mutex_lock(&taps.lock);
    struct tap *t = find(call_id);
    if (!t)
        t = take(call_id);
    if (t) {
        *ret_first = t->listeners++ == 0;
        if (*ret_first)
            t->renew_us = 0;
    }
    pthread_mutex_unlock(&taps.lock);
    return t;
}

void taps_leave(struct tap *t, bool *ret_last)
{
    pthread_mutex_lock(&taps.lock);
    must(t->used && t->listeners > 0);
    *ret_last = --t->listeners == 0;
    if (*ret_last)
        t->renew_us = 0; // the lease ends now
    pthread_mutex_unlock(&taps.lock);
}

unsigned taps_listeners(const struct uuid *call_id)
{
    pthread_mutex_lock(&taps.lock);
    const struct tap *t = find(call_id);
    unsigned n = t ? t->listeners : 0;
    pthread_mutex_unlock(&taps.lock);
    return n;
}

// ---- frames

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v & 0xffff);
    put16(p + 2, v >> 16);
}

size_t frame_text(uint8_t *buf, size_t cap, const char *text, size_t n)
{
    if (n > UINT16_MAX || cap < FRAME_HEAD + n)
        return 0;
    buf[0] = FRAME_TEXT;
    buf[1] = 0;
    put16(buf + 2, (uint32_t)n);
    memcpy(buf + FRAME_HEAD, text, n);
    return FRAME_HEAD + n;
}

static uint8_t codec_number(const char *codec, uint32_t rate)
{
    if (strcmp(codec, "PCMU") == 0)
        return 0;
    if (strcmp(codec, "PCMA") == 0)
        return 1;
    return strcmp(codec, "L16") == 0 && rate == 8000 ? 2 : 255;
}

size_t frame_audio(uint8_t *buf, size_t cap, const Callmesh__V1__LiveFrame *f, uint8_t flags)
{
    size_t n = FRAME_AUDIO_HEAD + f->payload.len;
    if (n > UINT16_MAX || cap < FRAME_HEAD + n)
        return 0;
    buf[0] = FRAME_AUDIO;
    buf[1] = flags;
    put16(buf + 2, (uint32_t)n);
    uint8_t *p = buf + FRAME_HEAD;
    p[0] = (uint8_t)f->side;
    p[1] = codec_number(f->codec, f->clock_rate);
    put16(p + 2, f->rtp_seq & 0xffff);
    put32(p + 4, f->rtp_timestamp);
    uint64_t at = (uint64_t)f->at_us;
    put32(p + 8, (uint32_t)at);
    put32(p + 12, (uint32_t)(at >> 32));
    if (f->payload.len)
        memcpy(p + FRAME_AUDIO_HEAD, f->payload.data, f->payload.len);
    return FRAME_HEAD + n;
}

// Under the lock.
static void take_frame(struct tap *t, const Callmesh__V1__LiveFrame *f)
{
    uint8_t buf[FRAME_MAX];
    if (f->side < 1 || f->side > 2)
        return;
    bool gap = t->gap;
    uint16_t seq = (uint16_t)f->rtp_seq;
    if (t->side[f->side - 1].known && t->side[f->side - 1].ssrc == f->ssrc)
        gap = gap || seq != (uint16_t)(t->side[f->side - 1].seq + 1);
    t->gap = false;
    t->side[f->side - 1].known = true;
    t->side[f->side - 1].ssrc = f->ssrc;
    t->side[f->side - 1].seq = seq;
    size_t n = frame_audio(buf, sizeof(buf), f, gap ? FRAME_FLAG_GAP : 0);
    if (n == 0 || fanring_write(t->ring, span_of(buf, n))) {
        t->gap = true;
        return;
    }
    taps.frames++;
    __atomic_store_n(&t->last_at_us, f->at_us, __ATOMIC_RELAXED);
}

void taps_frames(const Callmesh__V1__LiveFrame *const *frames, size_t n, bool gap)
{
    pthread_mutex_lock(&taps.lock);
    for (uint32_t i = 0; gap && i < taps.n; i++)
        taps.tap[i].gap = true;
    for (size_t i = 0; i < n; i++) {
        struct uuid id;
        if (frames[i]->call_id.len != sizeof(id.b))
            continue;
        memcpy(id.b, frames[i]->call_id.data, sizeof(id.b));
        struct tap *t = find(&id);
        if (t && t->listeners)
            take_frame(t, frames[i]);
    }
    pthread_mutex_unlock(&taps.lock);
}

void taps_state(const struct uuid *call_id, const char *state, bool ended)
{
    uint8_t buf[128];
    char text[96];
    int len = snprintf(text, sizeof(text), "{\"type\":\"state\",\"state\":\"%s\"}", state);
    size_t n = frame_text(buf, sizeof(buf), text, (size_t)len);
    pthread_mutex_lock(&taps.lock);
    struct tap *t = find(call_id);
    if (t && !t->ended) {
        if (n)
            fanring_write(t->ring, span_of(buf, n));
        if (ended) // after the frame: whoever sees the flag finds the frame in the ring
            __atomic_store_n(&t->ended, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&taps.lock);
}

// ---- leases

bool taps_due(int64_t now_us, struct uuid *ret_call_id, bool *ret_end)
{
    bool found = false;
    pthread_mutex_lock(&taps.lock);
    for (uint32_t i = 0; i < taps.n && !found; i++) {
        const struct tap *t = &taps.tap[i];
        if (!t->used || now_us < t->renew_us || (t->ended && t->listeners))
            continue;
        *ret_call_id = t->call_id;
        *ret_end = t->listeners == 0;
        found = true;
    }
    pthread_mutex_unlock(&taps.lock);
    return found;
}

void taps_leased(const struct uuid *call_id, bool end, bool answered, bool known, int64_t next_us)
{
    pthread_mutex_lock(&taps.lock);
    struct tap *t = find(call_id);
    bool unknown = t && !end && answered && !known && !t->ended;
    if (t && end && t->listeners == 0)
        t->used = false; // unheard: the lease runs out by itself
    else if (t)
        t->renew_us = end ? 0 : next_us;
    pthread_mutex_unlock(&taps.lock);
    if (unknown)
        taps_state(call_id, "ended", true);
}

size_t taps_used(void)
{
    size_t n = 0;
    pthread_mutex_lock(&taps.lock);
    for (uint32_t i = 0; i < taps.n; i++)
        n += taps.tap[i].used;
    pthread_mutex_unlock(&taps.lock);
    return n;
}

uint64_t taps_refused(void)
{
    pthread_mutex_lock(&taps.lock);
    uint64_t n = taps.refused;
    pthread_mutex_unlock(&taps.lock);
    return n;
}

uint64_t taps_frame_count(void)
{
    pthread_mutex_lock(&taps.lock);
    uint64_t n = taps.frames;
    pthread_mutex_unlock(&taps.lock);
    return n;
}
