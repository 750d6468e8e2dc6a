#include "tests/support/test.h"
#include "wire/h225.h"
#include "wire/h245.h"
#include "wire/h323_vectors.h"
#include "wire/wire_testing.h"

static uint8_t buf[1024];

static enum wire_event parse(const char *hex, struct h225 *m)
{
    return h225_parse(hex_message(hex, buf, sizeof buf), m);
}

static void assert_at(const struct endpoint *e, const char *ip, unsigned port)
{
    char text[46];
    ip_addr_format(&e->ip, text, sizeof text);
    assert_string_equal(text, ip);
    assert_int_equal(e->port, port);
}

static void a_setup_with_fast_start(void **state)
{
    (void)state;
    struct h225 m;
    struct h245_channel c;
    assert_int_equal(parse(HEX_SETUP_FAST, &m), WIRE_NONE);
    assert_int_equal(m.type, H225_SETUP);
    assert_int_equal(m.reference, 6);
    assert_true(m.by_originator && !m.has_h245);
    assert_span(m.display, "TAC TEST SIP");
    assert_span(m.called, "1234");
    assert_int_equal(m.calling.n, 0);
    assert_int_equal(m.identifier.n, 16);
    assert_memory_equal(m.identifier.p, "\xb6\x57\x9d\x67", 4);
    assert_int_equal(m.fast_starts, 2);
    assert_int_equal(h245_open_channel(m.fast_start[0], &c), WIRE_NONE);
    assert_false(c.found); // forward: only where its reports go
    assert_true(c.payload_type_known && c.payload_type == 0);
    assert_int_equal(h245_open_channel(m.fast_start[1], &c), WIRE_NONE);
    assert_true(c.found);
    assert_at(&c.media, "172.18.110.58", 8488);
}

static void answers(void **state)
{
    (void)state;
    struct h225 m;
    struct h245_channel c;
    assert_int_equal(parse(HEX_CONNECT_H245, &m), WIRE_NONE);
    assert_int_equal(m.type, H225_CONNECT);
    assert_true(!m.by_originator && m.has_h245);
    assert_at(&m.h245, "172.18.110.48", 45907);
    assert_int_equal(parse(HEX_PROCEEDING_FAST, &m), WIRE_NONE);
    assert_int_equal(m.fast_starts, 2);
    assert_int_equal(h245_open_channel(m.fast_start[0], &c), WIRE_NONE);
    assert_at(&c.media, "14.50.245.5", 16384);
    assert_int_equal(parse(HEX_ALERTING, &m), WIRE_NONE);
    assert_int_equal(m.type, H225_ALERTING);
    assert_int_equal(parse(HEX_PROGRESS, &m), WIRE_NONE);
    assert_int_equal(m.type, H225_PROGRESS);
    assert_int_equal(m.identifier.n, 16);
    assert_int_equal(parse(HEX_NOTIFY, &m), WIRE_NONE);
    assert_true(!m.hold && !m.retrieve);
}

static void h245_within(void **state)
{
    (void)state;
    struct h225 m;
    struct h245_channel c;
    assert_int_equal(parse(HEX_FACILITY_ACK, &m), WIRE_NONE);
    assert_int_equal(m.type, H225_FACILITY);
    assert_int_equal(m.tunnelleds, 1);
    assert_int_equal(h245_parse(m.tunnelled[0], &c), WIRE_NONE);
    assert_true(c.found);
    assert_at(&c.media, "14.50.245.5", 16384);
}

static void a_setup_and_its_release(void **state)
{
    (void)state;
    struct h225 m;
    assert_int_equal(parse(HEX_SETUP_PLAIN, &m), WIRE_NONE);
    assert_span(m.calling, "8003");
    assert_span(m.called, "98001");
    assert_int_equal(parse(HEX_RELEASE, &m), WIRE_NONE);
    assert_int_equal(m.type, H225_RELEASE_COMPLETE);
    assert_int_equal(m.cause, 16);
}

