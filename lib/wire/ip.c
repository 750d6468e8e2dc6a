// IPv4 (RFC 791), IPv6 (RFC 8200) and what stands between them and UDP or TCP. Checksums are not
// verified: with offloading they are wrong in every capture of one's own host.
#include "wire/ip_chain.h"
#include "wire/tunnel.h"

#define EXTENSIONS_MAX 8

enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_IPIP = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_IP6 = 41,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_GRE = 47,
    PROTO_AH = 51,
    PROTO_DESTINATION = 60,
};

// One header after another until something that is no IP header.
struct ip_walk {
    struct span rest;
    uint8_t next;
};

static void address_set(struct ip_addr *a, struct span s, uint8_t family)
{
    *a = (struct ip_addr){.family = family}; // all 16 bytes defined: callers hash the whole
    memcpy(a->b, s.p, family == 4 ? 4 : 16);
}

// Lengths say how much was sent; what is there may be less (snap length) or more (Ethernet padding).
// 0 is segmentation offload: the rest of the frame.
static struct span payload_cut(struct pkt *p, struct span rest, size_t said)
{
    if (said < rest.n)
        rest.n = said;
    else if (said > rest.n)
        p->cut = true;
    return rest;
}

// RFC 791 3.1.
static enum wire_event ip4_header(struct pkt *p, struct span ip, struct ip_walk *w)
{
    struct cur c = cur_of(ip);
    uint8_t first = cur_u8(&c);
    cur_skip(&c, 1);
    size_t total = cur_u16be(&c);
    uint16_t id = cur_u16be(&c);
    uint16_t flags = cur_u16be(&c);
    uint8_t ttl = cur_u8(&c);
    uint8_t protocol = cur_u8(&c);
    cur_skip(&c, 2);
    struct span src = cur_take(&c, 4);
    struct span dst = cur_take(&c, 4);
    size_t header = (size_t)(first & 15) * 4;
    if (c.failed)
        return WIRE_IP_SHORT;
    if (header < 20)
        return WIRE_IP_HEADER_LENGTH;
    cur_skip(&c, header - 20);
    if (c.failed)
        return WIRE_IP_SHORT;
    if (total != 0 && total < header)
        return WIRE_IP_TOTAL_LENGTH;
    address_set(&p->src, src, 4);
    address_set(&p->dst, dst, 4);
    p->ttl = ttl;
    p->ip_id = id;
    p->more_fragments = (flags & 0x2000) != 0;
    p->frag_offset = (uint32_t)(flags & 0x1fff) * 8;
    p->fragment = p->more_fragments || p->frag_offset != 0;
    w->rest = cur_rest(&c);
    w->rest = payload_cut(p, w->rest, total ? total - header : w->rest.n);
    w->next = protocol;
    return WIRE_NONE;
}

// RFC 8200 3.
static enum wire_event ip6_header(struct pkt *p, struct span ip, struct ip_walk *w)
{
    struct cur c = cur_of(ip);
    cur_skip(&c, 4);
    size_t length = cur_u16be(&c);
    uint8_t next = cur_u8(&c);
    uint8_t hops = cur_u8(&c);
    struct span src = cur_take(&c, 16);
    struct span dst = cur_take(&c, 16);
    if (c.failed)
        return WIRE_IP_SHORT;
    address_set(&p->src, src, 6);
    address_set(&p->dst, dst, 6);
    p->ttl = hops;
    p->ip_id = 0;
    p->fragment = p->more_fragments = false;
    p->frag_offset = 0;
    w->rest = cur_rest(&c);
    w->rest = payload_cut(p, w->rest, length ? length : w->rest.n);
    w->next = next;
    return WIRE_NONE;
}

static enum wire_event ip_header(struct pkt *p, struct span ip, struct ip_walk *w)
{
    if (ip.n == 0)
        return WIRE_IP_SHORT;
    switch (ip.p[0] >> 4) {
    case 4:
        return ip4_header(p, ip, w);
    case 6:
        return ip6_header(p, ip, w);
    default:
        return WIRE_IP_VERSION;
    }
}

