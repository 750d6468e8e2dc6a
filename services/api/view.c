#include "view.h"

#include <stdio.h>

#include "base/mono.h"

const char *view_state(Callmesh__V1__CallState s)
{
    static const char *const names[] = {"started",  "started", "ringing", "early",
                                        "answered", "held",    "ended"};
    return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : names[0];
}

const char *view_protocol(Callmesh__V1__Protocol p)
{
    static const char *const names[] = {"sip", "sip", "sccp", "mgcp", "iax2", "h323"};
    return (unsigned)p < sizeof names / sizeof names[0] ? names[p] : "other";
}

const char *view_side(Callmesh__V1__Side s)
{
    return s == CALLMESH__V1__SIDE__SIDE_CALLER   ? "caller"
           : s == CALLMESH__V1__SIDE__SIDE_CALLEE ? "callee"
                                                  : NULL;
}

static struct span word(const char *const *names, size_t n, unsigned v)
{
    return v < n && names[v] ? span_str(names[v]) : (struct span){NULL, 0};
}
#define WORD(names, v) word(names, sizeof(names) / sizeof((names)[0]), (unsigned)(v))

static const char *const result_names[] = {NULL,       "answered", "no_answer", "busy",
                                           "canceled", "rejected", "failed",    "redirected"};
static const char *const hangup_names[] = {NULL, "caller", "callee", "system", "timeout"};
static const char *const recording_state_names[] = {"none", "active", "pending", "ready", "failed"};
static const char *const recording_status_names[] = {"failed", "ready", "failed", "empty",
                                                     "deleted"};

double view_pct(int64_t part, int64_t rest)
{
    int64_t sum = part + rest;
    return part > 0 && sum > 0 ? 100.0 * (double)part / (double)sum : 0;
}

static void word_or_null(struct json *j, const char *key, struct span s)
{
    json_key(j, key);
    if (s.n)
        json_span(j, s);
    else
        json_null(j);
}

static void seconds_or_null(struct json *j, const char *key, int64_t from_us, int64_t to_us)
{
    json_key(j, key);
    if (from_us && to_us && to_us >= from_us)
        json_real(j, (double)(to_us - from_us) / 1e6, 3);
    else
        json_null(j);
}

static void real_or_null(struct json *j, const char *key, bool known, double v)
{
    if (known)
        json_kreal(j, key, v, 2);
    else
        json_knull(j, key);
}

static void list_json(struct json *j, const char *key, const struct view_list *l)
{
    json_key(j, key);
    json_arr(j);
    for (size_t i = 0; i < l->n; i++)
        json_span(j, l->item[i]);
    json_arr_end(j);
}

static void party_json(struct json *j, const char *key, struct span uri, struct span user,
                       struct span name, struct span e164)
{
    json_key(j, key);
    json_obj(j);
    json_kspan(j, "uri", uri);
    json_kspan(j, "user", user);
    json_kspan(j, "name", name);
    word_or_null(j, "e164", e164);
    json_obj_end(j);
}

// docs/api.md: setup is started to ringing, or to answered, or to the final response; ring is ringing to answered or end;
// talk is answered to ended.
static void call_times_json(struct json *j, const struct call_view *v)
{
    json_ktime(j, "started_at", v->started_us);
    json_ktime(j, "ringing_at", v->ringing_us);
    json_ktime(j, "answered_at", v->answered_us);
    json_ktime(j, "ended_at", v->ended_us);
    int64_t set_up = v->ringing_us ? v->ringing_us : v->answered_us ? v->answered_us : v->ended_us;
    seconds_or_null(j, "setup_seconds", v->started_us, set_up);
    seconds_or_null(j, "ring_seconds", v->ringing_us,
                    v->answered_us ? v->answered_us : v->ended_us);
    seconds_or_null(j, "talk_seconds", v->answered_us, v->ended_us);
    seconds_or_null(j, "duration_seconds", v->started_us, v->ended_us);
}

static void int_or_null(struct json *j, const char *key, int64_t v)
{
    if (v)
        json_kint(j, key, v);
    else
        json_knull(j, key);
}

