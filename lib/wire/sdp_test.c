#include "wire/sdp.h"
#include <stdio.h>
#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define TOP "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static struct sdp s;

static void address_is(const struct endpoint *e, const char *ip, uint16_t port)
{
    char text[46];
    ip_addr_format(&e->ip, text, sizeof text);
    assert_string_equal(text, ip);
    assert_int_equal(e->port, port);
}

static void a_usual_offer(void **state)
{
    (void)state;
    assert_true(sdp_parse(
        SPAN_LIT(TOP "m=audio 40000 RTP/AVP 0 8 18 101 97\r\na=rtpmap:101 telephone-event/8000\r\n"
                     "a=fmtp:101 0-15\r\na=rtpmap:97 opus/48000/2\r\na=ptime:30\r\na=sendonly\r\n"),
        &s));
    assert_int_equal(s.event, WIRE_NONE);
    assert_int_equal(s.medias, 1);
    const struct sdp_media *m = &s.media[0];
    assert_span(s.origin, "- 1 2 IN IP4 192.0.2.9");
    assert_span(s.session_name, "call");
    assert_span(m->type, "audio");
    assert_span(m->proto, "RTP/AVP");
    assert_true(m->rtp && !m->srtp && !m->rtcp_mux);
    address_is(&m->rtp_at, "192.0.2.1", 40000);
    address_is(&m->rtcp_at, "192.0.2.1", 40001);
    assert_int_equal(m->direction, SDP_SENDONLY);
    assert_int_equal(m->ptime_ms, 30);
    assert_int_equal(m->formats, 5);
    assert_span(m->format[0].codec, "PCMU");
    assert_int_equal(m->format[0].clock_rate, 8000);
    assert_span(m->format[2].codec, "G729");
    assert_span(m->format[3].codec, "telephone-event");
    assert_span(m->format[3].fmtp, "0-15");
    assert_span(m->format[4].codec, "opus");
    assert_true(m->format[4].clock_rate == 48000 && m->format[4].channels == 2);
}

struct row {
    const char *name, *text;
    const char *ip;
    uint16_t port, rtcp_port;
    enum sdp_direction direction;
    bool srtp, rtp;
    enum wire_event event;
};

