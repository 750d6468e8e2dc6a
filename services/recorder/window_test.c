// The window beside the plainest thing that does the same: the whole recording in one array, a sample at a time.
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "media/g711.h"
#include "window.h"

#define TOTAL  400000 // three rings and some
#define PACKET 160

struct plain {
    uint8_t state[2][TOTAL];
    uint16_t sample[2][TOTAL];
};

static struct window window;
static struct sink sink;
static struct plain plain;
static uint32_t rnd;

static uint32_t some(uint32_t below)
{
    rnd = rnd * 1664525u + 1013904223u;
    return (rnd >> 8) % below;
}

static void put(int channel, int64_t pos, size_t n, uint8_t rank, bool concealed)
{
    uint8_t bytes[2 * PACKET];
    size_t placed = 0;
    for (size_t k = 0; k < 2 * PACKET; k++)
        bytes[k] = (uint8_t)some(256);
    for (size_t k = 0; k < n; k++) {
        int64_t at = pos + (int64_t)k;
        if (at < window.base || at >= TOTAL || at >= window.base + (int64_t)WINDOW_FRAMES)
            continue;
        uint8_t *s = &plain.state[channel][at];
        if (concealed ? *s > WINDOW_LOSS : *s >= WINDOW_AUDIO + rank)
            continue;
        *s = concealed ? WINDOW_CONCEALED : (uint8_t)(WINDOW_AUDIO + rank);
        plain.sample[channel][at] =
            (uint16_t)(window.width == 1 ? bytes[k] : bytes[2 * k] | bytes[2 * k + 1] << 8);
        placed++;
    }
    if (concealed)
        window_conceal(&window, channel, pos, bytes, n);
    else
        assert_int_equal(window_put(&window, channel, pos, bytes, n, rank), placed);
}

static void mark(int channel, int64_t from, int64_t to, enum window_state state)
{
    for (int64_t at = from > window.base ? from : window.base; at < to && at < TOTAL; at++)
        if (plain.state[channel][at] == WINDOW_NOTHING)
            plain.state[channel][at] = (uint8_t)state;
    window_mark(&window, channel, from, to, state, from);
}

// Two streams of a side, reordered, with holes; positions such that packets lie across the end of the ring.
static void talk(void)
{
    for (int64_t pos = 37; pos < TOTAL; pos += PACKET) {
        window_reach(&window, pos, PACKET);
        for (int c = 0; c < 2; c++) {
            if (some(20) == 0)
                mark(c, pos, pos + PACKET, some(2) ? WINDOW_LOSS : WINDOW_CODEC);
            else if (some(10) > 0)
                put(c, pos - (int64_t)some(3) * PACKET, PACKET, 2, false);
            if (some(4) == 0)
                put(c, pos - (int64_t)some(400), 1 + some(PACKET), 1, false);
            if (some(30) == 0)
                put(c, pos - (int64_t)some(400), 1 + some(PACKET), 1, true);
        }
        if (some(400) == 0)
            pos += 3000;
    }
}

static enum gap_reason reason_of(int64_t at, uint8_t state)
{
    if ((at >= 5000 && at < 9001) || (at >= 123456 && at < 140000))
        return GAP_PAUSED;
    if (state == WINDOW_CODEC)
        return GAP_CODEC;
    if (at >= 8000 && at < 12345)
        return GAP_NOT_CAPTURED;
    return state == WINDOW_LOSS || state == WINDOW_CONCEALED ? GAP_LOSS : GAP_NOT_SENT;
}

static uint64_t gaps_of_plain(void)
{
    uint64_t n = 0;
    for (int c = 0; c < 2; c++) {
        int before = -1;
        for (int64_t at = 0; at < TOTAL; at++) {
            uint8_t state = plain.state[c][at];
            int r = state >= WINDOW_AUDIO ? -1 : (int)reason_of(at, state);
            n += r != before && r >= 0;
            before = r;
        }
    }
    return n;
}

static void compare(const char *path, enum wav_format format)
{
    static uint8_t got[4 * TOTAL];
    size_t width = format == WAV_L16 ? 2 : 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, got, sizeof(got)), (ssize_t)(2 * width * TOTAL));
    (void)close(fd);
    uint16_t quiet = format == WAV_PCMU ? G711_ULAW_SILENCE : 0;
    for (size_t at = 0; at < TOTAL; at++) {
        for (size_t c = 0; c < 2; c++) {
            const uint8_t *p = got + (2 * at + c) * width;
            uint16_t is = (uint16_t)(width == 1 ? p[0] : p[0] | p[1] << 8);
            assert_int_equal(is,
                             plain.state[c][at] >= WINDOW_CONCEALED ? plain.sample[c][at] : quiet);
        }
    }
    assert_int_equal(window.gaps_total, gaps_of_plain());
    for (size_t i = 0; i < window.gaps_n; i++) {
        const struct gap *g = &window.gaps[i];
        for (int64_t at = g->from; at < g->to; at++) {
            uint8_t state = plain.state[g->channel][at];
            assert_true(state < WINDOW_AUDIO && reason_of(at, state) == g->reason);
        }
    }
}

static void is_the_same_as_sample_by_sample(void **unused)
{
    (void)unused;
    const char *tmp = getenv("TMPDIR");
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/window-test-%d", tmp ? tmp : "/tmp", getpid());
    static const enum wav_format formats[] = {WAV_PCMU, WAV_L16};
    assert_int_equal(sink_init(&sink), 0);
    for (uint32_t round = 0; round < 4; round++) {
        struct sink_sums sums;
        struct job j = {.pauses = 2};
        j.pause[0].from_us = 5000 * 125;
        j.pause[0].to_us = 9001 * 125;
        j.pause[1].from_us = 123456 * 125;
        j.pause[1].to_us = 140000 * 125;
        rnd = round;
        memset(&plain, 0, sizeof(plain));
        assert_int_equal(sink_open(&sink, path, NULL), 0);
        window_init(&window, &sink, formats[round % 2], TOTAL);
        window_add_pauses(&window, &j, 0, 8000);
        window_add_uncaptured(&window, 8000, 12345);
        talk();
        window_finish(&window);
        assert_int_equal(sink_commit(&sink, &sums), 0);
        compare(path, formats[round % 2]);
        (void)unlink(path);
    }
    sink_deinit(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_the_same_as_sample_by_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
