// The row of a recording: its channels and gaps as JSON.
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "rows.h"

static const char *status_name(Callmesh__V1__RecordingStatus s)
{
    return s == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY     ? "ready"
           : s == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED  ? "failed"
           : s == CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_DELETED ? "deleted"
                                                                           : "empty";
}

static void channels_json(const Callmesh__V1__Recording *r, struct json *j)
{
    json_arr(j);
    for (size_t i = 0; i < r->n_channels && i < 8; i++) {
        const Callmesh__V1__RecordingChannel *c = r->channels[i];
        json_obj(j);
        json_kuint(j, "index", c->index);
        json_kstr(j, "role", c->role);
        json_kstr(j, "codec", c->codec);
        json_kuint(j, "packets", c->packets);
        json_kuint(j, "lost", c->lost);
        json_kuint(j, "late_or_duplicate", c->late_or_duplicate);
        json_key(j, "stream_ids");
        json_arr(j);
        for (size_t k = 0; k < c->n_stream_ids && k < CALL_STREAMS_MAX; k++) {
            struct uuid id;
            if (c->stream_ids[k].len != sizeof id.b)
                continue;
            memcpy(id.b, c->stream_ids[k].data, sizeof id.b);
            json_uuid(j, &id);
        }
        json_arr_end(j);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void gaps_json(const Callmesh__V1__Recording *r, struct json *j)
{
    json_arr(j);
    for (size_t i = 0; i < r->n_gaps && i < 100; i++) {
        json_obj(j);
        json_kreal(j, "from", r->gaps[i]->from_seconds, 3);
        json_kreal(j, "to", r->gaps[i]->to_seconds, 3);
        json_kuint(j, "channel", r->gaps[i]->channel);
        json_kstr(j, "reason", r->gaps[i]->reason);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void hex(ProtobufCBinaryData b, size_t max, char *buf)
{
    buf[0] = 0;
    for (size_t i = 0; i < b.len && i < max; i++)
        (void)snprintf(buf + 2 * i, 3, "%02x", b.data[i]);
}

void rows_recording(struct world *w, const char *site, const Callmesh__V1__Recording *r)
{
    static char channels[16384], gaps[16384];
    struct json jc, jg;
    json_init(&jc, channels, sizeof channels - 1);
    channels_json(r, &jc);
    channels[jc.overflow ? 0 : jc.n] = 0;
    json_init(&jg, gaps, sizeof gaps - 1);
    gaps_json(r, &jg);
    gaps[jg.overflow ? 0 : jg.n] = 0;
    struct uuid id, call_id;
    memcpy(id.b, r->id.data, sizeof id.b);
    memcpy(call_id.b, r->call_id.data, sizeof call_id.b);
    char sha[129] = "";
    hex(r->sha256, 32, sha);
    int64_t start = r->started_at_us > 0 ? r->started_at_us : uuid_time_us(&call_id);
    struct table *t = w->batch->t[ROWS_RECORDINGS];
    row_begin(t);
    row_str(t, site);
    row_time(t, start > 0 ? start : 1);
    row_uuid(t, &id);
    row_uuid(t, &call_id);
    row_str(t, status_name(r->status));
    row_text(t, span_sub(span_str(r->reason), 0, 256));
    row_time(t, r->ended_at_us > start ? r->ended_at_us : start > 0 ? start : 1);
    row_real(t, r->duration_seconds);
    row_text(t, span_sub(span_str(r->codec), 0, 32));
    row_int(t, r->sample_rate);
    row_text(t, span_sub(span_str(r->container), 0, 32));
    row_int(t, (int64_t)r->size_bytes);
    row_str(t, sha);
    row_text(t, span_sub(span_str(r->path), 0, 1024));
    row_text(t, span_sub(span_str(r->recorder), 0, 96));
    row_str(t, channels[0] ? channels : "[]");
    row_str(t, gaps[0] ? gaps : "[]");
    hex(r->sha512, 64, sha);
    row_str(t, sha);
    row_int(t, (int64_t)r->stored_bytes);
    row_text(t, span_sub(span_str(r->encryption), 0, 32));
    hex(r->key_id, 16, sha);
    row_str(t, sha);
    row_text(t, span_sub(span_str(r->chain_hour), 0, 16));
    row_int(t, (int64_t)r->chain_n);
    hex(r->chain_hash, 32, sha);
    row_str(t, sha);
    rows_done(w, t);
}