static const struct row rows[] = {
    {"13 media c= over session c=", TOP "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\n",
     "198.51.100.7", 4000, 4001, SDP_SENDRECV, false, true, WIRE_NONE},
    {"the first of two c=",
     TOP "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 1.1.1.1\r\nc=IN IP4 2.2.2.2\r\n", "1.1.1.1", 4000,
     4001, SDP_SENDRECV, false, true, WIRE_NONE},
    {"multicast with TTL and count",
     "v=0\r\nc=IN IP4 224.2.1.1/127/3\r\nm=audio 4000/2 RTP/AVP 0\r\n", "224.2.1.1", 4000, 4001,
     SDP_SENDRECV, false, true, WIRE_NONE},
    {"IPv6", "v=0\r\nc=IN IP6 2001:db8::5\r\nm=audio 6000 RTP/AVP 2\r\n", "2001:db8::5", 6000, 6001,
     SDP_SENDRECV, false, true, WIRE_NONE},
    {"refused", TOP "m=audio 0 RTP/AVP 0\r\n", "192.0.2.1", 0, 0, SDP_SENDRECV, false, true,
     WIRE_NONE},
    {"hold of RFC 2543", "v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n",
     "0.0.0.0", 4000, 4001, SDP_INACTIVE, false, true, WIRE_NONE},
    {"direction of the session",
     "v=0\r\nc=IN IP4 1.1.1.1\r\na=recvonly\r\nm=audio 4000 RTP/AVP 0\r\n", "1.1.1.1", 4000, 4001,
     SDP_RECVONLY, false, true, WIRE_NONE},
    {"media over session direction",
     "v=0\r\nc=IN IP4 1.1.1.1\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\na=SendRecv\r\n", "1.1.1.1",
     4000, 4001, SDP_SENDRECV, false, true, WIRE_NONE},
    {"rtcp port", TOP "m=audio 4000 RTP/AVP 0\r\na=rtcp:53020\r\n", "192.0.2.1", 4000, 53020,
     SDP_SENDRECV, false, true, WIRE_NONE},
    {"rtcp-mux", TOP "m=audio 4000 RTP/AVP 0\r\na=rtcp:53020 IN IP4 9.9.9.9\r\na=rtcp-mux\r\n",
     "192.0.2.1", 4000, 4000, SDP_SENDRECV, false, true, WIRE_NONE},
    {"SAVP", TOP "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
     "192.0.2.1", 4000, 4001, SDP_SENDRECV, true, true, WIRE_NONE},
    {"crypto without SAVP", TOP "m=audio 4000 RTP/AVP 0\r\na=crypto:1 AES\r\n", "192.0.2.1", 4000,
     4001, SDP_SENDRECV, true, true, WIRE_NONE},
    {"DTLS-SRTP", TOP "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "192.0.2.1", 9, 10, SDP_SENDRECV, true,
     true, WIRE_NONE},
    {"T.38", TOP "m=image 5000 udptl t38\r\na=T38FaxVersion:0\r\n", "192.0.2.1", 5000, 0,
     SDP_SENDRECV, false, false, WIRE_NONE},
    {"LF only", "v=0\no=x\ns=-\nc=IN IP4 1.1.1.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n", "1.1.1.1", 4000,
     4001, SDP_SENDRECV, false, true, WIRE_NONE},
    {"no end of the last line", "v=0\nc=IN IP4 1.1.1.1\nm=audio 4000 RTP/AVP 0", "1.1.1.1", 4000,
     4001, SDP_SENDRECV, false, true, WIRE_NONE},
    {"port 65535", TOP "m=audio 65535 RTP/AVP 0\r\n", "192.0.2.1", 65535, 0, SDP_SENDRECV, false,
     true, WIRE_NONE},
    {"no c= at all", "v=0\r\nm=audio 4000 RTP/AVP 0\r\n", "", 4000, 4001, SDP_SENDRECV, false, true,
     WIRE_SDP_ADDRESS},
    {"a name", "v=0\r\nc=IN IP4 media.example.com\r\nm=audio 4000 RTP/AVP 0\r\n", "", 4000, 4001,
     SDP_SENDRECV, false, true, WIRE_SDP_ADDRESS},
    {"a line that is none", TOP "garbage\r\nm=audio 4000 RTP/AVP 0\r\n", "192.0.2.1", 4000, 4001,
     SDP_SENDRECV, false, true, WIRE_SDP_LINE},
    {"payload type 200", TOP "m=audio 4000 RTP/AVP 200 0\r\n", "192.0.2.1", 4000, 4001,
     SDP_SENDRECV, false, true, WIRE_SDP_MEDIA},
};

static void forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        if (!sdp_parse(span_str(r->text), &s) || s.medias != 1 || s.event != r->event)
            fail_msg("%s: %s", r->name, wire_event_name(s.event));
        const struct sdp_media *m = &s.media[0];
        print_message("%s\n", r->name);
        address_is(&m->rtp_at, r->ip, r->port);
        assert_int_equal(m->rtcp_at.port, r->rtcp_port);
        assert_int_equal(m->direction, r->direction);
        assert_true(m->srtp == r->srtp && m->rtp == r->rtp);
    }
}

static void cut_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t n = 0; n < strlen(rows[i].text); n++) {
            struct span text = guard_new(span_of(rows[i].text, n));
            bool usable = sdp_parse(text, &s);
            assert_int_equal(usable, s.medias > 0);
            guard_free(text);
        }
    }
}

static void unusable(void **state)
{
    (void)state;
    assert_false(sdp_parse(SPAN_LIT(""), &s));
    assert_false(sdp_parse(SPAN_LIT("v=0\r\no=x\r\n"), &s));
    assert_int_equal(s.event, WIRE_SDP_MEDIA);
    assert_false(sdp_parse(SPAN_LIT("c=IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 0\r\n"), &s));
    assert_int_equal(s.medias, 1); // what could be read is there
    assert_false(sdp_parse(SPAN_LIT("v=0\r\nm=audio 65536 RTP/AVP 0\r\n"), &s));
    assert_false(sdp_parse(SPAN_LIT("v=0\r\nm=audio 4000\r\n"), &s));
}

