// RTCP compounds (RFC 3550 6.4 to 6.6; reduced size, RFC 5506, is read too), with the VoIP metrics of extended reports (RFC 3611).
#include "wire/rtp.h"

#define PACKETS_MAX 16
#define REPORTS_MAX 16
#define BLOCKS_MAX  16 // of an XR packet
#define ITEMS_MAX   16 // of an SDES chunk
#define CHUNKS_MAX  31

enum {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_XR = 207
};
enum {
    SDES_END = 0,
    SDES_CNAME = 1
};
#define XR_VOIP_METRICS 7

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

static void voip_metrics(struct cur *c, struct rtcp *r)
{
    struct rtcp_voip v = {.ssrc = cur_u32be(c)};
    v.loss_rate = cur_u8(c);
    v.discard_rate = cur_u8(c);
    v.burst_density = cur_u8(c);
    v.gap_density = cur_u8(c);
    v.burst_ms = cur_u16be(c);
    v.gap_ms = cur_u16be(c);
    v.round_trip_ms = cur_u16be(c);
    v.end_system_ms = cur_u16be(c);
    v.signal_dbm = (int8_t)cur_u8(c);
    v.noise_dbm = (int8_t)cur_u8(c);
    v.rerl_db = cur_u8(c);
    v.gmin = cur_u8(c);
    v.r_factor = cur_u8(c);
    v.external_r = cur_u8(c);
    v.mos_lq = cur_u8(c);
    v.mos_cq = cur_u8(c);
    cur_skip(c, 2); // configuration of the receiver, reserved
    v.buffer_nominal_ms = cur_u16be(c);
    v.buffer_maximum_ms = cur_u16be(c);
    v.buffer_limit_ms = cur_u16be(c);
    if (!c->failed && r->voips < RTCP_VOIP_MAX)
        r->voip[r->voips++] = v;
}

// Blocks of other types are passed by their length (RFC 3611 3).
static void extended_report(struct cur *c, struct rtcp *r)
{
    cur_skip(c, 4);
    for (int i = 0; i < BLOCKS_MAX && cur_left(c) > 0; i++) {
        uint8_t type = cur_u8(c);
        cur_skip(c, 1);
        struct cur block = cur_part(c, (size_t)cur_u16be(c) * 4);
        if (c->failed)
            break;
        r->xr_blocks++;
        if (type == XR_VOIP_METRICS)
            voip_metrics(&block, r);
        c->failed = block.failed;
    }
    if (c->failed)
        r->flaw = WIRE_RTCP_XR;
}

static void source_description(struct cur *c, uint8_t chunks, struct rtcp *r)
{
    for (uint8_t i = 0; i < chunks && i < CHUNKS_MAX; i++) {
        const uint8_t *begin = c->p;
        uint32_t ssrc = cur_u32be(c);
        for (int k = 0; k < ITEMS_MAX; k++) {
            uint8_t type = cur_u8(c);
            if (type == SDES_END)
                break;
            struct span text = cur_take(c, cur_u8(c));
            if (type == SDES_CNAME && !c->failed && r->cname.n == 0) {
                r->cname = text;
                r->cname_ssrc = ssrc;
            }
        }
        if (c->failed) {
            r->flaw = WIRE_RTCP_SDES;
            return;
        }
        size_t over = (size_t)(c->p - begin) % 4; // chunks end on a border of four bytes
        if (over)
            cur_skip(c, 4 - over);
    }
}

static void packet_body(uint8_t type, uint8_t count, struct cur *c, struct rtcp *r)
{
    struct cur whole = *c; // what hangs on SR and RR is not lost by a flaw in these two
    if (type == RTCP_SDES)
        source_description(&whole, count, r);
    else if (type == RTCP_XR)
        extended_report(&whole, r);
    bool has_ssrc = count || (type != RTCP_BYE && type != RTCP_SDES);
    uint32_t ssrc = has_ssrc ? cur_u32be(c) : 0;
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
