// What becomes a row, table by table: calls, legs, streams, messages, recordings, losses. Over 450 lines: one function a
// table, nothing else.
#include "rows.h"
#include <stdio.h>
#include <string.h>
#include "base/fail.h"
#include "base/json.h"
#include "base/mono.h"
#include "blob.h"
#include "media_join.h"
#include "parts.h"
#include "plant.h"
#include "recordings.h"
#include "signalling.h"
#include "stats.h"
#include "wire/dtmf.h"
#include "store/packed.h"

#define BODY_KEPT (32u << 10)

const char *call_state_name(int state)
{
    static const char *const names[] = {"started",  "started", "ringing", "early",
                                        "answered", "held",    "ended"};
    return state >= 0 && state < 7 ? names[state] : "started";
}

const char *call_result_name(int result)
{
    static const char *const names[] = {NULL,       "answered", "no_answer", "busy",
                                        "canceled", "rejected", "failed",    "redirected"};
    return result >= 0 && result < 8 ? names[result] : NULL;
}

const char *hangup_name(int by)
{
    static const char *const names[] = {NULL, "caller", "callee", "system", "timeout"};
    return by >= 0 && by < 5 ? names[by] : NULL;
}

const char *transport_name(int transport)
{
    static const char *const names[] = {"udp", "udp", "tcp", "tls", "ws"};
    return transport >= 0 && transport < 5 ? names[transport] : "udp";
}

const char *recording_state_name(int state)
{
    static const char *const names[] = {"none", "active", "pending", "ready", "failed"};
    return state >= 0 && state < 5 ? names[state] : "none";
}

void rows_done(struct world *w, struct table *t)
{
    if (row_end(t))
        w->batch->rows++;
    else
        count(
            STAT_ROWS_TOO_LONG); // world_batch_full looks first: only a text beyond all bounds ends here
}

// The bytes as they are stored: digits of a card are in no database.
static struct span stored_raw(const struct world *w, const struct message *m)
{
    static uint8_t copy[UINT16_MAX];
    size_t n = 0;
    if (w->keep_digits)
        return m->raw;
    struct span raw = dtmf_masked(m->sip, m->raw, copy, sizeof copy, &n);
    count_n(STAT_DIGITS_MASKED, n);
    return raw;
}

// An SDP body begins with its version line (RFC 8866 5.1), wherever it stands in a multipart one.
static bool carries_sdp(const struct message *m)
{
    return memmem(m->raw.p, m->raw.n, "\r\nv=0\r\n", 7) != NULL;
}

static void message_row(struct world *w, const struct message *m, bool again)
{
    const struct sip_msg *sip = m->sip;
    struct table *t = w->batch->t[ROWS_MESSAGES];
    row_begin(t);
    row_str(t, w->site[m->site].name);
    row_time(t, m->at_us > 0 ? m->at_us : 1);
    row_str(t, w->publisher[m->publisher].name);
    row_int(t, (int64_t)m->seq);
    row_int(t, PLANT_DOUBLE && again ? (int64_t)m->n + 100000 : (int64_t)m->n);
    row_uuid(t, m->call ? &m->call->id : NULL);
    row_uuid(t, m->leg ? &m->leg->id : NULL);
    row_text(t, sip->call_id);
    row_text(t, span_sub(sip->request ? sip->method_text : sip->cseq_method_text, 0, 64));
    if (sip->request)
        row_null(t);
    else
        row_int(t, sip->status);
    row_text(t, sip->reason);
    row_inet(t, endpoint_ip(&m->src));
    row_int(t, m->src.port);
    row_inet(t, endpoint_ip(&m->dst));
    row_int(t, m->dst.port);
    row_str(t, transport_name(m->transport));
    row_bool(t, m->retransmission);
    enum packed_form form;
    struct span raw = packer_pack(w->packer, stored_raw(w, m), &form);
    row_int(t, form);
    row_bool(t, carries_sdp(m));
    row_bytes(t, raw);
    rows_done(w, t);
}

void rows_message(struct world *w, const struct message *m)
{
    message_row(w, m, false);
    if (plant_now(PLANT_DOUBLE))
        message_row(w, m, true);
}

void rows_assign(struct world *w, const struct message *m)
{
    struct table *t = w->batch->t[ROWS_ASSIGN];
    row_begin(t);
    row_str(t, w->site[m->site].name);
    row_time(t, m->at_us > 0 ? m->at_us : 1);
    row_str(t, w->publisher[m->publisher].name);
    row_int(t, (int64_t)m->seq);
    row_int(t, m->n);
    row_uuid(t, &m->call->id);
    row_uuid(t, m->leg ? &m->leg->id : NULL);
    row_bool(t, m->retransmission);
    rows_done(w, t);
}

