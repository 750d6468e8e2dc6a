#include "wire/tls.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

static void put_extension(struct bytes *b, unsigned type, struct span value)
{
    put16(b, type);
    put16(b, (unsigned)value.n);
    put(b, value);
}

// A server hello's body, as message type says.
static struct bytes hello(bool client, uint8_t fill, unsigned suite, bool v13, bool etm)
{
    struct bytes b = {0};
    struct bytes ext = {0};
    put16(&b, TLS_VERSION_12);
    for (int i = 0; i < 32; i++)
        put8(&b, fill);
    put8(&b, 4);
    put(&b, SPAN_LIT("sess"));
    if (client) {
        put16(&b, 4);
        put16(&b, suite);
        put16(&b, 0x00ff);
        put8(&b, 1);
        put8(&b, 0);
    } else {
        put16(&b, suite);
        put8(&b, 0);
    }
    put_extension(&ext, 10, SPAN_LIT("xy"));
    if (etm)
        put_extension(&ext, 22, SPAN_LIT(""));
    if (v13)
        put_extension(&ext, 43, client ? SPAN_LIT("\x02\x03\x04") : SPAN_LIT("\x03\x04"));
    put16(&b, (unsigned)ext.n);
    put(&b, bytes_span(&ext));
    return b;
}

static void hello_messages(void **state)
{
    (void)state;
    const struct {
        bool client, v13, etm;
        uint16_t version;
    } rows[] = {{false, true, false, 0x0304},
                {false, false, true, 0x0303},
                {false, false, false, 0x0303},
                {true, true, true, 0x0303}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes b = hello(rows[i].client, 9, 0x1301, rows[i].v13, rows[i].etm);
        struct tls_hello h;
        struct tls_message m = {rows[i].client ? 1 : 2, (uint32_t)b.n, bytes_span(&b)};
        assert_true(tls_hello_parse(&m, &h));
        assert_int_equal(h.client, rows[i].client);
        assert_int_equal(h.version, rows[i].version);
        assert_int_equal(h.suite, rows[i].client ? 0 : 0x1301);
        assert_int_equal(h.encrypt_then_mac, rows[i].etm);
        assert_int_equal(h.random[31], 9);
        assert_false(h.retry);
        for (size_t n = 0; n < b.n;
             n++) { // cut anywhere: no read too far; without its random it is none
            struct span cut = guard_new(span_sub(bytes_span(&b), 0, n));
            m.body = cut;
            assert_int_equal(tls_hello_parse(&m, &h), n >= (rows[i].client ? 34u : 42u));
            guard_free(cut);
        }
    }
}

// The 65th extension of a hello is not read.
static void extensions_are_bounded(void **state)
{
    (void)state;
    for (unsigned before = 62; before <= 63; before++) {
        struct bytes b = hello(false, 9, 0x1301, false, false), ext = {0};
        struct tls_hello h;
        put_extension(&ext, 10, SPAN_LIT("xy"));
        for (unsigned i = 0; i < before; i++)
            put_extension(&ext, 99, SPAN_LIT(""));
        put_extension(&ext, 22, SPAN_LIT(""));
        b.n -= 8; // its one extension and their length
        put16(&b, (unsigned)ext.n);
        put(&b, bytes_span(&ext));
        struct tls_message m = {2, (uint32_t)b.n, bytes_span(&b)};
        assert_true(tls_hello_parse(&m, &h));
        assert_int_equal(h.encrypt_then_mac, before == 62);
    }
}

static void a_retry_is_told_by_its_random(void **state)
{
    (void)state;
    struct bytes b = hello(false, 0, 0x1301, true, false);
    memcpy(b.b + 2,
           "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91\xC2\xA2\x11\x16\x7A"
           "\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C",
           32);
    struct tls_hello h;
    struct tls_message m = {2, (uint32_t)b.n, bytes_span(&b)};
    assert_true(tls_hello_parse(&m, &h));
    assert_true(h.retry);
    assert_int_equal(h.version, TLS_VERSION_13);
}

