#include "wire/sipstream.h"
#include <stdio.h>
#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define FIN 1
#define SYN 2
#define RST 4

struct seen {
    unsigned messages, truncated;
    char text[20000];
    size_t n;
    uint16_t sport;
    int64_t at_us;
};

static struct sipstream *stream;
static struct seen seen;
static enum wire_event event;
static int64_t now_us;

static void on_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct seen *to = ctx;
    to->messages++;
    to->truncated += truncated;
    to->sport = p->sport;
    to->at_us = p->at_us;
    if (to->n + message.n <= sizeof to->text) {
        memcpy(to->text + to->n, message.p, message.n);
        to->n += message.n;
    }
}

static void begin(uint32_t connections)
{
    struct sipstream_opts o = {.connections = connections, .bytes = 32768};
    stream = sipstream_new(&o);
    assert_non_null(stream);
    memset(&seen, 0, sizeof seen);
    event = WIRE_NONE;
    now_us = 1000;
}

static struct sipstream_stat end(void)
{
    sipstream_flush(stream);
    struct sipstream_stat s = sipstream_stat(stream);
    assert_int_equal(s.used, 0);
    assert_int_equal(s.messages, seen.messages);
    stream = sipstream_free(stream);
    return s;
}

static void feed(uint16_t sport, uint32_t seq, unsigned flags, struct span data)
{
    struct span s = guard_new(data);
    struct pkt p = {.at_us = now_us, .sport = sport, .dport = 5060, .protocol = 6};
    p.src.family = p.dst.family = 4;
    p.src.b[3] = 1;
    p.dst.b[3] = 2;
    p.tcp_seq = seq;
    p.tcp_flags = (uint8_t)flags;
    p.payload = s;
    sipstream_feed(stream, &p, on_message, &seen, &event);
    guard_free(s);
}

#define MESSAGE(id, body, length)                                                                  \
    "MESSAGE sip:b@e SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nCall-ID: " id "\r\nCSeq: 1 MESSAGE\r\n"      \
    "Content-Length: " length "\r\n\r\n" body
#define M1 MESSAGE("one", "hello", "5")
#define M2 MESSAGE("two", "", "0")
#define M3 MESSAGE("three", "body three", "10")

static const char all[] = M1 "\r\n\r\n" M2 M3;
static const char want[] = M1 M2 M3;

static struct span part(size_t from, size_t to)
{
    return span_of(all + from, to - from);
}

static void seen_is_all(void)
{
    assert_int_equal(seen.messages, 3);
    assert_int_equal(seen.truncated, 0);
    assert_int_equal(seen.n, sizeof want - 1);
    assert_memory_equal(seen.text, want, seen.n);
}

// Traps 15, 16, 18: every place to cut in two, and pieces of every size from one byte.
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t k = 0; k <= sizeof all - 1; k++) {
        begin(2);
        feed(1, 0xffffff00, SYN, SPAN_LIT(""));
        feed(1, 0xffffff01, 0, part(0, k));
        feed(1, 0xffffff01 + (uint32_t)k, 0, part(k, sizeof all - 1));
        seen_is_all();
        end();
    }
    for (size_t size = 1; size < 60; size++) {
        begin(2);
        for (size_t at = 0; at < sizeof all - 1; at += size)
            feed(1, (uint32_t)at, 0,
                 part(at, at + size < sizeof all - 1 ? at + size : sizeof all - 1));
        seen_is_all();
        assert_int_equal(end().unfinished, 0);
    }
}

// Trap 17: three pieces in all six orders, with and without the handshake seen.
static void out_of_order(void **state)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const size_t cut[4] = {0, 60, 150, sizeof all - 1};
    (void)state;
    for (int handshake = 1; handshake >= 0; handshake--) {
        for (int o = 0; o < 6; o++) {
            begin(2);
            if (handshake)
                feed(1, 99, SYN, SPAN_LIT(""));
            for (int i = 0; i < 3; i++) {
                int k = orders[o][i];
                feed(1, 100 + (uint32_t)cut[k], 0, part(cut[k], cut[k + 1]));
            }
            // Without a handshake nobody knows that something was before: what is whole does not wait for it.
            if (handshake || o < 3)
                seen_is_all();
            else
                assert_int_equal(seen.messages, o == 3 ? 2 : 1);
            end();
        }
    }
}

