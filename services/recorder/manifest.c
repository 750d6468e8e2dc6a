#include "manifest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/json.h"
#include "base/mono.h"
#include "erase.h"
#include "vault/keyring.h"

#define MANIFEST_CIPHER "AES-256-GCM"

void manifest_site(const struct job *j, char ret[JOB_SITE_BYTES])
{
    size_t n = 0;
    for (; j->site[n] && n + 1 < JOB_SITE_BYTES; n++) {
        unsigned char c = (unsigned char)j->site[n];
        bool good = isalnum(c) || c == '-' || c == '_' || (c == '.' && n > 0);
        ret[n] = (char)(good ? c : '_');
    }
    if (n == 0)
        ret[n++] = '_';
    ret[n] = '\0';
}

void manifest_path(const struct manifest *m, const char *ext, char *buf, size_t cap)
{
    char site[JOB_SITE_BYTES], text[37];
    manifest_site(m->job, site);
    time_t t = (time_t)(m->job->started_us / US_PER_S);
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        memset(&tm, 0, sizeof(tm));
    uuid_format(&m->id, text);
    (void)snprintf(buf, cap, "%s/%04d/%02d/%02d/%s.%s%s", site, tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, text, ext, m->key ? SEAL_SUFFIX : "");
}

static const char *role_of(int channel)
{
    return channel == 0 ? "caller" : "callee";
}

static double seconds(const struct render_result *r, int64_t frames)
{
    return (double)frames / r->wav.sample_rate;
}

static int64_t length_us(const struct render_result *r)
{
    // Split, so that no product leaves 64 bits.
    int64_t n = (int64_t)r->wav.frames, rate = r->wav.sample_rate;
    return n / rate * US_PER_S + n % rate * US_PER_S / rate;
}

struct message {
    Callmesh__V1__Recording rec;
    Callmesh__V1__RecordingChannel ch[2], *ch_list[2];
    ProtobufCBinaryData ids[2][JOB_STREAMS_MAX];
    Callmesh__V1__RecordingGap gap[WINDOW_GAPS_MAX], *gap_list[WINDOW_GAPS_MAX];
};

