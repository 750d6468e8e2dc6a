#include "tunnel.h"
#include "ip_chain.h"

#define VLANS_MAX       3 // of one frame
#define MPLS_LABELS_MAX 8
#define FRAME_WITH_IP   34 // the shortest Ethernet frame that can hold an IPv4 header
#define GTP_EXTS_MAX    8
#define TZSP_TAGS_MAX   32

enum port {
    PORT_L2TP = 1701,
    PORT_GTP_U = 2152,
    PORT_VXLAN = 4789,
    PORT_GENEVE = 6081,
    PORT_VXLAN_LINUX = 8472, // before IANA gave one
    PORT_TZSP = 37008,
};

static enum wire_event too_short(const struct pkt *p)
{
    if (p->tunnels == 0)
        return WIRE_LINK_SHORT;
    return p->cut ? WIRE_TRUNCATED : WIRE_TUNNEL_SHORT;
}

static bool ip4_plausible(struct span s)
{
    struct cur c = cur_of(s);
    size_t header = (size_t)(cur_u8(&c) & 15) * 4;
    cur_skip(&c, 1);
    size_t total = cur_u16be(&c);
    if (c.failed || header < 20 || header > s.n || (total != 0 && total < header))
        return false;
    if (total <= s.n)
        return true;
    // Mirrors may cut what they send, so a packet may say more than is there: then its checksum must prove it.
    uint32_t sum = 0;
    for (c = cur_of(span_sub(s, 0, header)); cur_left(&c) > 0;)
        sum += cur_u16be(&c);
    sum = (sum & 0xffff) + (sum >> 16);
    return ((sum + (sum >> 16)) & 0xffff) == 0xffff;
}

static bool ip6_plausible(struct span s)
{
    struct cur c = cur_of(s);
    cur_skip(&c, 6);
    uint8_t next = cur_u8(&c);
    cur_skip(&c, 1);
    uint8_t src = cur_u8(&c);
    cur_skip(&c, 31);
    if (c.failed || src == 0xff) // no packet comes from a multicast address
        return false;
    switch (next) {
    case 0: // hop by hop
    case 4:
    case 6:
    case 17:
    case 41:
    case 43: // routing
    case 44: // fragment
    case 47: // GRE
    case 50: // ESP
    case 51: // AH
    case 58: // ICMPv6
    case 60: // destination options
        return true;
    default:
        return false;
    }
}

// Where nothing outside says that an IP packet follows, this does.
static bool ip_plausible(struct span s)
{
    if (s.n == 0)
        return false;
    uint8_t version = s.p[0] >> 4;
    return version == 4 ? ip4_plausible(s) : version == 6 && ip6_plausible(s);
}

// RFC 2516 section 4: version and type 1, code 0 (session), session id, length; PPP follows.
static bool pppoe_header(struct cur *c)
{
    uint8_t version_type = cur_u8(c);
    uint8_t code = cur_u8(c);
    cur_skip(c, 2);
    size_t length = cur_u16be(c);
    if (!c->failed && length >= 2 && length < cur_left(c))
        *c = cur_part(c, length);
    return version_type == 0x11 && code == 0;
}

// RFC 1661 section 2, RFC 1662 3.1: address and control may be there, the protocol may be one byte. 0: nothing we read.
static uint16_t ppp_header(struct cur *c)
{
    if (cur_left(c) > 0 && c->p[0] == 0xff) // no protocol begins so
        cur_skip(c, 2);
    uint16_t protocol = cur_u8(c);
    if (!(protocol & 1))
        protocol = (uint16_t)(protocol << 8 | cur_u8(c));
    switch (protocol) {
    case 0x0021:
        return ETHERTYPE_IP;
    case 0x0057:
        return ETHERTYPE_IP6;
    case 0x0281:
        return ETHERTYPE_MPLS;
    default:
        return 0;
    }
}

