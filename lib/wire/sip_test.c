#include "wire/sip.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define VIA   "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx1;rport\r\n"
#define FROM  "From: \"Ann\" <sip:ann@example.com>;tag=a1\r\n"
#define TO    "To: <sip:bob@example.com>\r\n"
#define ID    "Call-ID: c1@192.0.2.1\r\n"
#define SEQ   "CSeq: 1 INVITE\r\n"
#define START "INVITE sip:bob@example.com SIP/2.0\r\n"
#define HEAD  START VIA FROM TO ID SEQ

static struct sip_msg m;

// Through a copy of exact size; the views are then moved to `text` so that they outlive it.
static bool parse(struct span text)
{
    struct span s = guard_new(text);
    bool usable = sip_parse(s, &m);
    guard_free(s);
    return sip_parse(text, &m) && usable;
}

static void a_request(void **state)
{
    struct span text =
        SPAN_LIT(HEAD "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n");
    (void)state;
    assert_true(parse(text));
    assert_int_equal(m.event, WIRE_NONE);
    assert_true(m.request && m.method == SIP_INVITE && m.cseq_method == SIP_INVITE);
    assert_span(m.method_text, "INVITE");
    assert_span(m.uri, "sip:bob@example.com");
    assert_span(m.call_id, "c1@192.0.2.1");
    assert_span(m.from, "\"Ann\" <sip:ann@example.com>;tag=a1");
    assert_span(m.from_tag, "a1");
    assert_span(m.to_tag, "");
    assert_span(m.via_branch, "z9hG4bKx1");
    assert_span(m.body, "v=0\r\n");
    assert_span(sip_sdp(&m), "v=0\r\n");
    assert_int_equal(m.cseq, 1);
    assert_int_equal(m.headers, 7);
    assert_true(m.has_content_length && m.content_length == 5);
    assert_true(sip_sniff(text));
}

static void a_response(void **state)
{
    (void)state;
    assert_true(parse(SPAN_LIT("SIP/2.0 183 Session Progress\r\n" VIA FROM
                               "To: <sip:bob@example.com>;tag=b1\r\n" ID SEQ "\r\n")));
    assert_int_equal(m.event, WIRE_NONE);
    assert_true(!m.request && m.status == 183 && m.method == SIP_INVITE);
    assert_span(m.reason, "Session Progress");
    assert_span(m.to_tag, "b1");
    assert_span(m.method_text, "");
}

