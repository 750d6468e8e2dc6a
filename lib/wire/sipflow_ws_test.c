// SIP over WebSocket through sipstream: handshakes, frames, masks, fragments, control frames, holes, joining late.
#include <stdio.h>
#include "tests/support/test.h"
#include "wire/sipflow.h"
#include "wire/wire_testing.h"

#define SYN 2
#define MESSAGE(id)                                                                                \
    "MESSAGE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/WS "                                        \
    "df7jal23ls0d.invalid;branch=z9hG4bK1\r\n"                                                     \
    "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: " id                   \
    "\r\nCSeq: 1 MESSAGE\r\n\r\nbody of " id
#define HTTP_GET                                                                                   \
    "GET /sip HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, "     \
    "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, "     \
    "sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define HTTP_101                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

static struct {
    unsigned messages, truncated;
    char text[200000];
    size_t n;
} seen;
static struct sipstream *stream;
static unsigned events[WIRE_EVENT_COUNT];
static int64_t now_us;

static uint8_t bytes[200000];
static size_t n;

static void on_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    (void)ctx;
    (void)p;
    seen.messages++;
    seen.truncated += truncated;
    assert_true(seen.n + message.n <= sizeof seen.text);
    memcpy(seen.text + seen.n, message.p, message.n);
    seen.n += message.n;
}

static void begin(void)
{
    stream = sipstream_new(&(struct sipstream_opts){.connections = 2});
    assert_non_null(stream);
    memset(&seen, 0, sizeof seen);
    memset(events, 0, sizeof events);
    n = 0;
    now_us = 1000;
}

static struct sipstream_stat end(void)
{
    sipstream_flush(stream);
    struct sipstream_stat s = sipstream_stat(stream);
    assert_int_equal(s.used, 0);
    stream = sipstream_free(stream);
    return s;
}

static void feed(uint32_t seq, unsigned flags, struct span data)
{
    struct span s = guard_new(data);
    struct pkt p = {.at_us = now_us, .sport = 1000, .dport = 80, .protocol = 6};
    enum wire_event e;
    p.src.family = p.dst.family = 4;
    p.src.b[3] = 1;
    p.tcp_seq = seq;
    p.tcp_flags = (uint8_t)flags;
    p.payload = s;
    sipstream_feed(stream, &p, on_message, NULL, &e);
    events[e]++;
    guard_free(s);
}

static void put_bytes(const void *p, size_t len)
{
    assert_true(n + len <= sizeof bytes);
    memcpy(bytes + n, p, len);
    n += len;
}

// A frame of len bytes of text; mask 0: none.
static void frame(uint8_t first, uint32_t mask, const char *text, size_t len)
{
    uint8_t head[14] = {first}, m[4] = {(uint8_t)(mask >> 24), (uint8_t)(mask >> 16),
                                        (uint8_t)(mask >> 8), (uint8_t)mask};
    size_t h = 2;
    if (len < 126) {
        head[1] = (uint8_t)len;
    } else if (len < 65536) {
        head[1] = 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        h = 4;
    } else {
        head[1] = 127;
        for (int i = 0; i < 4; i++)
            head[6 + i] = (uint8_t)(len >> (24 - 8 * i));
        h = 10;
    }
    if (mask) {
        head[1] |= 0x80;
        memcpy(head + h, m, 4);
        h += 4;
    }
    put_bytes(head, h);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i] ^ (mask ? m[i & 3] : 0);
        put_bytes(&c, 1);
    }
}

static void text_frame(uint32_t mask, const char *text)
{
    frame(0x81, mask, text, strlen(text));
}

// All that was put, in pieces of `piece` bytes; the first byte has sequence number 100.
static void feed_all(size_t piece, bool syn)
{
    if (syn)
        feed(99, SYN, span_of(NULL, 0));
    for (size_t at = 0; at < n; at += piece)
        feed(100 + (uint32_t)at, 0, span_of(bytes + at, n - at < piece ? n - at : piece));
}

static void assert_seen(unsigned messages, const char *text)
{
    if (seen.messages != messages || seen.n != strlen(text) || memcmp(seen.text, text, seen.n))
        fail_msg("%u messages: %.*s", seen.messages, (int)seen.n, seen.text);
}

