#include "outbox_signalling.h"

void outbox_put_endpoint(Callmesh__V1__Endpoint *e, struct endpoint *at)
{
    callmesh__v1__endpoint__init(e);
    e->ip = (ProtobufCBinaryData){at->ip.family == 4 ? 4 : 16, at->ip.b};
    e->port = at->port;
}

static void put_party(Callmesh__V1__Party *p, struct sigparty *text, const struct sigparty *from)
{
    *text = *from;
    callmesh__v1__party__init(p);
    p->uri = (ProtobufCBinaryData){text->uri_n, (uint8_t *)text->uri};
    p->user = (ProtobufCBinaryData){text->user_n, (uint8_t *)text->user};
    p->display_name = (ProtobufCBinaryData){text->name_n, (uint8_t *)text->name};
}

static void put_media(struct signalling_slot *s, uint32_t i)
{
    struct sigmedia *in = &s->given[i];
    Callmesh__V1__MediaAddress *m = &s->media[i];
    callmesh__v1__media_address__init(m);
    outbox_put_endpoint(&s->at[i], &in->at);
    m->side = (Callmesh__V1__Side)in->side;
    m->at = &s->at[i];
    m->ssrc = in->ssrc;
    for (uint8_t k = 0; k < in->formats; k++) {
        Callmesh__V1__PayloadMap *f = &s->map[i][k];
        callmesh__v1__payload_map__init(f);
        f->payload_type = in->format[k].payload_type;
        f->codec = in->format[k].codec;
        f->clock_rate = in->format[k].clock_rate;
        f->channels = in->format[k].channels;
        s->maps[i][k] = f;
    }
    m->n_payload_map = in->formats;
    m->payload_map = s->maps[i];
    s->medias[i] = m;
}

void outbox_put_signalling(Callmesh__V1__SignallingEvent *out, struct signalling_slot *s,
                           const struct sigcall *c, const struct sigcall_event *e)
{
    callmesh__v1__signalling_event__init(out);
    s->src_at = c->src;
    s->dst_at = c->dst;
    outbox_put_endpoint(&s->src, &s->src_at);
    outbox_put_endpoint(&s->dst, &s->dst_at);
    out->at_us = e->at_us;
    out->src = &s->src;
    out->dst = &s->dst;
    out->transport = c->transport == 6 ? CALLMESH__V1__TRANSPORT__TRANSPORT_TCP
                                       : CALLMESH__V1__TRANSPORT__TRANSPORT_UDP;
    out->protocol = (Callmesh__V1__Protocol)c->protocol;
    memcpy(s->call_key, c->key, c->key_n);
    out->call_key = (ProtobufCBinaryData){c->key_n, (uint8_t *)s->call_key};
    out->kind = (Callmesh__V1__SignallingKind)e->kind;
    (void)span_utf8(span_str(e->message), s->message, sizeof s->message);
    out->message = s->message;
    put_party(&s->from, &s->from_text, &c->from);
    put_party(&s->to, &s->to_text, &c->to);
    out->from = &s->from;
    out->to = &s->to;
    for (uint32_t i = 0; i < e->medias && i < SIGMEDIA_MAX; i++) {
        s->given[i] = e->media[i];
        put_media(s, i);
        out->n_media++;
    }
    out->media = s->medias;
    out->cause = e->cause;
    out->side = (Callmesh__V1__Side)e->side;
}
