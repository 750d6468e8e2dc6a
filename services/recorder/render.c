#include "render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "copies.h"
#include "encrypted.h"
#include "render_priv.h"
#include "wire/rtp.h"

#define EARLY_US                                                                                   \
    (5 * INT64_C(1000000)) // media before the first SIP message that still belongs to the call

int render_init(struct render *r, struct spool_reader *reader, size_t blocks, size_t segments,
                int64_t grace_us, int64_t drift_us)
{
    memset(r, 0, sizeof(*r));
    r->reader = reader;
    r->refs = mem_take(blocks * sizeof(*r->refs));
    r->refs_cap = blocks;
    r->segments = mem_take(segments * sizeof(*r->segments));
    r->segments_cap = segments;
    r->grace_us = grace_us;
    r->drift_us = drift_us;
    if (!r->refs || !r->segments)
        return -ENOMEM;
    return sink_init(&r->sink);
}

static void end_voices(struct render *r)
{
    for (size_t i = 0; i < JOB_STREAMS_MAX; i++)
        voice_end(&r->track[i].voice);
}

void render_deinit(struct render *r)
{
    end_voices(r);
    encrypted_end(r);
    sink_deinit(&r->sink);
    if (r->refs)
        mem_give(r->refs, r->refs_cap * sizeof(*r->refs));
    if (r->segments)
        mem_give(r->segments, r->segments_cap * sizeof(*r->segments));
    r->refs = NULL;
    r->segments = NULL;
}

// One packet of a track, understood.
struct heard {
    struct rtp rtp;
    struct codec codec;
    struct timeline_packet tp;
    bool encrypted, malformed; // why the kind is CODEC_OTHER though there is a decoder
};

// Its decoder is not in this process, and the renderer is not here or has it not.
static bool has_no_decoder(const struct render *r, const struct codec *c)
{
    int apart = c->impl ? codec_apart(c->impl) : -1;
    return apart >= 0 && !renderer_decodes(r->renderer, apart);
}

static bool hear(struct render *r, struct track *t, struct heard *ret)
{
    const struct chain_packet *p = &t->next;
    struct span packet;
    enum srtp_verdict v = encrypted_take(r, t, p, &packet);
    if (v == SRTP_DUPLICATE || rtp_parse(packet, &ret->rtp) != WIRE_NONE)
        return false;
    ret->codec = codec_of(t->stream, ret->rtp.payload_type, ret->rtp.payload.n);
    bool audio =
        ret->codec.kind != CODEC_NOISE && ret->codec.kind != CODEC_EVENT && ret->rtp.payload.n > 0;
    uint32_t clock = ret->codec.clock, duration = clock / 50;
    ret->encrypted = audio && v != SRTP_CLEAR;
    ret->malformed = false;
    if (audio && !ret->encrypted && ret->codec.impl) {
        struct codec_params params = codec_params_of(&ret->codec);
        uint32_t ticks = codec_ticks(ret->codec.impl, &params, ret->rtp.payload);
        ret->malformed = ticks == 0 && !has_no_decoder(r, &ret->codec);
        duration = ticks > 0 ? ticks : duration;
    }
    if (ret->encrypted || ret->malformed || has_no_decoder(r, &ret->codec))
        ret->codec.kind = CODEC_OTHER;
    ret->tp = (struct timeline_packet){.key = p->key,
                                       .at_us = p->at_us,
                                       .ssrc = ret->rtp.ssrc,
                                       .timestamp = ret->rtp.timestamp,
                                       .seq = ret->rtp.seq,
                                       .audio = audio,
                                       .clock = clock,
                                       .duration = duration};
    return true;
}

// Packets of the call's own time only: a port may have served another call before, and after.
bool render_next(const struct render *r, const struct job *j, struct track *t)
{
    while (chain_next(&t->chain, &t->next)) {
        if (t->next.at_us >= j->from_us && t->next.at_us >= j->started_us - EARLY_US &&
            t->next.at_us <= j->ended_us + r->grace_us)
            return t->has_next = true;
    }
    return t->has_next = false;
}

