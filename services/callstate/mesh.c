#include "mesh.h"
#include <string.h>
#include "media_join.h"

#define TAKE(a, type) ((type *)arena_take((a), sizeof(type)))

static ProtobufCBinaryData view(const void *p, size_t n)
{
    union { // packing does not write
        const void *in;
        uint8_t *out;
    } u = {.in = p};
    return (ProtobufCBinaryData){.len = n, .data = u.out};
}

static char *borrow(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = {.in = s};
    return u.out;
}

static Callmesh__V1__MeshChange *change(struct arena *a, Callmesh__V1__MeshChange__ChangeCase kind)
{
    Callmesh__V1__MeshChange *m = TAKE(a, Callmesh__V1__MeshChange);
    if (!m)
        return NULL;
    callmesh__v1__mesh_change__init(m);
    m->change_case = kind;
    return m;
}

static Callmesh__V1__Endpoint *endpoint(struct arena *a, const struct endpoint *e)
{
    Callmesh__V1__Endpoint *p = TAKE(a, Callmesh__V1__Endpoint);
    if (!p)
        return NULL;
    callmesh__v1__endpoint__init(p);
    struct span ip = endpoint_ip(e);
    p->ip = view(ip.p, ip.n);
    p->port = e->port;
    return p;
}

static Callmesh__V1__Party *party(struct arena *a, const struct party *in, const struct tag *tag)
{
    Callmesh__V1__Party *p = TAKE(a, Callmesh__V1__Party);
    if (!p)
        return NULL;
    callmesh__v1__party__init(p);
    p->uri = view(in->uri, in->uri_n);
    p->user = view(in->user, in->user_n);
    p->display_name = view(in->name, in->name_n);
    struct span t = tag ? tag_span(tag) : span_of("", 0);
    p->tag = view(t.p, t.n);
    return p;
}

// Of the call alone: its legs have the same parties.
static void number(struct arena *a, const struct party *in, Callmesh__V1__Party *p)
{
    char *text = p && in->e164 ? arena_take(a, DIAL_E164_TEXT) : NULL;
    if (text)
        p->e164 = view(text, dial_e164_text(in->e164, text));
}

static Callmesh__V1__Leg *leg(struct arena *a, const struct leg *in)
{
    const struct call *c = in->call;
    Callmesh__V1__Leg *l = TAKE(a, Callmesh__V1__Leg);
    if (!l)
        return NULL;
    callmesh__v1__leg__init(l);
    l->id = view(in->id.b, sizeof in->id.b);
    l->sip_call_id = view(c->call_id, c->call_id_kept);
    l->from = party(a, &c->from, &c->from_tag);
    l->to = party(a, &c->to, &in->to_tag);
    l->state = (Callmesh__V1__CallState)in->state;
    l->sip_status = c->protocol == PROTOCOL_SIP ? in->status : 0;
    l->started_at_us = in->started_us;
    l->ringing_at_us = in->ringing_us;
    l->answered_at_us = in->answered_us;
    l->ended_at_us = in->ended_us;
    l->src = endpoint(a, &in->src);
    l->dst = endpoint(a, &in->dst);
    l->user_agent = view(in->user_agent, in->user_agent_n);
    l->transport = in->transport;
    return l;
}

static bool payload_map(struct arena *a, const struct stream *s, Callmesh__V1__CallStream *out)
{
    const struct leg *l = s->leg;
    enum side first =
        s->side == SIDE_CALLER ? SIDE_CALLEE : SIDE_CALLER; // the receiver's words rule
    enum side second = (enum side)s->side;
    size_t max = (size_t)l->formats[first] + l->formats[second];
    if (!max)
        return true;
    out->payload_map = arena_take(a, max * sizeof *out->payload_map);
    if (!out->payload_map)
        return false;
    for (int k = 0; k < 2; k++) {
        enum side side = k ? second : first;
        for (uint8_t i = 0; i < l->formats[side]; i++) {
            const struct leg_format *f = &l->format[side - 1][i];
            bool known = false;
            for (size_t n = 0; n < out->n_payload_map; n++)
                known |= out->payload_map[n]->payload_type == f->payload_type;
            if (known || f->codec == CODEC_NONE)
                continue;
            Callmesh__V1__PayloadMap *m = TAKE(a, Callmesh__V1__PayloadMap);
            if (!m)
                return false;
            callmesh__v1__payload_map__init(m);
            m->payload_type = f->payload_type;
            m->codec = borrow(codec_name(f->codec));
            m->clock_rate = f->clock_rate;
            m->channels = f->channels;
            m->fmtp_flags = f->fmtp_flags;
            out->payload_map[out->n_payload_map++] = m;
        }
    }
    return true;
}

