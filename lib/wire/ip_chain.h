// ip_chain.h: private to lib/wire. What follows an IP header: IPv6 extension headers, AH, tunnels. ip.c begins here,
// frag.c comes back to it with a joined payload.
#pragma once
#include "wire/pkt.h"

// `next` is the protocol of the first byte of `rest`. Fills p as ip_parse does.
enum wire_event ip_chain(struct pkt *p, uint8_t next, struct span rest);
// The Ethernet frame inside a tunnel; VLAN tags count on.
enum wire_event link_inner(struct span frame, struct pkt *p, struct span *ret_ip);

enum wire_event tunnel_gre(struct pkt *p, struct span rest, struct span *ret_ip);
bool tunnel_is_vxlan(struct span udp);
enum wire_event tunnel_vxlan(struct pkt *p, struct span udp, struct span *ret_ip);