static bool frame_inside(struct cur c, struct pkt *p, struct span *ret_ip)
{
    struct pkt before = *p;
    if (tunnel_walk(ETHERTYPE_ETHERNET, c, p, ret_ip) == WIRE_NONE && ip_plausible(*ret_ip))
        return true;
    p->tunnels = before.tunnels;
    p->vlans = before.vlans;
    return false;
}

// RFC 3032 2.1. Labels do not say what they carry: IP by its version; a pseudo-wire by its control word (RFC 4385: first
// four bits 0), or without one, where a MAC address may begin with any of these.
static enum wire_event mpls_parse(struct cur c, struct pkt *p, struct span *ret_ip)
{
    uint32_t label = 0;
    for (int i = 0; i < MPLS_LABELS_MAX && !(label & 0x100); i++)
        label = cur_u32be(&c);
    if (c.failed)
        return too_short(p);
    if (!(label & 0x100))
        return WIRE_TUNNEL_DEPTH;
    *ret_ip = cur_rest(&c);
    if (ip_plausible(*ret_ip))
        return WIRE_NONE;
    if (ret_ip->n < FRAME_WITH_IP)
        return too_short(p);
    struct cur word = c;
    uint32_t control = cur_u32be(&word);
    if (!word.failed && control >> 28 == 0 && frame_inside(word, p, ret_ip))
        return WIRE_NONE;
    return tunnel_walk(ETHERTYPE_ETHERNET, c, p, ret_ip);
}

static bool tunnel_count(struct pkt *p)
{
    if (p->tunnels >= TUNNELS_MAX)
        return false;
    p->tunnels++;
    return true;
}

// Ends: each turn takes bytes of c, and only a VLAN tag or what counts as a tunnel makes another turn.
enum wire_event tunnel_walk(uint16_t type, struct cur c, struct pkt *p, struct span *ret_ip)
{
    for (unsigned vlans = 0;;) {
        switch (type) {
        case ETHERTYPE_IP:
        case ETHERTYPE_IP6:
            *ret_ip = cur_rest(&c);
            return WIRE_NONE;
        case ETHERTYPE_VLAN:
        case ETHERTYPE_QINQ:
        case ETHERTYPE_QINQ_O:
            if (vlans++ == VLANS_MAX)
                return WIRE_VLAN_DEPTH;
            cur_skip(&c, 2);
            type = cur_u16be(&c);
            p->vlans += !c.failed;
            break;
        case ETHERTYPE_ETHERNET:
            cur_skip(&c, 12);
            type = cur_u16be(&c);
            vlans = 0;
            break;
        case ETHERTYPE_PPPOE:
            if (!tunnel_count(p))
                return WIRE_TUNNEL_DEPTH;
            type = pppoe_header(&c) ? ppp_header(&c) : 0;
            break;
        case ETHERTYPE_PPP:
            type = ppp_header(&c);
            break;
        case ETHERTYPE_MPLS:
        case ETHERTYPE_MPLS_MULTICAST:
            return tunnel_count(p) ? mpls_parse(c, p, ret_ip) : WIRE_TUNNEL_DEPTH;
        default: // 802.3 lengths (below 0x600) end here too: LLC carries nothing for us
            return WIRE_LINK_UNKNOWN;
        }
        if (c.failed)
            return too_short(p);
    }
}

// draft-foschiano-erspan: I has no header and no GRE sequence number; II has 8 bytes; III has 12, and 8 more with O.
static uint16_t erspan_header(struct cur *c, uint16_t protocol, bool sequence)
{
    if (protocol == ETHERTYPE_ERSPAN) {
        if (!sequence)
            return ETHERTYPE_ETHERNET;
        uint8_t version = cur_u8(c) >> 4;
        cur_skip(c, 7);
        return version == 1 ? ETHERTYPE_ETHERNET : 0;
    }
    uint8_t version = cur_u8(c) >> 4;
    cur_skip(c, 9);
    uint16_t flags = cur_u16be(c);
    if (flags & 1)
        cur_skip(c, 8);
    if (version != 2)
        return 0;
    unsigned frame_type = flags >> 10 & 31;
    return frame_type == 0 ? ETHERTYPE_ETHERNET : frame_type == 2 ? ETHERTYPE_IP : 0;
}

