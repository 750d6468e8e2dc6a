#include "classify.h"

#include "tests/support/test.h"

struct sort_case {
    const char *name;
    struct span payload;
    enum traffic want;
};

static void first_bytes_sort(void **state)
{
    (void)state;
    static const struct sort_case cases[] = {
        {"nothing", {(const uint8_t *)"", 0}, TRAFFIC_OTHER},
        {"keep-alive of SIP (RFC 5626)", {(const uint8_t *)"\r\n\r\n", 4}, TRAFFIC_OTHER},
        {"request", {(const uint8_t *)"OPTIONS sip:a@b SIP/2.0\r\n\r\n", 27}, TRAFFIC_SIP},
        {"response", {(const uint8_t *)"SIP/2.0 200 OK\r\n\r\n", 18}, TRAFFIC_SIP},
        {"HTTP", {(const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18}, TRAFFIC_OTHER},
        {"RTP", {(const uint8_t *)"\x80\x00\0\1\0\0\0\1\0\0\0\1....", 16}, TRAFFIC_RTP},
        {"RTCP", {(const uint8_t *)"\x80\xc9\0\1\0\0\0\1", 8}, TRAFFIC_RTCP},
        {"STUN", {(const uint8_t *)"\0\1\0\0\x21\x12\xa4\x42transactionx", 20}, TRAFFIC_STUN},
        {"DTLS", {(const uint8_t *)"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\1x", 14}, TRAFFIC_DTLS},
        {"TURN channel", {(const uint8_t *)"\x40\0\0\2ab", 6}, TRAFFIC_TURN},
        {"TURN channel, not SIP's A", {(const uint8_t *)"A\0\0\2ab", 6}, TRAFFIC_TURN},
        {"SIP, no TURN channel",
         {(const uint8_t *)"INFO sip:a@b SIP/2.0\r\n\r\n", 24},
         TRAFFIC_SIP},
        {"version 1", {(const uint8_t *)"\x40\x00\0\1\0\0\0\1\0\0\0\1....", 16}, TRAFFIC_OTHER},
        {"too short for RTP", {(const uint8_t *)"\x80\x00\0\1\0\0\0\1", 8}, TRAFFIC_OTHER},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (classify_udp(cases[i].payload) != cases[i].want)
            fail_msg("%s: %d", cases[i].name, classify_udp(cases[i].payload));
}

static void what_may_begin(void **state)
{
    (void)state;
    static const uint8_t bytes[2000];
    struct rtp r = {.payload_type = 0, .payload = {bytes, 160}};
    assert_true(classify_may_begin(&r, 4000, 17004));
    assert_true(classify_may_begin(&r, 4001, 17005)); // odd ports do happen
    assert_false(classify_may_begin(&r, 53, 17004));
    assert_false(classify_may_begin(&r, 4000, 4569)); // IAX2
    r.payload.n = 0;
    assert_false(classify_may_begin(&r, 4000, 17004));
    r = (struct rtp){.payload_type = 18, .payload = {bytes, 22}};
    assert_true(classify_may_begin(&r, 4000, 17004)); // G.729, two frames and a SID
    r.payload.n = 25;
    assert_false(classify_may_begin(&r, 4000, 17004));
    r = (struct rtp){.payload_type = 60, .payload = {bytes, 160}}; // neither static nor dynamic
    assert_false(classify_may_begin(&r, 4000, 17004));
    r = (struct rtp){.payload_type = 97, .payload = {bytes, 1600}};
    assert_false(classify_may_begin(&r, 4000, 17004));
}

static enum probation_result steps(struct probation *p, int n, int32_t seq, int32_t timestamp)
{
    enum probation_result r = PROBATION_GOES_ON;
    struct probation_step s = {seq, timestamp, 20000, 8000};
    while (n-- > 0 && r == PROBATION_GOES_ON)
        r = probation_step(p, &s);
    return r;
}

static void probation(void **state)
{
    (void)state;
    struct probation p = {0};
    assert_int_equal(steps(&p, PROBATION_FITS - 1, 1, 160), PROBATION_GOES_ON);
    assert_int_equal(steps(&p, 1, 1, 160), PROBATION_CONFIRMED);

    p = (struct probation){0}; // doubles and late ones say nothing, for ever
    assert_int_equal(steps(&p, 1000, 0, 0), PROBATION_GOES_ON);
    assert_int_equal(steps(&p, 1000, -3, -480), PROBATION_GOES_ON);
    assert_int_equal(steps(&p, PROBATION_FITS, 1, 0),
                     PROBATION_CONFIRMED); // an event: stamp stands

    p = (struct probation){0}; // random numbers
    assert_int_equal(steps(&p, PROBATION_MISFITS, 9000, 160), PROBATION_REJECTED);
    p = (struct probation){0}; // one step, then a stamp from nowhere, again and again
    for (int i = 0; i < PROBATION_MISFITS - 1; i++) {
        assert_int_equal(steps(&p, 2, 1, 160), PROBATION_GOES_ON);
        assert_int_equal(steps(&p, 1, 1, 1 << 30), PROBATION_GOES_ON);
    }
    assert_int_equal(steps(&p, 1, 1, -8000), PROBATION_REJECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_sort),
        cmocka_unit_test(what_may_begin),
        cmocka_unit_test(probation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