// RFC 8200 4.5. An atomic fragment (RFC 6946) is whole by itself.
static void fragment_header(struct pkt *p, struct cur *c)
{
    cur_skip(c, 1);
    uint16_t offset = cur_u16be(c);
    uint32_t id = cur_u32be(c);
    p->more_fragments = (offset & 1) != 0;
    p->frag_offset = offset & 0xfff8u;
    p->fragment = p->more_fragments || p->frag_offset != 0;
    p->ip_id = id;
}

// True when w->next was an extension header and w stands behind it.
static bool extension_step(struct pkt *p, struct ip_walk *w, enum wire_event *ret)
{
    struct cur c = cur_of(w->rest);
    uint8_t next = cur_u8(&c);
    switch (w->next) {
    case PROTO_HOP_BY_HOP:
    case PROTO_ROUTING:
    case PROTO_DESTINATION:
        cur_skip(&c, ((size_t)cur_u8(&c) + 1) * 8 - 2);
        break;
    case PROTO_AH: // RFC 4302 2.2
        cur_skip(&c, ((size_t)cur_u8(&c) + 2) * 4 - 2);
        break;
    case PROTO_FRAGMENT:
        fragment_header(p, &c);
        break;
    default:
        return false;
    }
    if (c.failed) {
        *ret = p->cut ? WIRE_TRUNCATED : WIRE_IP6_EXTENSION;
        return false;
    }
    w->next = next;
    w->rest = cur_rest(&c);
    return true;
}

// The header of the packet inside; what is missing of it is the tunnel's fault.
static enum wire_event inner_header(struct pkt *p, struct span ip, struct ip_walk *w)
{
    enum wire_event e = ip_header(p, ip, w);
    if (e == WIRE_IP_SHORT)
        return p->cut ? WIRE_TRUNCATED : WIRE_TUNNEL_SHORT;
    return e;
}

static enum wire_event tunnel_step(struct pkt *p, struct ip_walk *w)
{
    struct span ip = w->rest;
    if (w->next == PROTO_GRE) {
        enum wire_event e = tunnel_gre(w->rest, p, &ip);
        if (e != WIRE_NONE)
            return e;
    } else if (p->tunnels == TUNNELS_MAX) {
        return WIRE_TUNNEL_DEPTH;
    } else {
        p->tunnels++;
    }
    return inner_header(p, ip, w);
}

enum wire_event ip_chain(struct pkt *p, uint8_t next, struct span rest)
{
    struct ip_walk w = {rest, next};
    for (unsigned extensions = 0;;) {
        enum wire_event e = WIRE_NONE;
        p->protocol = w.next;
        p->ip_payload = w.rest;
        if (p->fragment || w.next == PROTO_UDP || w.next == PROTO_TCP)
            return WIRE_NONE;
        if (w.next == PROTO_IPIP || w.next == PROTO_IP6 || w.next == PROTO_GRE) {
            e = tunnel_step(p, &w);
            if (e != WIRE_NONE)
                return e;
            extensions = 0;
        } else if (!extension_step(p, &w, &e)) {
            return e != WIRE_NONE ? e : WIRE_IP_NOT_UDP_TCP;
        } else if (++extensions > EXTENSIONS_MAX) {
            return WIRE_IP6_EXTENSION;
        }
    }
}

enum wire_event ip_parse(struct span ip, struct pkt *p)
{
    struct ip_walk w;
    p->cut = false;
    enum wire_event e = ip_header(p, ip, &w);
    if (e != WIRE_NONE)
        return e;
    return ip_chain(p, w.next, w.rest);
}

enum wire_event ip_inner(struct pkt *p, struct span ip)
{
    struct ip_walk w;
    enum wire_event e = inner_header(p, ip, &w);
    return e != WIRE_NONE ? e : ip_chain(p, w.next, w.rest);
}