static void note_codec(struct render_channel *ch, const char *name)
{
    size_t n = strlen(ch->codec), k = strlen(name);
    if (strstr(ch->codec, name) || n + k + 2 > sizeof(ch->codec))
        return;
    (void)snprintf(ch->codec + n, sizeof(ch->codec) - n, "%s%s", n > 0 ? "," : "", name);
}

static void learn_packet(struct render *r, struct track *t, const struct heard *h,
                         struct render_channel *ch)
{
    enum timeline_verdict v = timeline_learn(&t->timeline, &h->tp);
    if (v == TIMELINE_DUP || v == TIMELINE_OTHER)
        return;
    if (h->codec.kind == CODEC_PCMU) {
        r->pcmu++;
    } else if (h->codec.kind == CODEC_PCMA) {
        r->pcma++;
    } else if (h->codec.kind == CODEC_DECODED) {
        struct codec_params p = codec_params_of(&h->codec);
        r->decoded++;
        if (codec_rate(h->codec.impl, &p) > 8000)
            r->rate = 16000;
    } else {
        r->other++;
        t->other++;
        ch->other++;
        r->encrypted += h->encrypted;
        r->malformed += h->malformed;
        if (!h->encrypted && !h->malformed)
            r->other_name = h->codec.name;
    }
    t->audio++;
    note_codec(ch, h->codec.name);
}

// More packets, higher rank, among the streams of one side.
static void rank_tracks(struct render *r)
{
    for (size_t i = 0; i < r->tracks; i++) {
        struct track *t = &r->track[i];
        t->rank = 1;
        for (size_t k = 0; k < r->tracks; k++) {
            const struct track *o = &r->track[k];
            if (o->channel == t->channel &&
                (o->audio < t->audio || (o->audio == t->audio && k > i)))
                t->rank++;
        }
    }
}

static void learn_track(struct render *r, const struct job *j, struct track *t,
                        struct render_channel *ch, size_t *segments)
{
    timeline_init(&t->timeline, r->segments + *segments, r->segments_cap - *segments);
    t->audio = t->other = 0;
    t->first_us = 0;
    encrypted_begin(r, t);
    for (uint32_t n = 0; render_next(r, j, t); n++) {
        struct heard h;
        if (n % 1024 == 0 && r->cancelled && r->cancelled(r->cancelled_ctx))
            break; // render_write will say so
        if (t->first_us == 0)
            t->first_us = t->next.at_us;
        if (hear(r, t, &h))
            learn_packet(r, t, &h, ch);
    }
    timeline_learnt(&t->timeline, r->drift_us);
    *segments += t->timeline.n;
}

static enum wav_format format_of(const struct render *r)
{
    if (r->decoded > 0 || r->stretched > 0 || (r->pcmu > 0 && r->pcma > 0))
        return WAV_L16;
    return r->pcma == 0 ? WAV_PCMU : WAV_PCMA;
}

static void say_why_not(const struct render *r, struct render_result *res)
{
    if (r->encrypted > 0)
        encrypted_why(r, res, res->reason, sizeof(res->reason));
    else if (r->failed > 0)
        (void)snprintf(res->reason, sizeof(res->reason),
                       "codec failed: %llu packets were not decoded, the renderer: %s",
                       (unsigned long long)r->failed, renderer_why(r->renderer));
    else if (r->other_name)
        (void)snprintf(res->reason, sizeof(res->reason), "codec %.40s is not rendered",
                       r->other_name);
    else
        (void)snprintf(res->reason, sizeof(res->reason),
                       "%llu packets are no payload of their codec",
                       (unsigned long long)r->malformed);
}

