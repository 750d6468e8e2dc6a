#include <stddef.h>
#include "wire/sdp.h"

#define CLOCK_MAX 1000000
#define PTIME_MAX 1000

// RFC 3551 tables 4 and 5. Empty name: not assigned.
static const struct {
    struct span name;
    uint32_t clock_rate;
    uint8_t channels;
} static_formats[35] = {
    [0] = {SPAN_LIT("PCMU"), 8000, 1},   [3] = {SPAN_LIT("GSM"), 8000, 1},
    [4] = {SPAN_LIT("G723"), 8000, 1},   [5] = {SPAN_LIT("DVI4"), 8000, 1},
    [6] = {SPAN_LIT("DVI4"), 16000, 1},  [7] = {SPAN_LIT("LPC"), 8000, 1},
    [8] = {SPAN_LIT("PCMA"), 8000, 1},   [9] = {SPAN_LIT("G722"), 8000, 1},
    [10] = {SPAN_LIT("L16"), 44100, 2},  [11] = {SPAN_LIT("L16"), 44100, 1},
    [12] = {SPAN_LIT("QCELP"), 8000, 1}, [13] = {SPAN_LIT("CN"), 8000, 1},
    [14] = {SPAN_LIT("MPA"), 90000, 1},  [15] = {SPAN_LIT("G728"), 8000, 1},
    [16] = {SPAN_LIT("DVI4"), 11025, 1}, [17] = {SPAN_LIT("DVI4"), 22050, 1},
    [18] = {SPAN_LIT("G729"), 8000, 1},  [25] = {SPAN_LIT("CelB"), 90000, 1},
    [26] = {SPAN_LIT("JPEG"), 90000, 1}, [28] = {SPAN_LIT("nv"), 90000, 1},
    [31] = {SPAN_LIT("H261"), 90000, 1}, [32] = {SPAN_LIT("MPV"), 90000, 1},
    [33] = {SPAN_LIT("MP2T"), 90000, 1}, [34] = {SPAN_LIT("H263"), 90000, 1},
};

bool sdp_static_format(uint8_t payload_type, struct sdp_format *ret)
{
    if (payload_type >= sizeof static_formats / sizeof static_formats[0] ||
        static_formats[payload_type].name.n == 0)
        return false;
    *ret = (struct sdp_format){.payload_type = payload_type,
                               .codec = static_formats[payload_type].name,
                               .clock_rate = static_formats[payload_type].clock_rate,
                               .channels = static_formats[payload_type].channels,
                               .fmtp = SPAN_LIT("")};
    return true;
}

// What the lines have said so far; the session's values stand in for media that do not say.
struct walk {
    struct sdp *s;
    struct sdp_media *m; // NULL before the first m=
    bool ignoring;       // lines of a media beyond the table
    struct ip_addr session_ip;
    enum sdp_direction session_direction;
    uint32_t session_ptime;
    bool session_crypto;
    bool media_ip; // the current media has its own c=
    bool version;
    uint16_t rtcp_port[SDP_MEDIA_MAX];
};

static void flaw(struct walk *w, enum wire_event e)
{
    if (w->s->event == WIRE_NONE)
        w->s->event = e;
}

// The next word; blanks are skipped.
static struct span word_next(struct span *rest)
{
    size_t i = 0;
    while (i < rest->n && (rest->p[i] == ' ' || rest->p[i] == '\t'))
        i++;
    *rest = span_sub(*rest, i, rest->n);
    for (i = 0; i < rest->n && rest->p[i] != ' ' && rest->p[i] != '\t';)
        i++;
    struct span word = span_sub(*rest, 0, i);
    *rest = span_sub(*rest, i, rest->n);
    return word;
}

// "IN IP4 224.2.1.1/127/3": the address, without TTL and count (RFC 8866 5.7).
static bool connection_address(struct span value, struct ip_addr *ret)
{
    struct span net = word_next(&value);
    struct span kind = word_next(&value);
    struct span address = word_next(&value);
    if (!span_ieq(net, SPAN_LIT("IN")) || !span_istarts(kind, SPAN_LIT("IP")))
        return false;
    return ip_addr_parse(span_sub(address, 0, span_find(address, '/')), ret);
}

static void connection_line(struct walk *w, struct span value)
{
    struct ip_addr ip;
    if (w->ignoring || (w->m && w->media_ip)) // several for layered multicast: the first
        return;
    if (!connection_address(value, &ip)) {
        flaw(w, WIRE_SDP_ADDRESS); // also names: nobody resolves them for a capture
        ip = (struct ip_addr){.family = 0};
    }
    if (!w->m) {
        w->session_ip = ip;
        return;
    }
    w->m->rtp_at.ip = ip;
    w->media_ip = true;
}

