#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "rtpdump.h"

static ssize_t read_memory(void *ctx, uint64_t offset, void *buf, size_t n)
{
    memcpy(buf, (const uint8_t *)ctx + offset, n);
    return (ssize_t)n;
}

// Packets until the end or a mistake: how many, and what it was.
static int read_all(const uint8_t *p, size_t n, unsigned *ret_packets)
{
    struct reader *in = calloc(1, sizeof(*in));
    struct rtpdump *d = malloc(sizeof(*d));
    union {
        const uint8_t *in;
        void *out;
    } u = {.in = p};
    in->source = (struct reader_source){.read = read_memory, .ctx = u.out, .bytes = n};
    in->content = n;
    *ret_packets = 0;
    int e = rtpdump_open(d, in);
    for (; e == 0 && d->has; e = rtpdump_next(d))
        ++*ret_packets;
    free(d);
    free(in);
    return e;
}

#define LINE "#!rtpplay1.0 0.0.0.0/0\n"

static size_t make(uint8_t *p)
{
    static const uint8_t rest[] = {
        0x65, 0x53, 0xF1, 0,  0, 0,  0, 5, 0,    0, 0, 0, 0, 0, 0, 0, // 1700000000.000005
        0,    20,   0,    12, 0, 0,  0, 7, 0x80, 0, 0, 1, 0, 0, 0, 2,
        9,    8,    7,    6,  0, 11, 0, 3, 0,    0, 1, 0, 1, 2, 3};
    memcpy(p, LINE, sizeof(LINE) - 1);
    memcpy(p + sizeof(LINE) - 1, rest, sizeof(rest));
    return sizeof(LINE) - 1 + sizeof(rest);
}

static void packets_and_their_times(void **state)
{
    (void)state;
    uint8_t file[128];
    struct reader in = {.content = make(file)};
    in.source = (struct reader_source){.read = read_memory, .ctx = file, .bytes = in.content};
    struct rtpdump d;
    assert_int_equal(rtpdump_open(&d, &in), 0);
    assert_true(d.has && d.n == 12 && d.at_us == 1700000000007005 &&
                rtpdump_ssrc(&d) == 0x09080706);
    assert_int_equal(rtpdump_next(&d), 0);
    assert_true(d.has && d.n == 3 && d.at_us == 1700000000256005 && rtpdump_ssrc(&d) == 0);
    assert_int_equal(rtpdump_next(&d), 0);
    assert_false(d.has);
}

// One byte shorter at every length, and each byte another: never more than is there.
static void damage_is_told(void **state)
{
    (void)state;
    uint8_t file[128];
    unsigned packets;
    size_t whole = make(file), head = sizeof(LINE) - 1 + 16;
    for (size_t n = 0; n < whole; n++) {
        uint8_t *cut = malloc(n + 1);
        memcpy(cut, file, n);
        int e = read_all(cut, n, &packets);
        bool edge = n == head || n == head + 20;
        if (e != (edge ? 0 : -EBADMSG))
            fail_msg("cut to %zu: %d", n, e);
        free(cut);
    }
    for (size_t i = 0; i < whole; i++) {
        uint8_t *other = malloc(whole);
        memcpy(other, file, whole);
        other[i] ^= 0x80;
        (void)read_all(other, whole, &packets);
        free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_and_their_times),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