// RFC 2637 4.1: GRE version 1 of PPTP.
static bool pptp_header(struct cur *c, uint16_t flags, uint16_t protocol)
{
    size_t length = cur_u16be(c);
    cur_skip(c, 2); // call id
    if (flags & 0x1000)
        cur_skip(c, 4);
    if (flags & 0x0080)
        cur_skip(c, 4);
    if (!c->failed && length < cur_left(c))
        *c = cur_part(c, length);
    return length > 0 && // not an acknowledgement alone
           protocol == ETHERTYPE_PPP && (flags & 0x2000) && !(flags & 0xc000);
}

enum wire_event tunnel_gre(struct span s, struct pkt *p, struct span *ret_ip)
{
    struct cur c = cur_of(s);
    uint16_t flags = cur_u16be(&c);
    uint16_t type = cur_u16be(&c);
    if (!tunnel_count(p))
        return WIRE_TUNNEL_DEPTH;
    if ((flags & 7) == 1) {
        if (!pptp_header(&c, flags, type))
            type = 0;
    } else if ((flags & 7) == 0 && !(flags & 0x4000)) { // source routes (RFC 1701) are not read
        size_t options = (flags >> 15 & 1u) + (flags >> 13 & 1u) + (flags >> 12 & 1u);
        cur_skip(&c, options * 4);
        if (type == ETHERTYPE_ERSPAN || type == ETHERTYPE_ERSPAN3)
            type = erspan_header(&c, type, flags & 0x1000);
    } else {
        type = 0;
    }
    return c.failed ? too_short(p) : tunnel_walk(type, c, p, ret_ip);
}

// RFC 7348 5, and the group policy bits that switches put beside it. Reserved bits are 0.
static uint16_t vxlan_header(struct cur *c)
{
    uint32_t flags = cur_u32be(c);
    cur_skip(c, 3);
    uint8_t reserved = cur_u8(c);
    bool plain = flags == 0x08000000;
    bool policy = (flags & 0xffb70000) == 0x88000000;
    return (plain || policy) && reserved == 0 ? ETHERTYPE_ETHERNET : 0;
}

// RFC 8926 3.4, 3.5. Options are walked: they must fill their place.
static uint16_t geneve_header(struct cur *c)
{
    uint8_t first = cur_u8(c); // version 2 bits, length of options in words
    uint8_t flags = cur_u8(c);
    uint16_t type = cur_u16be(c);
    cur_skip(c, 3);
    uint8_t reserved = cur_u8(c);
    if (first >> 6 != 0 || (flags & 0x3f) != 0 || reserved != 0)
        return 0;
    struct cur options = cur_part(c, (size_t)(first & 63) * 4);
    while (cur_left(&options) > 0) {
        cur_skip(&options, 3);
        uint8_t length = cur_u8(&options);
        cur_skip(&options, (size_t)(length & 31) * 4);
        if (length & 0xe0)
            return 0;
    }
    return options.failed ? 0 : type;
}

// 3GPP TS 29.281 5.1, 5.2: version 1, a G-PDU, extension headers by a chain of types.
static uint16_t gtp_header(struct cur *c, bool cut)
{
    uint8_t flags = cur_u8(c);
    uint8_t type = cur_u8(c);
    size_t length = cur_u16be(c);
    cur_skip(c, 4);
    if (c->failed || (flags & 0xf8) != 0x30 || type != 255)
        return 0;
    if (length < cur_left(c) || (length > cur_left(c) && !cut))
        return 0;
    if (!(flags & 7))
        return ETHERTYPE_IP;
    cur_skip(c, 3);
    uint8_t next = cur_u8(c);
    if (!(flags & 4))
        next = 0;
    for (int i = 0; next != 0; i++) {
        uint8_t words = cur_u8(c);
        if (words == 0 || i == GTP_EXTS_MAX)
            return 0;
        cur_skip(c, (size_t)words * 4 - 2);
        next = cur_u8(c);
    }
    return ETHERTYPE_IP;
}

