#include "encrypted.h"

#include <stdio.h>
#include <string.h>

#define ROUND_US (65536 * INT64_C(10000)) // a roll-over counter's step, at 10 ms a packet

void render_keys(struct render *r, const struct srtp_key *keys, uint32_t n, const char *why)
{
    r->keys = keys;
    r->keys_n = n;
    r->keys_why = why;
    if (n > 0)
        return;
    encrypted_end(r);
    explicit_bzero(r->clear, sizeof(r->clear));
}

void encrypted_begin(const struct render *r, struct track *t)
{
    srtp_stream_open(&t->srtp, r->keys, t->stream->srtp ? r->keys_n : 0);
}

enum srtp_verdict encrypted_take(struct render *r, struct track *t, const struct chain_packet *p,
                                 struct span *packet)
{
    size_t n = 0;
    *packet = p->packet;
    if (!t->stream->srtp)
        return SRTP_CLEAR;
    if (r->keys_n == 0)
        return SRTP_FAILED;
    int64_t since = p->at_us - r->started_us;
    uint32_t rounds = since > 0 ? (uint32_t)(since / ROUND_US) : 0;
    enum srtp_verdict v = srtp_stream_take(&t->srtp, p->packet, rounds + 1, r->clear, &n);
    if (v == SRTP_CLEAR)
        *packet = span_of(r->clear, n);
    return v;
}

void encrypted_end(struct render *r)
{
    for (size_t i = 0; i < JOB_STREAMS_MAX; i++)
        srtp_stream_close(&r->track[i].srtp);
}

static void note_suite(struct render_srtp *s, const char *name)
{
    size_t n = strlen(s->suites), k = strlen(name);
    if (strstr(s->suites, name) || n + k + 2 > sizeof(s->suites))
        return;
    (void)snprintf(s->suites + n, sizeof(s->suites) - n, "%s%s", n > 0 ? "," : "", name);
}

void encrypted_sum(const struct render *r, struct render_result *res)
{
    res->srtp = (struct render_srtp){0};
    for (size_t i = 0; i < r->tracks; i++) {
        const struct srtp_stream *s = &r->track[i].srtp;
        res->srtp.clear += s->clear;
        res->srtp.duplicates += s->duplicates;
        res->srtp.failed += s->failed;
        for (uint32_t k = 0; k < s->n; k++)
            if (s->used >> k & 1)
                note_suite(&res->srtp, r->keys[k].suite);
    }
}

void encrypted_why(const struct render *r, const struct render_result *res, char *buf, size_t cap)
{
    if (r->keys_n == 0)
        (void)snprintf(buf, cap, "%s",
                       r->keys_why && r->keys_why[0] ? r->keys_why : "SRTP without keys");
    else if (res->srtp.clear == 0)
        (void)snprintf(buf, cap, "SRTP: none of the call's %u keys fits", r->keys_n);
    else
        (void)snprintf(buf, cap, "SRTP: %llu packets failed authentication",
                       (unsigned long long)res->srtp.failed);
}