static void formats_read(struct walk *w, struct span rest)
{
    struct sdp_media *m = w->m;
    for (;;) {
        uint32_t pt;
        struct span word = word_next(&rest);
        if (word.n == 0)
            return;
        if (m->formats == SDP_FORMATS_MAX) {
            flaw(w, WIRE_SDP_TOO_MANY);
            return;
        }
        if (!span_u32(word, 127, &pt)) {
            flaw(w, WIRE_SDP_MEDIA);
            continue;
        }
        struct sdp_format *f = &m->format[m->formats++];
        if (!sdp_static_format((uint8_t)pt, f))
            *f = (struct sdp_format){
                .payload_type = (uint8_t)pt, .codec = SPAN_LIT(""), .fmtp = SPAN_LIT("")};
    }
}

// m=audio 49170/2 RTP/AVP 0 8 (RFC 8866 5.14).
static void media_line(struct walk *w, struct span value)
{
    struct sdp *s = w->s;
    uint32_t port;
    if (s->medias == SDP_MEDIA_MAX) {
        flaw(w, WIRE_SDP_TOO_MANY);
        w->ignoring = true;
        return;
    }
    struct span type = word_next(&value);
    struct span port_word = word_next(&value);
    struct span proto = word_next(&value);
    port_word = span_sub(port_word, 0, span_find(port_word, '/'));
    w->ignoring = proto.n == 0 || !span_u32(port_word, 65535, &port);
    if (w->ignoring) {
        flaw(w, WIRE_SDP_MEDIA);
        return;
    }
    struct sdp_media *m = w->m = &s->media[s->medias++];
    memset(m, 0, offsetof(struct sdp_media, format));
    m->formats = 0;
    m->type = type;
    m->proto = proto;
    m->rtp = span_find_span(proto, SPAN_LIT("RTP/")) < proto.n;
    m->srtp = w->session_crypto || span_find_span(proto, SPAN_LIT("SAVP")) < proto.n;
    m->rtp_at.port = (uint16_t)port;
    m->rtp_at.ip = w->session_ip;
    m->direction = w->session_direction;
    m->ptime_ms = w->session_ptime;
    w->media_ip = false;
    w->rtcp_port[s->medias - 1] = 0;
    if (m->rtp)
        formats_read(w, value);
}

static struct sdp_format *format_of(struct walk *w, struct span word)
{
    uint32_t pt;
    if (!w->m || !span_u32(word, 127, &pt))
        return NULL;
    for (uint32_t i = 0; i < w->m->formats; i++)
        if (w->m->format[i].payload_type == pt)
            return &w->m->format[i];
    return NULL;
}

// a=rtpmap:97 opus/48000/2 (RFC 8866 6.6).
static void rtpmap(struct walk *w, struct span value)
{
    struct sdp_format *f = format_of(w, word_next(&value));
    struct span map = word_next(&value);
    size_t slash = span_find(map, '/');
    struct span clock_word = span_sub(map, slash + 1, map.n);
    size_t second = span_find(clock_word, '/');
    struct span channels_word = span_sub(clock_word, second + 1, clock_word.n);
    uint32_t clock_rate, channels = 1;
    if (!f)
        return;
    if (slash == map.n && map.n > 0 &&
        f->clock_rate) { // "31 LPC", as RFC 4475 writes it: the static type has the clock
        f->codec = map;
        return;
    }
    if (slash == 0 || !span_u32(span_sub(clock_word, 0, second), CLOCK_MAX, &clock_rate) ||
        clock_rate == 0 || (channels_word.n && !span_u32(channels_word, 255, &channels))) {
        flaw(w, WIRE_SDP_MEDIA);
        return;
    }
    f->codec = span_sub(map, 0, slash);
    f->clock_rate = clock_rate;
    f->channels = channels ? (uint8_t)channels : 1;
}

static void fmtp(struct walk *w, struct span value)
{
    struct sdp_format *f = format_of(w, word_next(&value));
    if (f)
        f->fmtp = span_trim(value);
}

static void direction(struct walk *w, enum sdp_direction d)
{
    if (w->m)
        w->m->direction = d;
    else
        w->session_direction = d;
}

static void ptime(struct walk *w, struct span value)
{
    uint32_t ms;
    value = span_trim(value);
    if (!span_u32(span_sub(value, 0, span_find(value, '.')), PTIME_MAX, &ms))
        return;
    if (w->m)
        w->m->ptime_ms = ms;
    else
        w->session_ptime = ms;
}

