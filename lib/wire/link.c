// Link layers that carry IP: Ethernet II with VLAN tags, PPPoE session, Linux cooked 1 and 2, BSD null, raw.
#include "wire/ip_chain.h"

#define VLANS_MAX 3

#define ETHERTYPE_IP     0x0800
#define ETHERTYPE_IP6    0x86dd
#define ETHERTYPE_VLAN   0x8100
#define ETHERTYPE_QINQ   0x88a8
#define ETHERTYPE_QINQ_O 0x9100
#define ETHERTYPE_PPPOE  0x8864

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
        return true;
    default:
        return false;
    }
}

// RFC 2516 section 4: version and type 1, code 0 (session), session id, length, then the PPP protocol.
static enum wire_event pppoe_parse(struct cur c, struct span *ret_ip)
{
    uint8_t version_type = cur_u8(&c);
    uint8_t code = cur_u8(&c);
    cur_skip(&c, 2);
    size_t length = cur_u16be(&c);
    uint16_t protocol = cur_u16be(&c);
    if (c.failed)
        return WIRE_LINK_SHORT;
    if (version_type != 0x11 || code != 0 || (protocol != 0x0021 && protocol != 0x0057))
        return WIRE_LINK_UNKNOWN;
    struct span rest = cur_rest(&c);
    if (length >= 2 && length - 2 < rest.n)
        rest.n = length - 2;
    *ret_ip = rest;
    return WIRE_NONE;
}

static enum wire_event ethertype_parse(uint16_t type, struct cur c, struct pkt *p,
                                       struct span *ret_ip)
{
    while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_QINQ_O) {
        if (p->vlans == VLANS_MAX)
            return WIRE_VLAN_DEPTH;
        cur_skip(&c, 2);
        type = cur_u16be(&c);
        if (c.failed)
            return WIRE_LINK_SHORT;
        p->vlans++;
    }
    if (type == ETHERTYPE_PPPOE)
        return pppoe_parse(c, ret_ip);
    // 802.3 lengths (below 0x600) end here too: LLC carries nothing for us.
    if (type != ETHERTYPE_IP && type != ETHERTYPE_IP6)
        return WIRE_LINK_UNKNOWN;
    *ret_ip = cur_rest(&c);
    return WIRE_NONE;
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

enum wire_event link_inner(struct span frame, struct pkt *p, struct span *ret_ip)
{
    struct cur c = cur_of(frame);
    cur_skip(&c, 12);
    uint16_t type = cur_u16be(&c);
    enum wire_event e = c.failed ? WIRE_LINK_SHORT : ethertype_parse(type, c, p, ret_ip);
    if (e == WIRE_LINK_SHORT)
        e = p->cut ? WIRE_TRUNCATED : WIRE_TUNNEL_SHORT;
    return e;
}

enum wire_event link_parse(enum link_type type, struct span frame, struct pkt *p,
                           struct span *ret_ip)
{
    struct cur c = cur_of(frame);
    uint16_t protocol;
    p->frame = frame;
    p->vlans = 0;
    p->tunnels = 0;
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
    default:
        return WIRE_LINK_UNKNOWN;
    }
    if (c.failed)
        return WIRE_LINK_SHORT;
    return ethertype_parse(protocol, c, p, ret_ip);
}
