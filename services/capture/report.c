#include "report.h"
#include <stdlib.h>
#include <sys/resource.h>
#include "base/json.h"
#include "base/mono.h"

struct ended_stream {
    struct stream s;
    struct stream_cold c;
    struct play_figures play;
};

struct report {
    const char *site, *publisher;
    size_t cap, n;
    uint64_t not_listed;
    struct ended_stream stream[];
};

struct report *report_new(size_t streams, const char *site, const char *publisher)
{
    // Not touched until used: only what a file needs becomes real memory.
    struct report *r = calloc(1, sizeof *r + streams * sizeof r->stream[0]);
    if (r) {
        r->cap = streams;
        r->site = site;
        r->publisher = publisher;
    }
    return r;
}

struct report *report_free(struct report *r)
{
    free(r);
    return NULL;
}

void report_stream(void *ctx, const struct stream *s, const struct stream_cold *c,
                   const struct play *p)
{
    struct report *r = ctx;
    if (r->n == r->cap) {
        r->not_listed++;
        return;
    }
    r->stream[r->n++] = (struct ended_stream){*s, *c, play_figures(p)};
}

static double us_to_ms(double us)
{
    return us / 1000;
}

static double lost_percent(const struct stream *s)
{
    double lost = (double)quality_lost(&s->q);
    double all = lost + s->q.packets - s->q.duplicates;
    return all > 0 ? 100 * lost / all : 0;
}

static void json_endpoint(struct json *j, const char *key, struct endpoint e)
{
    char ip[46];
    ip_addr_format(&e.ip, ip, sizeof ip);
    json_key(j, key);
    json_obj(j);
    json_kstr(j, "ip", ip);
    json_kuint(j, "port", e.port);
    json_obj_end(j);
}

static void json_rtcp(struct json *j, const struct stream_rtcp *r)
{
    json_key(j, "rtcp");
    json_obj(j);
    if (r->packets) {
        json_kuint(j, "packets", r->packets);
        json_kuint(j, "fraction_lost", r->fraction_lost);
        json_kint(j, "cumulative_lost", r->cumulative_lost);
        json_kuint(j, "jitter", r->jitter);
        json_kuint(j, "sender_packets", r->sender_packets);
        json_kbool(j, "bye", r->bye);
        if (r->cname[0])
            json_kstr(j, "cname", r->cname);
        if (r->voip_blocks)
            rtcp_voip_json(j, "xr", &r->voip);
    }
    json_obj_end(j);
}

// As the API has it.
static void json_quality(struct json *j, const struct ended_stream *e)
{
    const struct play_figures *f = &e->play;
    double ms = quality_ptime_us(&e->s.q) / 1000.0;
    json_key(j, "mos");
    if (f->rated) {
        json_obj(j);
        json_kreal(j, "f1", f->mos[PLAY_F1], 2);
        json_kreal(j, "f2", f->mos[PLAY_F2], 2);
        json_kreal(j, "adaptive", f->mos[PLAY_ADAPTIVE], 2);
        json_kreal(j, "min", f->mos_min, 2);
        json_kreal(j, "avg", f->mos_avg, 2);
        json_obj_end(j);
        json_kreal(j, "r", f->r_adaptive, 1);
    } else {
        json_null(j);
        json_knull(j, "r");
    }
    json_key(j, "late");
    json_obj(j);
    json_kuint(j, "f1", f->late[PLAY_F1]);
    json_kuint(j, "f2", f->late[PLAY_F2]);
    json_kuint(j, "adaptive", f->late[PLAY_ADAPTIVE]);
    json_obj_end(j);
    json_key(j, "burst");
    json_obj(j);
    json_kuint(j, "count", f->burst.bursts);
    json_kreal(j, "density", f->burst.burst_density, 4);
    json_kreal(j, "gap_density", f->burst.gap_density, 4);
    json_kreal(j, "duration_ms", f->burst.burst_packets * ms, 1);
    json_kreal(j, "gap_duration_ms", f->burst.gap_packets * ms, 1);
    json_obj_end(j);
    if (f->skew_known)
        json_kreal(j, "skew_ppm", f->skew_ppm, 1);
    else
        json_knull(j, "skew_ppm");
    json_kuint(j, "capture_lost", e->c.capture_lost);
    json_kbool(j, "capture_lost_bound", e->c.capture_lost_bound);
}

