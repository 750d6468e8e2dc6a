// RTP, RTCP and the test that tells them apart. The whole input is one datagram.
#include "fuzz.h"
#include "base/json.h"
#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span s = span_of(data, size);
    struct rtp rtp;
    static struct rtcp rtcp;
    enum media_kind kind = media_sniff(s);
    enum wire_event event = rtp_parse(s, &rtp);
    if (event == WIRE_NONE) {
        fuzz_inside(rtp.payload, s);
        fuzz_touch(rtp.payload);
        fuzz_check(rtp.payload_type < 128);
        fuzz_check(kind == MEDIA_RTP || kind == MEDIA_RTCP);
    }
    event = rtcp_parse(s, &rtcp);
    fuzz_check(rtcp.reports <= 16 && rtcp.packets <= 16 && rtcp.voips <= RTCP_VOIP_MAX);
    fuzz_inside(rtcp.cname, s);
    (void)fuzz_touch(rtcp.cname);
    fuzz_check(event != WIRE_NONE || rtcp.packets > 0);
    for (uint32_t i = 0; i < rtcp.voips;
         i++) { // as JSON: figures within a report's size, whatever was measured
        char text[1024];
        struct json j;
        json_init(&j, text, sizeof text);
        json_obj(&j);
        rtcp_voip_json(&j, "voip", &rtcp.voip[i]);
        json_obj_end(&j);
        fuzz_check(!j.overflow && j.n > 0 && text[j.n - 1] == '}');
    }
    for (uint32_t i = 0; i < rtcp.reports; i++)
        fuzz_check(rtcp.report[i].cumulative_lost >= -0x800000 &&
                   rtcp.report[i].cumulative_lost <= 0x7fffff);
    return 0;
}
