// Values inside SIP headers: addresses, parameters, Via, lists. Each walks its input once.
#include "wire/pkt.h"
#include "wire/sip_text.h"

// What ends a host or a port: blanks and : ; ? > / , as bits. A call for each character was a sixth of reading SIP.
static bool ends_host(uint8_t c)
{
    const uint64_t ends = UINT64_C(1) << ' ' | UINT64_C(1) << '\t' | UINT64_C(1) << '\r' |
                          UINT64_C(1) << '\n' | UINT64_C(1) << ':' | UINT64_C(1) << ';' |
                          UINT64_C(1) << '?' | UINT64_C(1) << '>' | UINT64_C(1) << '/' |
                          UINT64_C(1) << ',';
    return c < 64 && (ends >> c & 1);
}

// s begins with a quote: bytes up to and with the closing one (RFC 3261 25.1 quoted-string); 0: it never closes.
static size_t quoted_length(struct span s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

// Where `stop` (one of , ; <) stands outside quotes; an open quote runs to the end. With `angles`, what is in < > is skipped too.
static size_t find_outside(struct span s, uint8_t stop, bool angles)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c > '<') // letters, most of all: nothing that is asked for stands so high
            continue;
        if (c == '"') {
            size_t q = quoted_length(span_sub(s, i, s.n));
            if (q == 0)
                return s.n;
            i += q - 1;
        } else if (c == stop) {
            return i;
        } else if (angles && c == '<') {
            i += span_find(span_sub(s, i, s.n), '>');
        }
    }
    return s.n;
}

static bool quote_open(struct span s)
{
    size_t quote = span_find(s, '"');
    while (quote < s.n) {
        size_t n = quoted_length(span_sub(s, quote, s.n));
        if (n == 0)
            return true;
        s = span_sub(s, quote + n, s.n);
        quote = span_find(s, '"');
    }
    return false;
}

bool sip_list_next(struct span *rest, struct span *ret_item)
{
    while (rest->n > 0) {
        size_t n = find_outside(*rest, ',', true);
        struct span item = span_trim(span_sub(*rest, 0, n));
        *rest = span_sub(*rest, n + 1, rest->n);
        if (item.n > 0) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}

bool sip_param(struct span params, struct span name, struct span *ret_value)
{
    struct span rest = params;
    while (rest.n > 0) {
        size_t n = find_outside(rest, ';', false);
        struct span item = span_sub(rest, 0, n);
        rest = span_sub(rest, n + 1, rest.n);
        size_t equals = span_find(item, '=');
        if (!span_ieq(span_trim(span_sub(item, 0, equals)), name))
            continue;
        *ret_value = span_trim(span_sub(item, equals + 1, item.n));
        return true;
    }
    return false;
}

size_t sip_unfold(struct span value, char *dst, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < value.n && n < cap; i++) {
        uint8_t c = value.p[i];
        size_t line_end = i;
        if (span_blank(c)) // a run of blanks with a line end in it is one space
            while (line_end < value.n && span_blank(value.p[line_end]))
                line_end++;
        if (line_end > i && memchr(value.p + i, '\n', line_end - i)) {
            c = ' ';
            i = line_end - 1;
        }
        dst[n++] = (char)c;
    }
    return n;
}

// host [":" port], the host perhaps in brackets (RFC 3261 25.1 hostport). Leaves what follows in *rest.
static void hostport(struct span *rest, struct span *ret_host, struct span *ret_port)
{
    struct span s = *rest, host, port = span_sub(s, s.n, 0);
    size_t n = 0;
    if (s.n > 0 && s.p[0] == '[') {
        size_t close = span_find(s, ']');
        host = span_sub(s, 1, close - 1);
        n = close < s.n ? close + 1 : s.n;
    } else {
        while (n < s.n && !ends_host(s.p[n]))
            n++;
        host = span_sub(s, 0, n);
    }
    size_t colon = n;
    while (colon < s.n && span_blank(s.p[colon]))
        colon++;
    if (colon < s.n && s.p[colon] == ':') {
        size_t from = colon + 1;
        while (from < s.n && span_blank(s.p[from]))
            from++;
        n = from;
        while (n < s.n && (!ends_host(s.p[n]) || s.p[n] == ':'))
            n++;
        port = span_sub(s, from, n - from);
    }
    *ret_host = host;
    *ret_port = port;
    *rest = span_sub(s, n, s.n);
}

