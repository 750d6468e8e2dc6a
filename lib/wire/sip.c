#include <stddef.h>
#include "wire/sip_text.h"

// Notes the first thing that is wrong.
static void flaw(struct sip_msg *m, enum wire_event e, const uint8_t *where)
{
    if (m->event != WIRE_NONE)
        return;
    m->event = e;
    m->event_offset = (uint32_t)(where - m->raw.p);
}

static bool refuse(struct sip_msg *m, enum wire_event e, const uint8_t *where)
{
    flaw(m, e, where);
    return false;
}

// All but the 10 KiB of headers, which `headers` counts.
static void reset(struct sip_msg *m, struct span raw)
{
    memset(m, 0, offsetof(struct sip_msg, header));
    memset(&m->headers, 0, sizeof *m - offsetof(struct sip_msg, headers));
    struct span none = span_sub(raw, raw.n, 0);
    m->raw = raw;
    m->method_text = m->uri = m->reason = m->call_id = m->cseq_method_text = none;
    m->from = m->to = m->from_tag = m->to_tag = m->via_branch = m->body = m->content_type = none;
}

// SIP-Version SP Status-Code SP Reason-Phrase (RFC 3261 7.2).
static bool status_line(struct sip_msg *m, struct span line)
{
    size_t space = span_find(line, ' ');
    uint32_t status = 0;
    if (!span_ieq(span_sub(line, 0, space), SPAN_LIT("SIP/2.0")))
        return refuse(m, WIRE_SIP_VERSION, line.p);
    struct span rest = span_sub(line, space + 1, line.n);
    size_t digits = span_find(rest, ' ');
    if (digits != 3 || !span_u32(span_sub(rest, 0, 3), 699, &status) || status < 100)
        return refuse(m, WIRE_SIP_STATUS, rest.p);
    if (digits == rest.n) // the space belongs there even without a reason
        flaw(m, WIRE_SIP_START_LINE, rest.p);
    m->status = (uint16_t)status;
    m->reason = span_trim(span_sub(rest, 4, rest.n));
    return true;
}

// Method SP Request-URI SP SIP-Version (RFC 3261 7.1). The method ends at the first space, the version begins behind
// the last one; what is between is the URI even when it holds spaces (RFC 4475 3.1.2.8), which is a flaw.
static bool request_line(struct sip_msg *m, struct span line)
{
    struct span s = span_trim(line);
    size_t space = span_find(s, ' '), version = s.n;
    while (version > 0 && !sip_is_blank(s.p[version - 1]))
        version--;
    struct span word = span_sub(s, version, s.n);
    m->request = true;
    m->method_text = span_sub(s, 0, space);
    if (s.n != line.n || version <= space || !span_istarts(word, SPAN_LIT("SIP/")))
        flaw(m, WIRE_SIP_START_LINE, line.p);
    if (s.p != line.p || version <= space || !span_istarts(word, SPAN_LIT("SIP/")))
        return false;
    if (m->method_text.n > SIP_METHOD_MAX || !sip_all_token(m->method_text))
        return refuse(m, WIRE_SIP_METHOD, line.p);
    m->method = sip_method_lookup(m->method_text);
    struct span middle = span_sub(s, space + 1, version - space - 1);
    m->uri = span_trim(middle);
    if (!span_ieq(word, SPAN_LIT("SIP/2.0")))
        return refuse(m, WIRE_SIP_VERSION, word.p);
    if (m->uri.n == 0 || m->uri.p[0] == '/' || m->uri.p[0] == '*') // HTTP's, never SIP's
        return refuse(m, WIRE_SIP_URI, middle.p);
    if (middle.n != m->uri.n + 1)
        flaw(m, WIRE_SIP_START_LINE, middle.p);
    // Headers ('?') have no place in a Request-URI (RFC 3261 19.1.1).
    size_t at = span_find(m->uri, '@');
    struct span behind = at < m->uri.n ? span_sub(m->uri, at, m->uri.n) : m->uri;
    if (!sip_uri_strict(m->uri) ||
        (span_istarts(m->uri, SPAN_LIT("sip")) && memchr(behind.p, '?', behind.n)))
        flaw(m, WIRE_SIP_URI, m->uri.p);
    return true;
}