// The rtcp attribute may name another host (RFC 3605).
static void rtcp_elsewhere(void **state)
{
    (void)state;
    assert_true(
        sdp_parse(SPAN_LIT(TOP "m=audio 4000 RTP/AVP 0\r\na=rtcp:5 IN IP4 9.9.9.9\r\n"), &s));
    address_is(&s.media[0].rtcp_at, "9.9.9.9", 5);
}

// Fill the tables, pass them.
static void limits(void **state)
{
    static char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", TOP);
    (void)state;
    for (int i = 0; i < SDP_MEDIA_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "m=audio %d RTP/AVP 0\r\n", 4000 + i);
    assert_true(sdp_parse(span_of(text, n), &s));
    assert_true(s.medias == SDP_MEDIA_MAX && s.event == WIRE_NONE);
    // Lines of a media beyond the table must not fall to the last one in it.
    n += (size_t)snprintf(text + n, sizeof text - n,
                          "m=audio 9 RTP/AVP 0\r\nc=IN IP4 6.6.6.6\r\na=inactive\r\n");
    assert_true(sdp_parse(span_of(text, n), &s));
    assert_int_equal(s.event, WIRE_SDP_TOO_MANY);
    address_is(&s.media[15].rtp_at, "192.0.2.1", 4015);
    assert_int_equal(s.media[15].direction, SDP_SENDRECV);
    n = (size_t)snprintf(text, sizeof text, "%sm=audio 1 RTP/AVP", TOP);
    for (int i = 0; i < SDP_FORMATS_MAX + 1; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %d", 60 + i);
    assert_true(sdp_parse(span_of(text, n), &s));
    assert_int_equal(s.event, WIRE_SDP_TOO_MANY);
    assert_int_equal(s.media[0].formats, SDP_FORMATS_MAX);
}

static void bad_numbers(void **state)
{
    static const char *const maps[] = {"96 x/0",          "96 x/",         "96 x",    "96 /8000",
                                       "96 x/9999999999", "96 x/8000/256", "96 x/-1", "96"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        char text[512];
        snprintf(text, sizeof text, "%sm=audio 1 RTP/AVP 96\r\na=rtpmap:%s\r\n", TOP, maps[i]);
        assert_true(sdp_parse(span_str(text), &s));
        assert_int_equal(s.event, WIRE_SDP_MEDIA);
        assert_int_equal(s.media[0].format[0].codec.n, 0);
    }
    assert_true(
        sdp_parse(SPAN_LIT(TOP "a=ptime:20\r\nm=audio 1 RTP/AVP 96\r\na=ptime:99999\r\n"), &s));
    assert_int_equal(s.media[0].ptime_ms, 20);
    assert_true(sdp_parse(SPAN_LIT(TOP "m=audio 1 RTP/AVP 96\r\na=ptime:20.0 \r\n"), &s));
    assert_int_equal(s.media[0].ptime_ms, 20);
}

static void static_types(void **state)
{
    struct sdp_format f;
    unsigned count = 0;
    (void)state;
    for (unsigned i = 0; i < 256; i++)
        count += sdp_static_format((uint8_t)i, &f);
    assert_int_equal(count, 24);
    assert_true(sdp_static_format(9, &f));
    assert_span(f.codec, "G722");
    assert_int_equal(f.clock_rate, 8000); // the famous mistake of RFC 3551 4.5.2
    assert_true(sdp_static_format(10, &f));
    assert_int_equal(f.channels, 2);
    assert_false(sdp_static_format(2, &f));
    assert_false(sdp_static_format(96, &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_offer),  cmocka_unit_test(forms),
        cmocka_unit_test(unusable),       cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(rtcp_elsewhere), cmocka_unit_test(limits),
        cmocka_unit_test(bad_numbers),    cmocka_unit_test(static_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
