// tunnel.h: private to lib/wire. Encapsulations on the way from the frame to the innermost IP packet: MPLS, PPPoE, PPP,
// GRE (v0, PPTP), ERSPAN I to III, and over UDP GTP-U, VXLAN, GENEVE, L2TP v2 and TZSP. link.c, ip.c and l4.c call it
// where one may begin. Pure. Each encapsulation counts in p->tunnels, at most TUNNELS_MAX, then WIRE_TUNNEL_DEPTH.
#pragma once
#include "wire/pkt.h"

enum ethertype {
    ETHERTYPE_IP = 0x0800,
    ETHERTYPE_ETHERNET = 0x6558, // transparent Ethernet bridging: a whole frame follows
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IP6 = 0x86dd,
    ETHERTYPE_PPP = 0x880b,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTICAST = 0x8848,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_ERSPAN = 0x88be,
    ETHERTYPE_ERSPAN3 = 0x22eb,
    ETHERTYPE_QINQ_O = 0x9100,
};

// Header after header, beginning with one of the given EtherType, until an IP packet (not looked at yet).
enum wire_event tunnel_walk(uint16_t type, struct cur c, struct pkt *p, struct span *ret_ip);
// RFC 2784, 2890, 2637. s begins with the GRE header.
enum wire_event tunnel_gre(struct span s, struct pkt *p, struct span *ret_ip);

// One test for every UDP packet: true for the ports below and for one in ten others.
static inline bool tunnel_port_maybe(uint16_t sport, uint16_t dport)
{
#define PORT_BIT(port) (UINT64_C(1) << ((port)&63))
    const uint64_t ports = PORT_BIT(1701) | PORT_BIT(2152) | PORT_BIT(4789) | PORT_BIT(6081) |
                           PORT_BIT(8472) | PORT_BIT(37008);
#undef PORT_BIT
    return (ports >> (dport & 63) & 1) | (sport == 1701);
}
// After the UDP header, where tunnel_port_maybe. A port proves nothing: unless the header is right to its reserved bits
// and an IP packet stands inside, p stays as it is, plain UDP. Otherwise p becomes the inner packet; if that is
// a fragment, p->fragment is set and p->payload empty.
enum wire_event tunnel_udp(struct pkt *p);
// A mirror's datagram that was sent to us: LINK_VXLAN, LINK_GENEVE, LINK_TZSP. WIRE_TUNNEL_HEADER when it is none.
enum wire_event tunnel_datagram(enum link_type type, struct span s, struct pkt *p,
                                struct span *ret_ip);
