#include "live.h"

#include <stdlib.h>
#include <string.h>
#include "heard.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "callmesh/v1/live.pb-c.h"
#include "codec.h"
#include "wire/rtp.h"

#define PAYLOAD_BYTES (64u * 1024u)
#define PACKED_BYTES  (PAYLOAD_BYTES + LIVE_FRAMES * 128u)

struct tap_stream {
    struct job_stream info;
    bool used;
    bool found; // a known stream points here
};

struct tap {
    bool used;
    struct uuid call_id;
    int64_t lease_us;
    struct tap_stream stream[LIVE_STREAMS_PER_TAP];
    struct ear *ear;            // of a call with encrypted streams; NULL: none, or no place
    struct heard_once heard[3]; // by side
    struct heard_once
        closed[3]; // what no key opens: it need not be what it says, and takes no place in heard
};

struct live {
    struct cast_pub *pub; // NULL: none
    const char *recorder; // borrowed
    struct ears *ears;    // borrowed
    uint64_t epoch, seq;
    struct tap *taps;
    size_t cap, used, waiting; // waiting: streams of taps that are not known yet
    Callmesh__V1__LiveFrame frames[LIVE_FRAMES];
    Callmesh__V1__LiveFrame *frame_list[LIVE_FRAMES];
    size_t n;
    uint8_t payload[PAYLOAD_BYTES];
    size_t payload_used;
    uint8_t packed[PACKED_BYTES];
    struct live_stat st;
};

struct live *live_new(const char *url, const char *recorder, const char *site, size_t taps,
                      char *err, size_t err_cap)
{
    struct live *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->recorder = recorder;
    l->cap = taps;
    l->epoch = (uint64_t)wall_now_us();
    l->taps = calloc(taps, sizeof(*l->taps));
    if (!l->taps)
        return live_free(l);
    if (url[0] != '\0' && cast_pub_open(&l->pub, url, false, recorder, site,
                                        CALLMESH__V1__KIND__KIND_UNSPECIFIED, err, err_cap) < 0)
        return live_free(l);
    return l;
}

struct live *live_free(struct live *l)
{
    if (!l)
        return NULL;
    free(l->taps);
    free(l); // the socket stays open until the process ends (rule of the bus)
    return NULL;
}

void live_ears(struct live *l, struct ears *e)
{
    l->ears = e;
}

static struct tap *find(struct live *l, const struct uuid *call_id)
{
    for (size_t i = 0; i < l->cap; i++) {
        if (l->taps[i].used && memcmp(&l->taps[i].call_id, call_id, sizeof(*call_id)) == 0)
            return &l->taps[i];
    }
    return NULL;
}

static struct tap *take(struct live *l, const struct uuid *call_id)
{
    for (size_t i = 0; i < l->cap; i++) {
        if (!l->taps[i].used) {
            l->taps[i].used = true;
            l->taps[i].call_id = *call_id;
            l->used++;
            return &l->taps[i];
        }
    }
    return NULL;
}

static uint32_t number_of(const struct live *l, const struct tap *t, size_t i)
{
    return (uint32_t)((size_t)(t - l->taps) * LIVE_STREAMS_PER_TAP + i + 1);
}

static void point(struct live *l, struct tap *t, size_t i, struct stream *st)
{
    if (!st || t->stream[i].found)
        return;
    st->tap = number_of(l, t, i);
    t->stream[i].found = true;
    l->waiting--;
}

static void add_stream(struct live *l, struct streams *s, struct tap *t,
                       const struct job_stream *info)
{
    for (size_t i = 0; i < LIVE_STREAMS_PER_TAP; i++) {
        struct tap_stream *ts = &t->stream[i];
        if (ts->used && memcmp(&ts->info.id, &info->id, sizeof(info->id)) == 0) {
            ts->info = *info;
            point(l, t, i, streams_by_id(s, &info->id));
            return;
        }
    }
    for (size_t i = 0; i < LIVE_STREAMS_PER_TAP; i++) {
        struct tap_stream *ts = &t->stream[i];
        if (!ts->used) {
            *ts = (struct tap_stream){.info = *info, .used = true};
            l->waiting++;
            point(l, t, i, streams_by_id(s, &info->id));
            return;
        }
    }
    l->st.refused++;
}

void live_tap(struct live *l, struct streams *s, const struct order *o)
{
    struct tap *t = find(l, &o->job.call_id);
    if (!t)
        t = take(l, &o->job.call_id);
    if (!t) {
        l->st.refused++;
        return;
    }
    t->lease_us = o->lease_us;
    for (uint32_t i = 0; i < o->job.streams; i++) {
        if (o->job.stream[i].side == 0)
            continue;
        add_stream(l, s, t, &o->job.stream[i]);
        if (o->job.stream[i].srtp && !t->ear && l->ears)
            t->ear = ear_take(l->ears, &t->call_id, o->job.started_us);
    }
}

static void end_tap(struct live *l, struct streams *s, struct tap *t)
{
    for (size_t i = 0; i < LIVE_STREAMS_PER_TAP; i++) {
        struct tap_stream *ts = &t->stream[i];
        if (!ts->used)
            continue;
        if (!ts->found)
            l->waiting--;
        struct stream *st = streams_by_id(s, &ts->info.id);
        if (st && st->tap == number_of(l, t, i))
            st->tap = 0;
    }
    t->ear = t->ear ? ear_give(l->ears, t->ear) : NULL;
    memset(t, 0, sizeof(*t));
    l->used--;
}

