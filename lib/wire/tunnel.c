// What carries IP or Ethernet inside IP: GRE (RFC 2784, 2890) with ERSPAN (draft-foschiano-erspan) and transparent
// Ethernet, VXLAN (RFC 7348). Mirror ports of switches and clouds send these.
#include "wire/ip_chain.h"

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING  0x4000
#define GRE_KEY      0x2000
#define GRE_SEQUENCE 0x1000
#define VXLAN_PORT   4789

static enum wire_event short_event(const struct pkt *p)
{
    return p->cut ? WIRE_TRUNCATED : WIRE_TUNNEL_SHORT;
}

enum wire_event tunnel_gre(struct pkt *p, struct span rest, struct span *ret_ip)
{
    struct cur c = cur_of(rest);
    uint16_t flags = cur_u16be(&c);
    uint16_t type = cur_u16be(&c);
    if (flags & GRE_ROUTING || (flags & 7) != 0) // version 1 is PPTP
        return WIRE_IP_NOT_UDP_TCP;
    cur_skip(&c, (flags & GRE_CHECKSUM ? 4u : 0) + (flags & GRE_KEY ? 4u : 0) +
                     (flags & GRE_SEQUENCE ? 4u : 0));
    if (type == 0x88be &&
        flags & GRE_SEQUENCE) // ERSPAN II; without the sequence number it is I, with no header
        cur_skip(&c, 8);
    if (type == 0x22eb) { // ERSPAN III, perhaps with the platform's 8 bytes
        struct span head = cur_take(&c, 12);
        cur_skip(&c, head.n == 12 && head.p[11] & 1 ? 8 : 0);
    }
    if (c.failed)
        return short_event(p);
    switch (type) {
    case 0x0800:
    case 0x86dd:
        *ret_ip = cur_rest(&c);
        return WIRE_NONE;
    case 0x6558:
    case 0x88be:
    case 0x22eb:
        return link_inner(cur_rest(&c), p, ret_ip);
    default:
        return WIRE_IP_NOT_UDP_TCP;
    }
}

// By port and by all that is fixed in the header: flags with only I, reserved bytes zero. RTP (0x80) cannot be it.
bool tunnel_is_vxlan(struct span udp)
{
    return udp.n >= 16 && (udp.p[2] << 8 | udp.p[3]) == VXLAN_PORT && udp.p[8] == 8 &&
           udp.p[9] == 0 && udp.p[10] == 0 && udp.p[11] == 0 && udp.p[15] == 0;
}

enum wire_event tunnel_vxlan(struct pkt *p, struct span udp, struct span *ret_ip)
{
    return link_inner(span_sub(udp, 16, udp.n), p, ret_ip);
}
