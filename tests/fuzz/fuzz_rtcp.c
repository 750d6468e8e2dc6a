// RTCP compounds: SR, RR, SDES, BYE, APP, XR (RFC 3550 6, RFC 3611). The first byte and type are made RTCP's.
#include "fuzz.h"
#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[65536];
    struct rtcp r;
    if (size < 2 || size > sizeof copy)
        return 0;
    memcpy(copy, data, size);
    copy[0] = (uint8_t)(0x80 | (copy[0] & 0x3f));
    copy[1] = (uint8_t)(192 | (copy[1] & 31));
    struct span s = span_of(copy, size);
    enum wire_event e = rtcp_parse(s, &r);
    fuzz_check(r.packets <= 16 && r.reports <= 16);
    fuzz_check(size >= 8 || e != WIRE_NONE);
    if (media_sniff(s) == MEDIA_RTCP)
        fuzz_check(e != WIRE_RTP_VERSION && e != WIRE_RTCP_SHORT);
    for (uint32_t i = 0; i < r.reports; i++)
        fuzz_check(r.report[i].cumulative_lost >= -0x800000 &&
                   r.report[i].cumulative_lost <= 0x7fffff);
    return 0;
}