static void logical_channels(void **state)
{
    (void)state;
    struct h245_channel c;
    assert_int_equal(h245_parse(hex_message(HEX_H245_OPEN, buf, sizeof buf), &c), WIRE_NONE);
    assert_true(!c.found && c.payload_type_known && c.payload_type == 0);
    assert_int_equal(h245_parse(hex_message(HEX_H245_ACK, buf, sizeof buf), &c), WIRE_NONE);
    assert_at(&c.media, "14.50.214.57", 31046);
    assert_int_equal(h245_parse(hex_message(HEX_H245_CAPS, buf, sizeof buf), &c), WIRE_NONE);
    assert_false(c.found); // of no concern
    // Video: named, and no flaw.
    assert_int_equal(h245_open_channel(SPAN_LIT("\0\0\0\x08\0\0\0\0"), &c), WIRE_H245_UNREAD);
    assert_int_equal(h245_open_channel(SPAN_LIT("\0\0"), &c), WIRE_H245_SHORT);
}

static void flaws(void **state)
{
    (void)state;
    struct h225 m;
    assert_int_equal(h225_parse(SPAN_LIT("\x08\2\0\6"), &m), WIRE_Q931_HEADER);
    assert_int_equal(h225_parse(SPAN_LIT("\x09\2\0\6\5"), &m), WIRE_Q931_HEADER);
    assert_int_equal(h225_parse(SPAN_LIT("\x08\1\0\6\5"), &m), WIRE_Q931_HEADER);
    assert_int_equal(h225_parse(SPAN_LIT("\x08\2\0\6\5\x70\5\x80"), &m), WIRE_Q931_ELEMENT);
    assert_int_equal(h225_parse(SPAN_LIT("\x08\2\x80\6\x5a\x08\1\x80"), &m),
                     WIRE_NONE); // no cause in it
    assert_int_equal(m.cause, 0);
    assert_int_equal(h225_parse(SPAN_LIT("\x08\2\x80\6\x5a\xa1\x08\3\0\x80\x91"), &m),
                     WIRE_NONE); // octet 3a
    assert_int_equal(m.cause, 17);
    assert_int_equal(h225_parse(SPAN_LIT("\x08\2\0\6\x6e\x27\1\xf9"), &m), WIRE_NONE);
    assert_true(m.hold);
    assert_int_equal(h225_parse(SPAN_LIT("\x08\2\0\6\5\x7e\0\2\5\x20"), &m), WIRE_H225_SHORT);
    assert_string_equal(h225_name(0x7f), "?");
}

// A Facility with so many aliases of one letter, and so many elements of fast start.
static struct bytes facility(unsigned aliases, unsigned channels)
{
    struct bytes b = {.n = 0};
    put(&b, SPAN_LIT("\x06")); // no additions around it; its index; additions: below
    put8(&b, 0x20 | (channels ? 0x80 : 0));
    put8(&b, 0); // protocol identifier
    put8(&b, aliases);
    for (unsigned i = 0; i < aliases; i++)
        put(&b, SPAN_LIT("\x40\0\0a"));
    if (!channels) {
        put8(&b, 0);
        return b;
    }
    put(&b, SPAN_LIT("\x01\xc0\x40")); // reason; eight additions, the last one is there
    put8(&b, 1 + 2 * channels);
    put8(&b, channels);
    for (unsigned i = 0; i < channels; i++) {
        put8(&b, 1);
        put8(&b, i);
    }
    return b;
}