static bool is_sip_scheme(struct span scheme)
{
    return span_ieq(scheme, SPAN_LIT("sip")) || span_ieq(scheme, SPAN_LIT("sips")) ||
           span_ieq(scheme, SPAN_LIT("im")) || span_ieq(scheme, SPAN_LIT("pres"));
}

// RFC 3261 19.1, RFC 3966 for tel. Returns what follows host and port.
static struct span uri_split(struct span uri, struct sip_addr *a)
{
    size_t colon = span_find(uri, ':');
    struct span none = span_sub(uri, uri.n, 0);
    a->scheme = a->user = a->host = a->port = none;
    if (colon == uri.n)
        return none;
    a->scheme = span_sub(uri, 0, colon);
    struct span rest = span_sub(uri, colon + 1, uri.n);
    if (span_ieq(a->scheme, SPAN_LIT("tel"))) {
        a->user = span_sub(rest, 0, span_find(rest, ';'));
        return none;
    }
    if (!is_sip_scheme(a->scheme))
        return none;
    size_t at = span_find(rest, '@');
    if (at < rest.n) {
        struct span user = span_sub(rest, 0, at);
        a->user = span_sub(user, 0, span_find(user, ':'));
        rest = span_sub(rest, at + 1, rest.n);
    }
    hostport(&rest, &a->host, &a->port);
    return rest;
}

static bool port_good(struct span port)
{
    uint32_t n;
    return port.n == 0 || (port.n <= 5 && span_u32(port, 65535, &n));
}

static bool host_good(struct span host)
{
    struct ip_addr ip;
    if (memchr(host.p, ':', host.n)) // was in brackets
        return ip_addr_parse(host, &ip);
    return host.n > 0;
}

// What no URI may hold: controls, blanks, " < > and DEL.
static bool uri_forbids(uint8_t c)
{
    const uint64_t low = (UINT64_C(1) << ('!')) - 1;
    const uint64_t bad = low | UINT64_C(1) << '"' | UINT64_C(1) << '<' | UINT64_C(1) << '>';
    return c < 64 ? bad >> c & 1 : c == 0x7f;
}

// Fills scheme, user, host and port of a. True when the URI is as RFC 3261 25.1 has it.
static bool uri_read(struct span uri, struct sip_addr *a)
{
    struct span rest = uri_split(uri, a);
    for (size_t i = 0; i < uri.n; i++)
        if (uri_forbids(uri.p[i]))
            return false;
    if (a->scheme.n == 0)
        return false;
    if (!span_ieq(a->scheme, SPAN_LIT("sip")) && !span_ieq(a->scheme, SPAN_LIT("sips")))
        return true;
    return host_good(a->host) && port_good(a->port) && (rest.n == 0 || rest.p[0] != '/');
}

bool sip_uri_strict(struct span uri)
{
    struct sip_addr a;
    return uri_read(uri, &a);
}

