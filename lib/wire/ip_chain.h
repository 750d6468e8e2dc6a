// ip_chain.h: private to lib/wire. What follows an IP header: IPv6 extension headers, AH, tunnels. ip.c begins here,
// frag.c comes back to it with a joined payload.
#pragma once
#include "wire/pkt.h"

// `next` is the protocol of the first byte of `rest`. Fills p as ip_parse does.
enum wire_event ip_chain(struct pkt *p, uint8_t next, struct span rest);
// The IP packet inside a tunnel: as ip_parse, but p goes on counting tunnels and keeps p->cut.
enum wire_event ip_inner(struct pkt *p, struct span ip);