static void lists_are_bounded(void **state)
{
    (void)state;
    static const struct {
        unsigned aliases, channels, taken;
        enum wire_event want;
    } rows[] = {
        {H225_LIST_MAX, 0, 0, WIRE_NONE},
        {H225_LIST_MAX + 1, 0, 0, WIRE_H225_UNREAD},
        {1, H225_CHANNELS_MAX, H225_CHANNELS_MAX, WIRE_NONE},
        {1, H225_CHANNELS_MAX + 1, H225_CHANNELS_MAX, WIRE_H225_UNREAD},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = facility(rows[i].aliases, rows[i].channels);
        struct span s = guard_new(bytes_span(&b));
        struct h225 m = {0};
        assert_int_equal(h225_user_information(s, &m), rows[i].want);
        assert_int_equal(m.fast_starts, rows[i].taken);
        if (m.fast_starts)
            assert_int_equal(m.fast_start[m.fast_starts - 1].p[0], rows[i].taken - 1);
        guard_free(s);
    }
}

static void every_length(void **state)
{
    (void)state;
    static const char *const all[] = {HEX_SETUP_FAST,   HEX_CONNECT_H245, HEX_PROCEEDING_FAST,
                                      HEX_FACILITY_ACK, HEX_SETUP_PLAIN,  HEX_RELEASE,
                                      HEX_PROGRESS};
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        struct span s = hex_message(all[k], buf, sizeof buf);
        struct h225 m;
        for (size_t n = 0; n < s.n; n++) {
            struct span cut = guard_new(span_sub(s, 0, n));
            enum wire_event e = h225_parse(cut, &m);
            assert_true(e == WIRE_Q931_HEADER || e == WIRE_Q931_ELEMENT || e == WIRE_NONE);
            guard_free(cut);
        }
        // The user information alone cut, with a length that fits.
        size_t at = 0;
        while (s.p[at] != 0x7e || s.p[at + 3] != 5)
            at++;
        for (size_t n = 1; n + at + 3 < s.n; n++) {
            uint8_t copy[1024];
            memcpy(copy, s.p, at + 3 + n);
            copy[at + 1] = (uint8_t)(n >> 8);
            copy[at + 2] = (uint8_t)n;
            struct span cut = guard_new(span_of(copy, at + 3 + n));
            enum wire_event e = h225_parse(cut, &m);
            assert_true(e == WIRE_NONE || e == WIRE_H225_SHORT || e == WIRE_H225_UNREAD);
            struct h245_channel c;
            for (uint32_t i = 0; i < m.fast_starts; i++)
                (void)h245_open_channel(m.fast_start[i], &c);
            for (uint32_t i = 0; i < m.tunnelleds; i++)
                (void)h245_parse(m.tunnelled[i], &c);
            guard_free(cut);
        }
    }
    static const char *const h245[] = {HEX_H245_OPEN, HEX_H245_ACK, HEX_H245_CAPS};
    for (size_t k = 0; k < COUNT_OF(h245); k++) {
        struct span s = hex_message(h245[k], buf, sizeof buf);
        for (size_t n = 0; n < s.n; n++) {
            struct span cut = guard_new(span_sub(s, 0, n));
            struct h245_channel c;
            enum wire_event e = h245_parse(cut, &c);
            assert_true(e == WIRE_NONE || e == WIRE_H245_SHORT);
            assert_true(e == WIRE_NONE || !c.found);
            guard_free(cut);
        }
    }
}

static void frames(void **state)
{
    (void)state;
    assert_int_equal(tpkt_frame(SPAN_LIT("\3\0\0\4")), 4); // keep-alive
    assert_int_equal(tpkt_frame(SPAN_LIT("\3\0\2\x71\x08")), 625);
    assert_int_equal(tpkt_frame(SPAN_LIT("\3\0\0")), 0);
    assert_int_equal(tpkt_frame(SPAN_LIT("\3\1\0\x20")), -1);
    assert_int_equal(tpkt_frame(SPAN_LIT("\3\0\0\3")), -1);
    assert_int_equal(tpkt_frame(SPAN_LIT("\x1c\0\0\0")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setup_with_fast_start),
        cmocka_unit_test(answers),
        cmocka_unit_test(h245_within),
        cmocka_unit_test(a_setup_and_its_release),
        cmocka_unit_test(logical_channels),
        cmocka_unit_test(flaws),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(every_length),
        cmocka_unit_test(frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
