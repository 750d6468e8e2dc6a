#include "tests/support/test.h"
#include "wire/rtp.h"
#include "wire/wire_testing.h"

#define SENDER                                                                                     \
    "\"sender_information\":{\"ntp_timestamp_sec\":3900000000,\"ntp_timestamp_usec\":1,"           \
    "\"octets\":8000,"                                                                             \
    "\"rtp_timestamp\":160,\"packets\":50}"
#define BLOCK                                                                                      \
    "{\"source_ssrc\":77,\"fraction_lost\":3,\"packets_lost\":16777214,\"highest_seq_no\":9,"      \
    "\"ia_jitter\":21,\"lsr\":5,\"dlsr\":6}"
#define XR "\"report_blocks_xr\":{\"type\":0,\"id\":0,\"fraction_lost\":99}"

// heplify's order of names.
#define SR                                                                                         \
    "{" SENDER ",\"ssrc\":4294967295,\"type\":200,\"report_count\":1,\"report_blocks\":[" BLOCK    \
    "]," XR ",\"sdes_ssrc\":12}"

static enum wire_event parse(struct span s, struct rtcp *r)
{
    struct span guarded = guard_new(s);
    enum wire_event e = rtcp_json_parse(guarded, r);
    guard_free(guarded);
    return e;
}

static void as_agents_write_it(void **state)
{
    struct rtcp r;
    (void)state;
    assert_int_equal(parse(SPAN_LIT(SR), &r), WIRE_NONE);
    assert_int_equal(r.ssrc, UINT32_MAX);
    assert_true(r.sr);
    assert_int_equal(r.sender_packets, 50);
    assert_int_equal(r.sender_octets, 8000);
    assert_int_equal(r.rtp_timestamp, 160);
    assert_int_equal(r.reports, 1);
    assert_int_equal(r.report[0].ssrc, 77);
    assert_int_equal(r.report[0].fraction_lost, 3);
    assert_int_equal(r.report[0].cumulative_lost, -2);
    assert_int_equal(r.report[0].highest_seq, 9);
    assert_int_equal(r.report[0].jitter, 21);
    assert_int_equal(r.report[0].lsr, 5);
    assert_int_equal(r.report[0].dlsr, 6);
    assert_int_equal(parse(SPAN_LIT(" { \"type\" : 201 ,\r\n\t\"ssrc\" : \"8\", \"x\\\"\" : [ 1, "
                                    "true, null, -2.5e3, {\"ssrc\":9} ] } "),
                           &r),
                     WIRE_NONE);
    assert_int_equal(r.ssrc, 8);
    assert_false(r.sr || r.reports);
    assert_int_equal(
        parse(SPAN_LIT("{\"sender_information\":{\"ssrc\":6,\"packets\":2},\"type\":200}"), &r),
        WIRE_NONE);
    assert_int_equal(r.ssrc, 6);
}

static void short_at_every_length(void **state)
{
    struct rtcp r;
    (void)state;
    for (size_t n = 0; n < sizeof SR - 1; n++)
        assert_int_equal(parse(span_of(SR, n), &r), WIRE_RTCP_JSON);
}

static void flaws(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "[{\"type\":200}]",
        "{}",
        "{\"ssrc\":1}",
        "\"type\"",
        "{\"type\" 1",
        "{\"type\":200]",
        "}",
        "{\"type\":200,\"x\":[}",
        "200",
        "{:}",
        "{\"a\":{\"type\":200}}",
        "{\"type\":",
        "{\"type\":200,\"x\":\"\\",
        "{\"type\":x}",
    };
    struct rtcp r;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (parse(span_str(rows[i]), &r) != WIRE_RTCP_JSON)
            fail_msg("%s is good", rows[i]);
    assert_int_equal(parse(SPAN_LIT("{\"type\":200,\"a\":[[[[[[[1]]]]]]]}"), &r), WIRE_NONE);
    assert_int_equal(parse(SPAN_LIT("{\"type\":200,\"a\":[[[[[[[[1]]]]]]]]}"), &r), WIRE_RTCP_JSON);
    // A number too large is no number of ours.
    assert_int_equal(parse(SPAN_LIT("{\"type\":200,\"ssrc\":4294967296}"), &r), WIRE_NONE);
    assert_int_equal(r.ssrc, 0);
}

static void more_blocks_than_places(void **state)
{
    static const char head[] = "{\"type\":201,\"report_blocks\":[",
                      block[] = "{\"source_ssrc\":5},";
    char text[2048];
    size_t n = sizeof head - 1;
    struct rtcp r;
    (void)state;
    memcpy(text, head, n);
    for (int i = 0; i < 40; i++, n += sizeof block - 1)
        memcpy(text + n, block, sizeof block - 1);
    memcpy(text + n, "]}", 2);
    assert_int_equal(parse(span_of(text, n + 2), &r), WIRE_NONE);
    assert_int_equal(r.reports, 16);
    assert_int_equal(r.report[15].ssrc, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_agents_write_it),
        cmocka_unit_test(short_at_every_length),
        cmocka_unit_test(flaws),
        cmocka_unit_test(more_blocks_than_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
