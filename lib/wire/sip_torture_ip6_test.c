// The torture messages of RFC 5118 (IPv6), rebuilt from their description. `good` is that RFC's word: 4.2 is malformed for want of
// brackets, 4.10 by the grammar that corrects RFC 3261's; what section 4.5 asks to be tolerated is good.
#include "wire/sip_torture_kit.h"

#define REG(uri, via, more)                                                                        \
    SPAN_LIT("REGISTER " uri " SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "                      \
             "sip:user@example.com;tag=81x2\r\nVia: SIP/2.0/UDP " via ";branch=z9hG4bKas3-111\r\n" \
             "Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\nContact: "             \
             "\"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 REGISTER\r\n" more              \
             "Content-Length: 0\r\n\r\n")
#define INVITE(id, sdp)                                                                            \
    SPAN_LIT("INVITE sip:user@[2001:db8::10] SIP/2.0\r\nTo: sip:user@[2001:db8::10]\r\nFrom: "     \
             "sip:user@example.com;tag=81x2\r\nVia: SIP/2.0/UDP "                                  \
             "[2001:db8::20];branch=z9hG4bKas3-111\r\nCall-ID: " id                                \
             "\r\nContact: \"Caller\" <sip:caller@[2001:db8::20]>\r\nCSeq: 8612 INVITE\r\n"        \
             "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n\r\n" sdp)

static const struct torture rows[] = {
    {"ipv6-good", REG("sip:[2001:db8::10]", "[2001:db8::9:1]", ""), true, true, WIRE_NONE},  // 4.1
    {"ipv6-bad", REG("sip:2001:db8::10", "[2001:db8::9:1]", ""), false, true, WIRE_SIP_URI}, // 4.2
    // 4.3: the sender may have meant a port; the form is an address.
    {"port-ambiguous", REG("sip:[2001:db8::10:5070]", "[2001:db8::9:1]", ""), true, true,
     WIRE_NONE},
    {"port-unambiguous", REG("sip:[2001:db8::10]:5070", "[2001:db8::9:1]", ""), true, true,
     WIRE_NONE}, // 4.4
    {"via-received-param-with-delim",
     REG("sip:[2001:db8::10]", "[2001:db8::9:1];received=[2001:db8::9:255]", ""), true, true,
     WIRE_NONE}, // 4.5
    {"via-received-param-no-delim",
     REG("sip:[2001:db8::10]", "[2001:db8::9:1];received=2001:db8::9:255", ""), true, true,
     WIRE_NONE}, // 4.5
    {"ipv6-in-sdp",
     INVITE("SSG9559905523997077@hlau_4100",
            "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed for "
            "today's meeting\r\nc=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\nm=audio 6000 "
            "RTP/AVP 2\r\na=rtpmap:2 G726-32/8000\r\nm=video 6024 RTP/AVP 107\r\na=rtpmap:107 "
            "H263-1998/90000\r\n"),
     true, true, WIRE_NONE}, // 4.6
    {"mult-ip-in-header",
     SPAN_LIT("BYE sip:user@host.example.net SIP/2.0\r\nVia: SIP/2.0/UDP "
              "[2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\nVia: SIP/2.0/UDP "
              "192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\nVia: SIP/2.0/TCP "
              "[2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\nCall-ID: "
              "997077@lau_4100\r\nMax-Forwards: 70\r\nCSeq: 89187 BYE\r\nTo: "
              "sip:user@example.net;tag=9817--94\r\nFrom: sip:user@example.com;tag=81x2\r\n"
              "Content-Length: 0\r\n\r\n"),
     true, true, WIRE_NONE}, // 4.7
    {"mult-ip-in-sdp",
     INVITE("sip:mult-ip-in-sdp@x",
            "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\nm=audio "
            "22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 "
            "2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n"),
     true, true, WIRE_NONE}, // 4.8
    {"ipv4-mapped-ipv6",
     INVITE("1187@x", "v=0\r\no=bob 280744730 28977631 IN IP6 ::ffff:192.0.2.10\r\ns=\r\nc=IN IP6 "
                      "::ffff:192.0.2.10\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\n"),
     true, true, WIRE_NONE}, // 4.9
    {"ipv6-bug-abnf-3-colons",
     SPAN_LIT(
         "OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
         "sip:user@example.com;tag=810x2\r\nVia: SIP/2.0/UDP "
         "lab1.east.example.com;branch=z9hG4bKas3-111\r\nCall-ID: G9559905523997077@hlau_4100"
         "\r\nCSeq: 689 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"),
     false, true, WIRE_SIP_URI}, // 4.10
};

static void rfc5118(void **state)
{
    (void)state;
    torture_run(rows, COUNT_OF(rows));
}

static const struct torture *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    fail_msg("%s", name);
    return NULL;
}

static void addresses(void **state)
{
    static struct sip_msg m;
    static struct sdp sdp;
    struct sip_via v;
    struct span received;
    char text[46];
    (void)state;
    assert_true(sip_parse(find("via-received-param-with-delim")->text, &m));
    assert_true(sip_via_parse(sip_header_value(&m, SIP_H_VIA, 0), &v));
    assert_span(v.host, "2001:db8::9:1");
    assert_true(sip_param(v.params, SPAN_LIT("received"), &received));
    assert_span(received, "[2001:db8::9:255]");
    assert_true(sip_parse(find("mult-ip-in-header")->text, &m));
    assert_true(sip_via_parse(sip_header_value(&m, SIP_H_VIA, 2), &v));
    assert_span(v.host, "2001:db8::9:255");
    assert_true(sip_parse(find("mult-ip-in-sdp")->text, &m));
    assert_true(sdp_parse(sip_sdp(&m), &sdp) && sdp.medias == 2);
    ip_addr_format(&sdp.media[0].rtp_at.ip, text, sizeof text);
    assert_string_equal(text, "192.0.2.1");
    ip_addr_format(&sdp.media[1].rtp_at.ip, text, sizeof text);
    assert_string_equal(text, "2001:db8::1");
    assert_true(sip_parse(find("ipv4-mapped-ipv6")->text, &m));
    assert_true(sdp_parse(sip_sdp(&m), &sdp) && sdp.medias == 1 &&
                sdp.media[0].rtp_at.port == 22334);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return torture_write(rows, COUNT_OF(rows), argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5118),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