// Every cut of the stream gives the same: client's frames masked, server's not, one message in three frames with a
// ping between them, keep-alives.
static void handshake_and_frames(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 900; piece = piece < 20 ? piece + 1 : piece * 2) {
        for (int server = 0; server < 2; server++) {
            uint32_t mask = server ? 0 : 0x1a2b3c4d;
            begin();
            put_bytes(server ? HTTP_101 : HTTP_GET, strlen(server ? HTTP_101 : HTTP_GET));
            text_frame(mask, MESSAGE("one"));
            frame(0x89, mask, "are you there", 13);
            frame(0x01, mask, MESSAGE("two"), 10);
            frame(0x89, mask, "", 0);
            frame(0x00, mask ? 0xff00ff00 : 0, &MESSAGE("two")[10], 50);
            frame(0x80, mask, &MESSAGE("two")[60], strlen(MESSAGE("two")) - 60);
            frame(0x82, mask, "\r\n\r\n", 4);
            frame(0x8a, mask, "x", 1);
            frame(0x82, mask, MESSAGE("three"), strlen(MESSAGE("three")));
            feed_all(piece, true);
            assert_seen(3, MESSAGE("one") MESSAGE("two") MESSAGE("three"));
            assert_int_equal(events[WIRE_NONE], (n + piece - 1) / piece + 1);
            assert_int_equal(end().unfinished, 0);
        }
    }
}

static void close_ends_it(void **state)
{
    (void)state;
    begin();
    put_bytes(HTTP_GET, strlen(HTTP_GET));
    text_frame(1, MESSAGE("one"));
    frame(0x88, 1, "\x03\xe8", 2);
    text_frame(1, MESSAGE("never"));
    feed_all(n, true);
    assert_seen(1, MESSAGE("one"));
    feed(100 + (uint32_t)n, 1, span_of(NULL, 0)); // FIN
    assert_int_equal(sipstream_stat(stream).used, 0);
    assert_int_equal(end().unfinished, 0);
}

// Only what asks for "sip" costs a slot.
static void other_http(void **state)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: h2c\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sips, xsip\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        for (size_t piece = 1; piece < 200; piece += 60) {
            begin();
            put_bytes(heads[i], strlen(heads[i]));
            feed_all(piece, true);
            if (sipstream_stat(stream).used != 0)
                fail_msg("%s: holds a slot", heads[i]);
            (void)end();
        }
    }
    // A head that never ends does not hold its slot for ever: 16 KiB.
    begin();
    put_bytes("GET / HTTP/1.1\r\n", 16);
    while (n < 20000)
        put_bytes("X-Filler: 0123456789\r\n", 22);
    feed(99, SYN, span_of(NULL, 0));
    feed(100, 0, span_of(bytes, 16383));
    assert_int_equal(sipstream_stat(stream).used, 1);
    feed(100 + 16383, 0, span_of(bytes + 16383, 1));
    assert_int_equal(sipstream_stat(stream).used, 0);
    (void)end();
}

static void joined_late(void **state)
{
    (void)state;
    begin(); // at a frame
    text_frame(0xdeadbeef, MESSAGE("one"));
    text_frame(0x01020304, MESSAGE("two"));
    feed_all(n, false);
    assert_seen(2, MESSAGE("one") MESSAGE("two"));
    (void)end();

    begin(); // inside a masked frame; the next segment begins with a frame
    text_frame(0xdeadbeef, MESSAGE("one"));
    size_t cut = n;
    text_frame(0, MESSAGE("two"));
    feed(150, 0, span_of(bytes + 50, cut - 50));
    feed(100 + (uint32_t)cut, 0, span_of(bytes + cut, n - cut));
    assert_seen(1, MESSAGE("two"));
    (void)end();

    begin(); // an HTTP connection that was no SIP asks for WebSocket later
    put_bytes("GET /page HTTP/1.1\r\nHost: a\r\n\r\n", 31);
    cut = n;
    put_bytes(HTTP_GET, strlen(HTTP_GET));
    text_frame(5, MESSAGE("one"));
    feed(99, SYN, span_of(NULL, 0));
    feed(100, 0, span_of(bytes, cut));
    assert_int_equal(sipstream_stat(stream).used, 0);
    feed(100 + (uint32_t)cut, 0, span_of(bytes + cut, n - cut));
    assert_seen(1, MESSAGE("one"));
    (void)end();
}

static void segments_out_of_order(void **state)
{
    (void)state;
    begin();
    put_bytes(HTTP_GET, strlen(HTTP_GET));
    text_frame(0x55aa55aa, MESSAGE("one"));
    text_frame(0x55aa55ab, MESSAGE("two"));
    feed(99, SYN, span_of(NULL, 0));
    for (size_t at = 0; at < n; at += 120) { // pairs swapped
        size_t second = at + 60 < n ? at + 60 : n;
        size_t to = second + 60 < n ? second + 60 : n;
        feed(100 + (uint32_t)second, 0, span_of(bytes + second, to - second));
        feed(100 + (uint32_t)at, 0, span_of(bytes + at, second - at));
    }
    assert_seen(2, MESSAGE("one") MESSAGE("two"));
    (void)end();
}

