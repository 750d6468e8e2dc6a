// RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 7366 (encrypt-then-MAC).
#include "wire/tls.h"

#define EXTENSIONS_MAX 64

enum {
    EXT_ENCRYPT_THEN_MAC = 22,
    EXT_SUPPORTED_VERSIONS = 43
};

bool tls_record_parse(struct span s, struct tls_record *ret)
{
    struct cur c = cur_of(s);
    struct tls_record r = {.type = cur_u8(&c), .version = cur_u16be(&c), .length = cur_u16be(&c)};
    if (c.failed || r.type < TLS_CHANGE_CIPHER_SPEC || r.type > TLS_DATA || r.version < 0x0300 ||
        r.version > TLS_VERSION_12 || r.length > TLS_RECORD_MAX)
        return false;
    r.header = span_sub(s, 0, TLS_HEADER_BYTES);
    r.body = span_sub(s, TLS_HEADER_BYTES, r.length);
    *ret = r;
    return true;
}

bool tls_begins(struct span s)
{
    struct tls_record r;
    if (!tls_record_parse(s, &r) || r.type != TLS_HANDSHAKE || r.version < 0x0301 ||
        r.length > 16384 || r.length < 4)
        return false;
    struct cur c = cur_of(r.body);
    uint8_t type = cur_u8(&c);
    uint32_t length = (uint32_t)cur_u8(&c) << 16;
    length |= cur_u16be(&c);
    uint8_t major = cur_u8(&c);
    return !c.failed && (type == TLS_CLIENT_HELLO || type == TLS_SERVER_HELLO) && major == 3 &&
           length >= 38 && length <= 65535;
}

bool tls_handshake_next(struct tls_handshake *h, struct span *in, struct tls_message *ret)
{
    for (;;) { // each turn takes bytes, or returns
        if (h->have < 4) {
            if (in->n == 0)
                return false;
            h->head[h->have++] = in->p[0];
            *in = span_sub(*in, 1, in->n);
            if (h->have < 4)
                continue;
            h->length = (uint32_t)h->head[1] << 16 | (uint32_t)h->head[2] << 8 | h->head[3];
        }
        uint32_t at = h->have - 4, left = h->length - at;
        size_t n = in->n < left ? in->n : left;
        if (at < h->keep_cap && n > 0) {
            size_t keep = n < h->keep_cap - at ? n : h->keep_cap - at;
            memcpy(h->keep + at, in->p, keep);
        }
        h->have += (uint32_t)n;
        *in = span_sub(*in, n, in->n);
        if (n < left)
            return false;
        *ret = (struct tls_message){
            h->head[0], h->length,
            span_of(h->keep, h->length < h->keep_cap ? h->length : h->keep_cap)};
        h->have = 0;
        return true;
    }
}

static void hello_extensions(struct cur c, struct tls_hello *h)
{
    for (int i = 0; i < EXTENSIONS_MAX && cur_left(&c) > 0; i++) {
        uint16_t type = cur_u16be(&c);
        struct cur e = cur_part(&c, cur_u16be(&c));
        if (c.failed)
            return;
        if (type == EXT_ENCRYPT_THEN_MAC)
            h->encrypt_then_mac = true;
        else if (type == EXT_SUPPORTED_VERSIONS && !h->client) {
            uint16_t v = cur_u16be(&e);
            if (!e.failed)
                h->version = v;
        }
    }
}

bool tls_hello_parse(const struct tls_message *m, struct tls_hello *ret)
{
    // SHA-256 of "HelloRetryRequest", the random of such a message.
    static const uint8_t retry[TLS_RANDOM_BYTES] = {0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11,
                                                    0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
                                                    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E,
                                                    0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};
    struct cur c = cur_of(m->body);
    struct tls_hello h = {.client = m->type == TLS_CLIENT_HELLO, .version = cur_u16be(&c)};
    struct span random = cur_take(&c, sizeof h.random);
    if (c.failed)
        return false;
    memcpy(h.random, random.p, sizeof h.random);
    cur_skip(&c, cur_u8(&c)); // session id
    if (h.client) {
        cur_skip(&c, cur_u16be(&c)); // suites
        cur_skip(&c, cur_u8(&c));    // compression methods
    } else {
        h.suite = cur_u16be(&c);
        h.compressed = cur_u8(&c) != 0;
        if (c.failed)
            return false;
        h.retry = memcmp(h.random, retry, sizeof retry) == 0;
    }
    // Cut to what was kept: extensions that are not whole are not read.
    (void)cur_u16be(&c);
    if (!c.failed)
        hello_extensions(c, &h);
    *ret = h;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// False: not hexadecimal, odd, or longer than cap.
static bool hex(struct span s, uint8_t *to, size_t cap, size_t *ret_n)
{
    if (s.n % 2 != 0 || s.n / 2 > cap)
        return false;
    for (size_t i = 0; i < s.n; i += 2) {
        int hi = hex_digit(s.p[i]), lo = hex_digit(s.p[i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        to[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    *ret_n = s.n / 2;
    return true;
}

static struct span word(struct span *s)
{
    *s = span_trim(*s);
    size_t n = span_find(*s, ' ');
    struct span w = span_sub(*s, 0, n);
    *s = span_sub(*s, n, s->n);
    return w;
}

enum tls_key_line tls_key_parse(struct span line, struct tls_key *ret)
{
    static const char *const labels[TLS_LABEL_COUNT] = {
        [TLS_MASTER_SECRET] = "CLIENT_RANDOM",
        [TLS_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        [TLS_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        [TLS_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
        [TLS_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
    };
    struct tls_key k = {0};
    struct span name = word(&line);
    int label = 0;
    while (label < TLS_LABEL_COUNT && !span_eq(name, span_str(labels[label])))
        label++;
    if (label == TLS_LABEL_COUNT) // others: EARLY_EXPORTER_SECRET, RSA, ...
        return TLS_KEY_OTHER;
    k.label = (enum tls_label)label;
    size_t random, secret;
    if (!hex(word(&line), k.random, sizeof k.random, &random) || random != sizeof k.random ||
        !hex(word(&line), k.secret, sizeof k.secret, &secret) || span_trim(line).n > 0)
        return TLS_KEY_BAD;
    // A master secret has 48 bytes, the others are as long as the suite's hash.
    if (secret != 48 && (label == TLS_MASTER_SECRET || secret != 32))
        return TLS_KEY_BAD;
    k.n = (uint8_t)secret;
    *ret = k;
    return TLS_KEY;
}