static void doubled_and_overlapping(void **state)
{
    (void)state;
    begin(2);
    feed(1, 99, SYN, SPAN_LIT(""));
    for (size_t at = 0; at < sizeof all - 1; at += 20) {
        size_t to = at + 33 < sizeof all - 1 ? at + 33 : sizeof all - 1;
        feed(1, 100 + (uint32_t)at, 0, part(at, to));
        feed(1, 100 + (uint32_t)at, 0, part(at, to));
    }
    feed(1, 98, 0, SPAN_LIT("x")); // a keep-alive probe
    seen_is_all();
    assert_true(end().duplicate_bytes > sizeof all);
}

// Trap 19 and the like.
static void joined_mid_stream(void **state)
{
    (void)state;
    for (size_t k = 1; k < sizeof M1; k++) {
        begin(2);
        feed(1, 500, 0, part(k, sizeof all - 1));
        if (seen.messages != 2)
            fail_msg("joined at %zu: %u messages", k, seen.messages);
        assert_int_equal(seen.n, sizeof M2 M3 - 1);
        assert_memory_equal(seen.text, M2 M3, seen.n);
        end();
    }
    begin(2); // the next start line comes in a later segment, cut in two
    feed(1, 500, 0, part(30, 60));
    feed(1, 530, 0, part(60, sizeof M1 + 10));
    feed(1, 530 + (uint32_t)sizeof M1 - 50, 0, part(sizeof M1 + 10, sizeof all - 1));
    assert_int_equal(seen.messages, 2);
    end();
}

static void what_is_not_sip_costs_nothing(void **state)
{
    static const char *const others[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        "SSH-2.0-OpenSSH\r\n",
        "OPTIONS rtsp://a RTSP/1.0\r\n",
        "POST http://a/b HTTP/1.1\r\n\r\n",
        "{\"json\": true}\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        begin(1);
        feed(1, 99, SYN, SPAN_LIT(""));
        assert_int_equal(sipstream_stat(stream).used, 0);
        feed(1, 100, 0, span_str(others[i]));
        if (sipstream_stat(stream).used != 0)
            fail_msg("%s", others[i]);
        feed(1, 100 + (uint32_t)strlen(others[i]), 0, SPAN_LIT("more of it\r\n"));
        assert_int_equal(sipstream_stat(stream).used, 0);
        assert_int_equal(sipstream_stat(stream).segments, 0);
        // The same ports again, now SIP.
        feed(1, 7000, SYN, SPAN_LIT(""));
        feed(1, 7001, 0, part(0, sizeof all - 1));
        seen_is_all();
        end();
    }
    // Text joined in the middle has a slot for 16 segments, not longer.
    begin(1);
    for (uint32_t i = 0; i < 40; i++)
        feed(1, 100 + i * 8, 0, SPAN_LIT("<p>hi\r\n "));
    assert_int_equal(sipstream_stat(stream).used, 0);
    assert_true(sipstream_stat(stream).segments <= 20);
    // A first segment of 1 to 5 bytes waits.
    feed(2, 100, 0, SPAN_LIT("GET"));
    assert_int_equal(sipstream_stat(stream).used, 1);
    feed(2, 103, 0, SPAN_LIT(" / HTTP"));
    feed(2, 110, 0, SPAN_LIT("/1.1\r\n"));
    end();
}

