// HEP: a stream of messages as over TCP, and each rest as one datagram; RTCP in JSON, in it and alone.
#include "fuzz.h"
#include "wire/hep.h"
#include "wire/rtp.h"

static void json(struct span s)
{
    struct rtcp r;
    enum wire_event e = rtcp_json_parse(s, &r);
    fuzz_check(e == WIRE_NONE || e == WIRE_RTCP_JSON);
    fuzz_check(r.reports <= sizeof r.report / sizeof r.report[0]);
}

static void one(struct span s)
{
    struct hep h;
    enum wire_event e = hep_parse(s, &h);
    fuzz_inside(h.payload, s);
    fuzz_inside(h.auth_key, s);
    fuzz_inside(h.correlation_id, s);
    (void)fuzz_touch(h.payload);
    (void)fuzz_touch(h.auth_key);
    (void)fuzz_touch(h.correlation_id);
    json(h.payload);
    if (e != WIRE_NONE)
        return;
    fuzz_check(h.payload.n > 0 && h.version >= 1 && h.version <= 3);
    fuzz_check(h.src.ip.family == h.dst.ip.family);
    fuzz_check(h.src.ip.family == 4 || h.src.ip.family == 6);
    fuzz_check(h.at_us == HEP_AT_UNKNOWN || h.at_us >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span s = span_of(data, size);
    one(s);
    json(s);
    for (size_t n = 0; hep_frame(s, &n) == HEP_FRAME_WHOLE; s = span_sub(s, n, s.n)) {
        fuzz_check(n >= HEP_HEADER_BYTES && n <= s.n);
        one(span_sub(s, 0, n));
    }
    return 0;
}