// protobuf-c takes pointers that it only reads when it packs.
static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static ProtobufCBinaryData bytes(const void *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static void fill_channels(struct message *m, const struct manifest *f)
{
    for (int c = 0; c < 2; c++) {
        const struct render_channel *rc = &f->result->channel[c];
        Callmesh__V1__RecordingChannel *ch = &m->ch[c];
        callmesh__v1__recording_channel__init(ch);
        ch->index = (uint32_t)c + 1;
        ch->role = text(role_of(c));
        ch->codec = text(rc->codec);
        ch->packets = rc->packets;
        ch->lost = rc->lost;
        ch->late_or_duplicate = rc->late_or_duplicate;
        ch->stream_ids = m->ids[c];
        for (uint32_t i = 0; i < f->job->streams; i++) {
            if (f->job->stream[i].side == c + 1)
                m->ids[c][ch->n_stream_ids++] = bytes(&f->job->stream[i].id, sizeof(struct uuid));
        }
        m->ch_list[c] = ch;
    }
    m->rec.channels = m->ch_list;
    m->rec.n_channels = 2;
}

static void fill_gaps(struct message *m, const struct manifest *f)
{
    const struct window *w = f->window;
    for (size_t i = 0; i < w->gaps_n; i++) {
        callmesh__v1__recording_gap__init(&m->gap[i]);
        m->gap[i].from_seconds = seconds(f->result, w->gaps[i].from);
        m->gap[i].to_seconds = seconds(f->result, w->gaps[i].to);
        m->gap[i].channel = w->gaps[i].channel + 1u;
        m->gap[i].reason = text(gap_reason_name(w->gaps[i].reason));
        m->gap_list[i] = &m->gap[i];
    }
    m->rec.gaps = m->gap_list;
    m->rec.n_gaps = w->gaps_n;
}

static Callmesh__V1__RecordingStatus status_of(const struct render_result *r)
{
    switch (r->verdict) {
    case RENDER_READY:
        return CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY;
    case RENDER_EMPTY:
        return CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_EMPTY;
    case RENDER_FAILED:
        break;
    }
    return CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED;
}

static void fill_keeping(struct message *m, const struct manifest *f)
{
    if (f->key) {
        m->rec.encryption = text(MANIFEST_CIPHER);
        m->rec.key_id = bytes(f->key->id, sizeof(f->key->id));
    }
    if (f->chain.hour[0]) {
        m->rec.chain_hour = text(f->chain.hour);
        m->rec.chain_n = f->chain.n;
        m->rec.chain_hash = bytes(f->chain.hash, sizeof(f->chain.hash));
    }
}

static size_t pack(Callmesh__V1__Recording *rec, uint8_t *buf, size_t cap)
{
    Callmesh__V1__ReportEvent e = CALLMESH__V1__REPORT_EVENT__INIT;
    e.event_case = CALLMESH__V1__REPORT_EVENT__EVENT_RECORDING;
    e.recording = rec;
    if (callmesh__v1__report_event__get_packed_size(&e) > cap)
        return 0;
    return callmesh__v1__report_event__pack(&e, buf);
}

size_t manifest_pack(const struct manifest *f, uint8_t *buf, size_t cap)
{
    static struct message m; // 25 KiB; one thread
    const struct render_result *r = f->result;
    memset(&m, 0, sizeof(m));
    callmesh__v1__recording__init(&m.rec);
    m.rec.id = bytes(&f->id, sizeof(f->id));
    m.rec.call_id = bytes(&f->job->call_id, sizeof(f->job->call_id));
    m.rec.site = text(f->job->site);
    m.rec.status = status_of(r);
    m.rec.reason = text(r->reason);
    m.rec.recorder = text(f->recorder);
    fill_channels(&m, f);
    if (r->verdict != RENDER_EMPTY) {
        m.rec.started_at_us = r->start_us;
        m.rec.ended_at_us = r->start_us + length_us(r);
        m.rec.duration_seconds = seconds(r, (int64_t)r->wav.frames);
    }
    if (r->verdict == RENDER_READY) {
        m.rec.codec = text(wav_format_name(r->wav.format));
        m.rec.sample_rate = r->wav.sample_rate;
        m.rec.container = text("wav");
        m.rec.size_bytes = r->sums.bytes;
        m.rec.sha256 = bytes(r->sums.sha256, sizeof(r->sums.sha256));
        m.rec.sha512 = bytes(r->sums.sha512, sizeof(r->sums.sha512));
        m.rec.stored_bytes = f->stored_bytes;
        m.rec.path = text(f->path);
        fill_gaps(&m, f);
    }
    fill_keeping(&m, f);
    return pack(&m.rec, buf, cap);
}

size_t manifest_pack_erased(const struct erase *e, const char *recorder,
                            const struct ledger_pos *pos, uint8_t *buf, size_t cap)
{
    char reason[256];
    Callmesh__V1__Recording rec = CALLMESH__V1__RECORDING__INIT;
    (void)snprintf(reason, sizeof(reason), "%s: %s", e->basis, e->reason);
    rec.id = bytes(&e->recording_id, sizeof(e->recording_id));
    rec.call_id = bytes(&e->call_id, sizeof(e->call_id));
    rec.site = text(e->site);
    rec.status = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_DELETED;
    rec.reason = reason;
    rec.recorder = text(recorder);
    rec.chain_hour = text(pos->hour);
    rec.chain_n = pos->n;
    rec.chain_hash = bytes(pos->hash, sizeof(pos->hash));
    return pack(&rec, buf, cap);
}

static void put_hex(struct json *j, const char *key, const uint8_t *p, size_t n)
{
    char hex[2 * 64 + 1];
    hex_put(hex, p, n <= 64 ? n : 64);
    json_kstr(j, key, hex);
}

static void put_channels(struct json *j, const struct manifest *f)
{
    json_key(j, "channels");
    json_arr(j);
    for (int c = 0; c < 2; c++) {
        const struct render_channel *ch = &f->result->channel[c];
        json_obj(j);
        json_kint(j, "index", c + 1);
        json_kstr(j, "role", role_of(c));
        json_kstr(j, "codec", ch->codec);
        json_kuint(j, "packets", ch->packets);
        json_kuint(j, "lost", ch->lost);
        json_kuint(j, "late_or_duplicate", ch->late_or_duplicate);
        json_kuint(j, "not_rendered", ch->other);
        json_key(j, "stream_ids");
        json_arr(j);
        for (uint32_t i = 0; i < f->job->streams; i++) {
            if (f->job->stream[i].side == c + 1)
                json_uuid(j, &f->job->stream[i].id);
        }
        json_arr_end(j);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void put_gaps(struct json *j, const struct render_result *r, const struct window *w)
{
    json_key(j, "gaps");
    json_arr(j);
    for (size_t i = 0; i < w->gaps_n; i++) {
        json_obj(j);
        json_kreal(j, "from", seconds(r, w->gaps[i].from), 6);
        json_kreal(j, "to", seconds(r, w->gaps[i].to), 6);
        json_kint(j, "channel", w->gaps[i].channel + 1);
        json_kstr(j, "reason", gap_reason_name(w->gaps[i].reason));
        json_obj_end(j);
    }
    json_arr_end(j);
    json_kuint(j, "gaps_total", w->gaps_total);
}

// The pieces of streams whose sender's clock ran away, and were brought back (skew_ppm as of a stream: positive is fast).
static void put_drift(struct json *j, const struct manifest *f)
{
    const struct render_result *r = f->result;
    json_key(j, "drift");
    json_arr(j);
    for (size_t i = 0; i < r->drifts && i < RENDER_DRIFTS_MAX; i++) {
        const struct render_drift *d = &r->drift[i];
        json_obj(j);
        json_kuuid(j, "stream_id", &f->job->stream[d->stream].id);
        json_kint(j, "channel", f->job->stream[d->stream].side);
        json_kreal(j, "from", seconds(r, d->from), 6);
        json_kreal(j, "to", seconds(r, d->to), 6);
        json_kreal(j, "skew_ppm", (double)-d->stretch * 1e6 / DRIFT_ONE, 2);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_kuint(j, "drift_total", r->drifts);
}

// How encrypted media became sound, and never with what.
static void put_srtp(struct json *j, const struct render_srtp *s)
{
    if (s->clear + s->duplicates + s->failed == 0)
        return;
    json_key(j, "srtp");
    json_obj(j);
    json_kstr(j, "keys", "SDES");
    json_kstr(j, "suites", s->suites);
    json_kuint(j, "packets", s->clear);
    json_kuint(j, "duplicates", s->duplicates);
    json_kuint(j, "authentication_failed", s->failed);
    json_obj_end(j);
}

// Who had the audio kept back, and why; how much of it is missing stands in the gaps.
static void put_pauses(struct json *j, const struct job *job)
{
    json_key(j, "pauses");
    json_arr(j);
    for (uint32_t i = 0; i < job->pauses; i++) {
        json_obj(j);
        json_ktime(j, "from", job->pause[i].from_us);
        json_ktime(j, "to", job->pause[i].to_us);
        json_kstr(j, "by", job->pause[i].by);
        json_kstr(j, "reason", job->pause[i].reason);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void put_file(struct json *j, const struct manifest *f)
{
    const struct render_result *r = f->result;
    json_kstr(j, "codec", wav_format_name(r->wav.format));
    json_kuint(j, "sample_rate", r->wav.sample_rate);
    json_kstr(j, "container", "wav");
    json_kuint(j, "frames", r->wav.frames);
    json_kuint(j, "size_bytes", r->sums.bytes);
    put_hex(j, "sha256", r->sums.sha256, sizeof(r->sums.sha256));
    put_hex(j, "sha512", r->sums.sha512, sizeof(r->sums.sha512));
    json_kstr(j, "path", f->path);
    put_gaps(j, r, f->window);
    put_drift(j, f);
}

size_t manifest_json(const struct manifest *f, char *buf, size_t cap)
{
    const struct render_result *r = f->result;
    struct json j;
    json_init(&j, buf, cap);
    json_obj(&j);
    json_kint(&j, "manifest_version", 1);
    json_kuuid(&j, "id", &f->id);
    json_kuuid(&j, "call_id", &f->job->call_id);
    json_kstr(&j, "site", f->job->site);
    json_kstr(&j, "recorder", f->recorder);
    json_kstr(&j, "status", r->verdict == RENDER_READY ? "ready" : "failed");
    json_kstr(&j, "reason", r->reason);
    json_ktime(&j, "call_started_at", f->job->started_us);
    json_ktime(&j, "call_ended_at", f->job->ended_us);
    put_pauses(&j, f->job);
    json_kstr(&j, "rule", f->job->rule[0] ? f->job->rule : NULL);
    json_ktime(&j, "started_at", r->start_us);
    json_kint(&j, "started_at_us", r->start_us);
    json_ktime(&j, "ended_at", r->start_us + length_us(r));
    json_kreal(&j, "duration_seconds", seconds(r, (int64_t)r->wav.frames), 6);
    if (r->verdict == RENDER_READY)
        put_file(&j, f);
    put_channels(&j, f);
    put_srtp(&j, &r->srtp);
    if (f->key) {
        json_kstr(&j, "encryption", MANIFEST_CIPHER);
        put_hex(&j, "key_id", f->key->id, sizeof(f->key->id));
    }
    if (f->dump_path[0] != '\0') {
        json_key(&j, "rtpdump");
        json_obj(&j);
        json_kstr(&j, "path", f->dump_path);
        json_kuint(&j, "size_bytes", f->dump.bytes);
        put_hex(&j, "sha256", f->dump.sha256, sizeof(f->dump.sha256));
        put_hex(&j, "sha512", f->dump.sha512, sizeof(f->dump.sha512));
        json_obj_end(&j);
    }
    json_obj_end(&j);
    return j.overflow ? 0 : j.n;
}
