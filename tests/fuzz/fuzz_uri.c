// URIs (RFC 3261 19.1, RFC 3966) bare and in brackets: all parts lie inside and in order, and a URI in < > has the parts it has bare.
#include "fuzz.h"
#include "wire/sip_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[8192];
    struct sip_addr bare, boxed;
    struct span uri = span_of(data, size);
    if (size + 2 > sizeof text)
        return 0;
    (void)sip_uri_strict(uri);
    bool good = sip_addr_parse(uri, &bare);
    if (good) {
        const struct span parts[] = {bare.display, bare.uri,  bare.scheme, bare.user,
                                     bare.host,    bare.port, bare.params};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            fuzz_inside(parts[i], uri);
        if (bare.user.n && bare.host.n)
            fuzz_check(bare.user.p < bare.host.p);
        if (bare.host.n && bare.port.n)
            fuzz_check(bare.host.p < bare.port.p);
    }
    text[0] = '<';
    memcpy(text + 1, data, size);
    text[1 + size] = '>';
    if (size == 0 || memchr(data, '>', size) || memchr(data, '<', size) || memchr(data, '"', size))
        return 0;
    if (!sip_addr_parse(span_of(text, size + 2), &boxed))
        return 0;
    fuzz_check(boxed.params.n == 0 && boxed.display.n == 0);
    if (good && !memchr(data, ';', size)) {
        fuzz_check(span_eq(bare.scheme, boxed.scheme) && span_eq(bare.user, boxed.user));
        fuzz_check(span_eq(bare.host, boxed.host) && span_eq(bare.port, boxed.port));
    }
    return 0;
}
