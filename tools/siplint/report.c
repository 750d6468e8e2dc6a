#include "report.h"
#include <stdio.h>
#include "base/json.h"

#define LINE_BYTES (4u << 20) // a message of 64 KiB, each byte escaped, several times over

static char buf[LINE_BYTES];

static void put_span(const char *label, struct span s)
{
    char text[4096];
    span_utf8(s, text, sizeof text);
    printf("  %-10s %s\n", label, text);
}

static const char *direction_name(enum sdp_direction d)
{
    static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    return names[d];
}

// The line that holds the offset, with its number, and a mark below the byte.
static void put_line(struct span raw, uint32_t offset)
{
    size_t from = offset < raw.n ? offset : raw.n, to = from;
    unsigned number = 1;
    char text[512];
    while (from > 0 && raw.p[from - 1] != '\n')
        from--;
    while (to < raw.n && raw.p[to] != '\n')
        to++;
    for (size_t i = 0; i < from; i++)
        number += raw.p[i] == '\n';
    struct span line = span_trim(span_sub(raw, from, to - from));
    span_utf8(line, text, sizeof text);
    printf("  line %u: %s\n", number, line.n ? text : from == raw.n ? "(end)" : "(empty)");
}

static void put_sdp(const struct sdp *s)
{
    char ip[46], codec[64];
    for (uint32_t i = 0; i < s->medias; i++) {
        const struct sdp_media *m = &s->media[i];
        ip_addr_format(&m->rtp_at.ip, ip, sizeof ip);
        span_utf8(m->type, codec, sizeof codec);
        printf("  media      %s %s port %u, %s%s:", codec, ip[0] ? ip : "(no address)",
               m->rtp_at.port, direction_name(m->direction), m->srtp ? ", srtp" : "");
        for (uint32_t j = 0; j < m->formats; j++) {
            span_utf8(m->format[j].codec, codec, sizeof codec);
            printf(" %u %s/%u", m->format[j].payload_type, codec[0] ? codec : "?",
                   m->format[j].clock_rate);
        }
        printf("\n");
    }
    if (s->event != WIRE_NONE)
        printf("  sdp flaw   %s\n", wire_event_name(s->event));
}

void report_text(const struct lint *l)
{
    const struct sip_msg *m = &l->m;
    if (l->event == WIRE_NONE) {
        printf("%s: good\n", l->file);
    } else {
        printf("%s: malformed: %s at byte %u%s\n", l->file, wire_event_name(l->event), l->offset,
               l->usable ? "" : "; not usable");
        put_line(m->raw, l->offset);
    }
    if (m->request)
        put_span("method", m->method_text);
    else if (m->status)
        printf("  %-10s %u\n", "status", m->status);
    if (m->call_id.n)
        put_span("call-id", m->call_id);
    if (m->cseq_method_text.n) {
        char method[128];
        span_utf8(m->cseq_method_text, method, sizeof method);
        printf("  %-10s %u %s\n", "cseq", m->cseq, method);
    }
    if (m->from.n)
        put_span("from", m->from);
    if (m->to.n)
        put_span("to", m->to);
    printf("  %-10s %u\n  %-10s %zu bytes\n", "headers", m->headers, "body", m->body.n);
    if (l->has_sdp)
        put_sdp(&l->sdp);
}

static void json_endpoint(struct json *j, const char *key, const struct endpoint *e)
{
    char ip[46];
    ip_addr_format(&e->ip, ip, sizeof ip);
    json_key(j, key);
    json_obj(j);
    json_kstr(j, "ip", ip[0] ? ip : NULL);
    json_kuint(j, "port", e->port);
    json_obj_end(j);
}

static void json_media(struct json *j, const struct sdp_media *m)
{
    json_obj(j);
    json_kspan(j, "type", m->type);
    json_kspan(j, "proto", m->proto);
    json_endpoint(j, "rtp", &m->rtp_at);
    json_endpoint(j, "rtcp", &m->rtcp_at);
    json_kstr(j, "direction", direction_name(m->direction));
    json_kbool(j, "srtp", m->srtp);
    json_kuint(j, "ptime_ms", m->ptime_ms);
    json_key(j, "formats");
    json_arr(j);
    for (uint32_t i = 0; i < m->formats; i++) {
        const struct sdp_format *f = &m->format[i];
        json_obj(j);
        json_kuint(j, "payload_type", f->payload_type);
        json_kspan(j, "codec", f->codec);
        json_kuint(j, "clock_rate", f->clock_rate);
        json_kuint(j, "channels", f->channels);
        json_kspan(j, "fmtp", f->fmtp);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_obj_end(j);
}

static void json_sdp(struct json *j, const struct lint *l)
{
    json_key(j, "sdp");
    if (!l->has_sdp) {
        json_null(j);
        return;
    }
    json_obj(j);
    json_kstr(j, "event", l->sdp.event == WIRE_NONE ? NULL : wire_event_name(l->sdp.event));
    json_kspan(j, "origin", l->sdp.origin);
    json_key(j, "media");
    json_arr(j);
    for (uint32_t i = 0; i < l->sdp.medias; i++)
        json_media(j, &l->sdp.media[i]);
    json_arr_end(j);
    json_obj_end(j);
}

bool report_json(const struct lint *l)
{
    const struct sip_msg *m = &l->m;
    struct json j;
    json_init(&j, buf, sizeof buf);
    json_obj(&j);
    json_kstr(&j, "file", l->file);
    json_kbool(&j, "ok", l->event == WIRE_NONE);
    json_kbool(&j, "usable", l->usable);
    json_kstr(&j, "event", l->event == WIRE_NONE ? NULL : wire_event_name(l->event));
    json_kuint(&j, "offset", l->offset);
    if (m->request)
        json_kspan(&j, "method", m->method_text);
    else
        json_kuint(&j, "status", m->status);
    json_kspan(&j, "call_id", m->call_id);
    json_kuint(&j, "cseq", m->cseq);
    json_kspan(&j, "from", m->from);
    json_kspan(&j, "to", m->to);
    json_kuint(&j, "headers", m->headers);
    json_kuint(&j, "body_bytes", m->body.n);
    json_sdp(&j, l);
    json_obj_end(&j);
    if (!j.overflow)
        printf("%.*s\n", (int)j.n, j.buf);
    return !j.overflow;
}