void render_learn(struct render *r, const struct job *j, struct render_result *res)
{
    memset(res, 0, sizeof(*res));
    r->tracks = 0;
    r->pcmu = r->pcma = r->decoded = r->other = r->encrypted = r->malformed = r->failed = 0;
    r->rate = 8000;
    r->other_name = NULL;
    r->started_us = j->started_us;
    size_t refs = 0, segments = 0;
    for (uint32_t i = 0; i < j->streams; i++) {
        const struct job_stream *s = &j->stream[i];
        if (!s->known || (s->side != JOB_CALLER && s->side != JOB_CALLEE))
            continue;
        struct track *t = &r->track[r->tracks++];
        t->stream = s;
        t->channel = s->side - 1;
        // Each stream may have its share of what is left, so that one cannot take the places of another.
        refs += chain_collect(&t->chain, r->reader, s->head, r->refs + refs,
                              (r->refs_cap - refs) / (j->streams - i));
        learn_track(r, j, t, &res->channel[t->channel], &segments);
    }
    encrypted_sum(r, res);
    rank_tracks(r);
    copies_align(r);
    res->undecodable = r->other;
    bool any = false;
    for (size_t i = 0; i < r->tracks; i++) {
        int64_t us;
        if (timeline_start(&r->track[i].timeline, &us) && (!any || us < res->start_us)) {
            res->start_us = us;
            any = true;
        }
    }
    int64_t frames = 0;
    for (size_t i = 0; i < r->tracks; i++) {
        const struct track *t = &r->track[i];
        // Its beginning has left the spool: the recording still begins where the call's sound did.
        if (t->chain.truncated && t->stream->first_at_us > 0 &&
            t->stream->first_at_us < res->start_us && t->stream->first_at_us >= j->from_us &&
            t->stream->first_at_us >= j->started_us - EARLY_US)
            res->start_us = t->stream->first_at_us;
    }
    for (size_t i = 0; i < r->tracks; i++) {
        r->track[i].timeline.rate = r->rate;
        int64_t end = timeline_end(&r->track[i].timeline, res->start_us);
        frames = end > frames ? end : frames;
        render_tell_drift(r, j, &r->track[i], res);
    }
    r->stretched = res->drifts;
    res->wav = (struct wav_info){
        .format = format_of(r), .channels = 2, .sample_rate = r->rate, .frames = (uint64_t)frames};
    res->verdict = !any                                  ? RENDER_EMPTY
                   : r->pcmu + r->pcma + r->decoded == 0 ? RENDER_FAILED
                                                         : RENDER_READY;
    if (res->verdict == RENDER_FAILED)
        say_why_not(r, res);
    render_tell_not_here(r, j, res);
}

// The sound of a packet that has its place, or why there is none.
static void put_sound(struct render *r, struct track *t, const struct heard *h,
                      const struct timeline_place *place, struct render_result *res)
{
    struct render_channel *ch = &res->channel[t->channel];
    int64_t end = place->pos + place->samples;
    int n = -EBADMSG;
    if (h->codec.kind != CODEC_OTHER && end <= r->window.base) {
        ch->late_or_duplicate++;
        return;
    }
    if (h->codec.kind != CODEC_OTHER)
        n = r->window.format != WAV_L16
                ? (int)window_put(&r->window, t->channel, place->pos, h->rtp.payload.p,
                                  h->rtp.payload.n, t->rank) // as captured
                : voice_say(&t->voice, &h->codec, h->rtp.payload_type, h->rtp.payload, place->pos);
    if (n > 0) {
        ch->packets++;
        t->filled++;
    }
    if (n >= 0)
        return;
    window_mark(&r->window, t->channel, place->pos, end, WINDOW_CODEC, place->pos);
    if (h->codec.kind != CODEC_OTHER) { // its head was good, its inside was not
        t->other++;
        ch->other++;
        res->undecodable++;
        r->failed += n == -EIO;
        r->malformed += n != -EIO;
    }
}

static void place_packet(struct render *r, struct track *t, struct render_result *res)
{
    struct heard h;
    struct timeline_place place;
    struct render_channel *ch = &res->channel[t->channel];
    if (!hear(r, t, &h))
        return;
    enum timeline_verdict v = timeline_place(&t->timeline, &h.tp, res->start_us, &place);
    if (v != TIMELINE_PLACED && v != TIMELINE_LATE)
        return;
    if (place.pos < 0 || place.pos > (int64_t)res->wav.frames) {
        ch->late_or_duplicate++; // the timeline did not count it in
        return;
    }
    bool lost = place.missing > 0 && t->end > 0 && t->end < place.pos;
    // Only as long as the packets that are missing: the rest of a long silence was not sent.
    int64_t to = t->end + (int64_t)place.missing * place.samples;
    to = to < place.pos ? to : place.pos;
    if (lost)
        window_mark(&r->window, t->channel, t->end, to, WINDOW_LOSS, place.pos);
    window_reach(&r->window, place.pos, place.samples);
    voice_stretch(&t->voice, place.stretch);
    if (lost && h.codec.kind == CODEC_DECODED)
        voice_conceal(&t->voice, h.rtp.payload_type, t->end, to);
    put_sound(r, t, &h, &place, res);
    if (place.pos + place.samples > t->end)
        t->end = place.pos + place.samples;
}