// A hole inside a frame: that message is given out cut, the next one whole. A hole over a frame's header: the next
// frame that begins as SIP is found.
static void holes(void **state)
{
    size_t head = strlen(HTTP_GET);
    (void)state;
    for (int over = 0; over < 2; over++) {
        begin();
        put_bytes(HTTP_GET, head);
        text_frame(0x0badcafe, MESSAGE("one"));
        size_t two = n;
        text_frame(0x0badcaff, MESSAGE("two"));
        size_t three = n;
        text_frame(0x11223344, MESSAGE("three"));
        size_t from = over ? two - 10 : two + 100, to = over ? two + 30 : two + 131;
        feed(99, SYN, span_of(NULL, 0));
        feed(100, 0, span_of(bytes, from));
        feed(100 + (uint32_t)to, 0, span_of(bytes + to, three - to));
        now_us += 4000000;
        feed(100 + (uint32_t)three, 0, span_of(bytes + three, n - three));
        assert_int_equal(seen.messages, 3 - over);
        assert_int_equal(seen.truncated, 1);
        assert_true(seen.n > strlen(MESSAGE("three")));
        assert_memory_equal(seen.text + seen.n - strlen(MESSAGE("three")), MESSAGE("three"),
                            strlen(MESSAGE("three")));
        assert_int_equal(events[WIRE_TCP_HOLE], 1);
        assert_int_equal(end().holes, 1);
    }
}

static void flaws(void **state)
{
    static char large[70000];
    static const struct {
        const char *name;
        uint8_t bad[16];
        size_t bad_n;
        enum wire_event event;
    } rows[] = {
        {"reserved bit", {0xa1, 0x01, 'x'}, 3, WIRE_WS_FRAME},
        {"unknown opcode", {0x83, 0x01, 'x'}, 3, WIRE_WS_FRAME},
        {"long ping", {0x89, 0x7e, 0x00, 0x80}, 4, WIRE_WS_FRAME},
        {"ping in pieces", {0x09, 0x01, 'x'}, 3, WIRE_WS_FRAME},
        {"length not shortest",
         {0x81, 0x7e, 0x00, 0x05, 'a', 'b', 'c', 'd', 'e'},
         9,
         WIRE_WS_FRAME},
        {"length of 2^63", {0x81, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10, WIRE_WS_FRAME},
        {"rest of nothing", {0x80, 0x03, 'x', 'y', 'z'}, 5, WIRE_WS_FRAME},
        {"other content", {0x81, 0x07, '{', '"', 'a', '"', ':', '1', '}'}, 9, WIRE_WS_NOT_SIP},
        {"compressed", {0xc1, 0x05, 1, 2, 3, 4, 5}, 7, WIRE_WS_COMPRESSED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        put_bytes(HTTP_101, strlen(HTTP_101));
        text_frame(0, MESSAGE("one"));
        put_bytes(rows[i].bad, rows[i].bad_n);
        text_frame(0, MESSAGE("two"));
        text_frame(0, MESSAGE("three"));
        feed_all(n, true);
        if (events[rows[i].event] != 1 || seen.messages != 3)
            fail_msg("%s: %u messages, counted %u", rows[i].name, seen.messages,
                     events[rows[i].event]);
        (void)end();
    }
    memset(large, 'x', sizeof large);
    memcpy(large, MESSAGE("big"), strlen(MESSAGE("big")));
    begin(); // larger than a message may be: passed by its length, the next one is read
    put_bytes(HTTP_GET, strlen(HTTP_GET));
    frame(0x81, 7, large, sizeof large);
    text_frame(7, MESSAGE("two"));
    feed_all(1400, true);
    assert_seen(1, MESSAGE("two"));
    assert_int_equal(events[WIRE_SIP_TOO_LONG], 1);
    (void)end();
    begin(); // the largest, in frames of 3 bytes: the dead headers never fill the buffer
    put_bytes(HTTP_GET, strlen(HTTP_GET));
    for (size_t at = 0; at < 65535; at += 3)
        frame(at == 0 ? 0x01 : at + 3 >= 65535 ? 0x80 : 0x00, 0x01010101, large + at, 3);
    feed_all(1460, true);
    assert_int_equal(seen.messages, 1);
    assert_int_equal(seen.n, 65535);
    assert_memory_equal(seen.text, large, 65535);
    (void)end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_and_frames),
        cmocka_unit_test(close_ends_it),
        cmocka_unit_test(other_http),
        cmocka_unit_test(joined_late),
        cmocka_unit_test(segments_out_of_order),
        cmocka_unit_test(holes),
        cmocka_unit_test(flaws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
