// Header lines: found, folded, split, named (RFC 3261 7.3). Written again as "name: value", each reads as before; the whole of the
// input is used up; a compact name has the meaning of its long one.
#include "fuzz.h"
#include "wire/sip_text.h"

static void again(struct span name, struct span value)
{
    static uint8_t text[65536 + 8];
    struct span line, n2, v2, rest;
    size_t n = 0;
    if (name.n + value.n + 4 > sizeof text)
        return;
    memcpy(text, name.p, name.n);
    n = name.n;
    text[n++] = ':';
    text[n++] = ' ';
    if (value.n)
        memcpy(text + n, value.p, value.n);
    n += value.n;
    text[n++] = '\n';
    rest = span_of(text, n);
    fuzz_check(sip_header_next(&rest, &line) && sip_header_split(line, &n2, &v2));
    fuzz_check(span_eq(n2, name));
    fuzz_check(span_eq(v2, value) && rest.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size), rest = all, line, name, value;
    char text[256];
    for (size_t i = 0; sip_header_next(&rest, &line); i++) {
        fuzz_check(i <= size);
        fuzz_inside(line, all);
        if (!sip_header_split(line, &name, &value))
            continue;
        fuzz_inside(name, line);
        fuzz_inside(value, line);
        fuzz_check(sip_all_token(name) && sip_header_lookup(name) < SIP_H_COUNT);
        fuzz_check(sip_unfold(value, text, sizeof text) <= sizeof text);
        again(name, value);
        uint64_t n;
        if (sip_content_length(value, &n))
            fuzz_check(n <= UINT64_C(9999999999) && value.n <= 10);
        struct span boundary;
        if (sip_is_multipart(value))
            (void)sip_multipart_sdp(value, all, 2, &boundary);
    }
    fuzz_check(span_find(rest, '\n') == rest.n);
    return 0;
}