struct track *render_earliest(struct render *r)
{
    struct track *first = NULL;
    for (size_t i = 0; i < r->tracks; i++) {
        struct track *t = &r->track[i];
        if (t->has_next && (!first || copies_turn_us(t) < copies_turn_us(first)))
            first = t;
    }
    return first;
}

void render_rewind(struct render *r, const struct job *j)
{
    for (size_t i = 0; i < r->tracks; i++) {
        struct track *t = &r->track[i];
        chain_rewind(&t->chain);
        timeline_rewind(&t->timeline);
        encrypted_begin(r, t);
        t->end = 0;
        t->filled = 0;
        (void)render_next(r, j, t);
    }
}

static void sum_up(struct render *r, struct render_result *res)
{
    for (size_t i = 0; i < r->tracks; i++) {
        const struct track *t = &r->track[i];
        struct render_channel *ch = &res->channel[t->channel];
        ch->lost += copies_lost(r, t);
        ch->late_or_duplicate += t->timeline.seq.duplicates + t->srtp.duplicates;
    }
    encrypted_sum(r, res);
    if (res->undecodable > 0 && res->reason[0] == '\0')
        say_why_not(r, res);
}

// Pass 2. 0, or -ECANCELED, or the disk's error.
static int place_all(struct render *r, const struct job *j, struct render_result *res)
{
    uint32_t ticks = 0;
    int e = 0;
    render_rewind(r, j);
    for (size_t i = 0; i < r->tracks; i++) {
        struct track *t = &r->track[i];
        voice_begin(&t->voice, &r->window, &r->room, r->rate, t->channel, t->rank);
        voice_apart(&t->voice, r->renderer ? renderer_apart(r->renderer) : NULL);
    }
    render_tell_missing(r, j, res);
    for (struct track *t = render_earliest(r); t && e == 0; t = render_earliest(r)) {
        place_packet(r, t, res);
        (void)render_next(r, j, t);
        if (++ticks % 1024 == 0)
            e = r->sink.error < 0                                ? r->sink.error
                : r->cancelled && r->cancelled(r->cancelled_ctx) ? -ECANCELED
                                                                 : 0;
    }
    end_voices(r);
    if (e == 0)
        window_finish(&r->window);
    return e;
}

int render_write(struct render *r, const struct job *j, const char *path, struct render_result *res)
{
    uint8_t head[WAV_HEADER_MAX];
    size_t n = wav_write_header(&res->wav, head);
    if (n == 0) {
        res->verdict = RENDER_FAILED;
        (void)snprintf(res->reason, sizeof(res->reason), "longer than a WAV file can be: %.0f s",
                       (double)res->wav.frames / r->rate);
        return 0;
    }
    r->seal.part = SEAL_AUDIO;
    int e = sink_open(&r->sink, path, &r->seal);
    if (e < 0)
        return e;
    sink_write(&r->sink, head, n);
    window_init(&r->window, &r->sink, res->wav.format, (int64_t)res->wav.frames);
    renderer_begin(r->renderer);
    e = place_all(r, j, res);
    renderer_end(r->renderer);
    bool silent = r->failed > 0 && res->channel[0].packets + res->channel[1].packets == 0;
    if (e < 0 || silent)
        sink_abandon(&r->sink);
    if (e < 0)
        return e;
    sum_up(r, res);
    if (silent)
        res->verdict = RENDER_FAILED;
    return silent ? 0 : sink_commit(&r->sink, &res->sums);
}
