// pkt.h: the view that a captured packet becomes on its way link -> ip -> (frag) -> l4. All views borrow
// the captured bytes (or a reassembly slot) and are valid until the next packet. Pure: no I/O, no allocation, no log.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "wire/wire_event.h"

// IPv4 stands in the first 4 bytes, family tells.
struct ip_addr {
    uint8_t b[16];
    uint8_t family; // 4 or 6; 0 none
};

struct endpoint {
    struct ip_addr ip;
    uint16_t port;
};

bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b);
bool endpoint_eq(const struct endpoint *a, const struct endpoint *b);
// "192.0.2.1", "2001:db8::1" (RFC 5952); buf at least 46 bytes.
void ip_addr_format(const struct ip_addr *a, char *buf, size_t cap);
// Dotted quad or IPv6 text, with or without brackets. Whole span or false.
bool ip_addr_parse(struct span s, struct ip_addr *ret);

enum link_type { // DLT values of libpcap, so that capture can pass them on
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_12 = 12,
    LINK_RAW_101 = 101,
    LINK_LOOP = 108,
    LINK_LINUX_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_LINUX_SLL2 = 276,
    // No DLT: what the listeners of capture are sent, one UDP payload a frame.
    LINK_VXLAN = 0x10000,
    LINK_GENEVE,
    LINK_TZSP,
};

// Encapsulations of one packet, one inside another: MPLS, PPPoE, GRE, IP in IP, GTP-U, VXLAN, GENEVE, L2TP, TZSP.
#define TUNNELS_MAX 4

struct pkt {
    struct span frame; // as captured
    int64_t at_us;
    uint32_t wire_length; // as it was on the wire (>= frame.n)
    struct ip_addr src, dst;
    uint8_t protocol; // 6 TCP, 17 UDP
    uint8_t ttl;
    uint32_t ip_id; // IPv4 identification, or of the IPv6 fragment header
    bool fragment;  // this packet alone is one piece
    bool more_fragments;
    uint32_t frag_offset; // bytes
    struct span
        ip_payload; // after all IP headers; cut by the IP length field, not by Ethernet padding
    bool cut;       // less was captured than the IP length says
    uint16_t sport, dport;
    struct span payload; // after UDP or TCP header
    uint32_t tcp_seq;
    uint8_t tcp_flags;      // 1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK
    uint8_t tunnels, vlans; // of all layers together; counted from link_parse on
};

// Each returns WIRE_NONE, or the reason why the packet ends here. They fill what they know.
enum wire_event link_parse(enum link_type type, struct span frame, struct pkt *p,
                           struct span *ret_ip);
// IPv4 / IPv6 with extension headers; IP in IP, 6in4, 4in6 and GRE are unwrapped: addresses are the innermost.
enum wire_event ip_parse(struct span ip, struct pkt *p);
// From p->ip_payload. Tunnels over UDP are unwrapped; when the packet inside is a fragment, WIRE_NONE with p->fragment set
// asks for frag_join and l4_parse once more.
enum wire_event l4_parse(struct pkt *p);
bool link_known(int dlt);