static void rtcp_json(const struct stream *s, char *buf, size_t cap)
{
    struct json j;
    json_init(&j, buf, cap - 1);
    json_obj(&j);
    if (s->rtcp) {
        json_kuint(&j, "packets", s->rtcp_packets);
        json_kuint(&j, "fraction_lost", s->rtcp_fraction_lost);
        json_kint(&j, "cumulative_lost", s->rtcp_lost);
        json_kuint(&j, "jitter", s->rtcp_jitter);
        json_kuint(&j, "sender_packets", s->rtcp_sender_packets);
        json_kbool(&j, "bye", s->rtcp_bye);
        if (s->rtcp_xr)
            rtcp_voip_json(&j, "xr", &s->voip);
    }
    json_obj_end(&j);
    buf[j.overflow ? 0 : j.n] = 0;
}

static void real_or_null(struct table *t, bool known, double v)
{
    if (known)
        row_real(t, v);
    else
        row_null(t);
}

// Eleven columns.
static void stream_quality(struct table *t, const struct stream *s)
{
    const struct quality *q = &s->quality;
    bool rated = s->rated && q->rated;
    char text[256];
    real_or_null(t, rated, (double)q->mos_f1);
    real_or_null(t, rated, (double)q->mos_f2);
    real_or_null(t, rated, (double)q->mos_adaptive);
    real_or_null(t, rated, (double)q->mos_min);
    real_or_null(t, rated, (double)q->mos_avg);
    real_or_null(t, rated, (double)q->r_adaptive);
    struct json j;
    json_init(&j, text, sizeof text);
    json_obj(&j);
    json_kuint(&j, "f1", q->late_f1);
    json_kuint(&j, "f2", q->late_f2);
    json_kuint(&j, "adaptive", q->late_adaptive);
    json_obj_end(&j);
    row_str(t, s->rated ? text : NULL);
    json_init(&j, text, sizeof text);
    json_obj(&j);
    json_kuint(&j, "count", q->bursts);
    json_kreal(&j, "density", (double)q->burst_density, 4);
    json_kreal(&j, "gap_density", (double)q->gap_density, 4);
    json_kreal(&j, "duration_ms", (double)q->burst_ms, 1);
    json_kreal(&j, "gap_duration_ms", (double)q->gap_ms, 1);
    json_obj_end(&j);
    row_str(t, s->rated ? text : NULL);
    real_or_null(t, s->rated && q->skew_known, (double)q->skew_ppm);
    row_int(t, s->rated ? (int64_t)q->capture_lost : 0);
    row_bool(t, s->rated && q->capture_lost_bound);
}

void rows_stream(struct world *w, const struct stream *s)
{
    struct table *t = w->batch->t[ROWS_STREAMS];
    struct format f = {.clock_rate = s->clock_rate};
    (void)span_copy(span_str(s->codec), f.codec, sizeof f.codec);
    struct format by_sdp;
    if ((s->leg || !f.codec[0]) && media_format(s, s->payload_type, &by_sdp))
        f = by_sdp;
    char rtcp[1024];
    rtcp_json(s, rtcp, sizeof rtcp);
    row_begin(t);
    row_str(t, w->site[s->site].name);
    row_time(t, s->first_us > 0 ? s->first_us : 1);
    row_uuid(t, &s->id);
    row_uuid(t, &s->call_id);
    row_uuid(t, &s->leg_id);
    row_str(t, s->side == SIDE_CALLER ? "caller" : s->side == SIDE_CALLEE ? "callee" : NULL);
    row_str(t, w->publisher[s->publisher].name);
    row_int(t, s->ssrc);
    row_inet(t, endpoint_ip(&s->src));
    row_int(t, s->src.port);
    row_inet(t, endpoint_ip(&s->dst));
    row_int(t, s->dst.port);
    row_str(t, f.codec);
    row_int(t, s->payload_type);
    row_int(t, f.clock_rate);
    row_real(t, s->ptime_us / 1000.0);
    row_int(t, (int64_t)s->packets);
    row_int(t, (int64_t)s->bytes);
    row_int(t, (int64_t)s->lost);
    row_int(t, (int64_t)s->out_of_order);
    row_int(t, (int64_t)s->duplicates);
    row_real(t, s->jitter_us / 1000.0);
    row_real(t, s->jitter_max_us / 1000.0);
    row_real(t, s->delta_max_us / 1000.0);
    row_int(t, (int64_t)s->dtmf_packets);
    row_bool(t, s->srtp);
    row_str(t, rtcp[0] ? rtcp : "{}");
    row_time(t, s->last_us > 0 ? s->last_us : 1);
    row_bool(t, s->ended);
    stream_quality(t, s);
    rows_done(w, t);
}