static Callmesh__V1__StreamQuality *quality(struct arena *a, const struct quality *in)
{
    Callmesh__V1__StreamQuality *q = TAKE(a, Callmesh__V1__StreamQuality);
    if (!q)
        return NULL;
    callmesh__v1__stream_quality__init(q);
    q->late_f1 = in->late_f1;
    q->late_f2 = in->late_f2;
    q->late_adaptive = in->late_adaptive;
    q->capture_lost = in->capture_lost;
    q->mos_f1 = in->mos_f1;
    q->mos_f2 = in->mos_f2;
    q->mos_adaptive = in->mos_adaptive;
    q->mos_min = in->mos_min;
    q->mos_avg = in->mos_avg;
    q->r_adaptive = in->r_adaptive;
    q->burst_density = in->burst_density;
    q->gap_density = in->gap_density;
    q->burst_ms = in->burst_ms;
    q->gap_ms = in->gap_ms;
    q->skew_ppm = in->skew_ppm;
    q->bursts = in->bursts;
    q->rated = in->rated;
    q->skew_known = in->skew_known;
    q->capture_lost_bound = in->capture_lost_bound;
    return q;
}

static Callmesh__V1__CallStream *stream(struct arena *a, const struct world *w,
                                        const struct stream *in)
{
    Callmesh__V1__CallStream *s = TAKE(a, Callmesh__V1__CallStream);
    Callmesh__V1__StreamInfo *info = TAKE(a, Callmesh__V1__StreamInfo);
    struct format *f = TAKE(a, struct format);
    if (!s || !info || !f)
        return NULL;
    callmesh__v1__call_stream__init(s);
    callmesh__v1__stream_info__init(info);
    info->stream_id = view(in->id.b, sizeof in->id.b);
    info->src = endpoint(a, &in->src);
    info->dst = endpoint(a, &in->dst);
    info->ssrc = in->ssrc;
    info->first_at_us = in->first_us;
    info->payload_type = in->payload_type;
    s->info = info;
    s->leg_id = view(in->leg_id.b, sizeof in->leg_id.b);
    s->side = (Callmesh__V1__Side)in->side;
    bool known = media_format(in, in->payload_type, f);
    s->codec = known ? f->codec : borrow(in->codec);
    s->clock_rate = known ? f->clock_rate : in->clock_rate;
    s->packets = in->packets;
    s->lost = in->lost;
    s->jitter_max_us = in->jitter_max_us;
    s->ended = in->ended;
    s->srtp = in->srtp;
    s->last_at_us = in->last_us;
    s->harvester = borrow(w->publisher[in->publisher].name);
    if (in->rated && !(s->quality = quality(a, &in->quality)))
        return NULL;
    return payload_map(a, in, s) ? s : NULL;
}

static bool fill_lists(struct arena *a, const struct world *w, const struct call *in,
                       Callmesh__V1__Call *c)
{
    c->harvesters = arena_take(a, (size_t)(in->publishers + 1) * sizeof *c->harvesters);
    c->legs = arena_take(a, (size_t)(in->leg_count + 1) * sizeof *c->legs);
    c->streams = arena_take(a, (size_t)(in->stream_count + 1) * sizeof *c->streams);
    if (!c->harvesters || !c->legs || !c->streams)
        return false;
    for (uint8_t i = 0; i < in->publishers; i++)
        c->harvesters[c->n_harvesters++] = borrow(w->publisher[in->publisher[i]].name);
    for (const struct leg *l = in->legs; l; l = l->next)
        if (!(c->legs[c->n_legs++] = leg(a, l)))
            return false;
    for (const struct stream *s = in->streams; s; s = s->next)
        if (!(c->streams[c->n_streams++] = stream(a, w, s)))
            return false;
    return true;
}

static bool fill_pauses(struct arena *a, const struct call *in, Callmesh__V1__Call *c)
{
    c->pauses = arena_take(a, CALL_PAUSES * sizeof *c->pauses);
    for (uint8_t i = 0; c->pauses && i < in->pauses; i++) {
        Callmesh__V1__RecordingPause *p = TAKE(a, Callmesh__V1__RecordingPause);
        if (!p)
            return false;
        callmesh__v1__recording_pause__init(p);
        const struct call_pause *x = i ? &in->more_pauses[i - 1] : &in->pause;
        p->from_us = x->from_us;
        p->to_us = x->to_us;
        p->until_us = x->until_us;
        p->by = borrow(x->by);
        p->reason = borrow(x->reason);
        c->pauses[c->n_pauses++] = p;
    }
    return c->pauses != NULL;
}

static Callmesh__V1__RecordingDecision *mesh_decision(struct arena *a, const struct decision *in)
{
    Callmesh__V1__RecordingDecision *d = TAKE(a, Callmesh__V1__RecordingDecision);
    if (!d)
        return NULL;
    callmesh__v1__recording_decision__init(d);
    d->record = in->record;
    d->reason = (Callmesh__V1__RecordingReason)in->reason;
    d->rule = borrow(in->rule);
    d->by = borrow(in->by);
    d->sides = in->sides;
    d->from_answer = in->from_answer;
    return d;
}