void call_json_open(struct json *j, const struct call_view *v)
{
    json_obj(j);
    json_kuuid(j, "id", &v->id);
    json_kuint(j, "revision", v->revision);
    json_kspan(j, "site", v->site);
    list_json(j, "harvesters", &v->harvesters);
    json_kbool(j, "live", v->live);
    json_kspan(j, "state", v->state);
    word_or_null(j, "result", v->result);
    json_kspan(j, "protocol", v->protocol);
    int_or_null(j, "sip_status", v->sip_status);
    word_or_null(j, "sip_reason", v->sip_reason);
    word_or_null(j, "hangup_by", v->hangup_by);
    party_json(j, "from", v->from_uri, v->from_user, v->from_name, v->from_e164);
    party_json(j, "to", v->to_uri, v->to_user, v->to_name, v->to_e164);
    call_times_json(j, v);
    json_kreal(j, "hold_seconds", v->hold_seconds, 3);
    json_kint(j, "hold_count", v->hold_count);
    list_json(j, "sip_call_ids", &v->sip_call_ids);
    json_kint(j, "message_count", v->message_count);
    json_kspan(j, "recording_state", v->recording_state);
    story_json(j, v);
    list_json(j, "codecs", &v->codecs);
    json_key(j, "quality");
    if (v->has_quality) {
        json_obj(j);
        json_kint(j, "packets", v->packets);
        json_kint(j, "lost", v->lost);
        json_kreal(j, "loss_pct", view_pct(v->lost, v->packets), 3);
        json_kreal(j, "jitter_ms_max", v->jitter_ms_max, 3);
        real_or_null(j, "mos_min", v->rated, v->mos_min);
        real_or_null(j, "mos_avg", v->rated, v->mos_avg);
        word_or_null(j, "one_way", v->one_way);
        json_kint(j, "capture_lost", v->capture_lost);
        json_kbool(j, "capture_lost_bound", v->capture_lost_bound);
        json_obj_end(j);
    } else {
        json_null(j);
    }
}

void call_json(struct json *j, const struct call_view *v, unsigned listeners)
{
    call_json_open(j, v);
    json_kuint(j, "listeners", listeners);
    json_obj_end(j);
}

void call_json_close(struct json *j, struct span open_text, unsigned listeners)
{
    json_raw(j, open_text);
    json_kuint(j, "listeners", listeners);
    json_obj_end(j);
}

static struct span bytes(ProtobufCBinaryData b)
{
    return span_of(b.data, b.len);
}

// Cuts at a character, so that a long wire value cannot push a whole object out of its buffer.
static struct span cut(struct span s, size_t max)
{
    if (s.n <= max)
        return s;
    size_t n = max;
    while (n > 0 && (s.p[n] & 0xC0) == 0x80)
        n--;
    return span_of(s.p, n);
}

#define VIEW_URI  256
#define VIEW_NAME 128

static void list_add(struct view_list *l, struct span s)
{
    for (size_t i = 0; i < l->n; i++) {
        if (span_eq(l->item[i], s))
            return;
    }
    if (l->n < VIEW_LIST && s.n)
        l->item[l->n++] = s;
}

// As ROW_CALL_JOIN has it: what was surely lost adds up, of what may be the same loss twice the most counts.
static void call_quality_of(const Callmesh__V1__Call *c, struct call_view *v)
{
    int64_t bound = 0, rated = 0;
    for (size_t i = 0; i < c->n_streams; i++) {
        const Callmesh__V1__StreamQuality *q = c->streams[i]->quality;
        if (!q)
            continue;
        int64_t lost = (int64_t)q->capture_lost;
        if (!q->capture_lost_bound)
            v->capture_lost += lost;
        else if (lost > bound)
            bound = lost;
        if (!q->rated)
            continue;
        v->mos_min = !rated || (double)q->mos_min < v->mos_min ? (double)q->mos_min : v->mos_min;
        v->mos_avg += (double)q->mos_avg;
        rated++;
    }
    v->capture_lost += bound;
    v->capture_lost_bound = bound > 0;
    v->rated = rated > 0;
    if (rated)
        v->mos_avg /= (double)rated;
    v->one_way = span_str(view_side(c->one_way) ? view_side(c->one_way) : "");
}

