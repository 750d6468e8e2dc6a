// RTCP as the JSON object that HEP agents make of it: the only JSON that capture reads.
#include "fuzz.h"
#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtcp r;
    if (rtcp_json_parse(span_of(data, size), &r) == WIRE_NONE)
        fuzz_check(r.reports <= 16);
    return 0;
}
