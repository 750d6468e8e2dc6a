// Bodies: which one is the SDP (RFC 3261 7.4, RFC 2046 5.1, RFC 5621).
#include "wire/sip_text.h"

#define PARTS_MAX    32
#define PART_HEADERS 64
#define BOUNDARY_MAX 256 // RFC 2046 says 70

// type "/" subtype, blanks allowed around the slash; what is behind ';' does not matter.
static bool type_is(struct span content_type, struct span type, struct span subtype)
{
    struct span s = span_sub(content_type, 0, span_find(content_type, ';'));
    size_t slash = span_find(s, '/');
    return span_ieq(span_trim(span_sub(s, 0, slash)), type) &&
           (subtype.n == 0 || span_ieq(span_trim(span_sub(s, slash + 1, s.n)), subtype));
}

bool sip_is_multipart(struct span content_type)
{
    return type_is(content_type, SPAN_LIT("multipart"), span_of("", 0));
}

static bool is_sdp(struct span content_type)
{
    return type_is(content_type, SPAN_LIT("application"), SPAN_LIT("sdp"));
}

static bool boundary_of(struct span content_type, struct span *ret)
{
    struct span b;
    size_t semicolon = span_find(content_type, ';');
    if (!sip_param(span_sub(content_type, semicolon, content_type.n), SPAN_LIT("boundary"), &b))
        return false;
    if (b.n >= 2 && b.p[0] == '"' && b.p[b.n - 1] == '"')
        b = span_sub(b, 1, b.n - 2);
    if (b.n == 0 || b.n > BOUNDARY_MAX)
        return false;
    *ret = b;
    return true;
}

// Finds "--boundary" at the beginning of a line. *ret_before: what stands before it, without the line end that
// belongs to it; *rest: what stands behind its line; *ret_last: it was the closing one.
static bool delimiter_next(struct span *rest, struct span boundary, struct span *ret_before,
                           bool *ret_last)
{
    struct span s = *rest, line;
    while (s.n > 0) {
        struct span here = s;
        if (!sip_line_next(&s, &line)) {
            line = s;
            s = span_sub(s, s.n, 0);
        }
        if (line.n < boundary.n + 2 || line.p[0] != '-' || line.p[1] != '-' ||
            !span_eq(span_sub(line, 2, boundary.n), boundary))
            continue;
        struct span tail = span_trim(span_sub(line, 2 + boundary.n, line.n));
        *ret_last = span_eq(tail, SPAN_LIT("--"));
        if (tail.n > 0 && !*ret_last)
            continue;
        struct span before = span_sub(*rest, 0, (size_t)(here.p - rest->p));
        if (before.n > 0 && before.p[before.n - 1] == '\n')
            before.n--;
        if (before.n > 0 && before.p[before.n - 1] == '\r')
            before.n--;
        *ret_before = before;
        *rest = s;
        return true;
    }
    return false;
}

// A part that says it is in 7bit, 8bit or binary, or nothing about it, can be read as it stands.
static bool plain_encoding(struct span encoding)
{
    return encoding.n == 0 || span_ieq(encoding, SPAN_LIT("binary")) ||
           span_ieq(encoding, SPAN_LIT("8bit")) || span_ieq(encoding, SPAN_LIT("7bit"));
}

// The headers of a part. False: more than any part has, so its body does not begin where they end.
static bool part_headers(struct span *part, struct span *ret_type, struct span *ret_encoding)
{
    struct span line, name, value;
    int i = 0;
    for (; i < PART_HEADERS && sip_header_next(part, &line) && line.n > 0; i++) {
        if (!sip_header_split(line, &name, &value))
            continue;
        if (sip_header_lookup(name) == SIP_H_CONTENT_TYPE)
            *ret_type = value;
        else if (span_ieq(name, SPAN_LIT("Content-Transfer-Encoding")))
            *ret_encoding = value;
    }
    return i < PART_HEADERS || (sip_header_next(part, &line) && line.n == 0);
}

static bool part_sdp(struct span part, unsigned depth, struct span *ret_sdp)
{
    struct span type = {part.p, 0}, encoding = {part.p, 0};
    if (!part_headers(&part, &type, &encoding))
        return false;
    if (is_sdp(type) && plain_encoding(encoding)) {
        *ret_sdp = part;
        return true;
    }
    if (depth > 1 && sip_is_multipart(type) && sip_multipart_sdp(type, part, depth - 1, ret_sdp))
        return ret_sdp->n > 0;
    return false;
}

bool sip_multipart_sdp(struct span content_type, struct span body, unsigned depth,
                       struct span *ret_sdp)
{
    struct span boundary, part;
    bool last;
    *ret_sdp = span_sub(body, body.n, 0);
    if (!boundary_of(content_type, &boundary) || !delimiter_next(&body, boundary, &part, &last))
        return false;
    for (int i = 0; i < PARTS_MAX && !last && body.n > 0; i++) {
        if (!delimiter_next(&body, boundary, &part, &last)) {
            part = body; // never closed: the rest is the last part
            last = true;
        }
        if (part_sdp(part, depth, ret_sdp))
            return true;
    }
    return last || body.n == 0;
}

struct span sip_sdp(const struct sip_msg *m)
{
    struct span none = span_sub(m->body, m->body.n, 0), sdp;
    struct span encoding = sip_header_value(m, SIP_H_CONTENT_ENCODING, 0);
    if (m->body.n == 0 || (encoding.n > 0 && !span_ieq(encoding, SPAN_LIT("identity"))))
        return none;
    if (is_sdp(m->content_type))
        return m->body;
    if (sip_is_multipart(m->content_type))
        return sip_multipart_sdp(m->content_type, m->body, 2, &sdp) ? sdp : none;
    // No Content-Type at all: RFC 3261 20.15 wants one, old phones leave it out.
    if (m->content_type.n == 0 && span_istarts(m->body, SPAN_LIT("v=0")))
        return m->body;
    return none;
}
