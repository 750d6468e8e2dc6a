// UDP and TCP headers (RFC 768, RFC 9293), and tunnels over UDP. First byte: which; the rest is the IP payload.
#include "fuzz.h"
#include "wire/pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span all = span_of(data + 1, size - 1);
    struct pkt p = {.ip_payload = all, .protocol = data[0] & 1 ? 6 : 17};
    p.src.family = p.dst.family = 4;
    enum wire_event e = l4_parse(&p);
    if (e != WIRE_NONE)
        return 0;
    fuzz_check(p.tunnels <= TUNNELS_MAX);
    if (p.fragment)
        return 0;
    fuzz_inside(p.payload, all);
    fuzz_touch(p.payload);
    if (p.tunnels == 0)
        fuzz_check(p.payload.n + (p.protocol == 6 ? 20 : 8) <= all.n);
    return 0;
}