static void call_media_of(const Callmesh__V1__Call *c, struct call_view *v)
{
    for (size_t i = 0; i < c->n_streams; i++) {
        const Callmesh__V1__CallStream *s = c->streams[i];
        list_add(&v->codecs, cut(span_str(s->codec), 32));
        v->packets += (int64_t)s->packets;
        v->lost += (int64_t)s->lost;
        double jitter = s->jitter_max_us / 1000.0;
        v->jitter_ms_max = jitter > v->jitter_ms_max ? jitter : v->jitter_ms_max;
        v->has_quality = true;
    }
}

void call_view_of(const Callmesh__V1__Call *c, struct call_view *v)
{
    *v = (struct call_view){.revision = c->revision, .live = c->live};
    if (c->id.len == sizeof(v->id.b))
        memcpy(v->id.b, c->id.data, sizeof(v->id.b));
    v->site = cut(span_str(c->site), 64);
    for (size_t i = 0; i < c->n_harvesters; i++)
        list_add(&v->harvesters, cut(span_str(c->harvesters[i]), 96));
    v->state = span_str(view_state(c->state));
    v->result = WORD(result_names, c->result);
    v->hangup_by = WORD(hangup_names, c->hangup_by);
    v->recording_state = WORD(recording_state_names, c->recording_state);
    v->protocol = span_str(view_protocol(c->protocol));
    v->sip_status = c->sip_status;
    v->sip_reason = cut(bytes(c->sip_reason), VIEW_NAME);
    if (c->from) {
        v->from_uri = cut(bytes(c->from->uri), VIEW_URI);
        v->from_user = cut(bytes(c->from->user), VIEW_NAME);
        v->from_name = cut(bytes(c->from->display_name), VIEW_NAME);
        v->from_e164 = cut(bytes(c->from->e164), 16);
    }
    if (c->to) {
        v->to_uri = cut(bytes(c->to->uri), VIEW_URI);
        v->to_user = cut(bytes(c->to->user), VIEW_NAME);
        v->to_name = cut(bytes(c->to->display_name), VIEW_NAME);
        v->to_e164 = cut(bytes(c->to->e164), 16);
    }
    v->started_us = c->started_at_us;
    v->ringing_us = c->ringing_at_us;
    v->answered_us = c->answered_at_us;
    v->ended_us = c->ended_at_us;
    v->hold_seconds = (double)c->hold_us / 1e6;
    v->hold_count = c->hold_count;
    v->message_count = (int64_t)c->message_count;
    for (size_t i = 0; i < c->n_legs; i++)
        list_add(&v->sip_call_ids, cut(bytes(c->legs[i]->sip_call_id), VIEW_NAME));
    if (c->story)
        story_view_of(c->story, v);
    if (c->recording_policy)
        decision_view_of(c->recording_policy, v);
    paused_view_of(c, v);
    call_media_of(c, v);
    call_quality_of(c, v);
}

void address_json(struct json *j, const char *key, struct span ip, int64_t port)
{
    json_key(j, key);
    json_obj(j);
    json_kspan(j, "ip", ip);
    json_kint(j, "port", port);
    json_obj_end(j);
}

void harvester_json(struct json *j, const Callmesh__V1__Harvester *h)
{
    json_obj(j);
    json_kstr(j, "name", h->name);
    json_kstr(j, "site", h->site);
    json_kstr(j, "version", h->version);
    json_kstr(j, "input", h->input);
    json_kbool(j, "live", h->live);
    json_kbool(j, "up", h->up);
    json_kbool(j, "ended", h->ended);
    json_ktime(j, "started_at", h->started_at_us);
    json_ktime(j, "last_seen_at", h->last_seen_us);
    json_ktime(j, "feed_time", h->feed_time_us);
    json_kuint(j, "packets", h->packets);
    json_kuint(j, "sip_messages", h->sip_messages);
    json_kuint(j, "rtp_packets", h->rtp_packets);
    json_kuint(j, "drops", h->drops);
    json_kint(j, "clock_offset_us", h->clock_offset_us);
    json_kuint(j, "lag_messages", h->lag_messages);
    json_key(j, "counters");
    json_obj(j);
    for (size_t i = 0; i < h->n_counters; i++)
        json_kuint(j, h->counters[i]->name, h->counters[i]->value);
    json_obj_end(j);
    json_obj_end(j);
}

static void id_json(struct json *j, ProtobufCBinaryData b)
{
    struct uuid u = {0};
    if (b.len == sizeof(u.b))
        memcpy(u.b, b.data, sizeof(u.b));
    json_uuid(j, &u);
}

