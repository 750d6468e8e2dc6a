// story_kit.h: for the tests of callstate: calls told as small texts, a world without sockets and database, and the world
// told back as text. A line of a story:
//
//   <seconds> <from>><to> <METHOD or status> [key=value ...]     a SIP message, built as real text
//       id= Call-ID (x)   f= From tag (f)   t= To tag (none)   n= CSeq (1)   m= CSeq method (that of the request, INVITE)
//       z= branch (by method and CSeq)   sdp= port or ip:port   dir= sendonly ...   pub= publisher (1)   user= of From
//       to= user of To (bob)   o= session id of the SDP (1)   frag= status of a sipfrag body
//       x= a header of its own, as Name:value with ~ for blanks; x2= another
//   <seconds> rtp <ip:port>><ip:port> ssrc=N [n=packets] [until=seconds] [ended] [pub=]
//   <seconds> tick          feed time of publisher 1      <seconds> end    end of its input
//   drop                    the process dies and a new one reads the open calls back (blobs)
// (Over 450 lines: the words of a story, one after the other.)
// Parties: A 10.0.0.1, B 10.0.0.2, C 10.0.0.3, D 10.0.0.4, P 10.0.0.9 (proxy or box), all at 5060.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mono.h"
#include "blob.h"
#include "call.h"
#include "event.h"
#include "expiry.h"
#include "intake.h"
#include "media_join.h"
#include "parts.h"
#include "recordings.h"
#include "rows.h"

#define KIT_T0 (INT64_C(1700000000) * US_PER_S)

struct kit {
    struct world *w;
    struct batch *batch;
    struct intake in;
    uint64_t seq;
    uint32_t seals;
    char text[8192], events[8192];
    size_t events_n;
};

// <seconds> <Call-ID> <type> <side> <status> <detail>
static inline void kit_on_event(void *ctx, const struct event *e)
{
    struct kit *k = ctx;
    if (k->events_n + 512 + CALL_ID_MAX > sizeof k->events)
        return; // more than a story tells
    k->events_n +=
        (size_t)snprintf(k->events + k->events_n, sizeof k->events - k->events_n,
                         "%g %.*s %s %s%s%.0d%s%s\n", (double)(e->at_us - KIT_T0) / 1e6,
                         e->call->call_id_n, (const char *)e->call->call_id, e->type,
                         e->side == SIDE_CALLER   ? "caller"
                         : e->side == SIDE_CALLEE ? "callee"
                                                  : "-",
                         e->status ? " " : "", (int)e->status, e->detail[0] ? " " : "", e->detail);
}

static inline struct limits kit_limits(void)
{
    return (struct limits){.calls = 64,
                           .legs = 128,
                           .streams = 128,
                           .addresses = 256,
                           .pending = 16,
                           .publishers = 4,
                           .sites = 4,
                           .waits = 64,
                           .taps = 4,
                           .no_answer_us = 32 * US_PER_S,
                           .provisional_us = 200 * US_PER_S,
                           .media_silence_us = 300 * US_PER_S,
                           .idle_us = 3600 * US_PER_S,
                           .hold_us = 3600 * US_PER_S,
                           .linger_us = 60 * US_PER_S,
                           .recorder_dead_us = 30 * US_PER_S,
                           .recorder_slow_us = 120 * US_PER_S,
                           .recorder_away_us = 72 * 3600 * US_PER_S,
                           .other_rate = 200,
                           .other_keep = 2,
                           .join_threshold = 80,
                           .join_window_us = 3 * US_PER_S,
                           .join_headers = "X-CID, X-Call-ID",
                           .join_suffixes = "_b2b-1",
                           .park = "park, orbit"};
}

static inline void kit_seal(void *ctx)
{
    struct kit *k = ctx;
    rows_flush_dirty(k->w);
    for (size_t i = 0; i < k->w->lim.publishers; i++)
        k->w->publisher[i].sealed = k->w->publisher[i].taken;
    batch_reset(k->batch);
    k->seals++;
}

static inline struct publisher *kit_publisher(struct kit *k, int n)
{
    char name[24];
    (void)snprintf(name, sizeof name, "main/cap%d", n);
    uint16_t at;
    struct publisher *p = publisher_intern(k->w, span_str(name), SPAN_LIT("main"), &at);
    assert_non_null(p);
    p->up = true;
    return p;
}

