// IPv4 headers and options (RFC 791). The input is a packet; its version is made 4. Bytes behind the total length (Ethernet's
// padding) change nothing, and what is found lies inside the packet.
#include "fuzz.h"
#include "wire/pkt.h"

static enum wire_event parse(const uint8_t *data, size_t n, struct pkt *p)
{
    struct span ip = span_of(data, n);
    *p = (struct pkt){.frame = ip, .wire_length = (uint32_t)n};
    enum wire_event e = ip_parse(ip, p);
    if (e == WIRE_NONE) {
        fuzz_inside(p->ip_payload, ip);
        fuzz_touch(p->ip_payload);
        fuzz_check(p->src.family == p->dst.family && (p->src.family == 4 || p->tunnels > 0));
        fuzz_check(p->tunnels <= TUNNELS_MAX);
    }
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[65536 + 64];
    struct pkt p, padded;
    if (size < 1 || size > 65536)
        return 0;
    memcpy(copy, data, size);
    copy[0] = (uint8_t)(0x40 | (copy[0] & 0x0f));
    memset(copy + size, 0xee, 46);
    enum wire_event e = parse(copy, size, &p);
    enum wire_event f = parse(copy, size + 46, &padded);
    if (e == WIRE_NONE && !p.cut && p.tunnels == 0 &&
        (copy[2] || copy[3])) { // 0: a sending host let its card cut the packet
        fuzz_check(f == WIRE_NONE && padded.ip_payload.n == p.ip_payload.n);
        fuzz_check(padded.protocol == p.protocol && padded.frag_offset == p.frag_offset);
    }
    return 0;
}
