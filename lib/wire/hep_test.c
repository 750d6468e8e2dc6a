#include "tests/support/test.h"
#include "wire/hep.h"
#include "wire/wire_testing.h"

#define MESSAGE "OPTIONS sip:a@192.0.2.9 SIP/2.0\r\nCall-ID: 1\r\n\r\n"
#define IP4_A   SPAN_LIT("\xc0\0\2\1")
#define IP4_B   SPAN_LIT("\xc0\0\2\2")
#define IP6_A   SPAN_LIT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")
#define IP6_B   SPAN_LIT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2")
#define SECONDS 0x6a000000
#define AT_US   (SECONDS * INT64_C(1000000) + 250000)

static void chunk_of(struct bytes *b, unsigned vendor, unsigned type, struct span value)
{
    put16(b, vendor);
    put16(b, type);
    put16(b, (unsigned)value.n + 6);
    put(b, value);
}

static void chunk(struct bytes *b, unsigned type, struct span value)
{
    chunk_of(b, 0, type, value);
}

static struct bytes hep3_begin(void)
{
    struct bytes b = {.n = 0};
    put(&b, SPAN_LIT("HEP3\0\0"));
    return b;
}

static void hep3_end(struct bytes *b)
{
    b->b[4] = (uint8_t)(b->n >> 8);
    b->b[5] = (uint8_t)b->n;
}

static void ports_time_type(struct bytes *b, const char *type)
{
    chunk(b, 7, SPAN_LIT("\x13\xc4"));
    chunk(b, 8, SPAN_LIT("\x13\xc6"));
    chunk(b, 9, SPAN_LIT("\x6a\0\0\0"));
    chunk(b, 10, SPAN_LIT("\0\3\xd0\x90"));
    chunk(b, 11, span_of(type, 1));
    chunk(b, 12, SPAN_LIT("\0\0\7\xd1"));
}

// Kamailio's siptrace: family, protocol, addresses, then the rest; a correlation id stands in front of the payload.
static struct bytes from_kamailio(void)
{
    struct bytes b = hep3_begin();
    chunk(&b, 1, SPAN_LIT("\2"));
    chunk(&b, 2, SPAN_LIT("\x11"));
    chunk(&b, 3, IP4_A);
    chunk(&b, 4, IP4_B);
    ports_time_type(&b, "\1");
    chunk(&b, 14, SPAN_LIT("secret"));
    chunk(&b, 17, SPAN_LIT("abc@host"));
    chunk(&b, 15, SPAN_LIT(MESSAGE));
    hep3_end(&b);
    return b;
}

// FreeSWITCH (Sofia): addresses behind the rest, TLS as protocol 22.
static struct bytes from_freeswitch(void)
{
    struct bytes b = hep3_begin();
    chunk(&b, 1, SPAN_LIT("\2"));
    chunk(&b, 2, SPAN_LIT("\x16"));
    ports_time_type(&b, "\1");
    chunk(&b, 3, IP4_A);
    chunk(&b, 4, IP4_B);
    chunk(&b, 15, SPAN_LIT(MESSAGE));
    hep3_end(&b);
    return b;
}

// heplify: family 10, an empty key, node id, correlation id and more at the end.
static struct bytes from_heplify(void)
{
    struct bytes b = hep3_begin();
    chunk(&b, 1, SPAN_LIT("\x0a"));
    chunk(&b, 2, SPAN_LIT("\6"));
    chunk(&b, 5, IP6_A);
    chunk(&b, 6, IP6_B);
    ports_time_type(&b, "\1");
    chunk(&b, 14, SPAN_LIT(""));
    chunk(&b, 15, SPAN_LIT(MESSAGE));
    chunk(&b, 17, SPAN_LIT("abc@host"));
    chunk(&b, 18, SPAN_LIT("\0\5"));
    chunk(&b, 19, SPAN_LIT("node-name"));
    chunk_of(&b, 3, 2, SPAN_LIT("a vendor's own"));
    hep3_end(&b);
    return b;
}

// Sofia with hep=2 and hep=1; ports in network order, times in that of the machine.
static struct bytes from_old(unsigned version, bool six)
{
    struct bytes b = {.n = 0};
    put8(&b, version);
    put8(&b, 8u + (six ? 32u : 8u) + (version == 2 ? 12u : 0u));
    put8(&b, six ? 10 : 2);
    put8(&b, 17);
    put16(&b, 5060);
    put16(&b, 5062);
    put(&b, six ? IP6_A : IP4_A);
    put(&b, six ? IP6_B : IP4_B);
    if (version == 2)
        put(&b, SPAN_LIT("\0\0\0\x6a\x90\xd0\3\0\xd1\7\0\0"));
    put(&b, SPAN_LIT(MESSAGE));
    return b;
}