// a=rtcp:53020 [IN IP4 126.16.64.4] (RFC 3605).
static void rtcp_attribute(struct walk *w, struct span value)
{
    uint32_t port;
    if (!w->m)
        return;
    if (!span_u32(word_next(&value), 65535, &port)) {
        flaw(w, WIRE_SDP_MEDIA);
        return;
    }
    w->rtcp_port[w->s->medias - 1] = (uint16_t)port;
    (void)connection_address(value, &w->m->rtcp_at.ip);
}

static void attribute_line(struct walk *w, struct span line)
{
    size_t colon = span_find(line, ':');
    struct span name = span_trim(span_sub(line, 0, colon));
    struct span value = span_sub(line, colon + 1, line.n);
    if (w->ignoring)
        return;
    if (span_ieq(name, SPAN_LIT("rtpmap")))
        rtpmap(w, value);
    else if (span_ieq(name, SPAN_LIT("fmtp")))
        fmtp(w, value);
    else if (span_ieq(name, SPAN_LIT("ptime")))
        ptime(w, value);
    else if (span_ieq(name, SPAN_LIT("sendrecv")))
        direction(w, SDP_SENDRECV);
    else if (span_ieq(name, SPAN_LIT("sendonly")))
        direction(w, SDP_SENDONLY);
    else if (span_ieq(name, SPAN_LIT("recvonly")))
        direction(w, SDP_RECVONLY);
    else if (span_ieq(name, SPAN_LIT("inactive")))
        direction(w, SDP_INACTIVE);
    else if (span_ieq(name, SPAN_LIT("rtcp")))
        rtcp_attribute(w, value);
    else if (span_ieq(name, SPAN_LIT("rtcp-mux")) && w->m)
        w->m->rtcp_mux = true;
    else if (span_ieq(name, SPAN_LIT("crypto")) && w->m)
        w->m->srtp = true;
    else if (span_ieq(name, SPAN_LIT("crypto")))
        w->session_crypto = true;
}

static void line_read(struct walk *w, struct span line)
{
    if (line.n < 2 || line.p[1] != '=') {
        flaw(w, WIRE_SDP_LINE);
        return;
    }
    struct span value = span_sub(line, 2, line.n);
    switch (line.p[0]) {
    case 'v':
        w->version = true;
        break;
    case 'o':
        w->s->origin = value;
        break;
    case 's':
        w->s->session_name = value;
        break;
    case 'c':
        connection_line(w, value);
        break;
    case 'm':
        media_line(w, value);
        break;
    case 'a':
        attribute_line(w, value);
        break;
    default:
        break;
    }
}

static bool unspecified(const struct ip_addr *ip)
{
    static const uint8_t zero[16];
    return ip->family != 0 && memcmp(ip->b, zero, ip->family == 4 ? 4 : 16) == 0;
}

static void media_finish(struct walk *w, uint32_t i)
{
    struct sdp_media *m = &w->s->media[i];
    if (m->rtp_at.ip.family == 0)
        flaw(w, WIRE_SDP_ADDRESS);
    if (unspecified(&m->rtp_at.ip)) // hold as of RFC 2543
        m->direction = SDP_INACTIVE;
    if (m->rtp_at.port == 0 || !m->rtp)
        return;
    if (m->rtcp_mux || m->rtcp_at.ip.family == 0)
        m->rtcp_at.ip = m->rtp_at.ip;
    if (m->rtcp_mux)
        m->rtcp_at.port = m->rtp_at.port;
    else if (w->rtcp_port[i])
        m->rtcp_at.port = w->rtcp_port[i];
    else
        m->rtcp_at.port = (uint16_t)(m->rtp_at.port + 1); // 65535: none
}

bool sdp_parse(struct span body, struct sdp *s)
{
    struct walk w = {.s = s};
    struct span rest = body;
    s->origin = s->session_name = span_sub(body, body.n, 0);
    s->medias = 0;
    s->event = WIRE_NONE;
    while (rest.n > 0) {
        size_t end = span_find(rest, '\n');
        struct span line = span_sub(rest, 0, end);
        rest = span_sub(rest, end + 1, rest.n);
        while (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n > 0)
            line_read(&w, line);
    }
    for (uint32_t i = 0; i < s->medias; i++)
        media_finish(&w, i);
    if (!w.version)
        flaw(&w, WIRE_SDP_LINE);
    else if (s->medias == 0)
        flaw(&w, WIRE_SDP_MEDIA);
    return w.version && s->medias > 0;
}
