// Start lines (RFC 3261 7.1, 7.2) as their bytes come. A verdict once given stays: more bytes never make SIP of what was none, nor
// the reverse; and a line that the parser takes was seen as a start.
#include "fuzz.h"
#include "wire/sip_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_msg m;
    struct span all = span_of(data, size);
    enum sip_start before = SIP_START_MORE;
    for (size_t n = 0; n <= size && n < 600; n++) {
        enum sip_start now = sip_start_of(span_sub(all, 0, n));
        if (before != SIP_START_MORE)
            fuzz_check(now == before);
        before = now;
    }
    if (size > 0 && data[0] != '\r' && data[0] != '\n' && sip_parse(all, &m))
        fuzz_check(sip_start_of(all) != SIP_START_NO);
    struct span line = {data, span_find(all, '\n')};
    struct span word = span_sub(line, 0, span_find(line, ' '));
    enum sip_method method =
        sip_method_lookup(word); // a method that is known has the name it was known by
    fuzz_check((method == SIP_METHOD_NONE) == (word.n == 0));
    fuzz_check(method == SIP_METHOD_NONE || method == SIP_METHOD_OTHER ||
               span_eq(span_str(sip_method_name(method)), word));
    if (sip_start_judge(line, true) == SIP_START_YES && line.n <= SIP_START_LINE_MAX)
        fuzz_check(sip_start_judge(line, false) != SIP_START_NO || line.n == SIP_START_LINE_MAX);
    return 0;
}
