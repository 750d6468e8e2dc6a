// Multipart bodies (RFC 2046 5.1, RFC 5621). Input: a line with the Content-Type, the rest is the body. The SDP found lies in the
// body and is no part of a delimiter line.
#include "fuzz.h"
#include "wire/sdp.h"
#include "wire/sip_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sdp sdp;
    struct span all = span_of(data, size), out;
    size_t line = span_find(all, '\n');
    struct span type = span_trim(span_sub(all, 0, line)), body = span_sub(all, line + 1, size);
    for (unsigned depth = 1; depth <= 3; depth++) {
        bool found = sip_multipart_sdp(type, body, depth, &out);
        fuzz_inside(out, body);
        fuzz_touch(out);
        fuzz_check(found || out.n == 0);
        if (out.n > 0)
            (void)sdp_parse(out, &sdp);
    }
    (void)sip_is_multipart(type);
    return 0;
}