static void channel_json(struct json *j, const Callmesh__V1__RecordingChannel *c)
{
    json_obj(j);
    json_kuint(j, "index", c->index);
    json_kstr(j, "role", c->role);
    json_kstr(j, "codec", c->codec);
    json_kuint(j, "packets", c->packets);
    json_kuint(j, "lost", c->lost);
    json_kuint(j, "late_or_duplicate", c->late_or_duplicate);
    json_key(j, "stream_ids");
    json_arr(j);
    for (size_t i = 0; i < c->n_stream_ids; i++)
        id_json(j, c->stream_ids[i]);
    json_arr_end(j);
    json_obj_end(j);
}

static void recording_urls_json(struct json *j, const Callmesh__V1__Recording *r)
{
    struct uuid u = {0};
    char id[37], url[96];
    if (r->status != CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY ||
        r->id.len != sizeof(u.b)) {
        json_knull(j, "url");
        json_knull(j, "peaks_url");
        return;
    }
    memcpy(u.b, r->id.data, sizeof(u.b));
    uuid_format(&u, id);
    snprintf(url, sizeof(url), "/api/v1/recordings/%s/audio", id);
    json_kstr(j, "url", url);
    snprintf(url, sizeof(url), "/api/v1/recordings/%s/peaks", id);
    json_kstr(j, "peaks_url", url);
}

static void gaps_json(struct json *j, const Callmesh__V1__Recording *r)
{
    json_key(j, "gaps");
    json_arr(j);
    for (size_t i = 0; i < r->n_gaps && i < 64; i++) { // the list of the store has them all
        json_obj(j);
        json_kreal(j, "from", r->gaps[i]->from_seconds, 3);
        json_kreal(j, "to", r->gaps[i]->to_seconds, 3);
        json_kuint(j, "channel", r->gaps[i]->channel);
        json_kstr(j, "reason", r->gaps[i]->reason);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void put_hex(struct json *j, const char *key, ProtobufCBinaryData b)
{
    char text[2 * 64 + 1] = "";
    for (size_t i = 0; i < b.len && i < 64; i++)
        snprintf(text + 2 * i, 3, "%02x", b.data[i]);
    json_kstr(j, key, text);
}

void recording_json(struct json *j, const Callmesh__V1__Recording *r)
{
    char sha[65] = "";
    for (size_t i = 0; i < r->sha256.len && i < 32; i++)
        snprintf(sha + 2 * i, 3, "%02x", r->sha256.data[i]);
    json_obj(j);
    json_key(j, "id");
    id_json(j, r->id);
    json_key(j, "call_id");
    id_json(j, r->call_id);
    json_kstr(j, "site", r->site);
    json_kspan(j, "status", WORD(recording_status_names, r->status));
    json_kstr(j, "reason", r->reason);
    json_ktime(j, "started_at", r->started_at_us);
    json_ktime(j, "ended_at", r->ended_at_us);
    json_kreal(j, "duration_seconds", r->duration_seconds, 3);
    json_kstr(j, "codec", r->codec);
    json_kuint(j, "sample_rate", r->sample_rate);
    json_kstr(j, "container", r->container);
    json_kuint(j, "size_bytes", r->size_bytes);
    json_kstr(j, "sha256", sha);
    json_key(j, "channels");
    json_arr(j);
    for (size_t i = 0; i < r->n_channels && i < 2; i++)
        channel_json(j, r->channels[i]);
    json_arr_end(j);
    gaps_json(j, r);
    recording_urls_json(j, r);
    json_kstr(j, "recorder", r->recorder);
    put_hex(j, "sha512", r->sha512);
    json_kuint(j, "stored_bytes", r->stored_bytes);
    json_kstr(j, "encryption", r->encryption);
    put_hex(j, "key_id", r->key_id);
    json_key(j, "chain");
    if (r->chain_hour && r->chain_hour[0]) {
        json_obj(j);
        json_kstr(j, "hour", r->chain_hour);
        json_kuint(j, "n", r->chain_n);
        put_hex(j, "hash", r->chain_hash);
        json_obj_end(j);
    } else {
        json_null(j);
    }
    json_obj_end(j);
}