// The display name in front of '<': one quoted string, or tokens.
static void display_read(struct span s, struct sip_addr *a, bool *strict)
{
    s = span_trim(s);
    a->display = s;
    if (s.n > 0 && s.p[0] == '"') {
        size_t q = quoted_length(s);
        a->display = span_sub(s, 1, (q ? q : s.n) - (q ? 2 : 1));
        *strict = *strict && q == s.n;
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        if (!sip_is_token(s.p[i]) && !span_blank(s.p[i]))
            *strict = false;
}

bool sip_addr_read(struct span value, struct sip_addr *ret, bool *ret_strict)
{
    struct sip_addr a;
    struct span s = span_trim(value), uri;
    bool strict = true;
    size_t lt = find_outside(s, '<', false);
    size_t open_lt = span_find(s, '<');
    if (lt == s.n && open_lt < s.n && quote_open(s)) {
        lt = open_lt; // quotes that do not close (RFC 4475 3.1.2.6): the brackets still tell
        strict = false;
    }
    size_t semicolon = strict ? find_outside(span_sub(s, 0, lt), ';', false) : lt;
    a.display = span_sub(s, 0, 0);
    if (semicolon < lt)
        lt = s.n; // the '<' belongs to a parameter
    if (lt < s.n) {
        display_read(span_sub(s, 0, lt), &a, &strict);
        uri = span_sub(s, lt + 1, s.n);
        size_t gt = span_find(uri, '>');
        if (gt == uri.n)
            return false;
        struct span behind = span_sub(uri, gt + 1, uri.n);
        uri = span_sub(uri, 0, gt);
        semicolon = find_outside(behind, ';', false);
        if (span_trim(span_sub(behind, 0, semicolon)).n > 0)
            strict = false;
        a.params = span_sub(behind, semicolon, behind.n);
    } else {
        if (s.n > 0 && s.p[0] == '"')
            return false; // a quote that never closes, or no address behind it
        uri = span_sub(s, 0, semicolon);
        a.params = span_sub(s, semicolon, s.n);
        // A '?' or ',' would be ambiguous without brackets (RFC 3261 20.10).
        strict = !memchr(uri.p, '?', uri.n) && !memchr(uri.p, ',', uri.n);
        uri = span_trim(uri);
    }
    a.uri = span_trim(uri);
    bool good = uri_read(a.uri, &a) || span_eq(a.uri, SPAN_LIT("*"));
    strict = strict && good && a.uri.n == uri.n;
    if (a.uri.n == 0)
        return false;
    *ret = a;
    *ret_strict = strict;
    return true;
}

bool sip_addr_parse(struct span value, struct sip_addr *ret)
{
    bool strict;
    return sip_addr_read(value, ret, &strict);
}

// RFC 3261 20.42: "SIP / 2.0 / transport LWS sent-by *(;param)", blanks allowed around the slashes.
bool sip_via_parse(struct span value, struct sip_via *ret)
{
    struct sip_via v;
    struct span s;
    if (!sip_list_next(&value, &s))
        return false;
    for (int i = 0; i < 2; i++) {
        size_t slash = span_find(s, '/');
        struct span word = span_trim(span_sub(s, 0, slash));
        if (!span_ieq(word, i == 0 ? SPAN_LIT("SIP") : SPAN_LIT("2.0")))
            return false;
        s = span_trim(span_sub(s, slash + 1, s.n));
    }
    size_t n = 0;
    while (n < s.n && sip_is_token(s.p[n]))
        n++;
    v.transport = span_sub(s, 0, n);
    if (n == 0 || n == s.n || !span_blank(s.p[n]))
        return false;
    s = span_trim(span_sub(s, n, s.n));
    hostport(&s, &v.host, &v.port);
    size_t semicolon = span_find(s, ';');
    v.params = span_sub(s, semicolon, s.n);
    if (v.host.n == 0)
        return false;
    *ret = v;
    return true;
}

bool sip_via_strict(const struct sip_via *v)
{
    struct span rest = v->params;
    if (!host_good(v->host) || !port_good(v->port))
        return false;
    while (rest.n > 0) { // each begins with its ';' and must name something
        struct span item = span_sub(rest, 1, rest.n);
        size_t n = find_outside(item, ';', false);
        if (span_trim(span_sub(item, 0, n)).n == 0)
            return false;
        rest = span_sub(item, n, item.n);
    }
    return true;
}