// RFC 2661 3.1: data messages only (T 0), version 2, reserved bits 0.
static uint16_t l2tp_header(struct cur *c)
{
    size_t all = cur_left(c);
    uint16_t flags = cur_u16be(c);
    if ((flags & 0xb4ff) != 2)
        return 0;
    if (flags & 0x4000) {
        size_t length = cur_u16be(c);
        if (length > all || length < 8)
            return 0;
        if (length < all)
            *c = cur_of(span_of(c->p, length - 4));
    }
    cur_skip(c, 4);
    if (flags & 0x0800)
        cur_skip(c, 4);
    if (flags & 0x0200)
        cur_skip(c, cur_u16be(c));
    return ETHERTYPE_PPP;
}

// TaZmen Sniffer Protocol: version 1, received (0) or to be sent (1), Ethernet, then tags until the end tag.
static uint16_t tzsp_header(struct cur *c)
{
    uint8_t version = cur_u8(c);
    uint8_t type = cur_u8(c);
    uint16_t protocol = cur_u16be(c);
    if (version != 1 || type > 1 || protocol != 1)
        return 0;
    for (int i = 0; i < TZSP_TAGS_MAX && !c->failed; i++) {
        uint8_t tag = cur_u8(c);
        if (tag == 1)
            return ETHERTYPE_ETHERNET;
        if (tag != 0)
            cur_skip(c, cur_u8(c));
    }
    return 0;
}

static uint16_t udp_header(const struct pkt *p, struct cur *c)
{
    switch (p->dport) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
        return vxlan_header(c);
    case PORT_GENEVE:
        return geneve_header(c);
    case PORT_GTP_U:
        return gtp_header(c, p->cut);
    case PORT_TZSP:
        return tzsp_header(c);
    case PORT_L2TP:
        return l2tp_header(c);
    default:
        return p->sport == PORT_L2TP ? l2tp_header(c) : 0;
    }
}

enum wire_event tunnel_udp(struct pkt *p)
{
    struct cur c = cur_of(p->payload);
    uint16_t type = udp_header(p, &c);
    if (type == 0 || c.failed)
        return WIRE_NONE;
    uint8_t tunnels = p->tunnels, vlans = p->vlans;
    bool too_deep = !tunnel_count(p);
    struct span ip = {NULL, 0};
    enum wire_event e = tunnel_walk(type, c, p, &ip);
    if (e == WIRE_TUNNEL_DEPTH || (e == WIRE_NONE && ip_plausible(ip) && too_deep))
        return WIRE_TUNNEL_DEPTH;
    if (e != WIRE_NONE || !ip_plausible(ip)) {
        p->tunnels = tunnels;
        p->vlans = vlans;
        return WIRE_NONE;
    }
    p->payload.n = 0;
    p->sport = p->dport = 0;
    e = ip_inner(p, ip);
    if (e != WIRE_NONE || p->fragment)
        return e;
    return l4_parse(p); // comes back here at most TUNNELS_MAX times
}

enum wire_event tunnel_datagram(enum link_type type, struct span s, struct pkt *p,
                                struct span *ret_ip)
{
    struct cur c = cur_of(s);
    uint16_t inside = type == LINK_VXLAN    ? vxlan_header(&c)
                      : type == LINK_GENEVE ? geneve_header(&c)
                                            : tzsp_header(&c);
    if (!tunnel_count(p))
        return WIRE_TUNNEL_DEPTH;
    if (c.failed)
        return WIRE_TUNNEL_SHORT;
    return inside ? tunnel_walk(inside, c, p, ret_ip) : WIRE_TUNNEL_HEADER;
}
