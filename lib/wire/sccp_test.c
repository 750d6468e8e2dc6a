#include "tests/support/test.h"
#include "wire/sccp.h"
#include "wire/sipstream.h"
#include "wire/wire_testing.h"

static void put_le(struct bytes *b, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        put8(b, v >> (8 * i) & 255);
}

static void put_text(struct bytes *b, const char *s, size_t width)
{
    size_t n = strlen(s);
    put(b, span_of(s, n));
    put_zero(b, width - n);
}

static struct bytes begin(uint32_t version, uint32_t id)
{
    struct bytes b = {.n = 0};
    put_le(&b, 0);
    put_le(&b, version);
    put_le(&b, id);
    return b;
}

static struct span whole(struct bytes *b)
{
    b->b[0] = (uint8_t)(b->n - 8);
    b->b[1] = (uint8_t)((b->n - 8) >> 8);
    return bytes_span(b);
}

static void numbers(struct bytes *b, size_t n, const uint32_t *v)
{
    for (size_t i = 0; i < n; i++)
        put_le(b, v[i]);
}
#define NUMBERS(b, ...)                                                                            \
    numbers(b, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

static struct bytes call_info(void)
{
    struct bytes b = begin(0, SCCP_CALL_INFO);
    put_text(&b, "Alice", 40);
    put_text(&b, "8003", 24);
    put_text(&b, "Bob", 40);
    put_text(&b, "8001", 24);
    NUMBERS(&b, 1, 77, 2);
    return b;
}

static struct bytes call_info_v2(void)
{
    struct bytes b = begin(20, SCCP_CALL_INFO_V2);
    NUMBERS(&b, 1, 77, 1, 0, 0, 1, 0, 0);
    put(&b, SPAN_LIT("8003\0\0008001\0o\0l\0a\0b\0c\0d\0Alice\0Bob\0\0"));
    return b;
}

static struct bytes start_media(uint32_t version, bool v6)
{
    struct bytes b = begin(version, SCCP_START_MEDIA_TRANSMISSION);
    NUMBERS(&b, 77, 9);
    if (version >= 16)
        put_le(&b, v6);
    put(&b, v6 ? SPAN_LIT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1") : SPAN_LIT("\xc0\0\2\1"));
    if (version >= 16 && !v6)
        put_zero(&b, 12);
    NUMBERS(&b, 16384, 20, 4, 184, 0, 0, 0, 77);
    return b;
}

static struct bytes receive_ack(uint32_t version)
{
    struct bytes b = begin(version, SCCP_OPEN_RECEIVE_CHANNEL_ACK);
    put_le(&b, 0);
    if (version >= 16)
        put_le(&b, 0);
    put(&b, SPAN_LIT("\xc0\0\2\1"));
    if (version >= 16)
        put_zero(&b, 12);
    NUMBERS(&b, 24584, 9, 77);
    return b;
}

static void parties(void **state)
{
    (void)state;
    struct bytes one[] = {call_info(), call_info_v2()};
    for (size_t i = 0; i < COUNT_OF(one); i++) {
        struct sccp_msg m;
        assert_int_equal(sccp_parse(whole(&one[i]), &m), WIRE_NONE);
        assert_span(m.calling, "8003");
        assert_span(m.called, "8001");
        assert_span(m.calling_name, "Alice");
        assert_span(m.called_name, "Bob");
        assert_int_equal(m.call_ref, 77);
        assert_int_equal(m.line, 1);
        assert_int_equal(m.call_type, i == 0 ? 2 : 1);
    }
}

static void media(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool v6;
        const char *ip;
    } row[] = {{0, false, "192.0.2.1"},
               {15, false, "192.0.2.1"},
               {20, false, "192.0.2.1"},
               {22, true, "2001:db8::1"}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct bytes b = start_media(row[i].version, row[i].v6);
        struct sccp_msg m;
        char ip[46];
        assert_int_equal(sccp_parse(whole(&b), &m), WIRE_NONE);
        ip_addr_format(&m.at.ip, ip, sizeof ip);
        assert_string_equal(ip, row[i].ip);
        assert_int_equal(m.at.port, 16384);
        assert_int_equal(m.codec, 4);
        assert_int_equal(m.ptime_ms, 20);
        assert_int_equal(m.call_ref, 77);
        assert_int_equal(m.pass_through, 9);
        b = receive_ack(row[i].version);
        assert_int_equal(sccp_parse(whole(&b), &m), WIRE_NONE);
        assert_int_equal(m.at.port, 24584);
        assert_int_equal(m.call_ref, 77);
        assert_int_equal(m.status, 0);
    }
}

static void flaws(void **state)
{
    (void)state;
    struct bytes b = start_media(20, false);
    b.b[20] = 2; // neither 4 nor 6
    struct sccp_msg m;
    assert_int_equal(sccp_parse(whole(&b), &m), WIRE_SCCP_ADDRESS);
    b = start_media(20, false);
    b.b[42] = 1; // a port over 65535
    assert_int_equal(sccp_parse(whole(&b), &m), WIRE_SCCP_ADDRESS);
    b = begin(0, 0x9999); // not known: nothing to read, nothing wrong
    assert_int_equal(sccp_parse(whole(&b), &m), WIRE_NONE);
    assert_int_equal(m.call_ref, 0);
    assert_int_equal(sccp_parse(SPAN_LIT("\3\0\0\0\0\0\0\0"), &m), WIRE_SCCP_SHORT);
}

// Each message one byte shorter at every length: what the header promises is missing, or its own fields are.
static void every_length(void **state)
{
    (void)state;
    struct bytes all[] = {call_info(),           call_info_v2(), start_media(0, false),
                          start_media(20, true), receive_ack(0), receive_ack(20)};
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        struct span s = whole(&all[k]);
        for (size_t n = 0; n < s.n; n++) {
            struct span cut = guard_new(span_sub(s, 0, n));
            struct sccp_msg m;
            assert_int_equal(sccp_parse(cut, &m), WIRE_SCCP_SHORT);
            (void)sccp_frame(cut);
            guard_free(cut);
            if (n < 12)
                continue;
            struct bytes shorter = all[k]; // a header that fits what is there
            shorter.n = n;
            struct span fits = guard_new(whole(&shorter));
            enum wire_event e = sccp_parse(fits, &m);
            assert_true(e == WIRE_NONE || e == WIRE_SCCP_SHORT);
            guard_free(fits);
        }
    }
}

