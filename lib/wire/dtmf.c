#include "wire/dtmf.h"
#include <string.h>

#define LINES_MAX 32

static bool is_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || c == '*' || c == '#' || (c >= 'A' && c <= 'D') ||
           (c >= 'a' && c <= 'd');
}

// The next line of the body and its value: behind "Signal=", or a line that is nothing else. Empty value: it says no digits.
static struct span next_value(struct span *rest)
{
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct span line = span_trim(span_sub(*rest, 0, n));
    *rest = span_sub(*rest, n + 1, SIZE_MAX);
    if (span_istarts(line, SPAN_LIT("signal"))) {
        struct span v = span_trim(span_sub(line, 6, SIZE_MAX));
        return v.n && v.p[0] == '=' ? span_trim(span_sub(v, 1, SIZE_MAX)) : span_of(v.p, 0);
    }
    for (size_t i = 0; i < line.n; i++)
        if (!is_digit(line.p[i]))
            return span_of(line.p, 0);
    return line;
}

char dtmf_digit(struct span body)
{
    for (int i = 0; i < LINES_MAX && body.n; i++) {
        struct span v = next_value(&body);
        if (v.n == 1 && is_digit(v.p[0]))
            return (char)v.p[0];
    }
    return 0;
}

size_t dtmf_mask(uint8_t *body, size_t n)
{
    struct span rest = span_of(body, n);
    size_t masked = 0;
    // To the end, however many lines: a digit behind the last one looked at would be stored.
    while (rest.n) {
        struct span v = next_value(&rest);
        for (size_t i = 0; i < v.n; i++)
            if (is_digit(v.p[i])) {
                body[(size_t)(v.p - body) + i] = '*';
                masked++;
            }
    }
    return masked;
}

bool dtmf_in(const struct sip_msg *sip)
{
    return sip->request && sip->method == SIP_INFO && sip->body.n &&
           (!sip->content_type.n || span_istarts(sip->content_type, SPAN_LIT("application/dtmf")) ||
            span_istarts(sip->content_type, SPAN_LIT("application/vnd.nortelnetworks.digits")) ||
            span_istarts(sip->content_type, SPAN_LIT("audio/telephone-event")));
}

static bool is_kpml(const struct sip_msg *sip)
{
    return sip->request && sip->method == SIP_NOTIFY && sip->body.n &&
           span_istarts(sip->content_type, SPAN_LIT("application/kpml-response"));
}

// RFC 4730 5.3: <kpml-response ... digits="12#"/>. Up to the quote that began it, or the end.
static size_t kpml_mask(uint8_t *body, size_t n)
{
    struct span word = SPAN_LIT("digits"), all = span_of(body, n);
    size_t masked = 0;
    for (size_t at = 0; at + word.n < n; at++) {
        if (!span_istarts(span_sub(all, at, n), word))
            continue;
        size_t i = at + word.n;
        while (i < n && (span_blank(body[i]) || body[i] == '='))
            i++;
        if (i == n || (body[i] != '"' && body[i] != '\''))
            continue;
        uint8_t quote = body[i++];
        for (; i < n && body[i] != quote; i++)
            if (is_digit(body[i])) {
                body[i] = '*';
                masked++;
            }
        at = i - 1; // behind it; each byte is looked at a fixed number of times
    }
    return masked;
}

struct span dtmf_masked(const struct sip_msg *sip, struct span raw, uint8_t *copy, size_t cap,
                        size_t *ret_n)
{
    bool kpml = is_kpml(sip);
    *ret_n = 0;
    if ((!kpml && !dtmf_in(sip)) || sip->body.p < raw.p || sip->body.p > raw.p + raw.n)
        return raw;
    size_t n = raw.n < cap ? raw.n : cap, from = (size_t)(sip->body.p - raw.p);
    if (from >= n)
        return span_sub(raw, 0, n); // its body is beyond
    memcpy(copy, raw.p, n);
    size_t body_n = sip->body.n < n - from ? sip->body.n : n - from;
    *ret_n = kpml ? kpml_mask(copy + from, body_n) : dtmf_mask(copy + from, body_n);
    return *ret_n ? span_of(copy, n) : span_sub(raw, 0, n);
}