static bool start_line(struct sip_msg *m, struct span *rest)
{
    struct span line;
    while (rest->n > 0 && (rest->p[0] == '\r' || rest->p[0] == '\n')) // RFC 3261 7.5
        *rest = span_sub(*rest, 1, rest->n);
    if (!sip_line_next(rest, &line)) {
        line = *rest;
        *rest = span_sub(*rest, rest->n, 0);
    }
    if (line.n == 0 || line.n > SIP_START_LINE_MAX)
        return refuse(m, WIRE_SIP_START_LINE, line.p);
    if (span_istarts(line, SPAN_LIT("SIP/")))
        return status_line(m, line);
    return request_line(m, line);
}

// Up to and with the empty line. False: more headers than anybody needs.
static bool header_lines(struct sip_msg *m, struct span *rest)
{
    for (;;) {
        struct span line, name, value;
        bool whole = sip_header_next(rest, &line);
        if (!whole) {
            line = *rest;
            *rest = span_sub(*rest, rest->n, 0);
            flaw(m, WIRE_SIP_NO_END, rest->p);
        }
        if (line.n == 0)
            return true;
        if (line.n > SIP_HEADER_LINE_MAX)
            flaw(m, WIRE_SIP_HEADER_LONG, line.p);
        else if (!sip_header_split(line, &name, &value))
            flaw(m, WIRE_SIP_HEADER_LINE, line.p);
        else if (m->headers == SIP_HEADERS_MAX)
            return refuse(m, WIRE_SIP_HEADERS_MANY, line.p);
        else
            m->header[m->headers++] = (struct sip_header){sip_header_lookup(name), name, value};
        if (!whole)
            return true;
    }
}

// RFC 3261 20.16: 1*DIGIT LWS Method.
static bool cseq(struct sip_msg *m, struct span value)
{
    size_t digits = 0;
    while (digits < value.n && value.p[digits] >= '0' && value.p[digits] <= '9')
        digits++;
    struct span method = span_trim(span_sub(value, digits, value.n));
    if (!span_u32(span_sub(value, 0, digits), UINT32_MAX, &m->cseq))
        return refuse(m, WIRE_SIP_CSEQ, value.p);
    if (digits + method.n >= value.n || !sip_all_token(method))
        return refuse(m, WIRE_SIP_CSEQ, value.p);
    m->cseq_method_text = method;
    m->cseq_method = sip_method_lookup(method);
    if (m->cseq > INT32_MAX || (m->request && !span_eq(method, m->method_text)))
        flaw(m, WIRE_SIP_CSEQ, value.p);
    if (!m->request)
        m->method = m->cseq_method;
    return true;
}

static void from_to(struct sip_msg *m, struct span value, struct span *ret_whole,
                    struct span *ret_tag)
{
    struct sip_addr a;
    bool strict;
    *ret_whole = value;
    if (!sip_addr_read(value, &a, &strict)) {
        flaw(m, WIRE_SIP_FROM_TO, value.p);
        return;
    }
    if (!strict)
        flaw(m, WIRE_SIP_FROM_TO, value.p);
    (void)sip_param(a.params, SPAN_LIT("tag"), ret_tag);
}

static bool call_id(struct sip_msg *m, struct span value)
{
    if (value.n == 0 || value.n > SIP_CALL_ID_MAX)
        return refuse(m, WIRE_SIP_CALL_ID, value.p);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] <= ' ' || value.p[i] == 0x7f)
            return refuse(m, WIRE_SIP_CALL_ID, value.p + i);
    m->call_id = value;
    return true;
}

// Headers that make keys may stand twice only with the same value: two readers could choose differently, so we
// choose none (RFC 4475 3.3.8).
static bool only_one(struct sip_msg *m, enum sip_header_id id, enum wire_event e,
                     struct span *ret_value)
{
    struct span first = {NULL, 0};
    for (uint32_t i = 0; i < m->headers; i++) {
        if (m->header[i].id != id)
            continue;
        if (!first.p)
            first = m->header[i].value;
        else if (!span_eq(first, m->header[i].value))
            return refuse(m, e, m->header[i].name.p);
    }
    *ret_value = first;
    return true;
}

