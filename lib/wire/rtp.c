// RTP headers (RFC 3550 5.1) and the sorting of what shares a port (RFC 7983, RFC 5761 section 4).
#include "wire/rtp.h"

enum wire_event rtp_parse(struct span s, struct rtp *ret)
{
    struct cur c = cur_of(s);
    uint8_t first = cur_u8(&c);
    uint8_t second = cur_u8(&c);
    uint16_t seq = cur_u16be(&c);
    uint32_t timestamp = cur_u32be(&c);
    uint32_t ssrc = cur_u32be(&c);
    if (c.failed)
        return WIRE_RTP_SHORT;
    if (first >> 6 != 2)
        return WIRE_RTP_VERSION;
    cur_skip(&c, (size_t)(first & 15) * 4);
    if (c.failed)
        return WIRE_RTP_SHORT;
    if (first & 0x10) {
        cur_skip(&c, 2);
        cur_skip(&c, (size_t)cur_u16be(&c) * 4);
        if (c.failed)
            return WIRE_RTP_EXTENSION;
    }
    struct span payload = cur_rest(&c);
    if (first & 0x20) {
        uint8_t padding = payload.n ? payload.p[payload.n - 1] : 0;
        if (padding == 0 || padding > payload.n)
            return WIRE_RTP_PADDING;
        payload.n -= padding;
    }
    *ret = (struct rtp){.payload_type = second & 0x7f,
                        .marker = (second & 0x80) != 0,
                        .seq = seq,
                        .timestamp = timestamp,
                        .ssrc = ssrc,
                        .payload = payload,
                        .packet = s};
    return WIRE_NONE;
}

// Types 192 to 223 are RTCP (RFC 5761 section 4) when the first packet's own length fits; otherwise it is
// RTP with the marker set and a payload type of 64 to 95.
static enum media_kind rtp_or_rtcp(struct span s)
{
    if (s.n >= 8 && s.p[1] >= 192 && s.p[1] <= 223) {
        size_t words = (size_t)s.p[2] << 8 | s.p[3];
        if ((words + 1) * 4 <= s.n)
            return MEDIA_RTCP;
    }
    size_t header = 12 + (size_t)(s.p[0] & 15) * 4 + ((s.p[0] & 0x10) ? 4 : 0);
    return s.n >= header ? MEDIA_RTP : MEDIA_NONE;
}

enum media_kind media_sniff(struct span s)
{
    static const uint8_t stun_cookie[4] = {0x21, 0x12, 0xa4, 0x42};
    if (s.n < 4)
        return MEDIA_NONE;
    uint8_t first = s.p[0];
    if (first >= 128 && first <= 191)
        return rtp_or_rtcp(s);
    if (first <= 3) // RFC 8489 section 5
        return s.n >= 20 && memcmp(s.p + 4, stun_cookie, 4) == 0 ? MEDIA_STUN : MEDIA_NONE;
    if (first >= 20 && first <= 63) // record header of 13 bytes, version 0xfeXX (RFC 6347 4.1)
        return s.n >= 13 && s.p[1] == 0xfe ? MEDIA_DTLS : MEDIA_NONE;
    if (first >= 64 && first <= 79) { // RFC 8656 12.4
        size_t length = (size_t)s.p[2] << 8 | s.p[3];
        // Nothing but padding behind it.
        return length + 4 <= s.n && s.n - length - 4 < 4 ? MEDIA_TURN_CHANNEL : MEDIA_NONE;
    }
    return MEDIA_NONE;
}
