// sigcall_kit.h: for the tests of the machines of other signalling: what they tell, written down as text, a line an event:
//   KIND from>to [side=..] [cause=..] [caller@ip:port/codec ...]
#pragma once
#include <stdio.h>
#include <string.h>
#include "sigcalls.h"

struct sigkit {
    struct sigcalls *t;
    char text[8192];
    size_t n;
};

static inline const char *sigkit_side(enum sigside s)
{
    return s == SIGSIDE_CALLER ? "caller" : s == SIGSIDE_CALLEE ? "callee" : "-";
}

static inline void sigkit_put(struct sigkit *k, const char *s)
{
    size_t n = strlen(s);
    assert_true(k->n + n < sizeof k->text);
    memcpy(k->text + k->n, s, n + 1);
    k->n += n;
}

static inline void sigkit_tell(void *ctx, const struct sigcall *c, const struct sigcall_event *e)
{
    static const char *const kinds[] = {"-",    "SETUP",   "RINGING", "ANSWERED",
                                        "HELD", "RESUMED", "ENDED"};
    struct sigkit *k = ctx;
    char line[400], ip[46];
    snprintf(line, sizeof line, "%s %.*s>%.*s", kinds[e->kind], c->from.user_n, c->from.user,
             c->to.user_n, c->to.user);
    sigkit_put(k, line);
    if (e->side) {
        snprintf(line, sizeof line, " side=%s", sigkit_side(e->side));
        sigkit_put(k, line);
    }
    if (e->cause) {
        snprintf(line, sizeof line, " cause=%u", e->cause);
        sigkit_put(k, line);
    }
    for (uint32_t i = 0; i < e->medias; i++) {
        const struct sigmedia *m = &e->media[i];
        ip_addr_format(&m->at.ip, ip, sizeof ip);
        snprintf(line, sizeof line, " %s@%s:%u%s%s", sigkit_side(m->side), ip, m->at.port,
                 m->formats ? "/" : "", m->formats ? m->format[0].codec : "");
        sigkit_put(k, line);
    }
    sigkit_put(k, "\n");
}

static inline void sigkit_open(struct sigkit *k, size_t calls)
{
    *k = (struct sigkit){.t = sigcalls_new(calls, INT64_C(3600000000), sigkit_tell, k)};
    assert_non_null(k->t);
}

static inline void sigkit_close(struct sigkit *k)
{
    k->t = sigcalls_free(k->t);
}

static inline struct endpoint sigkit_at(const char *ip, unsigned port)
{
    struct endpoint e = {.port = (uint16_t)port};
    assert_true(ip_addr_parse(span_str(ip), &e.ip));
    return e;
}

static inline struct pkt sigkit_pkt(struct endpoint src, struct endpoint dst, int protocol,
                                    int64_t at_us)
{
    return (struct pkt){.at_us = at_us,
                        .src = src.ip,
                        .dst = dst.ip,
                        .sport = src.port,
                        .dport = dst.port,
                        .protocol = (uint8_t)protocol};
}
