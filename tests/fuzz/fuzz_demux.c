// What shares a media port: RTP, RTCP, STUN, DTLS, TURN channels (RFC 7983), and SIP beside them. Each first byte belongs to one of
// them at most; what is called RTP can be read as far as its fixed header.
#include "classify.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span s = span_of(data, size);
    enum media_kind kind = media_sniff(s);
    enum traffic traffic = classify_udp(s);
    struct rtp r;
    if (kind == MEDIA_STUN)
        fuzz_check(size >= 20 && data[0] <= 3);
    if (kind == MEDIA_DTLS)
        fuzz_check(size >= 13 && data[0] >= 20 && data[0] <= 63);
    if (kind == MEDIA_TURN_CHANNEL)
        fuzz_check(data[0] >= 64 && data[0] <= 79);
    fuzz_check((traffic == TRAFFIC_RTP) == (kind == MEDIA_RTP && (data[0] & 0xC0) == 0x80));
    fuzz_check((traffic == TRAFFIC_RTCP) == (kind == MEDIA_RTCP));
    if (traffic == TRAFFIC_RTP) {
        enum wire_event e = rtp_parse(s, &r);
        fuzz_check(e != WIRE_RTP_VERSION);
        if (e == WIRE_NONE) {
            fuzz_inside(r.payload, s);
            fuzz_touch(r.payload);
            (void)classify_may_begin(&r, 4000, 6000);
        }
    }
    return 0;
}