// Traps 6 to 11: what a tolerant reader must take.
static void odd_but_legal(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        enum wire_event event;
    } rows[] = {
        {"6 compact names",
         START "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx1\r\nf: <sip:ann@example.com>;tag=a1\r\n"
               "t: sip:bob@example.com\r\ni: c1@192.0.2.1\r\nCSeq: 1 INVITE\r\nl: 0\r\n\r\n",
         WIRE_NONE},
        {"7 odd case",
         START
         "VIA: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx1\r\nfROM: <sip:ann@example.com>;TAG=a1\r\n"
         "tO: sip:bob@example.com\r\nCALL-id: c1@192.0.2.1\r\ncseq: 1 INVITE\r\n\r\n",
         WIRE_NONE},
        {"8 folded lines",
         START
         "Via: SIP/2.0/UDP 192.0.2.1\r\n ;branch=z9hG4bKx1\r\nFrom:\r\n\t<sip:ann@example.com>\r\n"
         "   ;tag=a1\r\nTo: sip:bob@example.com\r\nCall-ID:\r\n c1@192.0.2.1\r\nCSeq: 1\r\n "
         "INVITE\r\n\r\n",
         WIRE_NONE},
        {"9 white space before the colon",
         START
         "Via : SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx1\r\nFrom\t: <sip:ann@example.com>;tag=a1\r\n"
         "To  : sip:bob@example.com\r\nCall-ID \t: c1@192.0.2.1\r\nCSeq : 1 INVITE\r\n\r\n",
         WIRE_NONE},
        {"10 names within names",
         START
         "X-Call-ID: wrong\r\nReply-To: <sip:wrong@x>;tag=wrong\r\nCall-ID-X: wrong\r\n" VIA FROM TO
             ID SEQ "\r\n",
         WIRE_NONE},
        {"11 LF only",
         "INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx1\n"
         "From: <sip:ann@example.com>;tag=a1\nTo: sip:bob@example.com\nCall-ID: c1@192.0.2.1\n"
         "CSeq: 1 INVITE\n\n",
         WIRE_NONE},
        {"empty lines before it", "\r\n\r\n" HEAD "\r\n", WIRE_NONE},
        {"version in lower case",
         "INVITE sip:bob@example.com sip/2.0\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_NONE},
        {"the same Call-ID twice", HEAD ID "\r\n", WIRE_NONE},
        {"the same Content-Length twice", HEAD "l: 0\r\nContent-Length: 0\r\n\r\n", WIRE_NONE},
        {"two blanks", "INVITE  sip:bob@example.com SIP/2.0\r\n" VIA FROM TO ID SEQ "\r\n",
         WIRE_SIP_START_LINE},
        {"blank at the end", "INVITE sip:bob@example.com SIP/2.0 \r\n" VIA FROM TO ID SEQ "\r\n",
         WIRE_SIP_START_LINE},
        {"IPv6 reference with three colons",
         "INVITE sip:bob@[2001:db8:::1] SIP/2.0\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_SIP_URI},
        {"IPv6 without brackets",
         "INVITE sip:bob@2001:db8::1 SIP/2.0\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_SIP_URI},
        {"no empty line", HEAD, WIRE_SIP_NO_END},
        {"no line end at all", START VIA FROM TO ID "CSeq: 1 INVITE", WIRE_SIP_NO_END},
        {"a line without colon", HEAD "what is this\r\n\r\n", WIRE_SIP_HEADER_LINE},
        {"a name with a blank in it", HEAD "Call ID: other\r\n\r\n", WIRE_SIP_HEADER_LINE},
        {"no Via", START FROM TO ID SEQ "\r\n", WIRE_SIP_VIA},
        {"body shorter than said", HEAD "Content-Length: 9\r\n\r\nbody", WIRE_SIP_BODY_SHORT},
        {"length negative", HEAD "Content-Length: -1\r\n\r\n", WIRE_SIP_CONTENT_LENGTH},
        {"length of 11 digits", HEAD "Content-Length: 00000000000\r\n\r\n",
         WIRE_SIP_CONTENT_LENGTH},
        {"quote never closed",
         START VIA "From: \"Ann <sip:ann@example.com>;tag=a1\r\n" TO ID SEQ "\r\n",
         WIRE_SIP_FROM_TO},
        {"escaped quotes from a real phone",
         START VIA "From: \\\"Ann\\\" <sip:ann@example.com>;tag=a1\r\n" TO ID SEQ "\r\n",
         WIRE_SIP_FROM_TO},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!parse(span_str(rows[i].text)))
            fail_msg("%s: not usable, %s", rows[i].name, wire_event_name(m.event));
        if (m.event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(m.event));
        if (!span_eq(m.call_id, SPAN_LIT("c1@192.0.2.1")) || !span_eq(m.from_tag, SPAN_LIT("a1")) ||
            m.cseq != 1)
            fail_msg("%s: keys differ", rows[i].name);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        enum wire_event event;
        bool sniff;
    } rows[] = {
        {"nothing", "", WIRE_SIP_START_LINE, false},
        {"keep-alive", "\r\n\r\n", WIRE_SIP_START_LINE, false},
        {"keep-alive word", "jaK", WIRE_SIP_START_LINE, false},
        {"zero byte", "\x80\xc9", WIRE_SIP_START_LINE, false},
        {"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", WIRE_SIP_START_LINE, false},
        {"HTTP response", "HTTP/1.1 200 OK\r\n\r\n", WIRE_SIP_START_LINE, false},
        {"RTSP", "OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n", WIRE_SIP_START_LINE, false},
        {"SSDP search", "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
         WIRE_SIP_START_LINE, false},
        {"SSDP notify", "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n",
         WIRE_SIP_START_LINE, false},
        {"asterisk URI", "OPTIONS * SIP/2.0\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_SIP_URI, false},
        {"version 7", "INVITE sip:bob@example.com SIP/7.0\r\n" VIA FROM TO ID SEQ "\r\n",
         WIRE_SIP_VERSION, true},
        {"method no token", "IN(VITE sip:b@e SIP/2.0\r\n" VIA FROM TO ID SEQ "\r\n",
         WIRE_SIP_METHOD, false},
        {"status 99", "SIP/2.0 099 No\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_SIP_STATUS, true},
        {"status 700", "SIP/2.0 700 No\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_SIP_STATUS, true},
        {"status of four digits", "SIP/2.0 2000 No\r\n" VIA FROM TO ID SEQ "\r\n", WIRE_SIP_STATUS,
         true},
        {"no Call-ID", START VIA FROM TO SEQ "\r\n", WIRE_SIP_CALL_ID, true},
        {"empty Call-ID", START VIA FROM TO "Call-ID:\r\n" SEQ "\r\n", WIRE_SIP_CALL_ID, true},
        {"blank in Call-ID", START VIA FROM TO "Call-ID: a b\r\n" SEQ "\r\n", WIRE_SIP_CALL_ID,
         true},
        {"two Call-IDs", HEAD "i: other\r\n\r\n", WIRE_SIP_CALL_ID, true},
        {"no CSeq", START VIA FROM TO ID "\r\n", WIRE_SIP_CSEQ, true},
        {"CSeq without method", START VIA FROM TO ID "CSeq: 1\r\n\r\n", WIRE_SIP_CSEQ, true},
        {"CSeq glued", START VIA FROM TO ID "CSeq: 1INVITE\r\n\r\n", WIRE_SIP_CSEQ, true},
        {"CSeq beyond 32 bits", START VIA FROM TO ID "CSeq: 4294967296 INVITE\r\n\r\n",
         WIRE_SIP_CSEQ, true},
        {"two CSeqs", HEAD "CSeq: 2 INVITE\r\n\r\n", WIRE_SIP_CSEQ, true},
        {"no From", START VIA TO ID SEQ "\r\n", WIRE_SIP_FROM_TO, true},
        {"two From tags", HEAD "f: <sip:ann@example.com>;tag=a2\r\n\r\n", WIRE_SIP_FROM_TO, true},
        {"two lengths", HEAD "l: 3\r\nContent-Length: 0\r\n\r\nabc", WIRE_SIP_CONTENT_LENGTH, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span s = span_str(rows[i].text);
        if (parse(s))
            fail_msg("%s: usable", rows[i].name);
        if (m.event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(m.event));
        if (sip_sniff(s) != rows[i].sniff)
            fail_msg("%s: sniff", rows[i].name);
    }
}

// One byte shorter at every length, of a message that has everything.
static void cut_at_every_length(void **state)
{
    static const char text[] = HEAD "Contact: <sip:a@b>\r\nl: 4\r\nc: text/plain\r\n\r\nbody";
    static const size_t keys_end = sizeof HEAD - 1 - 2; // the CRLF of CSeq may be missing
    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct span s = guard_new(span_of(text, n));
        bool usable = sip_parse(s, &m);
        (void)sip_sniff(s);
        (void)sip_sdp(&m);
        assert_true(m.event != WIRE_NONE && m.event_offset <= n);
        if (n < keys_end - 7) // "CSeq: 1 I" already has a method
            assert_false(usable);
        if (n >= keys_end)
            assert_true(usable);
        guard_free(s);
    }
}

static char big[70000];

static size_t big_make(size_t headers, size_t value_bytes)
{
    size_t n = sizeof HEAD - 1;
    memcpy(big, HEAD, n);
    for (size_t i = 0; i < headers; i++) {
        memcpy(big + n, "X: ", 3);
        memset(big + n + 3, 'x', value_bytes);
        memcpy(big + n + 3 + value_bytes, "\r\n", 2);
        n += 5 + value_bytes;
    }
    memcpy(big + n, "\r\n", 2);
    return n + 2;
}

static void limits(void **state)
{
    size_t n = big_make(251, 1);
    (void)state;
    assert_true(parse(span_of(big, n)));
    assert_int_equal(m.headers, 256);
    assert_int_equal(m.event, WIRE_NONE);
    n = big_make(252, 1);
    assert_false(parse(span_of(big, n)));
    assert_int_equal(m.event, WIRE_SIP_HEADERS_MANY);
    n = big_make(1, 16384 - 3);
    assert_true(parse(span_of(big, n)));
    assert_int_equal(m.event, WIRE_NONE);
    n = big_make(1, 16384 - 2);
    assert_true(parse(span_of(big, n))); // the header is dropped and named
    assert_int_equal(m.event, WIRE_SIP_HEADER_LONG);
    assert_int_equal(m.headers, 5);
    n = big_make(5, 13000);
    assert_true(n <= 65535 && parse(span_of(big, n)));
    assert_false(parse(span_of(big, 65536)));
    assert_int_equal(m.event, WIRE_SIP_TOO_LONG);
    memset(big, 'x', sizeof big);
    memcpy(big, "INVITE sip:", 11);
    memcpy(big + 8183, " SIP/2.0\r\n", 10);
    assert_false(parse(span_of(big, 9000)) || m.event == WIRE_SIP_START_LINE); // 8191: no Call-ID
    memcpy(big + 8185, " SIP/2.0\r\n", 10);
    assert_false(parse(span_of(big, 9000)));
    assert_int_equal(m.event, WIRE_SIP_START_LINE);
}

// Trap 2 and 3: long Call-IDs are kept whole.
static void long_call_ids(void **state)
{
    static char text[6000];
    (void)state;
    for (size_t n = 300; n <= 4097; n += 3797) {
        size_t at = sizeof(START VIA FROM TO SEQ) - 1;
        memcpy(text, START VIA FROM TO SEQ "Call-ID: ", at + 9);
        memset(text + at + 9, 'c', n);
        memcpy(text + at + 9 + n, "\r\n\r\n", 4);
        bool usable = parse(span_of(text, at + 9 + n + 4));
        assert_int_equal(usable, n <= 4096);
        assert_int_equal(m.call_id.n, usable ? n : 0);
    }
}

static void cseq_flaws_that_stay_usable(void **state)
{
    (void)state;
    assert_true(parse(SPAN_LIT(START VIA FROM TO ID "CSeq: 4294967295 INVITE\r\n\r\n")));
    assert_int_equal(m.event, WIRE_SIP_CSEQ);
    assert_int_equal(m.cseq, UINT32_MAX);
    assert_true(parse(SPAN_LIT(START VIA FROM TO ID "CSeq: 2147483648 INVITE\r\n\r\n")));
    assert_int_equal(m.event, WIRE_SIP_CSEQ);
    assert_true(parse(SPAN_LIT(START VIA FROM TO ID "CSeq: 2147483647 INVITE\r\n\r\n")));
    assert_int_equal(m.event, WIRE_NONE);
    assert_true(parse(SPAN_LIT(START VIA FROM TO ID "CSeq: 7 BYE\r\n\r\n")));
    assert_int_equal(m.event, WIRE_SIP_CSEQ);
    assert_true(m.method == SIP_INVITE && m.cseq_method == SIP_BYE);
    assert_true(parse(
        SPAN_LIT("NEWMETHOD sip:b@e SIP/2.0\r\n" VIA FROM TO ID "CSeq: 7 NEWMETHOD\r\n\r\n")));
    assert_int_equal(m.event, WIRE_NONE);
    assert_int_equal(m.method, SIP_METHOD_OTHER);
    assert_span(m.method_text, "NEWMETHOD");
}

static void headers_by_name(void **state)
{
    (void)state;
    assert_true(
        parse(SPAN_LIT(HEAD "k: 100rel\r\nSupported: timer\r\nX-Cisco: one\r\nx-cisco: two\r\n"
                            "o: presence\r\nRoute: <sip:a>\r\nRoute: <sip:b>\r\n\r\n")));
    assert_span(sip_header_by_name(&m, SPAN_LIT("supported"), 0), "100rel");
    assert_span(sip_header_by_name(&m, SPAN_LIT("Supported"), 1), "timer");
    assert_span(sip_header_by_name(&m, SPAN_LIT("K"), 1), "timer");
    assert_span(sip_header_by_name(&m, SPAN_LIT("X-Cisco"), 1), "two");
    assert_span(sip_header_by_name(&m, SPAN_LIT("X-Cisco"), 2), "");
    assert_span(sip_header_by_name(&m, SPAN_LIT("i"), 0), "c1@192.0.2.1");
    assert_span(sip_header_value(&m, SIP_H_EVENT, 0), "presence");
    assert_span(sip_header_value(&m, SIP_H_ROUTE, 1), "<sip:b>");
    assert_span(sip_header_value(&m, SIP_H_ROUTE, 2), "");
    assert_string_equal(sip_method_name(SIP_PRACK), "PRACK");
    assert_string_equal(sip_method_name(SIP_METHOD_NONE), "");
}

// A capture that kept only the first bytes.
static void sniffing_of_pieces(void **state)
{
    (void)state;
    assert_true(sip_sniff(SPAN_LIT("INVITE sip:bob@exam")));
    assert_true(sip_sniff(SPAN_LIT("\r\nSIP/2.0 180")));
    assert_true(sip_sniff(SPAN_LIT("REGISTER sips:exam")));
    assert_false(sip_sniff(SPAN_LIT("INVITE")));
    assert_false(sip_sniff(SPAN_LIT("INVITE htt")));
    assert_false(sip_sniff(SPAN_LIT("SIP/")));
    assert_false(sip_sniff(SPAN_LIT("GET sip HTTP/1.1\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),           cmocka_unit_test(a_response),
        cmocka_unit_test(odd_but_legal),       cmocka_unit_test(refused),
        cmocka_unit_test(cut_at_every_length), cmocka_unit_test(limits),
        cmocka_unit_test(long_call_ids),       cmocka_unit_test(cseq_flaws_that_stay_usable),
        cmocka_unit_test(headers_by_name),     cmocka_unit_test(sniffing_of_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