static void digits(struct table *t, const struct party *p)
{
    uint8_t out[sizeof p->user];
    size_t n = 0;
    for (uint16_t i = 0; i < p->user_n; i++)
        if (p->user[i] >= '0' && p->user[i] <= '9')
            out[n++] = p->user[i];
    row_text(t, span_of(out, n));
}

static void call_row(struct world *w, const struct call *c)
{
    struct table *t = w->batch->t[ROWS_CALLS];
    char harvesters[CALL_PUBLISHERS_MAX * 100] = "", ids[CALL_ID_MAX];
    size_t n = 0;
    for (uint8_t i = 0; i < c->publishers; i++)
        n += (size_t)snprintf(harvesters + n, sizeof harvesters - n, "%s%s", i ? "\t" : "",
                              w->publisher[c->publisher[i]].name);
    struct call_story s;
    parts_story(c, &s);
    row_begin(t);
    row_str(t, w->site[c->site].name);
    row_time(t, c->started_us > 0 ? c->started_us : 1);
    row_uuid(t, &c->id);
    row_int(t, (int64_t)c->revision);
    row_str(t, call_state_name(s.state));
    row_str(t, call_result_name(s.result));
    if (s.status && c->protocol == PROTOCOL_SIP)
        row_int(t, s.status);
    else
        row_null(t);
    row_text(t, s.reason);
    row_str(t, hangup_name(s.hangup_by));
    row_text(t, span_of(c->from.uri, c->from.uri_n));
    row_text(t, span_of(c->from.user, c->from.user_n));
    row_text(t, span_of(c->from.name, c->from.name_n));
    row_text(t, span_of(c->to.uri, c->to.uri_n));
    row_text(t, span_of(c->to.user, c->to.user_n));
    row_text(t, span_of(c->to.name, c->to.name_n));
    digits(t, &c->from);
    digits(t, &c->to);
    row_time(t, s.ringing_us);
    row_time(t, s.answered_us);
    row_time(t, s.ended_us);
    row_real(t, (double)s.hold_us / 1e6);
    row_int(t, s.hold_count);
    row_text(t, rows_call_ids(c, ids, sizeof ids));
    row_str(t, harvesters);
    row_int(t, (int64_t)c->message_count);
    row_str(t, recording_state_name(c->recording_state));
    row_bool(t, c->live);
    row_int(t, (int64_t)c->lost_packets);
    double mos_min = 0;
    bool rated = media_mos_min(c, &mos_min);
    real_or_null(t, rated, mos_min);
    enum side one_way = media_one_way(c);
    row_str(t, one_way == SIDE_CALLER ? "caller" : one_way == SIDE_CALLEE ? "callee" : NULL);
    row_str(t, protocol_name(c->protocol));
    rows_story_columns(t, c, &s);
    rows_done(w, t);
}

static void leg_row(struct world *w, const struct leg *l)
{
    const struct call *c = l->call;
    struct table *t = w->batch->t[ROWS_LEGS];
    row_begin(t);
    row_str(t, w->site[c->site].name);
    row_time(t, l->started_us > 0 ? l->started_us : 1);
    row_uuid(t, &l->id);
    row_uuid(t, &c->id);
    row_text(t, call_id_span(c));
    row_text(t, tag_span(&c->from_tag));
    row_text(t, tag_span(&l->to_tag));
    row_text(t, span_of(c->from.uri, c->from.uri_n));
    row_text(t, span_of(c->to.uri, c->to.uri_n));
    row_str(t, call_state_name(l->state));
    if (l->status && c->protocol == PROTOCOL_SIP)
        row_int(t, l->status);
    else
        row_null(t);
    row_time(t, l->ringing_us);
    row_time(t, l->answered_us);
    row_time(t, l->ended_us);
    row_inet(t, endpoint_ip(&l->src));
    row_int(t, l->src.port);
    row_inet(t, endpoint_ip(&l->dst));
    row_int(t, l->dst.port);
    row_str(t, transport_name(l->transport));
    row_text(t, span_of(l->user_agent, l->user_agent_n));
    rows_done(w, t);
}

void rows_open_gone(struct world *w, const struct uuid *id)
{
    struct table *t = w->batch->t[ROWS_OPEN_GONE];
    row_begin(t);
    row_uuid(t, id);
    rows_done(w, t);
}

