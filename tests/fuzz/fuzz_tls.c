// TLS as it can be read without keys: records and handshake messages of a stream, put in order from pieces; each rest as a
// hello and as a line of a key log. Input: one byte for the size of a piece, then the stream.
#include "fuzz.h"
#include "wire/tcpbuf.h"
#include "wire/tls.h"

static void one(struct span s)
{
    struct tls_hello h;
    struct tls_key k;
    (void)tls_begins(s);
    for (uint8_t type = TLS_CLIENT_HELLO; type <= TLS_SERVER_HELLO; type++)
        (void)tls_hello_parse(&(struct tls_message){type, (uint32_t)s.n, s}, &h);
    if (tls_key_parse(s, &k) == TLS_KEY)
        fuzz_check(k.n == 32 || k.n == 48);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[TLS_RECORD_MAX + TLS_HEADER_BYTES];
    uint8_t keep[64];
    struct tls_handshake h = {.keep = keep, .keep_cap = sizeof keep};
    struct tcpbuf b;
    struct cur c = cur_of(span_of(data, size));
    size_t piece = cur_u8(&c) + (size_t)1;
    struct span all = cur_rest(&c);
    one(all);
    tcpbuf_begin(&b, memory, sizeof memory, 0);
    for (size_t at = 0; at < all.n; at += piece) {
        // Each second piece comes before the first.
        size_t from = at % (2 * piece) ? at - piece : at + piece;
        struct span s = span_sub(span_sub(all, from < all.n ? from : at, all.n), 0, piece);
        (void)tcpbuf_put(&b, (uint32_t)(from < all.n ? from : at), s, 1);
        struct tls_record r;
        while (tls_record_parse(tcpbuf_waiting(&b), &r) && r.body.n == r.length) {
            struct tls_message m;
            fuzz_inside(r.body, tcpbuf_waiting(&b));
            one(r.body);
            while (tls_handshake_next(&h, &r.body, &m)) {
                fuzz_check(m.body.n <= sizeof keep && m.body.n <= m.length);
                (void)fuzz_touch(m.body);
            }
            tcpbuf_take(&b, TLS_HEADER_BYTES + (size_t)r.length);
        }
    }
    return 0;
}
