// RTCP compounds (RFC 3550 6.4 to 6.6; reduced size, RFC 5506, is read too).
#include "wire/rtp.h"

#define PACKETS_MAX 16
#define REPORTS_MAX 16

enum {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_BYE = 203
};

static void report_blocks(struct cur *c, uint8_t count, struct rtcp *r)
{
    for (uint8_t i = 0; i < count && r->reports < REPORTS_MAX; i++) {
        struct rtcp_report b = {.ssrc = cur_u32be(c)};
        uint32_t lost = cur_u32be(c);
        b.fraction_lost = (uint8_t)(lost >> 24);
        lost &= 0xffffff;
        b.cumulative_lost = (int32_t)lost - (lost & 0x800000 ? 0x1000000 : 0);
        b.highest_seq = cur_u32be(c);
        b.jitter = cur_u32be(c);
        b.lsr = cur_u32be(c);
        b.dlsr = cur_u32be(c);
        if (c->failed)
            return;
        r->report[r->reports++] = b;
    }
}

static void packet_body(uint8_t type, uint8_t count, struct cur *c, struct rtcp *r)
{
    uint32_t ssrc = count || type != RTCP_BYE ? cur_u32be(c) : 0;
    if (c->failed)
        return;
    if (r->packets == 0)
        r->ssrc = ssrc;
    if (type == RTCP_SR) {
        uint64_t ntp = (uint64_t)cur_u32be(c) << 32;
        ntp |= cur_u32be(c);
        uint32_t timestamp = cur_u32be(c);
        uint32_t packets = cur_u32be(c);
        uint32_t octets = cur_u32be(c);
        if (c->failed)
            return;
        r->sr = true;
        r->ntp = ntp;
        r->rtp_timestamp = timestamp;
        r->sender_packets = packets;
        r->sender_octets = octets;
        report_blocks(c, count, r);
    } else if (type == RTCP_RR) {
        report_blocks(c, count, r);
    } else if (type == RTCP_BYE && count > 0) {
        r->bye = true;
        r->bye_ssrc = ssrc;
    }
}

enum wire_event rtcp_parse(struct span s, struct rtcp *ret)
{
    struct cur c = cur_of(s);
    *ret = (struct rtcp){0};
    if (s.n < 8)
        return WIRE_RTCP_SHORT;
    while (cur_left(&c) > 0 && ret->packets < PACKETS_MAX) {
        uint8_t first = cur_u8(&c);
        uint8_t type = cur_u8(&c);
        size_t words = cur_u16be(&c);
        if (c.failed)
            return WIRE_RTCP_LENGTH;
        if (first >> 6 != 2)
            return ret->packets ? WIRE_RTCP_LENGTH : WIRE_RTP_VERSION;
        struct cur body = cur_part(&c, words * 4);
        if (c.failed)
            return WIRE_RTCP_LENGTH;
        packet_body(type, first & 31, &body, ret);
        if (body.failed)
            return WIRE_RTCP_LENGTH;
        ret->packets++;
    }
    return WIRE_NONE;
}