static enum wire_event parse(struct span s, struct hep *h)
{
    struct span guarded = guard_new(s);
    enum wire_event e = hep_parse(guarded, h);
    struct span *views[] = {&h->payload, &h->auth_key, &h->correlation_id};
    for (size_t i = 0; i < COUNT_OF(views); i++)
        if (views[i]->n > 0)
            views[i]->p = s.p + (views[i]->p - guarded.p);
    guard_free(guarded);
    return e;
}

static const struct sender {
    const char *name;
    struct bytes (*make)(void);
    uint8_t family, protocol;
    const char *key, *correlation;
} senders[] = {
    {"Kamailio", from_kamailio, 4, 17, "secret", "abc@host"},
    {"FreeSWITCH", from_freeswitch, 4, 22, "", ""},
    {"heplify", from_heplify, 6, 6, "", "abc@host"},
};

static void assert_message(const struct hep *h, unsigned family)
{
    assert_span(h->payload, MESSAGE);
    assert_int_equal(h->type, HEP_SIP);
    assert_int_equal(h->src.port, 5060);
    assert_int_equal(h->dst.port, 5062);
    assert_true(h->src.ip.family == family && h->dst.ip.family == family);
    assert_int_equal(h->src.ip.b[family == 4 ? 3 : 15], 1);
    assert_int_equal(h->dst.ip.b[family == 4 ? 3 : 15], 2);
}

static void as_each_sender_writes_it(void **state)
{
    struct hep h;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(senders); i++) {
        struct bytes b = senders[i].make();
        enum wire_event e = parse(bytes_span(&b), &h);
        if (e != WIRE_NONE)
            fail_msg("%s: %s", senders[i].name, wire_event_name(e));
        assert_message(&h, senders[i].family);
        assert_int_equal(h.version, 3);
        assert_int_equal(h.protocol, senders[i].protocol);
        assert_int_equal(h.capture_id, 2001);
        assert_int_equal(h.at_us, AT_US);
        assert_span(h.auth_key, senders[i].key);
        assert_span(h.correlation_id, senders[i].correlation);
    }
    for (unsigned version = 1; version <= 2; version++) {
        for (int six = 0; six <= 1; six++) {
            struct bytes b = from_old(version, six);
            assert_int_equal(parse(bytes_span(&b), &h), WIRE_NONE);
            assert_message(&h, six ? 6 : 4);
            assert_int_equal(h.version, version);
            assert_int_equal(h.capture_id, version == 2 ? 2001 : 0);
            assert_int_equal(h.at_us, version == 2 ? AT_US : HEP_AT_UNKNOWN);
        }
    }
}

static void short_at_every_length(void **state)
{
    struct hep h;
    size_t whole;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(senders); i++) {
        struct bytes b = senders[i].make();
        for (size_t n = 0; n < b.n; n++) {
            enum wire_event e = parse(span_of(b.b, n), &h);
            assert_int_equal(e, WIRE_HEP_SHORT);
            assert_int_equal(hep_frame(span_of(b.b, n), &whole), HEP_FRAME_MORE);
        }
        // The sender wrote less: the last chunk does not fit, or a whole chunk is missing.
        for (size_t n = HEP_HEADER_BYTES; n < b.n; n++) {
            struct bytes less = b;
            less.n = n;
            hep3_end(&less);
            enum wire_event e = parse(bytes_span(&less), &h);
            assert_true(e == WIRE_HEP_CHUNK || e == WIRE_HEP_EMPTY || e == WIRE_HEP_ADDRESS ||
                        (e == WIRE_NONE && h.payload.n == strlen(MESSAGE)));
        }
    }
    for (unsigned version = 1; version <= 2; version++) {
        struct bytes b = from_old(version, false);
        size_t head = version == 2 ? 28 : 16;
        for (size_t n = 0; n < b.n; n++) {
            enum wire_event e = parse(span_of(b.b, n), &h);
            assert_int_equal(e, n < head ? WIRE_HEP_SHORT : n == head ? WIRE_HEP_EMPTY : WIRE_NONE);
        }
    }
}

