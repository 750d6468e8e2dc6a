#include "depot/s3_text.h"

#include <stdio.h>
#include <string.h>

bool s3_encode(const char *s, bool keep_slash, char *buf, size_t cap)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t n = 0;
    for (; *s; s++) {
        bool plain = strchr(good, *s) || (keep_slash && *s == '/');
        if (n + (plain ? 1u : 3u) >= cap)
            return false;
        if (plain)
            buf[n++] = *s;
        else
            n += (size_t)snprintf(buf + n, cap - n, "%%%02X", (unsigned)(unsigned char)*s);
    }
    buf[n] = '\0';
    return true;
}

bool s3_xml_next(struct span xml, const char *name, size_t *at, struct span *ret)
{
    char open[64], close[64];
    int n = snprintf(open, sizeof(open), "<%s>", name);
    int k = snprintf(close, sizeof(close), "</%s>", name);
    if (n >= (int)sizeof(open) || k >= (int)sizeof(close) || *at > xml.n)
        return false;
    struct span rest = span_sub(xml, *at, xml.n);
    size_t from = span_find_span(rest, span_of(open, (size_t)n));
    if (from == rest.n)
        return false;
    rest = span_sub(rest, from + (size_t)n, rest.n);
    size_t len = span_find_span(rest, span_of(close, (size_t)k));
    if (len == rest.n)
        return false;
    *ret = span_sub(rest, 0, len);
    *at = (size_t)(rest.p - xml.p) + len + (size_t)k;
    return true;
}

static struct span strip(struct span s, struct span what)
{
    if (s.n >= what.n && memcmp(s.p, what.p, what.n) == 0)
        s = span_sub(s, what.n, s.n);
    if (s.n >= what.n && memcmp(s.p + s.n - what.n, what.p, what.n) == 0)
        s = span_sub(s, 0, s.n - what.n);
    return s;
}

bool s3_etag(struct span s, char *buf, size_t cap)
{
    s = strip(strip(strip(span_trim(s), SPAN_LIT("&quot;")), SPAN_LIT("&#34;")), SPAN_LIT("\""));
    if (s.n == 0 || s.n >= cap)
        return false;
    for (size_t i = 0; i < s.n; i++) { // it goes into XML of ours
        if (s.p[i] < 0x21 || s.p[i] > 0x7E || strchr("<>&\"'", s.p[i]))
            return false;
    }
    return span_copy(s, buf, cap) == s.n;
}