static void records(void **state)
{
    (void)state;
    const struct {
        const char *what;
        struct span bytes;
        bool good, begins;
    } rows[] = {
        {"client hello", SPAN_LIT("\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03"), true, true},
        {"server hello", SPAN_LIT("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03"), true, true},
        {"a hello larger than its record", SPAN_LIT("\x16\x03\x01\x00\x2a\x01\x00\x10\x26\x03\x03"),
         true, true},
        {"a hello too short for a random", SPAN_LIT("\x16\x03\x01\x00\x2a\x01\x00\x00\x25\x03\x03"),
         true, false},
        {"a certificate", SPAN_LIT("\x16\x03\x03\x00\x2a\x0b\x00\x00\x26\x03\x03"), true, false},
        {"data", SPAN_LIT("\x17\x03\x03\x00\x2a\x01\x00\x00\x26\x03\x03"), true, false},
        {"SSL 3", SPAN_LIT("\x16\x03\x00\x00\x2a\x01\x00\x00\x26\x03\x00"), true, false},
        {"no type", SPAN_LIT("\x18\x03\x03\x00\x2a\x01\x00\x00\x26\x03\x03"), false, false},
        {"no version", SPAN_LIT("\x16\x03\x04\x00\x2a\x01\x00\x00\x26\x03\x03"), false, false},
        {"the longest", SPAN_LIT("\x17\x03\x03\x48\x00\x01\x00\x00\x26\x03\x03"), true, false},
        {"too long", SPAN_LIT("\x17\x03\x03\x48\x01\x01\x00\x00\x26\x03\x03"), false, false},
        {"SIP", SPAN_LIT("OPTIONS sip:a SIP/2.0\r\n"), false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t n = 0; n <= rows[i].bytes.n; n++) {
            struct tls_record r;
            struct span s = guard_new(span_sub(rows[i].bytes, 0, n));
            assert_int_equal(tls_record_parse(s, &r), rows[i].good && n >= 5);
            assert_int_equal(tls_begins(s), rows[i].begins && n >= 10);
            guard_free(s);
        }
}

static void messages_across_records(void **state)
{
    (void)state;
    struct bytes b = {0};
    for (unsigned i = 0; i < 20; i++) {
        put8(&b, i);
        put8(&b, 0);
        put16(&b, i * 7);
        for (unsigned k = 0; k < i * 7; k++)
            put8(&b, i);
    }
    for (size_t piece = 1; piece < 300; piece++) {
        uint8_t keep[50];
        struct tls_handshake h = {.keep = keep, .keep_cap = sizeof keep};
        unsigned i = 0;
        for (size_t at = 0; at < b.n; at += piece) {
            struct span in = span_sub(span_sub(bytes_span(&b), at, b.n), 0, piece);
            struct tls_message m;
            while (tls_handshake_next(&h, &in, &m)) {
                assert_int_equal(m.type, i);
                assert_int_equal(m.length, i * 7);
                assert_int_equal(m.body.n, i * 7 < 50 ? i * 7 : 50);
                for (size_t k = 0; k < m.body.n; k++)
                    assert_int_equal(m.body.p[k], i);
                i++;
            }
            assert_int_equal(in.n, 0);
        }
        assert_int_equal(i, 20);
    }
}

#define R   "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define S32 "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define S48 S32 "00112233445566778899aabbccddeeff"

static void key_lines(void **state)
{
    (void)state;
    const struct {
        const char *line;
        enum tls_key_line want;
        enum tls_label label;
        uint8_t n;
    } rows[] = {
        {"CLIENT_RANDOM " R " " S48, TLS_KEY, TLS_MASTER_SECRET, 48},
        {"CLIENT_RANDOM " R " " S48 "\r", TLS_KEY, TLS_MASTER_SECRET, 48},
        {"CLIENT_HANDSHAKE_TRAFFIC_SECRET " R " " S32, TLS_KEY, TLS_CLIENT_HANDSHAKE, 32},
        {"SERVER_HANDSHAKE_TRAFFIC_SECRET " R " " S48, TLS_KEY, TLS_SERVER_HANDSHAKE, 48},
        {"CLIENT_TRAFFIC_SECRET_0 " R " " S32, TLS_KEY, TLS_CLIENT_TRAFFIC, 32},
        {"SERVER_TRAFFIC_SECRET_0 " R "  " S32, TLS_KEY, TLS_SERVER_TRAFFIC, 32},
        {"EXPORTER_SECRET " R " " S32, TLS_KEY_OTHER, 0, 0},
        {"client_random " R " " S48, TLS_KEY_OTHER, 0, 0},
        {"# CLIENT_RANDOM", TLS_KEY_OTHER, 0, 0},
        {"", TLS_KEY_OTHER, 0, 0},
        {"CLIENT_RANDOM", TLS_KEY_BAD, 0, 0},
        {"CLIENT_RANDOM " R, TLS_KEY_BAD, 0, 0},
        {"CLIENT_RANDOM " R " " S32, TLS_KEY_BAD, 0, 0}, // a master secret has 48 bytes
        {"CLIENT_RANDOM " R " " S48 "00", TLS_KEY_BAD, 0, 0},
        {"CLIENT_RANDOM " R "0 " S48, TLS_KEY_BAD, 0, 0},
        {"CLIENT_RANDOM 00 " S48, TLS_KEY_BAD, 0, 0},
        {"CLIENT_RANDOM " R " " S48 " more", TLS_KEY_BAD, 0, 0},
        {"CLIENT_TRAFFIC_SECRET_0 " R " g" S32, TLS_KEY_BAD, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_key k;
        struct span line = guard_new(span_str(rows[i].line));
        assert_int_equal(tls_key_parse(line, &k), rows[i].want);
        if (rows[i].want == TLS_KEY) {
            assert_int_equal(k.label, rows[i].label);
            assert_int_equal(k.n, rows[i].n);
            assert_int_equal(k.random[31], 0x1f);
            assert_int_equal(k.secret[0], 0xff);
        }
        guard_free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_messages),
        cmocka_unit_test(extensions_are_bounded),
        cmocka_unit_test(a_retry_is_told_by_its_random),
        cmocka_unit_test(records),
        cmocka_unit_test(messages_across_records),
        cmocka_unit_test(key_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