static void json_stream(struct json *j, const struct report *r, const struct ended_stream *e)
{
    const struct quality *q = &e->s.q;
    json_obj(j);
    json_kuuid(j, "id", &e->c.id);
    json_knull(j, "call_id");
    json_knull(j, "leg_id");
    json_knull(j, "side");
    json_kstr(j, "site", r->site);
    json_kstr(j, "harvester", r->publisher);
    json_kuint(j, "ssrc", e->s.ssrc);
    json_endpoint(j, "src", stream_src(&e->s));
    json_endpoint(j, "dst", stream_dst(&e->s));
    json_kstr(j, "codec", e->c.codec);
    json_kuint(j, "payload_type", e->c.first_payload_type);
    json_kuint(j, "clock_rate", e->c.clock_rate);
    json_kreal(j, "ptime_ms", us_to_ms(quality_ptime_us(q)), 3);
    json_kuint(j, "packets", q->packets);
    json_kuint(j, "bytes", q->bytes);
    json_kuint(j, "lost", quality_lost(q));
    json_kreal(j, "lost_pct", lost_percent(&e->s), 3);
    json_kuint(j, "out_of_order", q->out_of_order);
    json_kuint(j, "duplicates", q->duplicates);
    json_key(j, "jitter_ms");
    json_obj(j);
    json_kreal(j, "last", us_to_ms(quality_whole_us(q->jitter_us)), 3);
    json_kreal(j, "max", us_to_ms(quality_whole_us(q->jitter_max_us)), 3);
    json_obj_end(j);
    json_kreal(j, "delta_ms_max", us_to_ms(q->delta_max_us), 3);
    json_quality(j, e);
    json_kuint(j, "dtmf_packets", e->c.dtmf_packets);
    json_kbool(j, "srtp", e->s.flags & STREAM_SRTP);
    json_rtcp(j, &e->c.rtcp);
    json_ktime(j, "first_at", e->c.first_at_us);
    json_ktime(j, "last_at", q->last_at_us);
    json_kbool(j, "ended", true);
    json_obj_end(j);
}

static void json_events(struct json *j, const struct capture_counts *c, const char *key,
                        bool ignored)
{
    json_key(j, key);
    json_obj(j);
    for (size_t i = 1; i < WIRE_EVENT_COUNT; i++)
        if (c->event[i] && capture_event_ignored((enum wire_event)i) == ignored)
            json_kuint(j, wire_event_name((enum wire_event)i), c->event[i]);
    json_obj_end(j);
}

static void json_signalling(struct json *j, const uint64_t *n)
{
    static const struct {
        const char *protocol;
        enum capture_stat messages, calls;
    } of[] = {{"sccp", CAPTURE_SCCP, CAPTURE_SCCP_CALLS},
              {"mgcp", CAPTURE_MGCP, CAPTURE_MGCP_CALLS},
              {"iax2", CAPTURE_IAX2, CAPTURE_IAX2_CALLS},
              {"h323", CAPTURE_H323, CAPTURE_H323_CALLS}};
    json_key(j, "signalling");
    json_obj(j);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        if (!n[of[i].messages])
            continue;
        json_key(j, of[i].protocol);
        json_obj(j);
        json_kuint(j, "messages", n[of[i].messages]);
        json_kuint(j, "calls", n[of[i].calls]);
        json_obj_end(j);
    }
    json_obj_end(j);
}