static void frames(void **state)
{
    (void)state;
    static const struct {
        struct span head;
        int32_t want;
    } row[] = {
        {{(const uint8_t *)"\4\0\0\0\0\0\0\0\0\1\0\0", 12}, 12},       // KeepAliveAck
        {{(const uint8_t *)"\x1c\0\0\0\x14\0\0\0\x11\1\0\0", 12}, 36}, // CallState
        {{(const uint8_t *)"\x1c\0\0\0\x14\0\0\0\x11\1\0", 11}, 0},
        {{(const uint8_t *)"\x1c", 1}, 0},
        {{(const uint8_t *)"\xf8\x1f\0\0\x14\0\0\0\x11\1\0\0", 12},
         8192}, // the longest, and one more
        {{(const uint8_t *)"\xf9\x1f\0\0\x14\0\0\0\x11\1\0\0", 12}, -1},
        {{(const uint8_t *)"\3\0\0\4\0\0\0\0\0\0\0\0", 12}, -1}, // TPKT
        {{(const uint8_t *)"\0\0\0\0", 4}, -1},
        {{(const uint8_t *)"\x1c\0\0\0\x99\0\0\0", 8}, -1},
        {{(const uint8_t *)"\x1c\0\0\0\x14\0\0\0\x11\7\0\0", 12}, -1},
        {{(const uint8_t *)"GET / HTTP/1", 12}, -1},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++)
        assert_int_equal(sccp_frame(row[i].head), row[i].want);
}

// ---- framed messages over TCP -------------------------------------------------------------------------------------

struct got {
    size_t n, truncated;
    uint32_t first[64]; // bytes 8.. of each: the id
};

static void on_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    (void)p;
    struct got *g = ctx;
    assert_true(g->n < COUNT_OF(g->first));
    g->truncated += truncated;
    g->first[g->n++] = message.n > 8 ? message.p[8] : 0;
}

static struct sipstream *stream_new(void)
{
    struct sipstream *s = sipstream_new(
        &(struct sipstream_opts){.connections = 2, .bytes = 4096, .frame = sccp_frame});
    assert_non_null(s);
    return s;
}

static enum wire_event segment(struct sipstream *s, struct got *g, uint32_t seq, unsigned flags,
                               struct span data)
{
    struct pkt p = {.protocol = 6, .sport = 2000, .dport = 3000, .tcp_seq = seq, .at_us = 1};
    p.tcp_flags = (uint8_t)flags;
    p.src.family = p.dst.family = 4;
    p.payload = data;
    enum wire_event e;
    sipstream_feed(s, &p, on_message, g, &e);
    return e;
}

