// Wave forms of small files made here.
#include "tests/support/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "peaks.h"

static int wav_file(const void *bytes, size_t n)
{
    char path[] = "/tmp/api_peaks_XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    return fd;
}

static size_t wav_head(uint8_t *b, uint16_t tag, uint16_t channels, uint16_t bits, uint32_t data)
{
    uint16_t frame = (uint16_t)(channels * bits / 8);
    uint32_t rate = 8000, bytes = rate * frame, fmt = 16, riff = 36 + data;
    memcpy(b, "RIFF", 4);
    memcpy(b + 4, &riff, 4);
    memcpy(b + 8, "WAVEfmt ", 8);
    memcpy(b + 16, &fmt, 4);
    memcpy(b + 20, &tag, 2);
    memcpy(b + 22, &channels, 2);
    memcpy(b + 24, &rate, 4);
    memcpy(b + 28, &bytes, 4);
    memcpy(b + 32, &frame, 2);
    memcpy(b + 34, &bits, 2);
    memcpy(b + 36, "data", 4);
    memcpy(b + 40, &data, 4);
    return 44;
}

// The wave form of a plain file.
static int make(int fd, unsigned pps, struct peaks *ret)
{
    static struct reader reader;
    struct reader_source src;
    assert_int_equal(reader_init(&reader), 0);
    assert_int_equal(reader_source_fd(&src, fd), 0);
    assert_int_equal(reader_open(&reader, &src, "x.wav", NULL), 0);
    int r = peaks_make(&reader, pps, ret);
    reader_deinit(&reader);
    return r;
}

static void wave_forms(void **state)
{
    (void)state;
    static struct peaks p;
    static uint8_t b[44 + 32000];
    size_t n = wav_head(b, 1, 2, 16, 32000); // one second, stereo
    for (size_t i = 0; i < 8000; i++) {
        int16_t l = i < 4000 ? 32767 : -32768, r = i == 7999 ? 256 : 0;
        memcpy(b + n + 4 * i, &l, 2);
        memcpy(b + n + 4 * i + 2, &r, 2);
    }
    int fd = wav_file(b, n + 32000);
    assert_int_equal(make(fd, 4, &p), 0);
    assert_int_equal(p.length, 4);
    assert_int_equal(p.samples_per_pixel, 2000);
    static const int8_t want[] = {127,  127,  0, 0, 127,  127,  0, 0,
                                  -128, -128, 0, 0, -128, -128, 0, 1};
    assert_memory_equal(p.data, want, sizeof(want));
    assert_int_equal(make(fd, 200, &p), 0);
    assert_int_equal(p.length, 200);
    close(fd);
    // G.711: the loudest and the softest codes
    n = wav_head(b, 7, 1, 8, 4);
    memcpy(b + n, "\x00\x80\xFF\x7F", 4); // -32124, 32124, 0, 0
    fd = wav_file(b, n + 4);
    assert_int_equal(make(fd, 1, &p), 0);
    assert_int_equal(p.length, 1);
    assert_int_equal(p.data[0], -126);
    assert_int_equal(p.data[1], 125);
    close(fd);
    n = wav_head(b, 6, 1, 8, 2);
    memcpy(b + n, "\x2A\xAA", 2); // -32256, 32256
    fd = wav_file(b, n + 2);
    assert_int_equal(make(fd, 1, &p), 0);
    assert_int_equal(p.data[0], -126);
    assert_int_equal(p.data[1], 126);
    close(fd);
    // a length that the file does not have (a writer was stopped), and no samples at all
    n = wav_head(b, 7, 2, 8, 0xFFFFFFF0u);
    fd = wav_file(b, n + 17);
    assert_int_equal(make(fd, 20, &p), 0);
    assert_int_equal(p.length, 1);
    close(fd);
    n = wav_head(b, 7, 2, 8, 0);
    fd = wav_file(b, n);
    assert_int_equal(make(fd, 20, &p), 0);
    assert_int_equal(p.length, 0);
    close(fd);
    for (size_t cut = 0; cut < 44; cut++) { // one byte shorter at every length
        fd = wav_file(b, cut);
        assert_int_not_equal(make(fd, 20, &p), 0);
        close(fd);
    }
    static const uint16_t bad[][3] = {{1, 3, 16}, {1, 0, 16}, {1, 1, 8}, {2, 1, 8}, {7, 1, 16}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        n = wav_head(b, bad[i][0], bad[i][1], bad[i][2], 100);
        fd = wav_file(b, n + 100);
        assert_int_not_equal(make(fd, 20, &p), 0);
        close(fd);
    }
}

static void long_wave_form(void **state)
{
    (void)state;
    static struct peaks p;
    uint8_t b[44];
    size_t n = wav_head(b, 7, 2, 8, 2u * 8000 * 7200); // two hours, a hole in the file system
    int fd = wav_file(b, n);
    assert_int_equal(ftruncate(fd, (off_t)(n + 2u * 8000 * 7200)), 0);
    assert_int_equal(make(fd, 200, &p), 0);
    assert_in_range(p.length, PEAKS_MAX - 100, PEAKS_MAX);
    assert_int_equal(p.data[4 * (p.length - 1)], -126);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wave_forms),
                                       cmocka_unit_test(long_wave_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