// A hole inside the body is passed by Content-Length; the cut message is given out, marked.
static void hole_in_a_body(void **state)
{
    size_t head = sizeof M1 - 1 - 5;
    (void)state;
    begin(2);
    feed(1, 99, SYN, SPAN_LIT(""));
    feed(1, 100, 0, part(0, head + 1));
    feed(1, 100 + (uint32_t)head + 3, 0, part(head + 3, sizeof all - 1)); // "el" never comes
    assert_int_equal(seen.messages, 0);
    now_us += 4 * 1000 * 1000;
    feed(1, 100 + (uint32_t)sizeof all - 1, 0, SPAN_LIT("\r\n\r\n"));
    assert_int_equal(event, WIRE_TCP_HOLE);
    assert_int_equal(seen.messages, 3);
    assert_int_equal(seen.truncated, 1);
    assert_memory_equal(seen.text, M1, head + 1);
    struct sipstream_stat s = end();
    assert_int_equal(s.holes, 1);
    assert_int_equal(s.resyncs, 0);
    assert_int_equal(s.reordered, 2);
}

// A hole in a head: resynchronised at the next start line; what was begun is counted.
static void hole_in_a_head(void **state)
{
    (void)state;
    begin(2);
    feed(1, 99, SYN, SPAN_LIT(""));
    feed(1, 100, 0, part(0, 40));
    for (unsigned i = 0; i < 16; i++) { // 16 segments behind it: no more waiting
        assert_int_equal(seen.messages, 0);
        uint32_t at = i < 15 ? 50 + i : 65;
        feed(1, 100 + at, 0, part(at, i < 15 ? at + 1 : sizeof all - 1));
    }
    assert_int_equal(seen.messages, 2);
    assert_int_equal(seen.truncated, 0);
    assert_memory_equal(seen.text, M2 M3, seen.n);
    struct sipstream_stat s = end();
    assert_true(s.holes == 1 && s.resyncs == 1 && s.unfinished == 1);
}

// The connection falls silent behind a hole: another connection's packets bring it to light, under its own addresses.
static void hole_in_a_silent_connection(void **state)
{
    (void)state;
    begin(2);
    feed(7, 99, SYN, SPAN_LIT(""));
    feed(7, 100, 0, part(0, 40));
    feed(7, 160, FIN, part(60, sizeof all - 1));
    assert_int_equal(seen.messages, 0);
    now_us += 4 * 1000 * 1000;
    feed(8, 1, 0, SPAN_LIT("SIP/2.0 200"));
    feed(8, 12, 0, SPAN_LIT(" OK"));
    assert_int_equal(seen.messages, 2);
    assert_int_equal(seen.sport, 7);
    assert_int_equal(seen.at_us, 1000);
    end();
}

static void hole_wider_than_the_buffer(void **state)
{
    (void)state;
    begin(2);
    feed(1, 99, SYN, SPAN_LIT(""));
    feed(1, 100, 0, part(0, 40));
    feed(1, 100 + 100000, 0, part(0, sizeof all - 1));
    seen_is_all();
    struct sipstream_stat s = end();
    assert_true(s.holes == 1 && s.unfinished == 1);
}

// Content-Length decides where the next message begins, so it must not be believed lightly (CVE-2026-23457).
static void lengths_that_lie(void **state)
{
    static const struct {
        const char *length;
        enum wire_event event;
    } rows[] = {
        {"4294967301", WIRE_SIP_TOO_LONG},        {"40000", WIRE_SIP_TOO_LONG},
        {"99999999999", WIRE_SIP_CONTENT_LENGTH}, {"-5", WIRE_SIP_CONTENT_LENGTH},
        {"5x", WIRE_SIP_CONTENT_LENGTH},          {"", WIRE_SIP_CONTENT_LENGTH},
        {"5\r\nl: 6", WIRE_SIP_CONTENT_LENGTH},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        int n =
            snprintf(text, sizeof text,
                     "MESSAGE sip:b@e SIP/2.0\r\nCall-ID: x\r\nContent-Length: %s\r\n\r\nhello" M2,
                     rows[i].length);
        begin(2);
        feed(1, 0, 0, span_of(text, (size_t)n));
        if (event != rows[i].event)
            fail_msg("%s: %s", rows[i].length, wire_event_name(event));
        // Its head is given out, marked; "helloMESSAGE" is no start line, so what follows comes with the next one.
        assert_int_equal(seen.truncated, 1);
        feed(1, (uint32_t)n, 0, SPAN_LIT("\r\n" M3));
        assert_int_equal(seen.messages, 2);
        assert_int_equal(end().resyncs, 1);
    }
}

