#include "wire/sip_story.h"

#define SESSION_EXPIRES_MAX (7 * 24 * 3600)

bool sip_replaces_parse(struct span value, struct sip_replaces *ret)
{
    struct sip_replaces r = {.early_only = false};
    struct span ignored;
    value = span_trim(value);
    size_t semicolon = span_find(value, ';');
    struct span params = span_sub(value, semicolon, value.n);
    r.call_id = span_trim(span_sub(value, 0, semicolon));
    for (size_t i = 0; i < r.call_id.n; i++)
        if (r.call_id.p[i] <= ' ' || r.call_id.p[i] == ',' || r.call_id.p[i] == 0x7f)
            return false;
    if (r.call_id.n == 0 || !sip_param(params, SPAN_LIT("to-tag"), &r.to_tag) ||
        !sip_param(params, SPAN_LIT("from-tag"), &r.from_tag) || !r.to_tag.n || !r.from_tag.n)
        return false;
    r.early_only = sip_param(params, SPAN_LIT("early-only"), &ignored);
    *ret = r;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// %HH of a URI (RFC 3261 19.1.2). False: a broken escape, or no room.
static bool unescape(struct span s, char *buf, size_t cap, struct span *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (n == cap)
            return false;
        buf[n++] = (char)c;
    }
    *ret = span_of(buf, n);
    return true;
}

static bool replaces_of_uri(struct span uri, struct sip_refer_to *r)
{
    struct span headers = span_sub(uri, span_find(uri, '?') + 1, uri.n), text;
    while (headers.n > 0) {
        size_t n = span_find(headers, '&');
        struct span one = span_sub(headers, 0, n);
        headers = span_sub(headers, n + 1, headers.n);
        size_t equals = span_find(one, '=');
        if (!span_ieq(span_sub(one, 0, equals), SPAN_LIT("Replaces")))
            continue;
        return unescape(span_sub(one, equals + 1, one.n), r->text, sizeof r->text, &text) &&
               sip_replaces_parse(text, &r->replaces);
    }
    return false;
}

bool sip_refer_to_parse(struct span value, struct sip_refer_to *ret)
{
    if (!sip_addr_parse(value, &ret->target) || !ret->target.uri.n)
        return false;
    ret->has_replaces = replaces_of_uri(ret->target.uri, ret);
    return true;
}

static bool session_uuid(struct span s, uint8_t ret[16])
{
    uint8_t b[16];
    if (s.n != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        int high = hex_digit(s.p[2 * i]), low = hex_digit(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        b[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret, b, 16);
    return true;
}

bool sip_session_id_parse(struct span value, struct sip_session_id *ret)
{
    struct sip_session_id id = {{0}, {0}};
    struct span remote;
    size_t semicolon = span_find(value, ';');
    if (!session_uuid(span_trim(span_sub(value, 0, semicolon)), id.local))
        return false;
    if (sip_param(span_sub(value, semicolon, value.n), SPAN_LIT("remote"), &remote) &&
        !session_uuid(remote, id.remote))
        return false;
    *ret = id;
    return true;
}

bool sip_session_expires_parse(struct span value, uint32_t *ret_seconds)
{
    uint32_t seconds;
    if (!span_u32(span_trim(span_sub(value, 0, span_find(value, ';'))), SESSION_EXPIRES_MAX,
                  &seconds) ||
        seconds == 0)
        return false;
    *ret_seconds = seconds;
    return true;
}

bool sip_reason_q850(struct span value, uint16_t *ret_cause)
{
    struct span item, cause;
    uint32_t n;
    while (sip_list_next(&value, &item)) {
        size_t semicolon = span_find(item, ';');
        if (!span_ieq(span_trim(span_sub(item, 0, semicolon)), SPAN_LIT("Q.850")))
            continue;
        if (!sip_param(span_sub(item, semicolon, item.n), SPAN_LIT("cause"), &cause) ||
            !span_u32(cause, 127, &n) || n == 0)
            return false;
        *ret_cause = (uint16_t)n;
        return true;
    }
    return false;
}

bool sip_frag_status(struct span body, uint16_t *ret_status)
{
    uint32_t status;
    body = span_trim(body);
    if (!span_istarts(body, SPAN_LIT("SIP/2.0 ")) ||
        !span_u32(span_sub(body, 8, 3), 699, &status) || status < 100)
        return false;
    if (body.n > 11 && body.p[11] >= '0' && body.p[11] <= '9')
        return false;
    *ret_status = (uint16_t)status;
    return true;
}

bool sip_contact_is_focus(struct span value)
{
    struct span item, ignored;
    struct sip_addr a;
    return sip_list_next(&value, &item) && sip_addr_parse(item, &a) &&
           sip_param(a.params, SPAN_LIT("isfocus"), &ignored);
}
