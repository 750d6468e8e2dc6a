// IPv6 and its chain of extension headers (RFC 8200 4). The input is a packet; its version is made 6.
#include "fuzz.h"
#include "wire/frag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[65536];
    if (size < 1 || size > sizeof copy)
        return 0;
    memcpy(copy, data, size);
    copy[0] = (uint8_t)(0x60 | (copy[0] & 0x0f));
    struct span ip = span_of(copy, size);
    struct pkt p = {.frame = ip, .wire_length = (uint32_t)size};
    if (ip_parse(ip, &p) != WIRE_NONE)
        return 0;
    fuzz_inside(p.ip_payload, ip);
    fuzz_touch(p.ip_payload);
    fuzz_check(p.tunnels <= TUNNELS_MAX && (p.src.family == 6 || p.tunnels > 0));
    fuzz_check(p.protocol == 6 || p.protocol == 17 || p.fragment);
    if (!p.fragment && l4_parse(&p) == WIRE_NONE && !p.fragment) {
        fuzz_inside(p.payload, ip);
        fuzz_touch(p.payload);
    }
    return 0;
}