static bool keys(struct sip_msg *m)
{
    struct span id, seq, from, to;
    if (!only_one(m, SIP_H_CALL_ID, WIRE_SIP_CALL_ID, &id) ||
        !only_one(m, SIP_H_CSEQ, WIRE_SIP_CSEQ, &seq) ||
        !only_one(m, SIP_H_FROM, WIRE_SIP_FROM_TO, &from) ||
        !only_one(m, SIP_H_TO, WIRE_SIP_FROM_TO, &to))
        return false;
    if (from.p)
        from_to(m, from, &m->from, &m->from_tag);
    if (to.p)
        from_to(m, to, &m->to, &m->to_tag);
    bool have_id = id.p && call_id(m, id);
    bool have_seq = seq.p && cseq(m, seq);
    const uint8_t *end = m->raw.p + m->raw.n;
    if (!id.p)
        flaw(m, WIRE_SIP_CALL_ID, end);
    if (!seq.p)
        flaw(m, WIRE_SIP_CSEQ, end);
    if (!from.p || !to.p || from.n == 0 || to.n == 0)
        return refuse(m, WIRE_SIP_FROM_TO, end);
    return have_id && have_seq;
}

static void top_via(struct sip_msg *m)
{
    struct sip_via v;
    struct span value = sip_header_value(m, SIP_H_VIA, 0);
    if (!sip_via_parse(value, &v)) {
        flaw(m, WIRE_SIP_VIA, value.p);
        return;
    }
    if (!sip_via_strict(&v))
        flaw(m, WIRE_SIP_VIA, value.p);
    (void)sip_param(v.params, SPAN_LIT("branch"), &m->via_branch);
}

static void first_contact(struct sip_msg *m)
{
    struct span list = sip_header_value(m, SIP_H_CONTACT, 0), item;
    struct sip_addr a;
    bool strict;
    if (sip_list_next(&list, &item) && (!sip_addr_read(item, &a, &strict) || !strict))
        flaw(m, WIRE_SIP_URI, item.p);
}

// RFC 3261 20.17: an RFC 1123 date, and GMT is the only zone (RFC 4475 3.1.2.12). Nothing of ours reads it.
static void date(struct sip_msg *m)
{
    struct span value = sip_header_value(m, SIP_H_DATE, 0);
    if (value.n > 0 &&
        !span_eq(span_sub(value, value.n < 4 ? 0 : value.n - 4, 4), SPAN_LIT(" GMT")))
        flaw(m, WIRE_SIP_DATE, value.p);
}

// RFC 3261 18.3: over UDP the body is what the length says or what is there, whichever is less; without a
// length, the rest.
static bool body(struct sip_msg *m, struct span rest)
{
    struct span value;
    m->body = rest;
    m->content_type = sip_header_value(m, SIP_H_CONTENT_TYPE, 0);
    if (!only_one(m, SIP_H_CONTENT_LENGTH, WIRE_SIP_CONTENT_LENGTH, &value))
        return false;
    if (value.p && !sip_content_length(value, &m->content_length)) {
        flaw(m, WIRE_SIP_CONTENT_LENGTH, value.p);
    } else if (value.p) {
        m->has_content_length = true;
        if (m->content_length > rest.n)
            flaw(m, WIRE_SIP_BODY_SHORT, rest.p + rest.n);
        else
            m->body.n = (size_t)m->content_length;
    }
    struct span sdp;
    if (m->body.n > 0 && sip_is_multipart(m->content_type) &&
        !sip_multipart_sdp(m->content_type, m->body, 2, &sdp))
        flaw(m, WIRE_SIP_MULTIPART, m->body.p);
    return true;
}

bool sip_parse(struct span raw, struct sip_msg *m)
{
    struct span rest = raw;
    reset(m, raw);
    if (raw.n > SIP_MESSAGE_MAX)
        return refuse(m, WIRE_SIP_TOO_LONG, raw.p);
    if (raw.n == 0 || !start_line(m, &rest) || !header_lines(m, &rest)) {
        flaw(m, WIRE_SIP_START_LINE, raw.p);
        return false;
    }
    bool usable = keys(m);
    top_via(m);
    first_contact(m);
    date(m);
    return body(m, rest) && usable;
}
