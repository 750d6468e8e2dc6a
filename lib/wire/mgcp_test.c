#include "tests/support/test.h"
#include "wire/mgcp.h"
#include "wire/wire_testing.h"

#define CRCX                                                                                       \
    "CRCX 24 AALN/S0/SU1/1@VG320 MGCP 0.1\r\nC: A0F5\r\nX: a\r\nL: p:20, a:PCMU\r\nM: "            \
    "recvonly\r\n"                                                                                 \
    "R: L/hd\r\nS: L/rg, L/ci(05/04/08/36,2002,\"Ann, B\")\r\nQ: process,loop\r\n"
#define ANSWER "200 24 OK\r\nI: 3\r\n\r\nv=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 16386 RTP/AVP 0\r\n"

static void commands_and_responses(void **state)
{
    (void)state;
    struct mgcp_msg m;
    assert_int_equal(mgcp_parse(SPAN_LIT(CRCX), &m), WIRE_NONE);
    assert_int_equal(m.verb, MGCP_CRCX);
    assert_int_equal(m.transaction, 24);
    assert_span(m.endpoint, "AALN/S0/SU1/1@VG320");
    assert_span(m.call_id, "A0F5");
    assert_span(m.mode, "recvonly");
    assert_true(m.has_signals);
    assert_int_equal(m.sdp.n, 0);
    assert_int_equal(mgcp_parse(SPAN_LIT(ANSWER), &m), WIRE_NONE);
    assert_int_equal(m.verb, MGCP_RESPONSE);
    assert_int_equal(m.status, 200);
    assert_int_equal(m.transaction, 24);
    assert_span(m.connection, "3");
    assert_memory_equal(m.sdp.p, "v=0", 3);
    assert_int_equal(mgcp_parse(SPAN_LIT("ntfy 1 a@b MGCP 1.0 NCS 1.0\no: L/hd\n"), &m), WIRE_NONE);
    assert_span(m.observed, "L/hd"); // LF alone, any case
    assert_int_equal(
        mgcp_parse(SPAN_LIT("MDCX 9 a@b MGCP 1.0\r\nC: 1\r\nC: 2\r\nS:\r\nXX: y\r\nnothing\r\n"),
                   &m),
        WIRE_NONE);
    assert_span(m.call_id, "1");
    assert_true(m.has_signals && m.signals.n == 0);
}

static void flaws(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum wire_event want;
    } row[] = {
        {"", WIRE_MGCP_START_LINE},
        {"CRCX", WIRE_MGCP_START_LINE},
        {"CRCX x a@b MGCP 1.0", WIRE_MGCP_START_LINE},
        {"CRCX 1 a@b SIP/2.0", WIRE_MGCP_START_LINE},
        {"CRCX 1234567890 a@b MGCP 1.0", WIRE_MGCP_START_LINE}, // ten digits
        {"099 1 OK", WIRE_MGCP_START_LINE},
        {"2000 1 OK", WIRE_MGCP_START_LINE},
        {"200 OK", WIRE_MGCP_START_LINE},
        {"200 1", WIRE_NONE},
        {"EPCF 1 a@b MGCP 1.0", WIRE_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct mgcp_msg m;
        if (mgcp_parse(span_str(row[i].text), &m) != row[i].want)
            fail_msg("%s", row[i].text);
    }
    struct bytes many = {.n = 0};
    put(&many, SPAN_LIT("NTFY 1 a@b MGCP 1.0\n"));
    for (int i = 0; i < MGCP_LINES_MAX; i++)
        put(&many, SPAN_LIT("X: 1\n"));
    struct mgcp_msg m;
    assert_int_equal(mgcp_parse(bytes_span(&many), &m), WIRE_NONE);
    put(&many, SPAN_LIT("X: 1\n"));
    assert_int_equal(mgcp_parse(bytes_span(&many), &m), WIRE_MGCP_LINES_MANY);
}

static void every_length(void **state)
{
    (void)state;
    static const char *const all[] = {CRCX, ANSWER};
    for (size_t k = 0; k < COUNT_OF(all); k++)
        for (size_t n = 0; n < strlen(all[k]); n++) {
            struct span cut = guard_new(span_of(all[k], n)), rest = cut, one, name, inside;
            struct mgcp_msg m;
            (void)mgcp_sniff(cut);
            while (mgcp_next(&rest, &one)) {
                enum wire_event e = mgcp_parse(one, &m);
                assert_true(e == WIRE_NONE || e == WIRE_MGCP_START_LINE);
                while (mgcp_list_next(&m.signals, &name, &inside))
                    ;
            }
            guard_free(cut);
        }
}

static void sniffing(void **state)
{
    (void)state;
    assert_true(mgcp_sniff(SPAN_LIT(CRCX)));
    assert_true(mgcp_sniff(SPAN_LIT("RSIP 1 *@g MGCP 1.0")));
    assert_false(mgcp_sniff(SPAN_LIT("INFO sip:a SIP/2.0")));
    assert_false(mgcp_sniff(SPAN_LIT("NTFY 1 a@b\r\nX MGCP 1.0")));
    assert_false(mgcp_sniff(SPAN_LIT("NTFY 1")));
    assert_false(mgcp_sniff(SPAN_LIT("")));
}

static void several_in_a_datagram(void **state)
{
    (void)state;
    struct span rest = SPAN_LIT("200 1 OK\r\n.\r\nNTFY 2 a@b MGCP 1.0\r\nO: hd\r\n.\r\n\r\n"), one;
    struct mgcp_msg m;
    assert_true(mgcp_next(&rest, &one));
    assert_int_equal(mgcp_parse(one, &m), WIRE_NONE);
    assert_int_equal(m.transaction, 1);
    assert_true(mgcp_next(&rest, &one));
    assert_int_equal(mgcp_parse(one, &m), WIRE_NONE);
    assert_int_equal(m.verb, MGCP_NTFY);
    assert_span(m.observed, "hd");
    assert_false(mgcp_next(&rest, &one));
}

static void lists(void **state)
{
    (void)state;
    struct span rest = SPAN_LIT("L/rg, L/ci(05/04/08/36,2002,\"Ann, B)\") ,,G/rt@12 ,9,D/#"), name,
                inside;
    static const char *const want[][2] = {
        {"rg", ""}, {"ci", "05/04/08/36,2002,\"Ann, B)\""}, {"rt", ""}, {"9", ""}, {"#", ""}};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_true(mgcp_list_next(&rest, &name, &inside));
        assert_span(name, want[i][0]);
        assert_span(inside, want[i][1]);
    }
    assert_false(mgcp_list_next(&rest, &name, &inside));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_responses), cmocka_unit_test(flaws),
        cmocka_unit_test(every_length),           cmocka_unit_test(sniffing),
        cmocka_unit_test(several_in_a_datagram),  cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