void rows_call(struct world *w, struct call *c, bool leaves, bool gone)
{
    if (c->row_due || (leaves && c->row_late_us)) {
        call_row(w, c);
        for (const struct leg *l = c->legs; l; l = l->next)
            leg_row(w, l);
        c->row_due = false;
        c->row_late_us = 0;
        list_del(&c->late_link);
    }
    if (gone) {
        rows_open_gone(w, &c->id);
        return;
    }
    if (!c->dirty)
        return;
    static uint8_t buf[64u << 10];
    size_t n = blob_write(w, c, buf, sizeof buf);
    must(n > 0);
    struct table *t = w->batch->t[ROWS_OPEN];
    row_begin(t);
    row_uuid(t, &c->id);
    row_str(t, w->site[c->site].name);
    row_time(t, c->started_us > 0 ? c->started_us : 1);
    row_int(t, (int64_t)c->revision);
    row_bytes(t, span_of(buf, n));
    rows_done(w, t);
}

void rows_site(struct world *w, const struct site *s)
{
    struct table *t = w->batch->t[ROWS_SITES];
    row_begin(t);
    row_str(t, s->name);
    rows_done(w, t);
}

void rows_publisher(struct world *w, const struct publisher *p)
{
    static char json[COUNTERS_MAX * 100];
    struct json j;
    json_init(&j, json, sizeof json - 1);
    json_obj(&j);
    for (uint16_t i = 0; i < p->counters_n; i++)
        json_kuint(&j, w->counter_name[p->counter[i].name].s, p->counter[i].value);
    json_obj_end(&j);
    (void)snprintf(json + (j.overflow ? 0 : j.n), 3, "%s", j.overflow ? "{}" : "");
    struct table *t = w->batch->t[ROWS_HARVESTERS];
    row_begin(t);
    row_str(t, w->site[p->site].name);
    row_str(t, p->name);
    row_str(t, p->version);
    row_str(t, p->input);
    row_bool(t, p->live);
    row_time(t, p->started_us);
    row_time(t, p->last_seen_wall_us);
    row_time(t, p->feed_us);
    row_bool(t, p->ended);
    row_bytes(t, span_str(json));
    rows_done(w, t);
}

void rows_loss(struct world *w, const struct publisher *p, uint64_t seq, int n, uint64_t first_seq,
               const Callmesh__V1__Loss *l)
{
    struct table *t = w->batch->t[ROWS_LOSSES];
    row_begin(t);
    row_str(t, w->site[p->site].name);
    row_str(t, p->name);
    row_int(t, (int64_t)seq);
    row_int(t, n);
    row_str(t, l->place);
    row_int(t, (int64_t)l->count);
    row_time(t, l->from_us);
    row_time(t, l->to_us);
    row_str(t, l->detail);
    row_int(t, (int64_t)p->epoch);
    if (first_seq) {
        row_int(t, (int64_t)first_seq);
        row_int(t, (int64_t)seq - 1);
    } else {
        row_null(t);
        row_null(t);
    }
    row_bool(t, l->bound);
    rows_done(w, t);
}

void rows_quarantine(struct world *w, const struct publisher *p, uint64_t seq, int n,
                     const char *reason, struct span body)
{
    struct table *t = w->batch->t[ROWS_QUARANTINE];
    row_begin(t);
    row_str(t, p->name);
    row_int(t, (int64_t)seq);
    row_int(t, n);
    row_str(t, reason);
    row_bytes(t, span_sub(body, 0, BODY_KEPT));
    row_str(t, w->site[p->site].name);
    rows_done(w, t);
    count(STAT_QUARANTINED);
}

void rows_recording_state(struct world *w, const char *site, const struct uuid *call_id, int state)
{
    struct table *t = w->batch->t[ROWS_RECORDING_STATE];
    row_begin(t);
    row_str(t, site);
    row_time(t, uuid_time_us(call_id));
    row_uuid(t, call_id);
    row_str(t, recording_state_name(state));
    rows_done(w, t);
}

void rows_flush_dirty(struct world *w)
{
    while (!list_empty(&w->dirty_streams)) {
        struct stream *s = LIST_OBJECT(struct stream, dirty_link, w->dirty_streams.next);
        rows_stream(w, s);
        s->dirty = false;
        list_del(&s->dirty_link);
    }
    w->dirty_stream_count = 0;
    while (!list_empty(&w->dirty_calls)) {
        struct call *c = LIST_OBJECT(struct call, dirty_link, w->dirty_calls.next);
        rows_call(w, c, false, false);
        c->dirty = false;
        c->dirty_legs = 0;
        c->dirty_bytes = 0;
        list_del(&c->dirty_link);
    }
    w->dirty_call_count = w->dirty_leg_count = w->dirty_bytes = 0;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        if (!p->used || !p->dirty)
            continue;
        if (!table_fits(w->batch->t[ROWS_HARVESTERS], HARVESTER_BYTES))
            break; // still dirty: in the next batch
        rows_site(w, &w->site[p->site]);
        rows_publisher(w, p);
        p->dirty = false;
    }
}