static void a_head_without_end(void **state)
{
    static char x[1000];
    (void)state;
    memset(x, 'x', sizeof x);
    begin(2);
    feed(1, 0, 0, SPAN_LIT("MESSAGE sip:b@e SIP/2.0\r\n"));
    for (uint32_t i = 0; i < 40; i++)
        feed(1, 25 + i * 1000, 0, SPAN_ARRAY((uint8_t *)x));
    feed(1, 25 + 40000, 0, SPAN_LIT("\r\n" M2));
    assert_int_equal(seen.messages, 1);
    assert_int_equal(seen.truncated, 0);
    end();
}

static void resets_and_new_connections(void **state)
{
    (void)state;
    begin(2);
    feed(1, 99, SYN, SPAN_LIT(""));
    feed(1, 100, 0, part(0, 40));
    feed(1, 140, RST, SPAN_LIT(""));
    assert_int_equal(sipstream_stat(stream).used, 0);
    assert_int_equal(sipstream_stat(stream).unfinished, 1);
    feed(1, 5000, SYN, SPAN_LIT(""));
    feed(1, 5001, 0, part(0, 40));
    feed(1, 5000, SYN, SPAN_LIT("")); // the SYN again changes nothing
    feed(1, 5041, FIN, part(40, sizeof all - 1));
    seen_is_all();
    assert_int_equal(sipstream_stat(stream).used, 0);
    feed(1, 9000, SYN, SPAN_LIT(""));
    feed(1, 9001, 0, part(0, 40));
    feed(1, 70000, SYN, SPAN_LIT("")); // a new connection on the old ports
    feed(1, 70001, 0, part(0, sizeof all - 1));
    assert_int_equal(seen.messages, 6);
    assert_int_equal(end().unfinished, 2);
}

// Fill the table, pass it, drain it.
static void full_and_idle(void **state)
{
    (void)state;
    begin(4);
    for (uint16_t i = 0; i < 4; i++)
        feed(i, 1, 0, part(0, 40));
    assert_int_equal(sipstream_stat(stream).used, 4);
    feed(0, 41, 0, part(40, 50)); // now 1 is the one idle longest
    feed(9, 1, 0, part(0, 40));
    assert_int_equal(event, WIRE_TCP_TABLE_FULL);
    assert_int_equal(sipstream_stat(stream).evicted, 1);
    assert_int_equal(sipstream_stat(stream).used, 4);
    feed(0, 51, 0, part(50, sizeof all - 1));
    seen_is_all();
    now_us += INT64_C(3601) * 1000 * 1000;
    for (int i = 0; i < 3; i++)
        feed(11, 1, SYN, SPAN_LIT(""));
    assert_int_equal(sipstream_stat(stream).used, 0);
    assert_int_equal(end().unfinished, 4);
    assert_null(sipstream_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(out_of_order),
        cmocka_unit_test(doubled_and_overlapping),
        cmocka_unit_test(joined_mid_stream),
        cmocka_unit_test(what_is_not_sip_costs_nothing),
        cmocka_unit_test(hole_in_a_body),
        cmocka_unit_test(hole_in_a_head),
        cmocka_unit_test(hole_in_a_silent_connection),
        cmocka_unit_test(hole_wider_than_the_buffer),
        cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(a_head_without_end),
        cmocka_unit_test(resets_and_new_connections),
        cmocka_unit_test(full_and_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
