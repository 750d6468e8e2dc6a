// Bytes that no peer of ours would send, on the two sockets that the centre opens to the sites.
#include "feed_kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>

#include "count.h"
#include "envelope.h"

static int connect_to(const char *url)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
    struct timeval t = {.tv_usec = 200000};
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    return s;
}

static void hello(int s, uint8_t protocol)
{
    uint8_t h[8] = {0, 'S', 'P', 0, 0, protocol, 0, 0};
    assert_int_equal(send(s, h, 8, MSG_NOSIGNAL), 8);
    (void)!recv(s, h, 8, MSG_WAITALL);
}

static void frame(int s, uint64_t announced, const void *bytes, size_t n)
{
    uint8_t h[8];
    for (size_t i = 0; i < 8; i++)
        h[i] = (uint8_t)(announced >> (56 - 8 * i));
    (void)!send(s, h, 8, MSG_NOSIGNAL);
    (void)!send(s, bytes, n, MSG_NOSIGNAL);
}

static long rss_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    fclose(f);
    return kb;
}

static void garbage(const char *url, uint8_t protocol, size_t request_head)
{
    uint8_t junk[4096];
    for (unsigned round = 0; round < 60; round++) {
        for (size_t i = 0; i < sizeof(junk); i++)
            junk[i] = (uint8_t)rand();
        int s = connect_to(url);
        if (round % 4 == 0) { // not even the protocol's greeting
            (void)!send(s, junk, sizeof(junk), MSG_NOSIGNAL);
        } else if (round % 4 == 1) { // a giant announced
            hello(s, protocol);
            frame(s, (UINT64_C(1) << (20 + round % 40)) + 1 + 4096, junk, sizeof(junk));
        } else if (round % 4 == 2) { // whole frames of junk, with and without a request's head
            hello(s, protocol);
            for (size_t n = 0; n < 600; n += 13) {
                if (request_head && n >= 4)
                    junk[0] |= 0x80;
                frame(s, n, junk, n);
            }
            shutdown(s, SHUT_WR); // and let it read: a close now would throw away what is under way
            while (recv(s, junk, sizeof(junk), 0) > 0)
                ;
        } else { // cut off in the middle
            hello(s, protocol);
            frame(s, 100000, junk, sizeof(junk));
        }
        close(s);
    }
}

// Waits until the counter stands at least so high: the other threads may be slow on a busy machine.
static void reaches(const struct stat_cell *cell, uint64_t least)
{
    for (int i = 0; i < 1000 && stat_get(cell) < least; i++)
        usleep(10000);
    assert_true(stat_get(cell) >= least);
}

// Well-formed messages that lie: they may cost their sender, not others.
static void lies(const struct ports *p, const struct stat_cell *in, uint64_t refused)
{
    static const uint8_t birth[16] = "hostile-hostile";
    uint8_t buf[4 + 4 * ENVELOPE_HEAD_MAX] = {0x80, 0, 0, 1};
    struct ask_msg asks[] = {
        {.version = 1, .first_seq = 0, .head_seq = 5},
        {.version = 1, .first_seq = 9, .head_seq = 5},
        {.version = 1, .first_seq = 1, .head_seq = UINT64_MAX},
        {.version = 77, .first_seq = 1, .head_seq = 5},
        {.version = 1, .first_seq = UINT64_MAX, .head_seq = UINT64_MAX},
        {.version = 1,
         .first_seq = 1,
         .head_seq = 0,
         .waiting = true,
         .paused = true,
         .backfill_from = UINT64_MAX},
    };
    int s = connect_to(p->ask), l = connect_to(p->pub);
    hello(s, 0x30);
    hello(l, 0x20);
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        asks[i].publisher = SPAN_LIT("liar");
        asks[i].incarnation = span_of(birth, 16);
        size_t n = 4 + ask_head(buf + 4, &asks[i]);
        struct envelope e = {.version = 1,
                             .publisher = SPAN_LIT("liar"),
                             .incarnation = span_of(birth, 16),
                             .seq = UINT64_MAX - i};
        uint8_t env[ENVELOPE_HEAD_MAX];
        size_t m = envelope_head(env, &e);
        n += ask_envelope_head(buf + n, m);
        memcpy(buf + n, env, m);
        frame(s, n + m, buf, n + m);
        frame(l, m, env, m);
    }
    // Open until all was read: a close takes back what is under way.
    reaches(&in[IN_DROP_REFUSED], refused + 4);
    reaches(&in[IN_DROP_VERSION], 1);
    close(s);
    close(l);
}

static void survives(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_sub *sub = kit_sub(&p, 4);
    struct feed_msg m;
    assert_int_equal(feed_sub_next(sub, 1000, &m), 0); // armed
    struct stat_cell *in = count_in_cells();
    uint64_t bad = stat_get(&in[IN_DROP_BAD]), refused = stat_get(&in[IN_DROP_REFUSED]);
    garbage(p.pub, 0x20, 0);
    garbage(p.ask, 0x30, 4);
    lies(&p, in, refused);
    assert_int_equal(feed_sub_next(sub, 100000, &m), 0); // nothing of it reached the owner
    reaches(&in[IN_DROP_BAD], bad + 101);
    long before = rss_kb();
    garbage(p.pub, 0x20, 0);
    garbage(p.ask, 0x30, 4);
    long after = rss_kb();
    print_message("hostile bytes: %llu bad messages, RSS %ld to %ld kB\n",
                  (unsigned long long)(stat_get(&in[IN_DROP_BAD]) - bad), before, after);
    assert_true(after - before < 8192);

    // And an honest publisher is served as ever.
    struct feed_pub *f = kit_pub(&p, "honest", NULL, 1 << 20, true);
    uint8_t buf[64];
    for (uint64_t i = 1; i <= 500; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    for (uint64_t i = 1; i <= 500; i++) {
        assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
        assert_string_equal(m.env->publisher, "honest");
        assert_int_equal(m.env->seq, i);
        assert_int_equal(m.lost_before, 0);
    }
    feed_sub_commit(sub, m.slot, 500);
    assert_true(feed_pub_flush(f, 5 * US_PER_S));
    feed_pub_stop(f);
    feed_sub_stop(sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survives),
                                       cmocka_unit_test(kit_nothing_is_held)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