static inline void kit_open(struct kit *k, const struct limits *lim)
{
    struct limits l = lim ? *lim : kit_limits();
    *k = (struct kit){.w = world_new(&l)};
    assert_non_null(k->w);
    k->batch = batch_new(500, l.publishers);
    assert_non_null(k->batch);
    k->w->batch = k->batch;
    k->w->wall_us = KIT_T0;
    k->in = (struct intake){.w = k->w, .seal = kit_seal, .ctx = k};
    k->w->doors.ctx = k;
    k->w->doors.event = kit_on_event;
}

static inline void kit_close(struct kit *k)
{
    world_free(k->w);
    batch_free(k->batch);
}

// ---- words of a line ----------------------------------------------------------------------------------------------

static inline const char *kit_key(char *const *word, int n, const char *key, const char *def)
{
    size_t len = strlen(key);
    for (int i = 0; i < n; i++)
        if (strncmp(word[i], key, len) == 0 && word[i][len] == '=')
            return word[i] + len + 1;
    return def;
}

static inline bool kit_flag(char *const *word, int n, const char *flag)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word[i], flag) == 0)
            return true;
    return false;
}

static inline const char *kit_ip(char party)
{
    return party == 'A'   ? "10.0.0.1"
           : party == 'B' ? "10.0.0.2"
           : party == 'C' ? "10.0.0.3"
           : party == 'D' ? "10.0.0.4"
                          : "10.0.0.9";
}

static inline struct endpoint kit_endpoint(const char *text)
{
    struct endpoint e = {.port = 5060};
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (colon)
        e.port = (uint16_t)strtoul(colon + 1, NULL, 10);
    assert_true(ip_addr_parse(span_of(text, n), &e.ip));
    return e;
}

static inline Callmesh__V1__Endpoint kit_pb(const struct endpoint *e, uint8_t ip[4])
{
    Callmesh__V1__Endpoint p = CALLMESH__V1__ENDPOINT__INIT;
    memcpy(ip, e->ip.b, 4);
    p.ip = (ProtobufCBinaryData){4, ip};
    p.port = e->port;
    return p;
}

// ---- SIP text -----------------------------------------------------------------------------------------------------

static inline size_t kit_body(char *buf, size_t cap, char *const *word, int n, const char *src_ip)
{
    const char *sdp = kit_key(word, n, "sdp", NULL);
    if (!sdp)
        return 0;
    char ip[64];
    const char *colon = strrchr(sdp, ':');
    (void)snprintf(ip, sizeof ip, "%.*s", colon ? (int)(colon - sdp) : 60, colon ? sdp : src_ip);
    return (size_t)snprintf(
        buf, cap,
        "v=0\r\no=- %s 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %s RTP/AVP 0 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n",
        kit_key(word, n, "o", "1"), ip, ip, colon ? colon + 1 : sdp,
        kit_key(word, n, "dir", "sendrecv"));
}

static inline size_t kit_header(char *buf, size_t cap, const char *given)
{
    size_t len = given ? (size_t)snprintf(buf, cap, "%s\r\n", given) : 0;
    for (size_t i = 0; i < len; i++)
        if (buf[i] == '~')
            buf[i] = ' ';
    buf[len] = 0;
    return len;
}