void live_untap(struct live *l, struct streams *s, const struct uuid *call_id)
{
    struct tap *t = find(l, call_id);
    if (t)
        end_tap(l, s, t);
}

void live_expire(struct live *l, struct streams *s, int64_t wall_us)
{
    if (l->ears)
        ears_tick(l->ears, mono_now_us());
    for (size_t i = 0; l->used > 0 && i < l->cap; i++) {
        if (l->taps[i].used && l->taps[i].lease_us < wall_us)
            end_tap(l, s, &l->taps[i]);
    }
}

void live_on_stream(struct live *l, struct stream *st)
{
    for (size_t i = 0; l->waiting > 0 && st->tap == 0 && i < l->cap; i++) {
        for (size_t k = 0; l->taps[i].used && k < LIVE_STREAMS_PER_TAP; k++) {
            struct tap_stream *ts = &l->taps[i].stream[k];
            if (ts->used && !ts->found && memcmp(&ts->info.id, &st->id, sizeof(st->id)) == 0)
                point(l, &l->taps[i], k, st);
        }
    }
}

// What an ear may have of a packet, and what it is called. False: nothing.
static bool understand(struct live *l, struct tap *t, struct tap_stream *ts, int64_t at_us,
                       struct span packet, struct rtp *ret, struct codec *ret_codec)
{
    struct span clear = packet;
    bool closed = ts->info.srtp;
    if (closed && t->ear) {
        enum srtp_verdict v =
            ear_hear(l->ears, t->ear, (uint32_t)(ts - t->stream), at_us, packet, &clear);
        if (v == SRTP_DUPLICATE || v == SRTP_OLD)
            return false;
        closed = v != SRTP_CLEAR;
    }
    if (rtp_parse(closed ? packet : clear, ret) != WIRE_NONE || ret->payload.n == 0)
        return false;
    *ret_codec = codec_of(&ts->info, ret->payload_type, ret->payload.n);
    if (ret_codec->kind == CODEC_EVENT || ret_codec->kind == CODEC_NOISE)
        return false; // digits are not for the ear
    if (closed) {     // who listens is told what it is, and hears no noise
        ret_codec->name = "SRTP";
        ret->payload.n = 0;
    }
    struct heard_once *h = closed ? t->closed : t->heard;
    return ret->payload.n <= PAYLOAD_BYTES &&
           (ts->info.side >= 3 || heard_first(&h[ts->info.side], ret->ssrc, ret->seq));
}

void live_packet(struct live *l, struct stream *st, int64_t at_us, struct span packet)
{
    struct tap *t = &l->taps[(st->tap - 1) / LIVE_STREAMS_PER_TAP];
    struct tap_stream *ts = &t->stream[(st->tap - 1) % LIVE_STREAMS_PER_TAP];
    struct rtp r;
    struct codec c;
    if (!ts->used)
        return;
    if (!understand(l, t, ts, at_us, packet, &r, &c)) {
        l->st.skipped++;
        return;
    }
    if (l->n == LIVE_FRAMES || l->payload_used + r.payload.n > PAYLOAD_BYTES)
        live_flush(l);
    uint8_t *p = l->payload + l->payload_used;
    memcpy(p, r.payload.p, r.payload.n);
    l->payload_used += r.payload.n;
    Callmesh__V1__LiveFrame *f = &l->frames[l->n];
    callmesh__v1__live_frame__init(f);
    f->call_id = (ProtobufCBinaryData){sizeof(t->call_id), t->call_id.b};
    f->side = ts->info.side;
    // protobuf-c does not write through its strings when packing.
    f->codec = (char *)(uintptr_t)c.name;
    f->clock_rate = c.clock;
    f->at_us = at_us;
    f->rtp_seq = r.seq;
    f->rtp_timestamp = r.timestamp;
    f->payload = (ProtobufCBinaryData){r.payload.n, p};
    f->ssrc = r.ssrc;
    f->marker = r.marker;
    l->frame_list[l->n++] = f;
}

void live_flush(struct live *l)
{
    if (l->n == 0)
        return;
    Callmesh__V1__LiveBatch b = CALLMESH__V1__LIVE_BATCH__INIT;
    b.recorder = (char *)(uintptr_t)l->recorder;
    b.epoch = l->epoch;
    b.seq = ++l->seq;
    b.n_frames = l->n;
    b.frames = l->frame_list;
    size_t need = callmesh__v1__live_batch__get_packed_size(&b);
    if (need <= sizeof(l->packed) && l->pub) {
        size_t n = callmesh__v1__live_batch__pack(&b, l->packed);
        (void)cast_pub_send_raw(l->pub, span_of(l->packed, n));
        l->st.batches++;
        l->st.frames += l->n;
    } else {
        l->st.skipped += l->n;
    }
    l->n = l->payload_used = 0;
}

struct live_stat live_stat(const struct live *l)
{
    struct live_stat st = l->st;
    st.taps = l->used;
    return st;
}