Callmesh__V1__MeshChange *mesh_call(struct arena *a, const struct world *w, const struct call *in)
{
    Callmesh__V1__MeshChange *m = change(a, CALLMESH__V1__MESH_CHANGE__CHANGE_CALL);
    Callmesh__V1__Call *c = TAKE(a, Callmesh__V1__Call);
    if (!m || !c)
        return NULL;
    callmesh__v1__call__init(c);
    m->call = c;
    c->id = view(in->id.b, sizeof in->id.b);
    c->revision = in->revision;
    c->site = borrow(w->site[in->site].name);
    c->state = (Callmesh__V1__CallState)in->state;
    c->result = (Callmesh__V1__CallResult)in->result;
    c->protocol = (Callmesh__V1__Protocol)in->protocol;
    c->sip_status = in->protocol == PROTOCOL_SIP ? in->status : 0;
    c->sip_reason = view(in->reason, in->reason_n);
    c->hangup_by = in->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
                       ? (Callmesh__V1__HangupBy)in->hangup_by
                       : CALLMESH__V1__HANGUP_BY__HANGUP_BY_UNSPECIFIED;
    c->from = party(a, &in->from, &in->from_tag);
    c->to = party(a, &in->to, in->legs ? &in->legs->to_tag : NULL);
    number(a, &in->from, c->from);
    number(a, &in->to, c->to);
    c->started_at_us = in->started_us;
    c->ringing_at_us = in->ringing_us;
    c->answered_at_us = in->answered_us;
    c->ended_at_us = in->ended_us;
    c->recording_state = (Callmesh__V1__RecordingState)in->recording_state;
    c->live = in->live;
    c->hold_us = in->hold_us;
    c->hold_count = in->hold_count;
    c->message_count = in->message_count;
    c->one_way = (Callmesh__V1__Side)media_one_way(in);
    c->story = mesh_story(a, in);
    c->recording_policy = mesh_decision(a, &in->decision);
    if (!fill_pauses(a, in, c))
        return NULL;
    return fill_lists(a, w, in, c) && !arena_overflowed(a) ? m : NULL;
}

Callmesh__V1__MeshChange *mesh_removed(struct arena *a, const struct uuid *id)
{
    Callmesh__V1__MeshChange *m = change(a, CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_REMOVED);
    struct uuid *copy = TAKE(a, struct uuid);
    if (!m || !copy)
        return NULL;
    *copy = *id;
    m->call_removed = view(copy->b, sizeof copy->b);
    return m;
}

Callmesh__V1__MeshChange *mesh_harvester(struct arena *a, const struct world *w,
                                         const struct publisher *p)
{
    Callmesh__V1__MeshChange *m = change(a, CALLMESH__V1__MESH_CHANGE__CHANGE_HARVESTER);
    Callmesh__V1__Harvester *h = TAKE(a, Callmesh__V1__Harvester);
    if (!m || !h)
        return NULL;
    callmesh__v1__harvester__init(h);
    m->harvester = h;
    h->name = borrow(p->name);
    h->site = borrow(w->site[p->site].name);
    h->version = borrow(p->version);
    h->input = borrow(p->input);
    h->live = p->live;
    h->up = p->up;
    h->ended = p->ended;
    h->started_at_us = p->started_us;
    h->last_seen_us = p->last_seen_wall_us;
    h->feed_time_us = p->feed_us;
    h->seq = p->sealed.seq;
    h->packets = p->packets;
    h->sip_messages = p->sip_messages;
    h->rtp_packets = p->rtp_packets;
    h->drops = p->drops;
    h->clock_offset_us = p->clock_offset_us;
    h->counters = arena_take(a, (size_t)(p->counters_n + 1) * sizeof *h->counters);
    for (uint16_t i = 0; h->counters && i < p->counters_n; i++) {
        Callmesh__V1__CounterValue *v = TAKE(a, Callmesh__V1__CounterValue);
        if (!v)
            return NULL;
        callmesh__v1__counter_value__init(v);
        v->name = borrow(w->counter_name[p->counter[i].name].s);
        v->value = p->counter[i].value;
        h->counters[h->n_counters++] = v;
    }
    return arena_overflowed(a) ? NULL : m;
}

Callmesh__V1__MeshChange *mesh_tap(struct arena *a, const struct tap *t)
{
    Callmesh__V1__MeshChange *m = change(a, CALLMESH__V1__MESH_CHANGE__CHANGE_TAP);
    Callmesh__V1__Tap *p = TAKE(a, Callmesh__V1__Tap);
    if (!m || !p)
        return NULL;
    callmesh__v1__tap__init(p);
    m->tap = p;
    p->call_id = view(t->call_id.b, sizeof t->call_id.b);
    p->until_us = t->until_us;
    return m;
}
