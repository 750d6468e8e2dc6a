// Lines of SIP and the test for a start line.
#include "wire/sip_text.h"

#define LEADING_CRLF 64

const uint32_t sip_token_bits[8] = {
    0x00000000, 0x03ff6ca2, 0x87fffffe, 0x47ffffff, 0, 0, 0, 0,
};

bool sip_all_token(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!sip_is_token(s.p[i]))
            return false;
    return s.n > 0;
}

bool sip_line_next(struct span *rest, struct span *ret_line)
{
    size_t n = span_find(*rest, '\n');
    if (n == rest->n)
        return false;
    struct span line = {rest->p, n};
    if (n > 0 && line.p[n - 1] == '\r')
        line.n--;
    *ret_line = line;
    *rest = span_sub(*rest, n + 1, rest->n);
    return true;
}

bool sip_header_next(struct span *rest, struct span *ret_line)
{
    struct span line, more;
    if (!sip_line_next(rest, &line))
        return false;
    while (line.n > 0 && rest->n > 0 && sip_is_blank(rest->p[0]) && sip_line_next(rest, &more))
        line.n = (size_t)(more.p + more.n - line.p);
    *ret_line = line;
    return true;
}

bool sip_header_split(struct span line, struct span *ret_name, struct span *ret_value)
{
    size_t colon = span_find(line, ':');
    size_t n = colon;
    if (colon == line.n)
        return false;
    while (n > 0 && sip_is_blank(line.p[n - 1]))
        n--;
    struct span name = {line.p, n};
    if (!sip_all_token(name))
        return false;
    *ret_name = name;
    *ret_value = span_trim(span_sub(line, colon + 1, line.n));
    return true;
}

bool sip_content_length(struct span value, uint64_t *ret)
{
    return value.n <= 10 && span_u64(value, UINT64_C(9999999999), ret);
}

// "SIP/" and a digit; which version is the parser's business.
static bool is_version(struct span s)
{
    return s.n >= 5 && span_istarts(s, SPAN_LIT("SIP/")) && s.p[4] >= '0' && s.p[4] <= '9';
}

// "SIP/2.0 1": the end of a cut request line and a Via begin alike, so the first digit of the status is waited for.
static enum sip_start judge_status(struct span line, bool whole)
{
    if (line.n >= 9)
        return is_version(line) && line.p[7] == ' ' && line.p[8] >= '0' && line.p[8] <= '9'
                   ? SIP_START_YES
                   : SIP_START_NO;
    return whole ? SIP_START_NO : SIP_START_MORE;
}

// RFC 3261 7.1: Method SP Request-URI SP SIP-Version. HTTP, RTSP and SSDP differ in the last word; a URI
// without a scheme ("/", "*") says so before the end is seen.
static enum sip_start judge_request(struct span line, size_t method, bool whole)
{
    struct span rest = span_trim(span_sub(line, method, line.n));
    if (rest.n > 0 && (rest.p[0] == '/' || rest.p[0] == '*'))
        return SIP_START_NO;
    if (whole) {
        size_t word = rest.n;
        while (word > 0 && !sip_is_blank(rest.p[word - 1]))
            word--;
        return word > 0 && is_version(span_sub(rest, word, rest.n)) ? SIP_START_YES : SIP_START_NO;
    }
    return line.n < SIP_START_LINE_MAX ? SIP_START_MORE : SIP_START_NO;
}

enum sip_start sip_start_judge(struct span line, bool whole)
{
    size_t n = 0;
    while (n < line.n && n <= SIP_METHOD_MAX && sip_is_token(line.p[n]))
        n++;
    if (n > SIP_METHOD_MAX || line.n == 0)
        return line.n == 0 && !whole ? SIP_START_MORE : SIP_START_NO;
    if (n == line.n)
        return whole ? SIP_START_NO : SIP_START_MORE;
    if (n == 3 && line.p[n] == '/')
        return judge_status(line, whole);
    if (n == 0 || line.p[n] != ' ')
        return SIP_START_NO;
    return judge_request(line, n, whole);
}

enum sip_start sip_start_of(struct span s)
{
    // Most of what comes is not SIP and says so in its first bytes; the end of the line is sought only after that.
    struct span head = {s.p, s.n < 16 ? s.n : 16};
    if (sip_start_judge(head, false) == SIP_START_NO)
        return SIP_START_NO;
    struct span line = {s.p, s.n < SIP_START_LINE_MAX ? s.n : SIP_START_LINE_MAX};
    size_t end = span_find(line, '\n');
    bool whole = end < line.n;
    line.n = end;
    if (whole && end > 0 && line.p[end - 1] == '\r')
        line.n--;
    return sip_start_judge(line, whole);
}

bool sip_sniff(struct span s)
{
    size_t i = 0;
    while (i < s.n && i < LEADING_CRLF && (s.p[i] == '\r' || s.p[i] == '\n'))
        i++;
    s = span_sub(s, i, s.n);
    enum sip_start start = sip_start_of(s);
    bool endless =
        start == SIP_START_NO && s.n > SIP_START_LINE_MAX && !memchr(s.p, '\n', SIP_START_LINE_MAX);
    if (start != SIP_START_MORE && !endless)
        return start == SIP_START_YES;
    // The end of the line was not captured, or is too far: a SIP URI behind the first word is enough, so that it is counted.
    size_t method = span_find(s, ' ');
    struct span uri = span_sub(s, method + 1, s.n);
    return span_istarts(uri, SPAN_LIT("sip:")) || span_istarts(uri, SPAN_LIT("sips:")) ||
           span_istarts(uri, SPAN_LIT("tel:"));
}
