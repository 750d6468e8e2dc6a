#include "wire/sip.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define SDP "v=0\r\ns=-\r\n"
#define HEAD                                                                                       \
    "INVITE sip:b@e SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@e>;tag=1\r\nTo: <sip:b@e>\r\n"   \
    "Call-ID: x\r\nCSeq: 1 INVITE\r\n"

static struct sip_msg m;

// Trap 12 and its kin.
static void the_sdp_is_found(void **state)
{
    static const struct {
        const char *name, *text, *sdp;
        enum wire_event event;
    } rows[] = {
        {"alone", "Content-Type: application/sdp\r\n\r\n" SDP, SDP, WIRE_NONE},
        {"compact, odd case, parameter", "c: APPLICATION / Sdp ;charset=x\r\n\r\n" SDP, SDP,
         WIRE_NONE},
        {"no type, looks like it", "\r\n" SDP, SDP, WIRE_NONE},
        {"no type, is something else", "\r\nhello", "", WIRE_NONE},
        {"other type", "Content-Type: text/plain\r\n\r\n" SDP, "", WIRE_NONE},
        {"packed", "Content-Encoding: gzip\r\nContent-Type: application/sdp\r\n\r\n" SDP, "",
         WIRE_NONE},
        {"identity", "e: identity\r\nc: application/sdp\r\n\r\n" SDP, SDP, WIRE_NONE},
        {"second of two, quoted",
         "Content-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\npreamble\r\n--b 1\r\n"
         "Content-Type: text/plain\r\n\r\nv=0 no\r\n--b 1\r\nContent-Type: "
         "application/sdp\r\n\r\n" SDP "\r\n--b 1--\r\n",
         SDP, WIRE_NONE},
        {"unquoted, LF only",
         "Content-Type: multipart/alternative;boundary=b1\n\n--b1\nc: text/plain\n\nx\n"
         "--b1\nContent-Type: application/sdp\nContent-Disposition: session\n\nv=0\ns=-\n--b1--\n",
         "v=0\ns=-", WIRE_NONE},
        {"sibling without headers",
         "Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\njust text\r\n--b\r\n"
         "Content-Type: application/sdp\r\n\r\n" SDP "\r\n--b--",
         SDP, WIRE_NONE},
        {"sibling malformed",
         "Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\nnonsense\r\n--b\r\n"
         "Content-Type: application/sdp\r\n\r\n" SDP "\r\n--b--",
         SDP, WIRE_NONE},
        {"boundary as the beginning of another",
         "Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\n--bb\r\nx\r\n--b\r\n"
         "c:application/sdp\r\n\r\n" SDP "\r\n--b--",
         SDP, WIRE_NONE},
        {"never closed",
         "Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\nc: application/sdp\r\n\r\n" SDP,
         SDP, WIRE_NONE},
        {"nested once",
         "Content-Type: multipart/mixed;boundary=o\r\n\r\n--o\r\nContent-Type: multipart/related;"
         "boundary=i\r\n\r\n--i\r\nc: application/sdp\r\n\r\n" SDP "\r\n--i--\r\n--o--\r\n",
         SDP, WIRE_NONE},
        {"nested twice",
         "c: multipart/mixed;boundary=o\r\n\r\n--o\r\nc: multipart/mixed;boundary=i\r\n\r\n"
         "--i\r\nc: multipart/mixed;boundary=j\r\n\r\n--j\r\nc: application/sdp\r\n\r\n" SDP
         "\r\n--j--\r\n--i--\r\n--o--\r\n",
         "", WIRE_NONE},
        {"base64 part",
         "c: multipart/mixed;boundary=b\r\n\r\n--b\r\nc: application/sdp\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\ndj0w\r\n--b--\r\n",
         "", WIRE_NONE},
        {"boundary missing", "c: multipart/mixed\r\n\r\n--b\r\nc: application/sdp\r\n\r\n" SDP, "",
         WIRE_SIP_MULTIPART},
        {"boundary never comes", "c: multipart/mixed;boundary=z\r\n\r\n--b\r\n\r\n" SDP, "",
         WIRE_SIP_MULTIPART},
        {"boundary empty", "c: multipart/mixed;boundary=\"\"\r\n\r\n--\r\n\r\n" SDP, "",
         WIRE_SIP_MULTIPART},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = {.n = 0};
        put(&b, SPAN_LIT(HEAD));
        put(&b, span_str(rows[i].text));
        struct span s = guard_new(bytes_span(&b));
        if (!sip_parse(s, &m) || m.event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(m.event));
        if (!span_eq(sip_sdp(&m), span_str(rows[i].sdp)))
            fail_msg("%s: %.*s", rows[i].name, (int)sip_sdp(&m).n, (const char *)sip_sdp(&m).p);
        guard_free(s);
        for (size_t n = sizeof HEAD - 1; n < b.n; n++) {
            s = guard_new(span_of(b.b, n));
            (void)sip_parse(s, &m);
            (void)sip_sdp(&m);
            guard_free(s);
        }
    }
}

// A body of so many parts before the one with the SDP, and so many headers of that.
static struct bytes many(unsigned parts, unsigned headers)
{
    struct bytes b = {.n = 0};
    put(&b, SPAN_LIT(HEAD "c: multipart/mixed;boundary=b\r\n\r\n"));
    for (unsigned i = 0; i < parts; i++)
        put(&b, SPAN_LIT("--b\r\n\r\nx\r\n"));
    put(&b, SPAN_LIT("--b\r\nc: application/sdp\r\n"));
    for (unsigned i = 1; i < headers; i++)
        put(&b, SPAN_LIT("X-Part: 0\r\n"));
    put(&b, SPAN_LIT("\r\n" SDP "\r\n--b--\r\n"));
    return b;
}

static void parts_and_their_headers_are_bounded(void **state)
{
    (void)state;
    static const struct {
        unsigned parts, headers;
        bool found;
        enum wire_event event;
    } rows[] = {
        {31, 1, true, WIRE_NONE},
        {32, 1, false, WIRE_SIP_MULTIPART}, // the 33rd is not looked at
        {0, 64, true, WIRE_NONE},
        {0, 65, false, WIRE_NONE}, // passed: no SDP that begins with the rest of its headers
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = many(rows[i].parts, rows[i].headers);
        struct span s = guard_new(bytes_span(&b));
        assert_true(sip_parse(s, &m));
        assert_int_equal(m.event, rows[i].event);
        assert_true(span_eq(sip_sdp(&m), span_str(rows[i].found ? SDP : "")));
        guard_free(s);
    }
}

static void the_body_over_udp(void **state)
{
    (void)state;
    assert_true(sip_parse(SPAN_LIT(HEAD "l: 3\r\n\r\nabcdef"), &m));
    assert_span(m.body, "abc");
    assert_true(sip_parse(SPAN_LIT(HEAD "\r\nabcdef"), &m));
    assert_span(m.body, "abcdef");
    assert_false(m.has_content_length);
    assert_true(sip_parse(SPAN_LIT(HEAD "l: 9\r\n\r\nabcdef"), &m));
    assert_span(m.body, "abcdef");
    assert_int_equal(m.event, WIRE_SIP_BODY_SHORT);
    // 2^32 + 3 stays what it is (CVE-2026-23457).
    assert_true(sip_parse(SPAN_LIT(HEAD "l: 4294967299\r\n\r\nabcdef"), &m));
    assert_span(m.body, "abcdef");
    assert_int_equal(m.content_length, UINT64_C(4294967299));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sdp_is_found),
        cmocka_unit_test(parts_and_their_headers_are_bounded),
        cmocka_unit_test(the_body_over_udp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
