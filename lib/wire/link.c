// Link layers that carry IP: Ethernet II with VLAN tags (tunnel.c), Linux cooked 1 and 2, BSD null, raw.
#include "wire/tunnel.h"

bool link_known(int dlt)
{
    switch (dlt) {
    case LINK_NULL:
    case LINK_ETHERNET:
    case LINK_RAW_12:
    case LINK_RAW_101:
    case LINK_LOOP:
    case LINK_LINUX_SLL:
    case LINK_IPV4:
    case LINK_IPV6:
    case LINK_LINUX_SLL2:
    case LINK_VXLAN:
    case LINK_GENEVE:
    case LINK_TZSP:
        return true;
    default:
        return false;
    }
}

// The address family of BSD null stands in the byte order of the machine that captured: 2 is IPv4 everywhere,
// IPv6 is 10, 24, 28 or 30. So either order is read; the IP version itself decides later.
static enum wire_event null_parse(struct cur c, struct span *ret_ip)
{
    uint32_t family = cur_u32be(&c);
    if (c.failed)
        return WIRE_LINK_SHORT;
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    if (family != 2 && family != 10 && family != 24 && family != 28 && family != 30)
        return WIRE_LINK_UNKNOWN;
    *ret_ip = cur_rest(&c);
    return WIRE_NONE;
}

enum wire_event link_parse(enum link_type type, struct span frame, struct pkt *p,
                           struct span *ret_ip)
{
    struct cur c = cur_of(frame);
    uint16_t protocol;
    p->frame = frame;
    p->vlans = 0;
    p->tunnels = 0;
    p->cut = false;
    switch (type) {
    case LINK_ETHERNET:
        cur_skip(&c, 12);
        protocol = cur_u16be(&c);
        break;
    case LINK_LINUX_SLL:
        cur_skip(&c, 14);
        protocol = cur_u16be(&c);
        break;
    case LINK_LINUX_SLL2:
        protocol = cur_u16be(&c);
        cur_skip(&c, 18);
        break;
    case LINK_NULL:
    case LINK_LOOP:
        return null_parse(c, ret_ip);
    case LINK_RAW_12:
    case LINK_RAW_101:
    case LINK_IPV4:
    case LINK_IPV6:
        *ret_ip = frame;
        return WIRE_NONE;
    case LINK_VXLAN:
    case LINK_GENEVE:
    case LINK_TZSP:
        return tunnel_datagram(type, frame, p, ret_ip);
    default:
        return WIRE_LINK_UNKNOWN;
    }
    if (c.failed)
        return WIRE_LINK_SHORT;
    if (__builtin_expect(protocol == ETHERTYPE_IP, 1)) {
        *ret_ip = cur_rest(&c);
        return WIRE_NONE;
    }
    return tunnel_walk(protocol, c, p, ret_ip);
}
