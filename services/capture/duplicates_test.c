#include "duplicates.h"
#include "base/mono.h"
#include "tests/support/test.h"

#define START_US  INT64_C(1700000000000000)
#define WINDOW_US (50 * US_PER_MS)

static struct duplicates *table(size_t entries)
{
    struct duplicates *d = duplicates_new(&(struct duplicates_opts){entries, WINDOW_US});
    assert_non_null(d);
    return d;
}

static struct pkt packet(uint8_t protocol, struct span payload, uint32_t ip_id, int64_t at_us)
{
    struct pkt p = {.src = {{10, 0, 0, 1}, 4},
                    .dst = {{10, 0, 0, 2}, 4},
                    .sport = 5060,
                    .dport = 5060,
                    .protocol = protocol,
                    .ttl = 64,
                    .ip_id = ip_id,
                    .at_us = at_us,
                    .payload = payload,
                    .tcp_seq = 9,
                    .tcp_flags = 24};
    return p;
}

#define SIP SPAN_LIT("INVITE sip:a SIP/2.0")
#define RTP SPAN_LIT("\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07sound")

// The second packet, as the row changes it, beside the first.
static void copies_and_what_is_sent_again(void **state)
{
    (void)state;
    const struct {
        const char *what;
        uint8_t protocol, family, ttl;
        uint32_t first_id, second_id;
        int64_t apart_us;
        struct span first, second;
        bool copy;
    } rows[] = {
        {"SIP, both ports of a switch", 17, 4, 64, 7, 7, 200, SIP, SIP, true},
        {"SIP, before and behind a router", 17, 4, 63, 7, 7, 40000, SIP, SIP, true},
        {"SIP, the copy was captured first", 17, 4, 64, 7, 7, -300, SIP, SIP, true},
        {"SIP sent again by T1", 17, 4, 64, 7, 8, 500000, SIP, SIP, false},
        {"SIP sent again at once", 17, 4, 64, 7, 8, 1000, SIP, SIP, false},
        {"SIP sent again by T1, the stack does not number", 17, 4, 64, 0, 0, 500000, SIP, SIP,
         false},
        {"a constant number", 17, 4, 64, 7, 7, 500000, SIP, SIP, false},
        {"another text", 17, 4, 64, 7, 7, 200, SIP, SPAN_LIT("INVITE sip:b SIP/2.0"), false},
        {"no number, the same TTL: said twice, or a mirror", 17, 4, 64, 0, 0, 5, SIP, SIP, false},
        {"no number, a router", 17, 4, 63, 0, 0, 40000, SIP, SIP, true},
        {"no number, the same TTL, later than any switch", 17, 4, 64, 0, 0, 20000, SIP, SIP, false},
        {"IPv6, the same hop limit", 17, 6, 64, 0, 0, 5, SIP, SIP, false},
        {"IPv6, a router", 17, 6, 60, 0, 0, 40000, SIP, SIP, true},
        {"IPv6, sent again", 17, 6, 64, 0, 0, 20000, SIP, SIP, false},
        {"RTP, a switch", 17, 4, 64, 3, 3, 100, RTP, RTP, true},
        {"RTP, sent twice for safety", 17, 4, 64, 3, 4, 100, RTP, RTP, false},
        {"TCP, a switch", 6, 4, 64, 3, 3, 100, SIP, SIP, true},
        {"TCP, sent again", 6, 4, 64, 3, 4, 30000, SIP, SIP, false},
        {"TCP, an acknowledgement", 6, 4, 64, 3, 3, 100, SPAN_LIT(""), SPAN_LIT(""), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct duplicates *d = table(64);
        struct pkt a = packet(rows[i].protocol, rows[i].first, rows[i].first_id, START_US);
        struct pkt b = packet(rows[i].protocol, rows[i].second, rows[i].second_id,
                              START_US + rows[i].apart_us);
        a.src.family = a.dst.family = b.src.family = b.dst.family = rows[i].family;
        b.ttl = rows[i].ttl;
        assert_false(duplicates_is(d, &a));
        if (duplicates_is(d, &b) != rows[i].copy)
            fail_msg("%s", rows[i].what);
        assert_int_equal(duplicates_stat(d).found, rows[i].copy);
        duplicates_free(d);
    }
}

// Nothing proves these: a mirror that is known to double makes copies of them, a program that once says a thing twice does not.
static void packets_without_a_number(void **state)
{
    (void)state;
    struct duplicates *d = table(4096);
    uint32_t text = 0;
    int64_t at_us = START_US;
    for (int i = 0; i < 3000; i++) { // one in ten is said twice
        text++;
        struct pkt p = packet(17, span_of(&text, sizeof text), 0, at_us += 1000);
        assert_false(duplicates_is(d, &p));
        if (i % 10 == 0)
            assert_false(duplicates_is(d, &p));
    }
    assert_int_equal(duplicates_stat(d).found, 0);
    for (int i = 0; i < 100; i++) { // each: the run proves it
        text++;
        struct pkt p = packet(17, span_of(&text, sizeof text), 0, at_us += 1000);
        assert_false(duplicates_is(d, &p));
        p.at_us += 300;
        if (i != 7) // sure within the eighth or the ninth
            assert_int_equal(duplicates_is(d, &p), i > 7);
        else
            (void)duplicates_is(d, &p);
        p.at_us += 20000;
        if (i == 99) // sent again by somebody
            assert_false(duplicates_is(d, &p));
    }
    for (int i = 0; i < 100; i++) { // none for a while
        text++;
        struct pkt p = packet(17, span_of(&text, sizeof text), 0, at_us += 1000);
        assert_false(duplicates_is(d, &p));
    }
    struct pkt other = packet(17, SIP, 7, at_us), p = packet(17, RTP, 0, at_us);
    assert_false(duplicates_is(d, &other));
    assert_true(duplicates_is(d, &other)); // a number proves it for all
    assert_false(duplicates_is(d, &p));
    assert_true(duplicates_is(d, &p));
    duplicates_free(d);
}

static void every_field_counts(void **state)
{
    (void)state;
    for (int field = 0; field < 8; field++) {
        struct duplicates *d = table(64);
        struct pkt a = packet(6, SIP, 7, START_US), b = a;
        assert_false(duplicates_is(d, &a));
        b.src.b[3] ^= field == 0;
        b.dst.b[0] ^= field == 1;
        b.sport ^= field == 2;
        b.dport ^= field == 3;
        b.tcp_seq ^= field == 4;
        b.tcp_flags ^= field == 5;
        b.protocol = field == 6 ? 17 : 6;
        b.payload.n -= field == 7;
        assert_false(duplicates_is(d, &b));
        assert_true(duplicates_is(d, &a));
        duplicates_free(d);
    }
}

static void three_mirrors(void **state)
{
    (void)state;
    struct duplicates *d = table(64);
    for (int i = 0; i < 3; i++) {
        struct pkt p =
            packet(17, SIP, 7, START_US + i * 40000); // each within the window of the one before
        assert_int_equal(duplicates_is(d, &p), i > 0);
    }
    duplicates_free(d);
}

// Media is compared for two seconds, then only when a stream saw a number again, and as long as copies go on.
static void media_pays_only_when_copies_are_about(void **state)
{
    (void)state;
    struct duplicates *d = table(64);
    uint8_t rtp[32] = {0x80, 0};
    int64_t at_us = START_US;
    bool copy = false;
    for (int i = 0; i < 400; i++, at_us += 20000) { // eight seconds of a doubled stream
        rtp[3] = (uint8_t)i;
        rtp[2] = (uint8_t)(i >> 8);
        struct pkt p = packet(17, span_of(rtp, sizeof rtp), (uint32_t)i + 1, at_us);
        assert_false(duplicates_is(d, &p));
        assert_true(duplicates_is(d, &p));
    }
    for (int i = 0; i < 200; i++, at_us += 20000) { // four without copies
        rtp[4] = (uint8_t)i;
        struct pkt p = packet(17, span_of(rtp, sizeof rtp), 5, at_us);
        assert_false(duplicates_is(d, &p));
    }
    for (int i = 0; i < 100; i++, at_us += 20000) { // doubled again: found once a stream has told
        rtp[5] = (uint8_t)(i + 1);
        struct pkt p = packet(17, span_of(rtp, sizeof rtp), 6, at_us);
        assert_false(duplicates_is(d, &p));
        copy = duplicates_is(d, &p);
        assert_int_equal(copy, i > 0);
        if (!copy)
            duplicates_suspect(d, at_us);
    }
    duplicates_free(d);
}

static void full(void **state)
{
    (void)state;
    struct duplicates *d = table(64);
    assert_int_equal(duplicates_stat(d).entries, 64);
    uint32_t text = 0;
    for (int i = 0; i < 64 * 4; i++) {
        text++;
        struct pkt p = packet(17, span_of(&text, sizeof text), 7, START_US + i);
        assert_false(duplicates_is(d, &p));
    }
    assert_in_range(duplicates_stat(d).evicted, 64 * 3, 64 * 4);
    struct pkt p = packet(17, span_of(&text, sizeof text), 7, START_US + 1000);
    assert_true(duplicates_is(d, &p)); // the newest are there
    uint64_t evicted = duplicates_stat(d).evicted;
    for (int i = 0; i < 16; i++) { // what the window has left behind is no loss
        text++;
        p = packet(17, span_of(&text, sizeof text), 7, START_US + 2 * WINDOW_US);
        assert_false(duplicates_is(d, &p));
    }
    assert_in_range(duplicates_stat(d).evicted - evicted, 0,
                    3); // sets that got more than four of the sixteen
    duplicates_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_and_what_is_sent_again),
        cmocka_unit_test(packets_without_a_number),
        cmocka_unit_test(every_field_counts),
        cmocka_unit_test(three_mirrors),
        cmocka_unit_test(media_pays_only_when_copies_are_about),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
