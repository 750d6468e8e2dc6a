// UDP (RFC 768) and TCP (RFC 9293 3.1) headers.
#include "wire/tunnel.h"

static enum wire_event udp_parse(struct pkt *p)
{
    struct cur c = cur_of(p->ip_payload);
    uint16_t sport = cur_u16be(&c);
    uint16_t dport = cur_u16be(&c);
    size_t length = cur_u16be(&c);
    cur_skip(&c, 2);
    if (c.failed)
        return p->cut ? WIRE_TRUNCATED : WIRE_UDP_SHORT;
    p->sport = sport;
    p->dport = dport;
    p->payload = cur_rest(&c);
    if (length == 0) // segmentation offload, or a jumbogram (RFC 2675)
        length = p->payload.n + 8;
    if (length < 8)
        return WIRE_UDP_LENGTH;
    if (length - 8 <= p->payload.n)
        p->payload.n = length - 8;
    else if (!p->cut)
        return WIRE_UDP_LENGTH;
    if (__builtin_expect(tunnel_port_maybe(sport, dport), 0))
        return tunnel_udp(p);
    return WIRE_NONE;
}

static enum wire_event tcp_parse(struct pkt *p)
{
    struct cur c = cur_of(p->ip_payload);
    uint16_t sport = cur_u16be(&c);
    uint16_t dport = cur_u16be(&c);
    uint32_t seq = cur_u32be(&c);
    cur_skip(&c, 4);
    size_t header = (size_t)(cur_u8(&c) >> 4) * 4;
    uint8_t flags = cur_u8(&c);
    cur_skip(&c, 6);
    if (c.failed)
        return p->cut ? WIRE_TRUNCATED : WIRE_TCP_SHORT;
    if (header < 20)
        return WIRE_TCP_HEADER_LENGTH;
    cur_skip(&c, header - 20);
    if (c.failed)
        return p->cut ? WIRE_TRUNCATED : WIRE_TCP_HEADER_LENGTH;
    p->sport = sport;
    p->dport = dport;
    p->tcp_seq = seq;
    p->tcp_flags = flags;
    p->payload = cur_rest(&c);
    return WIRE_NONE;
}

enum wire_event l4_parse(struct pkt *p)
{
    p->payload = (struct span){p->ip_payload.p, 0};
    p->sport = p->dport = 0;
    p->tcp_seq = 0;
    p->tcp_flags = 0;
    if (p->protocol == 17)
        return udp_parse(p);
    if (p->protocol == 6)
        return tcp_parse(p);
    return WIRE_IP_NOT_UDP_TCP;
}