static void flaws(void **state)
{
    static const struct {
        const char *name;
        unsigned type; // chunk put behind a good message
        struct span value;
        enum wire_event event;
    } rows[] = {
        {"port of one byte", 7, SPAN_LIT("\1"), WIRE_HEP_CHUNK},
        {"port of three", 8, SPAN_LIT("\1\2\3"), WIRE_HEP_CHUNK},
        {"IPv4 of five", 3, SPAN_LIT("\1\2\3\4\5"), WIRE_HEP_CHUNK},
        {"IPv6 of four", 6, SPAN_LIT("\1\2\3\4"), WIRE_HEP_CHUNK},
        {"two families", 5, IP6_A, WIRE_HEP_ADDRESS},
        {"empty protocol", 2, SPAN_LIT(""), WIRE_HEP_CHUNK},
        {"a million microseconds", 10, SPAN_LIT("\0\x0f\x42\x40"), WIRE_HEP_CHUNK},
        {"the last microsecond", 10, SPAN_LIT("\0\x0f\x42\x3f"), WIRE_NONE},
        {"capture id of two", 12, SPAN_LIT("\7\xd1"), WIRE_HEP_CHUNK},
        {"payload again, empty", 15, SPAN_LIT(""), WIRE_HEP_EMPTY},
        {"type 0", 0, SPAN_LIT("xyz"), WIRE_NONE},
        {"compressed beside a payload", 16, SPAN_LIT("zzz"), WIRE_NONE},
        {"MOS", 32, SPAN_LIT("\0\1"), WIRE_NONE},
    };
    struct hep h;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = from_kamailio();
        chunk(&b, rows[i].type, rows[i].value);
        hep3_end(&b);
        enum wire_event e = parse(bytes_span(&b), &h);
        if (e != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(e));
    }
    struct bytes b = from_kamailio();
    for (unsigned n = 0; n < 6; n++) { // a chunk shorter than its own header
        b.b[10] = 0;
        b.b[11] = (uint8_t)n;
        assert_int_equal(parse(bytes_span(&b), &h), WIRE_HEP_CHUNK);
    }
    b = from_old(2, false);
    b.b[2] = 7;
    assert_int_equal(parse(bytes_span(&b), &h), WIRE_HEP_ADDRESS);
    b = from_old(2, false);
    b.b[23] = 0xff; // microseconds
    assert_int_equal(parse(bytes_span(&b), &h), WIRE_HEP_CHUNK);
}

static void no_hep_and_no_payload(void **state)
{
    struct hep h;
    (void)state;
    assert_int_equal(parse(SPAN_LIT(MESSAGE), &h), WIRE_HEP_VERSION);
    assert_int_equal(parse(SPAN_LIT("HEP4\0\6"), &h), WIRE_HEP_VERSION);
    assert_int_equal(parse(SPAN_LIT("HEP3\0\5"), &h), WIRE_HEP_VERSION);
    assert_int_equal(parse(SPAN_LIT("\3\x10"), &h), WIRE_HEP_VERSION);
    assert_int_equal(parse(SPAN_LIT("HEP3\0\6"), &h), WIRE_HEP_ADDRESS);
    struct bytes b = hep3_begin(), many;
    chunk(&b, 3, IP4_A);
    chunk(&b, 4, IP4_B);
    many = b;
    chunk(&b, 13, SPAN_LIT("\0\x1e"));
    hep3_end(&b);
    assert_int_equal(parse(bytes_span(&b), &h), WIRE_HEP_EMPTY);
    assert_int_equal(h.at_us, HEP_AT_UNKNOWN);
    chunk(&b, 16, SPAN_LIT("\x1f\x8b"));
    hep3_end(&b);
    assert_int_equal(parse(bytes_span(&b), &h), WIRE_HEP_COMPRESSED);
    for (int i = 2; i < 64; i++)
        chunk(&many, 15, SPAN_LIT("x"));
    hep3_end(&many);
    assert_int_equal(parse(bytes_span(&many), &h), WIRE_NONE);
    chunk(&many, 15, SPAN_LIT("x"));
    hep3_end(&many);
    assert_int_equal(parse(bytes_span(&many), &h), WIRE_HEP_CHUNKS_MANY);
}

static void frames_of_a_stream(void **state)
{
    struct bytes one = from_kamailio(), two = from_heplify(), b = one;
    size_t n = 0;
    struct hep h;
    (void)state;
    put(&b, bytes_span(&two));
    assert_int_equal(hep_frame(bytes_span(&b), &n), HEP_FRAME_WHOLE);
    assert_int_equal(n, one.n);
    assert_int_equal(parse(bytes_span(&b), &h), WIRE_NONE); // what follows is the next one's
    assert_int_equal(h.src.ip.family, 4);
    assert_int_equal(hep_frame(span_sub(bytes_span(&b), n, b.n), &n), HEP_FRAME_WHOLE);
    assert_int_equal(n, two.n);
    assert_int_equal(hep_frame(SPAN_LIT(""), &n), HEP_FRAME_MORE);
    assert_int_equal(hep_frame(SPAN_LIT("H"), &n), HEP_FRAME_MORE);
    assert_int_equal(hep_frame(SPAN_LIT("HX"), &n), HEP_FRAME_BAD);
    assert_int_equal(hep_frame(SPAN_LIT("HEP3\0\1"), &n), HEP_FRAME_BAD);
    assert_int_equal(hep_frame(SPAN_LIT("\2\x10"), &n), HEP_FRAME_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_each_sender_writes_it),
        cmocka_unit_test(short_at_every_length),
        cmocka_unit_test(flaws),
        cmocka_unit_test(no_hep_and_no_payload),
        cmocka_unit_test(frames_of_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
