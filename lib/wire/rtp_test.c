#include "wire/rtp.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

static struct bytes rtp_make(unsigned first, unsigned second, struct span behind)
{
    struct bytes b = {.n = 0};
    put8(&b, first);
    put8(&b, second);
    put16(&b, 65535);
    put32(&b, 0xfffffff0);
    put32(&b, 0x11223344);
    put(&b, behind);
    return b;
}

static void rtp_forms(void **state)
{
    static const struct {
        const char *name;
        unsigned first;
        struct span behind;
        enum wire_event event;
        const char *payload;
    } rows[] = {
        {"plain", 0x80, SPAN_LIT("abc"), WIRE_NONE, "abc"},
        {"no payload", 0x80, SPAN_LIT(""), WIRE_NONE, ""},
        {"two CSRC", 0x82, SPAN_LIT("csrccsrcabc"), WIRE_NONE, "abc"},
        {"CSRC missing", 0x82, SPAN_LIT("csrccsr"), WIRE_RTP_SHORT, ""},
        {"extension", 0x90, SPAN_LIT("\xbe\xde\0\1abcdxyz"), WIRE_NONE, "xyz"},
        {"empty extension", 0x90, SPAN_LIT("\xbe\xde\0\0xyz"), WIRE_NONE, "xyz"},
        {"extension too long", 0x90, SPAN_LIT("\xbe\xde\0\2abcdxyz"), WIRE_RTP_EXTENSION, ""},
        {"half an extension", 0x90, SPAN_LIT("\xbe\xde"), WIRE_RTP_EXTENSION, ""},
        {"padding", 0xa0, SPAN_LIT("abc\0\0\3"), WIRE_NONE, "abc"},
        {"padding only", 0xa0, SPAN_LIT("\0\0\3"), WIRE_NONE, ""},
        {"padding 0", 0xa0, SPAN_LIT("abc\0"), WIRE_RTP_PADDING, ""},
        {"padding beyond", 0xa0, SPAN_LIT("abc\5"), WIRE_RTP_PADDING, ""},
        {"padding, nothing", 0xa0, SPAN_LIT(""), WIRE_RTP_PADDING, ""},
        {"all of it", 0xb1, SPAN_LIT("csrc\xbe\xde\0\1extnpay\1"), WIRE_NONE, "pay"},
        {"version 1", 0x40, SPAN_LIT("abc"), WIRE_RTP_VERSION, ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = rtp_make(rows[i].first, 0x88, rows[i].behind);
        struct span s = guard_new(bytes_span(&b));
        struct rtp r;
        enum wire_event event = rtp_parse(s, &r);
        if (event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(event));
        if (event == WIRE_NONE) {
            assert_span(r.payload, rows[i].payload);
            assert_true(r.marker && r.payload_type == 8 && r.seq == 65535);
            assert_true(r.timestamp == 0xfffffff0 && r.ssrc == 0x11223344 && r.packet.n == b.n);
        }
        guard_free(s);
    }
    for (size_t n = 0; n < 12; n++) {
        struct bytes b = rtp_make(0x80, 0, SPAN_LIT(""));
        struct span s = guard_new(span_of(b.b, n));
        struct rtp r;
        assert_int_equal(rtp_parse(s, &r), WIRE_RTP_SHORT);
        guard_free(s);
    }
}

static void sorting_of_one_port(void **state)
{
    static const struct {
        const char *name;
        struct span s;
        enum media_kind kind;
    } rows[] = {
        {"RTP", SPAN_LIT("\x80\0\0\1\0\0\0\0ssrc"), MEDIA_RTP},
        {"RTP marker, type 72, no RTCP length", SPAN_LIT("\x80\xc8\xff\1\0\0\0\0ssrc"), MEDIA_RTP},
        {"RTP, 11 bytes", SPAN_LIT("\x80\0\0\1\0\0\0\0ssr"), MEDIA_NONE},
        {"RTCP RR", SPAN_LIT("\x80\xc9\0\1ssrc"), MEDIA_RTCP},
        {"RTCP, length beyond", SPAN_LIT("\x80\xc9\0\2ssrc"), MEDIA_NONE},
        {"STUN", SPAN_LIT("\0\1\0\0\x21\x12\xa4\x42transactionx"), MEDIA_STUN},
        {"STUN without cookie", SPAN_LIT("\0\1\0\0\x21\x12\xa4\x43transactionx"), MEDIA_NONE},
        {"STUN short", SPAN_LIT("\0\1\0\0\x21\x12\xa4\x42transaction"), MEDIA_NONE},
        {"DTLS", SPAN_LIT("\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\1x"), MEDIA_DTLS},
        {"TLS is not DTLS", SPAN_LIT("\x16\x03\x01\0\0\0\0\0\0\0\0\0\1x"), MEDIA_NONE},
        {"TURN channel", SPAN_LIT("\x40\0\0\2ab"), MEDIA_TURN_CHANNEL},
        {"TURN channel, padded", SPAN_LIT("\x40\0\0\2ab\0\0"), MEDIA_TURN_CHANNEL},
        {"TURN channel, more behind it", SPAN_LIT("\x40\0\0\2ab\0\0\0\0"), MEDIA_NONE},
        {"TURN channel, length beyond", SPAN_LIT("\x40\0\0\3ab"), MEDIA_NONE},
        {"SIP", SPAN_LIT("INVITE sip:a@b SIP/2.0\r\n"), MEDIA_NONE},
        {"zeros", SPAN_LIT("\0\0\0\0"), MEDIA_NONE},
        {"nothing", SPAN_LIT(""), MEDIA_NONE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span s = guard_new(rows[i].s);
        enum media_kind kind = media_sniff(s);
        guard_free(s);
        if (kind != rows[i].kind)
            fail_msg("%s: %d", rows[i].name, kind);
        for (size_t n = 0; n < rows[i].s.n; n++) {
            s = guard_new(span_sub(rows[i].s, 0, n));
            (void)media_sniff(s);
            guard_free(s);
        }
    }
}

static struct bytes compound(void)
{
    struct bytes b = {.n = 0};
    put32(&b, 0x81c8000c); // SR with one report
    for (uint32_t i = 1; i <= 6; i++)
        put32(&b, i);
    put32(&b, 0xaaaa);
    put32(&b, 0x40ffffff); // a quarter lost; -1: more than expected came
    put32(&b, 0x10005);
    put32(&b, 33);
    put32(&b, 44);
    put32(&b, 55);
    put32(&b, 0x81ca0003); // SDES
    put32(&b, 1);
    put(&b, SPAN_LIT("\1\5cname\0"));
    put32(&b, 0x81cb0001); // BYE
    put32(&b, 0xbbbb);
    return b;
}

static void rtcp_compound(void **state)
{
    struct bytes b = compound();
    struct span s = guard_new(bytes_span(&b));
    struct rtcp r;
    (void)state;
    assert_int_equal(rtcp_parse(s, &r), WIRE_NONE);
    assert_true(r.sr && r.bye && r.packets == 3 && r.reports == 1);
    assert_int_equal(r.ssrc, 1);
    assert_int_equal(r.ntp, UINT64_C(0x200000003));
    assert_int_equal(r.rtp_timestamp, 4);
    assert_int_equal(r.sender_packets, 5);
    assert_int_equal(r.sender_octets, 6);
    assert_int_equal(r.report[0].fraction_lost, 0x40);
    assert_int_equal(r.report[0].cumulative_lost, -1);
    assert_int_equal(r.report[0].highest_seq, 0x10005);
    assert_int_equal(r.report[0].dlsr, 55);
    assert_int_equal(r.bye_ssrc, 0xbbbb);
    guard_free(s);
    for (size_t n = 0; n < b.n; n++) {
        s = guard_new(span_of(b.b, n));
        enum wire_event event = rtcp_parse(s, &r);
        guard_free(s);
        // Only between two packets is less still whole.
        assert_int_equal(event == WIRE_NONE, n == 52 || n == 68);
        assert_true(event != WIRE_NONE || r.packets > 0);
    }
}

static void rtcp_limits(void **state)
{
    struct bytes b = {.n = 0};
    struct rtcp r;
    (void)state;
    put32(&b, 0x9fc900bb); // RR that says 31 reports, has them: 16 are kept
    put32(&b, 9);
    for (int i = 0; i < 31 * 6; i++)
        put32(&b, 1);
    assert_int_equal(rtcp_parse(bytes_span(&b), &r), WIRE_NONE);
    assert_int_equal(r.reports, 16);
    b.b[0] = 0x85;
    b.b[3] = 1;
    b.n = 8; // says 5 reports, has none
    assert_int_equal(rtcp_parse(bytes_span(&b), &r), WIRE_RTCP_LENGTH);
    b.n = 0;
    for (int i = 0; i < 40; i++)
        put32(&b, 0x80cc0000); // APP with nothing in it
    assert_int_equal(rtcp_parse(bytes_span(&b), &r), WIRE_RTCP_LENGTH);
    b.n = 0;
    for (int i = 0; i < 20; i++) {
        put32(&b, 0x80c90001);
        put32(&b, 5);
    }
    assert_int_equal(rtcp_parse(bytes_span(&b), &r), WIRE_NONE);
    assert_int_equal(r.packets, 16); // the rest is ignored
    b.b[0] = 0x40;
    assert_int_equal(rtcp_parse(bytes_span(&b), &r), WIRE_RTP_VERSION);
}

// XR with a receiver reference time, the VoIP metrics and a block that nobody knows.
static struct bytes extended(void)
{
    struct bytes b = {.n = 0};
    put32(&b, 0x80c90001); // RR without reports
    put32(&b, 9);
    put32(&b, 0x80cf000f); // XR
    put32(&b, 9);
    put32(&b, 0x04000002);
    put32(&b, 1);
    put32(&b, 2);
    put32(&b, 0x07000008);
    put32(&b, 0xaaaa);
    put(&b, SPAN_LIT("\x10\x08\x40\x02")); // loss, discard, burst, gap density
    put32(&b, 0x01900bb8);                 // 400 and 3000 ms
    put32(&b, 0x00780050);                 // 120 and 80 ms
    put(&b, SPAN_LIT("\xec\xba\x32\x10")); // -20, -70 dBm, 50 dB, Gmin 16
    put(&b, SPAN_LIT("\x52\x7f\x29\x28")); // R 82, external unknown, MOS 4.1 and 4.0
    put32(&b, 0x8c00003c);                 // configuration; buffer 60,
    put32(&b, 0x007800c8);                 // 120 and 200 ms
    put32(&b, 0xee000001);
    put32(&b, 0);
    return b;
}

static void rtcp_extended(void **state)
{
    struct bytes b = extended();
    struct rtcp r;
    (void)state;
    struct span s = guard_new(bytes_span(&b));
    assert_int_equal(rtcp_parse(s, &r), WIRE_NONE);
    guard_free(s);
    assert_int_equal(r.flaw, WIRE_NONE);
    assert_int_equal(r.packets, 2);
    assert_int_equal(r.xr_blocks, 3);
    assert_int_equal(r.voips, 1);
    const struct rtcp_voip *v = &r.voip[0];
    assert_int_equal(v->ssrc, 0xaaaa);
    assert_true(v->loss_rate == 16 && v->discard_rate == 8 && v->burst_density == 64 &&
                v->gap_density == 2);
    assert_true(v->burst_ms == 400 && v->gap_ms == 3000 && v->round_trip_ms == 120 &&
                v->end_system_ms == 80);
    assert_true(v->signal_dbm == -20 && v->noise_dbm == -70 && v->rerl_db == 50 && v->gmin == 16);
    assert_true(v->r_factor == 82 && v->external_r == 127 && v->mos_lq == 41 && v->mos_cq == 40);
    assert_true(v->buffer_nominal_ms == 60 && v->buffer_maximum_ms == 120 &&
                v->buffer_limit_ms == 200);
    // The XR packet says less than its blocks need: named, and the report before it is read all the same.
    for (size_t words = 1; words < 15; words++) {
        struct bytes cut = b;
        cut.b[11] = (uint8_t)words;
        cut.n = 8 + 4 * (words + 1);
        s = guard_new(bytes_span(&cut));
        assert_int_equal(rtcp_parse(s, &r), WIRE_NONE);
        guard_free(s);
        bool border = words == 1 || words == 4 || words == 13;
        assert_int_equal(r.flaw, border ? WIRE_NONE : WIRE_RTCP_XR);
        assert_int_equal(r.voips, words >= 13);
    }
    b.b[8 + 4 + 4 + 12 + 3] = 7; // metrics that are too short
    assert_int_equal(rtcp_parse(bytes_span(&b), &r), WIRE_NONE);
    assert_int_equal(r.flaw, WIRE_RTCP_XR);
    assert_int_equal(r.voips, 0);
}

static void rtcp_names(void **state)
{
    static const struct {
        const char *what;
        struct span s;
        const char *cname;
        uint32_t ssrc;
        enum wire_event flaw;
    } rows[] = {
        {"a name", SPAN_LIT("\x81\xca\0\3\0\0\0\7\1\5cname\0"), "cname", 7, WIRE_NONE},
        {"no chunk", SPAN_LIT("\x80\xca\0\1\0\0\0\0"), "", 0, WIRE_NONE},
        {"a tool before it", SPAN_LIT("\x81\xca\0\3\0\0\0\7\6\1t\1\1c\0\0"), "c", 7, WIRE_NONE},
        {"the second chunk", SPAN_LIT("\x82\xca\0\5\0\0\0\7\6\1t\0\0\0\0\x8\1\3abc\0\0\0"), "abc",
         8, WIRE_NONE},
        {"longer than its packet",
         SPAN_LIT("\x81\xca\0\3\0\0\0\7\1\x9"
                  "cname\0"),
         "", 0, WIRE_RTCP_SDES},
        {"fewer chunks than it says", SPAN_LIT("\x82\xca\0\3\0\0\0\7\1\5cname\0"), "cname", 7,
         WIRE_RTCP_SDES},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rtcp r;
        struct span s = guard_new(rows[i].s);
        assert_int_equal(rtcp_parse(s, &r), WIRE_NONE);
        if (r.flaw != rows[i].flaw || r.cname_ssrc != rows[i].ssrc)
            fail_msg("%s", rows[i].what);
        assert_span(r.cname, rows[i].cname);
        guard_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtp_forms),     cmocka_unit_test(sorting_of_one_port),
        cmocka_unit_test(rtcp_compound), cmocka_unit_test(rtcp_limits),
        cmocka_unit_test(rtcp_extended), cmocka_unit_test(rtcp_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
