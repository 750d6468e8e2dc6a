// Not media: what shares ports and networks with it.
#include "worker_kit.h"

// What shares the network with media, and may look like a packet of it: 200 packets of each flow, no stream.
static const struct flow {
    const char *name;
    struct span head; // of each packet; the rest is noise
    unsigned sport, dport;
    int seq_at, stamp_at; // where a counter of 16 or 32 bits stands, or -1
    enum capture_stat counted;
} flows_of_others[] = {
    {"DNS with every id", {(const uint8_t *)"", 0}, 40000, 53, 0, -1, CAPTURE_PACKETS},
    {"STUN",
     {(const uint8_t *)"\0\1\0\x58\x21\x12\xa4\x42", 8},
     40000,
     40002,
     -1,
     -1,
     CAPTURE_STUN},
    {"DTLS", {(const uint8_t *)"\x17\xfe\xfd\0\1\0\0\0\0", 9}, 40000, 40002, -1, 7, CAPTURE_DTLS},
    {"TURN channel", {(const uint8_t *)"\x40\1\0\x5c", 4}, 40000, 3479, -1, -1, CAPTURE_TURN},
    {"QUIC, long header",
     {(const uint8_t *)"\xc3\0\0\0\1\x8", 6},
     40000,
     4433,
     -1,
     -1,
     CAPTURE_PACKETS},
    {"QUIC, short header, fixed bit greased",
     {(const uint8_t *)"\x80", 1},
     40000,
     4433,
     -1,
     -1,
     CAPTURE_PACKETS},
    {"QUIC, the same with one connection id",
     {(const uint8_t *)"\xa0"
                       "connection-id",
      14},
     40000,
     4433,
     -1,
     -1,
     CAPTURE_PACKETS},
    {"a game: fixed head, counter, noise for a stamp",
     {(const uint8_t *)"\x80\x60", 2},
     40000,
     27015,
     2,
     -1,
     CAPTURE_PACKETS},
    {"a game: fixed head, session where the SSRC stands, no counter",
     {(const uint8_t *)"\x90\x61\0\0\0\0\0\0SESS", 12},
     40000,
     27015,
     -1,
     -1,
     CAPTURE_PACKETS},
    {"Source engine",
     {(const uint8_t *)"\xff\xff\xff\xff", 4},
     40000,
     27015,
     -1,
     -1,
     CAPTURE_PACKETS},
    {"WireGuard on another port",
     {(const uint8_t *)"\4\0\0\0", 4},
     40000,
     40002,
     -1,
     8,
     CAPTURE_PACKETS},
    {"noise", {(const uint8_t *)"", 0}, 40000, 40002, -1, -1, CAPTURE_PACKETS},
    {"noise with version 2", {(const uint8_t *)"\x80\0", 2}, 40000, 40002, -1, -1, CAPTURE_PACKETS},
};

static void others_are_no_streams(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof flows_of_others / sizeof flows_of_others[0]; i++) {
        struct bench *b = bench_new();
        for (unsigned k = 0; k < 200; k++) {
            uint8_t data[108];
            for (size_t n = 0; n < sizeof data; n++)
                data[n] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
            memcpy(data, flows_of_others[i].head.p, flows_of_others[i].head.n);
            if (flows_of_others[i].seq_at >= 0)
                put16(data + flows_of_others[i].seq_at, k + 0x8000);
            if (flows_of_others[i].stamp_at >= 0)
                put16(data + flows_of_others[i].stamp_at + 2, k);
            size_t n = flows_of_others[i].counted == CAPTURE_TURN ? 96 : sizeof data;
            udp(b, 1, flows_of_others[i].sport, 2, flows_of_others[i].dport, span_of(data, n));
            b->at_us += 20000;
        }
        if (count(b, CAPTURE_STREAMS_CONFIRMED) || count(b, flows_of_others[i].counted) != 200)
            fail_msg("%s: %llu streams, %llu counted", flows_of_others[i].name,
                     (unsigned long long)count(b, CAPTURE_STREAMS_CONFIRMED),
                     (unsigned long long)count(b, flows_of_others[i].counted));
        struct told t = bench_end(b);
        assert_int_equal(t.reports, 0);
    }
}

// Keys by DTLS, signalling unseen: the stream says that it is SRTP.
static void media_after_dtls_is_srtp(void **state)
{
    (void)state;
    for (int dtls = 0; dtls < 2; dtls++) {
        struct bench *b = bench_new();
        if (dtls)
            udp(b, 1, 4000, 2, 5000, SPAN_LIT("\x16\xfe\xff\0\0\0\0\0\0\0\0\0\1x"));
        for (unsigned i = 0; i < 10; i++)
            rtp(b, 2, 5000, i, 7);
        struct told t = bench_end(b);
        assert_int_equal(t.ended_reports, 1);
        assert_int_equal(t.srtp, dtls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_no_streams),
        cmocka_unit_test(media_after_dtls_is_srtp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