// 40 messages cut into segments of every size up to 100.
static void framed_in_segments_of_any_size(void **state)
{
    (void)state;
    struct bytes all = {.n = 0};
    for (uint32_t i = 0; i < 40; i++) {
        struct bytes b = begin(0, i);
        put_zero(&b, i);
        put(&all, whole(&b));
    }
    for (size_t size = 1; size <= 100; size++) {
        struct got g = {0};
        struct sipstream *s = stream_new();
        (void)segment(s, &g, 99, 2, span_of(NULL, 0));
        for (size_t at = 0; at < all.n; at += size)
            assert_int_equal(
                segment(s, &g, (uint32_t)(100 + at), 16, span_sub(bytes_span(&all), at, size)),
                WIRE_NONE);
        assert_int_equal(g.n, 40);
        for (uint32_t i = 0; i < 40; i++)
            assert_int_equal(g.first[i], i);
        sipstream_free(s);
    }
}

static void framed_with_a_hole(void **state)
{
    (void)state;
    struct bytes b = begin(0, 7);
    put_zero(&b, 20);
    struct span m = whole(&b);
    struct got g = {0};
    struct sipstream *s = stream_new();
    (void)segment(s, &g, 99, 2, span_of(NULL, 0));
    (void)segment(s, &g, 100, 16, span_sub(m, 0, 20)); // the head; its end never comes
    uint32_t seq = 100 + 2 * (uint32_t)m.n;            // nor does the next message
    for (int i = 0; i < 16; i++, seq += (uint32_t)m.n)
        (void)segment(s, &g, seq, 16, m);
    assert_int_equal(g.truncated, 1);
    assert_int_equal(g.n, 17);
    // Garbage, then a segment that begins with a message again.
    assert_int_equal(
        segment(s, &g, seq, 16, SPAN_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
        WIRE_TCP_RESYNC);
    (void)segment(s, &g, seq + 12, 16, m);
    assert_int_equal(g.n, 18);
    sipstream_free(s);
}

static void framed_joined_in_the_middle(void **state)
{
    (void)state;
    struct bytes b = begin(0, 7);
    struct span m = whole(&b);
    struct got g = {0};
    struct sipstream *s = stream_new();
    (void)segment(s, &g, 5000, 16, SPAN_LIT("half of something"));
    assert_int_equal(sipstream_stat(s).used, 0);
    (void)segment(s, &g, 6000, 16, m);
    assert_int_equal(g.n, 1);
    assert_int_equal(sipstream_stat(s).used, 1);
    sipstream_free(s);
}

// The beginnings of WebSocket: nothing to a table of framed messages, in a connection known from its SYN or not.
static void framed_is_no_websocket(void **state)
{
    (void)state;
    static const struct span begins[] = {
        SPAN_LIT("GET /sip HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"),
        SPAN_LIT("GET /"), SPAN_LIT("\x81\x1aOPTIONS sip:b@x.de SIP/2.0")};
    for (size_t i = 0; i < COUNT_OF(begins); i++)
        for (int syn = 0; syn < 2; syn++) {
            struct got g = {0};
            struct sipstream *s = stream_new(), *sip = sipstream_new(NULL);
            if (syn)
                (void)segment(s, &g, 99, 2, span_of(NULL, 0));
            (void)segment(s, &g, 100, 16, begins[i]);
            assert_int_equal(sipstream_stat(s).used, 0);
            if (i < 2) // a frame without a handshake is one only where the beginning was not seen
                (void)segment(sip, &g, 99, 2, span_of(NULL, 0));
            (void)segment(sip, &g, 100, 16, begins[i]);
            assert_int_equal(sipstream_stat(sip).used, 1); // there they are one
            sipstream_free(sip);
            sipstream_free(s);
        }
}

static void names_and_codecs(void **state)
{
    (void)state;
    uint8_t pt;
    assert_true(sccp_payload_type(4, &pt) && pt == 0);
    assert_true(sccp_payload_type(11, &pt) && pt == 18);
    assert_false(sccp_payload_type(25, &pt));
    assert_string_equal(sccp_state_name(5), "Connected");
    assert_null(sccp_state_name(0));
    assert_null(sccp_state_name(15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parties),
        cmocka_unit_test(media),
        cmocka_unit_test(flaws),
        cmocka_unit_test(every_length),
        cmocka_unit_test(frames),
        cmocka_unit_test(framed_in_segments_of_any_size),
        cmocka_unit_test(framed_with_a_hole),
        cmocka_unit_test(framed_joined_in_the_middle),
        cmocka_unit_test(framed_is_no_websocket),
        cmocka_unit_test(names_and_codecs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