static void json_counts(struct json *j, const struct report *r, const struct report_input *in)
{
    const uint64_t *n = in->counts->n;
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    json_key(j, "sip_requests");
    json_obj(j);
    for (size_t i = 1; i <= SIP_METHOD_OTHER; i++)
        if (in->sip->request[i])
            json_kuint(j, sip_method_name((enum sip_method)i), in->sip->request[i]);
    json_obj_end(j);
    json_signalling(j, n);
    json_kuint(j, "rtp_packets", n[CAPTURE_RTP]);
    json_kuint(j, "rtcp_packets", n[CAPTURE_RTCP]);
    json_kuint(j, "rtcp_xr", n[CAPTURE_RTCP_XR]);
    json_key(j, "udp_other");
    json_obj(j);
    json_kuint(j, "stun", n[CAPTURE_STUN]);
    json_kuint(j, "dtls", n[CAPTURE_DTLS]);
    json_kuint(j, "turn_channel", n[CAPTURE_TURN]);
    json_obj_end(j);
    json_kuint(j, "duplicates", n[CAPTURE_DUPLICATES]);
    json_key(j, "tls");
    json_obj(j);
    json_kuint(j, "connections", n[CAPTURE_TLS]);
    json_kuint(j, "records", n[CAPTURE_TLS_RECORDS]);
    json_kuint(j, "decrypted", n[CAPTURE_TLS_DECRYPTED]);
    json_kuint(j, "sip_messages", n[CAPTURE_TLS_MESSAGES]);
    json_kuint(j, "opaque_connections", n[CAPTURE_TLS_OPAQUE]);
    json_kuint(j, "opaque_records", n[CAPTURE_TLS_OPAQUE_RECORDS]);
    json_kuint(j, "holes", n[CAPTURE_TLS_HOLES]);
    json_kuint(j, "keys", n[CAPTURE_TLS_KEYS]);
    json_kuint(j, "keys_bad", n[CAPTURE_TLS_KEYS_BAD]);
    json_obj_end(j);
    json_kuint(j, "fragments", n[CAPTURE_FRAGMENTS]);
    json_kuint(j, "streams_not_listed", r->not_listed);
    json_events(j, in->counts, "malformed", false);
    json_events(j, in->counts, "ignored", true);
    json_key(j, "dropped");
    json_obj(j);
    for (size_t i = 0; i < CAPTURE_STAT_COUNT; i++)
        if (capture_drop_place((enum capture_stat)i) && n[i])
            json_kuint(j, capture_drop_place((enum capture_stat)i), n[i]);
    json_obj_end(j);
    json_kbool(j, "truncated", in->truncated);
    json_kreal(j, "elapsed_s", (double)in->elapsed_us / 1e6, 3);
    json_kreal(j, "cpu_s", (double)(in->cpu_before_us + cpu_now_us()) / 1e6, 3);
    json_kint(j, "peak_rss_kb", ru.ru_maxrss);
    if (in->more)
        in->more(j);
}

void report_print_json(const struct report *r, const struct report_input *in, FILE *to)
{
    char buf[8192];
    struct json j;
    json_init(&j, buf, sizeof buf);
    json_obj(&j);
    json_kstr(&j, "file", in->file);
    json_kuint(&j, "packets", in->counts->n[CAPTURE_PACKETS]);
    json_kuint(&j, "bytes", in->counts->n[CAPTURE_BYTES]);
    json_kuint(&j, "sip_messages", in->counts->n[CAPTURE_SIP]);
    json_counts(&j, r, in);
    fwrite(buf, 1, j.n, to);
    fputs(",\"streams\":[", to);
    for (size_t i = 0; i < r->n; i++) {
        json_init(&j, buf, sizeof buf);
        json_stream(&j, r, &r->stream[i]);
        if (i)
            fputc(',', to);
        fwrite(buf, 1, j.n, to);
    }
    fputs("]}\n", to);
    fflush(to);
}

void report_print_text(const struct report *r, const struct report_input *in, FILE *to)
{
    const uint64_t *n = in->counts->n;
    fprintf(to,
            "%s: %llu packets, %llu SIP messages, %llu RTP packets in %zu streams, %llu RTCP%s\n",
            in->file, (unsigned long long)n[CAPTURE_PACKETS], (unsigned long long)n[CAPTURE_SIP],
            (unsigned long long)n[CAPTURE_RTP], r->n + (size_t)r->not_listed,
            (unsigned long long)n[CAPTURE_RTCP], in->truncated ? ", the file is cut" : "");
    if (r->n)
        fprintf(to, "  %-10s %-28s %-28s %-12s %8s %6s %9s %9s\n", "ssrc", "from", "to", "codec",
                "packets", "lost", "jitter ms", "gap ms");
    for (size_t i = 0; i < r->n; i++) {
        const struct stream *s = &r->stream[i].s;
        struct endpoint e[2] = {stream_src(s), stream_dst(s)};
        char text[2][64], ip[46];
        for (int k = 0; k < 2; k++) {
            ip_addr_format(&e[k].ip, ip, sizeof ip);
            snprintf(text[k], sizeof text[k], "%s:%u", ip, e[k].port);
        }
        fprintf(to, "  0x%08x %-28s %-28s %-12s %8u %6llu %9.2f %9.1f\n", s->ssrc, text[0], text[1],
                r->stream[i].c.codec[0] ? r->stream[i].c.codec : "-", s->q.packets,
                (unsigned long long)quality_lost(&s->q),
                us_to_ms(quality_whole_us(s->q.jitter_max_us)), us_to_ms(s->q.delta_max_us));
    }
    for (size_t i = 1; i < WIRE_EVENT_COUNT; i++)
        if (in->counts->event[i] && !capture_event_ignored((enum wire_event)i))
            fprintf(to, "  malformed: %s %llu\n", wire_event_name((enum wire_event)i),
                    (unsigned long long)in->counts->event[i]);
    fflush(to);
}
