// Via, CSeq, Contact, Record-Route of a request (RFC 3261 20): the input is what stands behind their colons, a line for each in turn.
#include "fuzz.h"
#include "wire/sip_text.h"

static uint8_t text[70000];
static size_t n;

static void put(struct span s)
{
    if (s.n && n + s.n <= sizeof text) {
        memcpy(text + n, s.p, s.n);
        n += s.n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span heads[] = {SPAN_LIT("\r\nVia: "), SPAN_LIT("\r\nCSeq: "),
                                        SPAN_LIT("\r\nContact: "), SPAN_LIT("\r\nRecord-Route: ")};
    static struct sip_msg m;
    struct span rest = span_of(data, size), branch;
    n = 0;
    put(SPAN_LIT("INVITE sip:b@e SIP/2.0\r\nFrom: <sip:a@e>;tag=1\r\nTo: <sip:b@e>\r\nCall-ID: x"));
    for (size_t i = 0; rest.n > 0 && i < 200; i++) {
        size_t line = span_find(rest, '\n');
        put(heads[i % 4]);
        put(span_sub(rest, 0, line));
        rest = span_sub(rest, line + 1, rest.n);
    }
    put(SPAN_LIT("\r\n\r\n"));
    struct span raw = span_of(text, n);
    bool usable = sip_parse(raw, &m);
    if (usable)
        fuzz_check(m.cseq_method_text.n > 0);
    for (uint32_t i = 0; i < m.headers; i++) {
        struct span list = sip_header_value(&m, SIP_H_VIA, i), item;
        struct sip_via v;
        if (sip_via_parse(list, &v)) {
            fuzz_inside(v.host, list);
            fuzz_inside(v.params, list);
            fuzz_check(v.host.n > 0 && sip_all_token(v.transport));
            (void)sip_via_strict(&v);
            if (i == 0 && sip_param(v.params, SPAN_LIT("branch"), &branch))
                fuzz_check(span_eq(branch, m.via_branch));
        }
        for (list = sip_header_value(&m, SIP_H_RECORD_ROUTE, i); sip_list_next(&list, &item);)
            fuzz_inside(item, raw);
    }
    return 0;
}