static inline size_t kit_sip(char *buf, size_t cap, char *const *word, int n)
{
    const char *what = word[2];
    bool response = what[0] >= '0' && what[0] <= '9';
    const char *method = response ? kit_key(word, n, "m", "INVITE") : what;
    const char *cseq = kit_key(word, n, "n", "1"), *t = kit_key(word, n, "t", NULL);
    char branch[64], body[1024], to_tag[300] = "";
    // An ACK for a good answer has a branch of its own; CANCEL and the ACK of a failure have the INVITE's.
    (void)snprintf(branch, sizeof branch, "z9hG4bK-%s-%s",
                   strcmp(method, "CANCEL") && strcmp(method, "ACK") ? method : "INVITE", cseq);
    if (t)
        (void)snprintf(to_tag, sizeof to_tag, ";tag=%s", t);
    size_t body_n = kit_body(body, sizeof body, word, n, kit_ip(word[1][0]));
    const char *frag = kit_key(word, n, "frag", NULL);
    if (frag)
        body_n = (size_t)snprintf(body, sizeof body, "SIP/2.0 %s Reason\r\n", frag);
    char start[128], more[600], more2[300];
    (void)kit_header(more, sizeof more, kit_key(word, n, "x", NULL));
    (void)kit_header(more2, sizeof more2, kit_key(word, n, "x2", NULL));
    if (response)
        (void)snprintf(start, sizeof start, "SIP/2.0 %s Reason", what);
    else
        (void)snprintf(start, sizeof start, "%s sip:bob@10.0.0.2 SIP/2.0", what);
    char contact[64];
    (void)snprintf(contact, sizeof contact, "%s@%s", kit_key(word, n, "cuser", "x"),
                   kit_ip(word[1][0]));
    int len = snprintf(
        buf, cap,
        "%s\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=%s\r\nMax-Forwards: 70\r\n"
        "From: \"Alice\" <sip:%s@10.0.0.1>;tag=%s\r\nTo: <sip:%s@10.0.0.2>%s\r\nCall-ID: %s\r\n"
        "CSeq: %s %s\r\nContact: <sip:%s:5060>%s\r\n%s%s%sContent-Length: %zu\r\n\r\n%.*s",
        start, kit_key(word, n, "z", branch), kit_key(word, n, "user", "alice"),
        kit_key(word, n, "f", "f"), kit_key(word, n, "to", "bob"), to_tag,
        kit_key(word, n, "id", "x"), cseq, method, contact, kit_key(word, n, "contact", ""), more,
        more2,
        !body_n ? ""
        : frag  ? "Content-Type: message/sipfrag\r\n"
                : "Content-Type: application/sdp\r\n",
        body_n, (int)body_n, body);
    assert_true(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

// ---- playing ------------------------------------------------------------------------------------------------------

static inline void kit_event(struct kit *k, int publisher, Callmesh__V1__SigEvent *e)
{
    Callmesh__V1__SigBatch b = CALLMESH__V1__SIG_BATCH__INIT;
    b.n_events = 1;
    b.events = &e;
    struct publisher *p = kit_publisher(k, publisher);
    p->taken.seq = k->seq++;
    intake_sig(&k->in, p, k->seq, &b);
}

static inline void kit_raw(struct kit *k, int publisher, int64_t at_us, const char *src,
                           const char *dst, struct span raw)
{
    struct endpoint s = kit_endpoint(src), d = kit_endpoint(dst);
    uint8_t sip[4], dip[4];
    Callmesh__V1__Endpoint ps = kit_pb(&s, sip), pd = kit_pb(&d, dip);
    uint8_t copy[65536];
    memcpy(copy, raw.p, raw.n);
    Callmesh__V1__SipMessage m = CALLMESH__V1__SIP_MESSAGE__INIT;
    m.at_us = at_us;
    m.src = &ps;
    m.dst = &pd;
    m.transport = CALLMESH__V1__TRANSPORT__TRANSPORT_UDP;
    m.raw = (ProtobufCBinaryData){raw.n, copy};
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_SIP;
    e.sip = &m;
    kit_event(k, publisher, &e);
}

static inline void kit_rtp(struct kit *k, int64_t at_us, char *const *word, int n)
{
    char src[32], dst[32];
    assert_int_equal(sscanf(word[2], "%31[^>]>%31s", src, dst), 2);
    struct endpoint s = kit_endpoint(src), d = kit_endpoint(dst);
    uint8_t sip[4], dip[4], id[16] = {1};
    Callmesh__V1__Endpoint ps = kit_pb(&s, sip), pd = kit_pb(&d, dip);
    Callmesh__V1__StreamInfo info = CALLMESH__V1__STREAM_INFO__INIT;
    info.ssrc = (uint32_t)strtoul(kit_key(word, n, "ssrc", "1"), NULL, 10);
    memcpy(id + 12, &info.ssrc, 4);
    info.stream_id = (ProtobufCBinaryData){16, id};
    info.src = &ps;
    info.dst = &pd;
    info.first_at_us = at_us;
    Callmesh__V1__StreamReport r = CALLMESH__V1__STREAM_REPORT__INIT;
    r.info = &info;
    r.packets = strtoull(kit_key(word, n, "n", "50"), NULL, 10);
    const char *until = kit_key(word, n, "until", NULL);
    r.last_at_us = until ? KIT_T0 + (int64_t)(atof(until) * 1e6) : at_us + US_PER_S;
    r.ended = kit_flag(word, n, "ended");
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_STREAM;
    e.stream = &r;
    kit_event(k, (int)strtol(kit_key(word, n, "pub", "1"), NULL, 10), &e);
}

static inline void kit_sweep(struct kit *k)
{
    expiry_sweep(k->w, k->w->lim.calls);
    media_sweep(k->w, k->w->lim.streams);
    recordings_sweep(k->w, 100);
}

static inline void kit_counters(struct kit *k, int64_t at_us, Callmesh__V1__Counter **c, size_t n)
{
    Callmesh__V1__Tick t = CALLMESH__V1__TICK__INIT;
    t.at_us = at_us;
    t.counters = c;
    t.n_counters = n;
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_TICK;
    e.tick = &t;
    kit_event(k, 1, &e);
    kit_sweep(k);
}

static inline void kit_tick(struct kit *k, int64_t at_us)
{
    kit_counters(k, at_us, NULL, 0);
}

static inline void kit_end(struct kit *k, int64_t at_us)
{
    Callmesh__V1__EndOfInput end = CALLMESH__V1__END_OF_INPUT__INIT;
    end.at_us = at_us;
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_END;
    e.end = &end;
    kit_event(k, 1, &e);
}

// All calls through their blobs into a new world. Streams do not come along (they are rows of their own).
static inline void kit_drop(struct kit *k)
{
    static uint8_t blob[64][32768];
    size_t n[64], calls = 0;
    for (size_t i = 0; i < k->w->lim.calls && calls < 64; i++) {
        struct call *c = slab_at(k->w->calls, i);
        if (c) {
            n[calls] = blob_write(k->w, c, blob[calls], sizeof blob[0]);
            assert_true(n[calls] > 0 && n[calls] <= blob_bound(c));
            calls++;
        }
    }
    struct limits lim = k->w->lim;
    uint64_t seq = k->seq;
    static char events[sizeof k->events];
    size_t events_n = k->events_n;
    memcpy(events, k->events, sizeof events);
    kit_close(k);
    kit_open(k, &lim);
    k->seq = seq;
    memcpy(k->events, events, sizeof events);
    k->events_n = events_n;
    for (size_t i = 0; i < calls; i++)
        assert_non_null(blob_read(k->w, span_of(blob[i], n[i])));
    parts_relink(k->w);
}

// The next word between separators, or NULL at the end; cuts the text.
static inline char *kit_word(char **rest, const char *separators)
{
    char *w = NULL;
    while (*rest && !*(w = strsep(rest, separators)))
        w = NULL;
    return w;
}

static inline void kit_line(struct kit *k, char *line)
{
    char *word[24];
    int n = 0;
    for (char *w; n < 24 && (w = kit_word(&line, " \t"));)
        word[n++] = w;
    if (n == 0)
        return;
    if (strcmp(word[0], "drop") == 0) {
        kit_drop(k);
        return;
    }
    assert_true(n >= 2);
    int64_t at = KIT_T0 + (int64_t)(atof(word[0]) * 1e6);
    if (strcmp(word[1], "rtp") == 0) {
        kit_rtp(k, at, word, n);
    } else if (strcmp(word[1], "tick") == 0) {
        kit_tick(k, at);
    } else if (strcmp(word[1], "end") == 0) {
        kit_end(k, at);
    } else {
        char raw[4096];
        size_t len = kit_sip(raw, sizeof raw, word, n);
        kit_raw(k, (int)strtol(kit_key(word, n, "pub", "1"), NULL, 10), at, kit_ip(word[1][0]),
                kit_ip(word[1][2]), span_of(raw, len));
    }
}

static inline void kit_play(struct kit *k, const char *story)
{
    char *copy = strdup(story);
    for (char *rest = copy, *l; (l = kit_word(&rest, "\n"));)
        kit_line(k, l);
    free(copy);
}

// ---- telling back -------------------------------------------------------------------------------------------------

static inline size_t kit_time(char *buf, size_t cap, const char *name, int64_t us)
{
    return us ? (size_t)snprintf(buf, cap, " %s=%g", name, (double)(us - KIT_T0) / 1e6) : 0;
}

static inline int kit_by_start(const void *a, const void *b)
{
    const struct call *x = *(const struct call *const *)a, *y = *(const struct call *const *)b;
    return x->started_us < y->started_us ? -1 : x->started_us > y->started_us;
}

// One line a call, by start, as people see it: parts stand with what they are to which call, and why.
//   <Call-ID> <state> <result> <hangup by> <end reason> [<relation> of <Call-ID of the head> <score>: <evidence>]
static inline const char *kit_tell_parts(struct kit *k)
{
    struct call *list[256];
    size_t calls = 0, n = 0, cap = sizeof k->text;
    for (size_t i = 0; i < k->w->lim.calls && calls < 256; i++)
        if (slab_at(k->w->calls, i))
            list[calls++] = slab_at(k->w->calls, i);
    qsort(list, calls, sizeof list[0], kit_by_start);
    k->text[0] = 0;
    for (size_t i = 0; i < calls; i++) {
        const struct call *c = list[i];
        struct call_story s;
        parts_story(c, &s);
        const char *result = call_result_name(s.result), *by = hangup_name(s.hangup_by);
        const char *end = end_reason_name(s.end_reason);
        n += (size_t)snprintf(k->text + n, cap - n, "%.*s %s %s %s %s", c->call_id_n,
                              (const char *)c->call_id, call_state_name(s.state),
                              result ? result : "-", by ? by : "-", end ? end : "-");
        n += kit_time(k->text + n, cap - n, "answer", s.answered_us);
        n += kit_time(k->text + n, cap - n, "end", s.ended_us);
        if (s.hold_count)
            n += (size_t)snprintf(k->text + n, cap - n, " hold=%u/%g", s.hold_count,
                                  (double)s.hold_us / 1e6);
        if (s.held_by)
            n += (size_t)snprintf(k->text + n, cap - n, " held_by=%u", s.held_by);
        if (s.q850)
            n += (size_t)snprintf(k->text + n, cap - n, " q850=%u", s.q850);
        if (parts_is_merged(c)) {
            n += (size_t)snprintf(
                k->text + n, cap - n, " | %s of %.*s %d:", relation_name((int)parts_relation(c)),
                c->head->call_id_n, (const char *)c->head->call_id, edge_score(&c->edge));
            for (uint8_t e = 0; e < c->edge.n; e++)
                n +=
                    (size_t)snprintf(k->text + n, cap - n, " %s", evidence_name(c->edge.e[e].kind));
        }
        n += (size_t)snprintf(k->text + n, cap - n, "\n");
    }
    return k->text;
}

// One line a call, by start:
//   <Call-ID> <state> <result> <hangup by> <status> ring= answer= end= hold=<count>/<s> msgs= rec= legs=tag:state,... media=side@tag:ssrc,...
static inline const char *kit_tell(struct kit *k)
{
    struct call *list[256];
    size_t calls = 0, n = 0, cap = sizeof k->text;
    for (size_t i = 0; i < k->w->lim.calls && calls < 256; i++)
        if (slab_at(k->w->calls, i))
            list[calls++] = slab_at(k->w->calls, i);
    qsort(list, calls, sizeof list[0], kit_by_start);
    k->text[0] = 0;
    for (size_t i = 0; i < calls; i++) {
        const struct call *c = list[i];
        const char *result = call_result_name(c->result);
        const char *by =
            hangup_name(c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED ? c->hangup_by : 0);
        n += (size_t)snprintf(k->text + n, cap - n, "%.*s %s %s %s %u", c->call_id_n,
                              (const char *)c->call_id, call_state_name(c->state),
                              result ? result : "-", by ? by : "-", c->status);
        n += kit_time(k->text + n, cap - n, "ring", c->ringing_us);
        n += kit_time(k->text + n, cap - n, "answer", c->answered_us);
        n += kit_time(k->text + n, cap - n, "end", c->ended_us);
        if (c->hold_count)
            n += (size_t)snprintf(k->text + n, cap - n, " hold=%u/%g", c->hold_count,
                                  (double)c->hold_us / 1e6);
        n += (size_t)snprintf(k->text + n, cap - n, " msgs=%llu",
                              (unsigned long long)c->message_count);
        if (c->recording_state)
            n += (size_t)snprintf(k->text + n, cap - n, " rec=%s",
                                  recording_state_name(c->recording_state));
        const char *sep = " legs=";
        for (const struct leg *l = c->legs; l; l = l->next, sep = ",")
            n += (size_t)snprintf(k->text + n, cap - n, "%s%.*s:%s", sep,
                                  (int)tag_span(&l->to_tag).n, (const char *)l->to_tag.b,
                                  call_state_name(l->state));
        uint32_t last = 0;
        sep = " media=";
        for (uint8_t s = 0; s < c->stream_count; s++, sep = ",") { // by SSRC
            const struct stream *best = NULL;
            for (const struct stream *x = c->streams; x; x = x->next)
                if (x->ssrc > last && (!best || x->ssrc < best->ssrc))
                    best = x;
            last = best->ssrc;
            n += (size_t)snprintf(k->text + n, cap - n, "%s%s@%.*s:%u", sep,
                                  best->side == SIDE_CALLER ? "caller" : "callee",
                                  (int)tag_span(&best->leg->to_tag).n,
                                  (const char *)best->leg->to_tag.b, best->ssrc);
        }
        n += (size_t)snprintf(k->text + n, cap - n, "\n");
    }
    return k->text;
}
