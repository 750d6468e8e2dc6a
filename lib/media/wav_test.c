#include "tests/support/test.h"

#include "media/wav.h"

static void pcmu_head_byte_by_byte(void **state)
{
    (void)state;
    static const uint8_t want[58] = {
        'R',  'I',  'F',  'F',  0x32, 0x7D, 0,   0,   'W', 'A', 'V', 'E', // 50 + 32000
        'f',  'm',  't',  ' ',  18,   0,    0,   0,   7,   0,   2,   0,    0x40, 0x1F, 0, 0,
        0x80, 0x3E, 0,    0,    2,    0,    8,   0,   0,   0,   'f', 'a',  'c',  't',  4, 0,
        0,    0,    0x80, 0x3E, 0,    0,    'd', 'a', 't', 'a', 0,   0x7D, 0,    0};
    struct wav_info w = {WAV_PCMU, 2, 8000, 16000, 0};
    uint8_t buf[WAV_HEADER_MAX];
    assert_int_equal(wav_write_header(&w, buf), sizeof(want));
    assert_memory_equal(buf, want, sizeof(want));
    assert_int_equal(w.header_bytes, 58);
}

static void l16_head_byte_by_byte(void **state)
{
    (void)state;
    static const uint8_t want[44] = {'R', 'I', 'F',  'F',  0x24, 0xFA, 0,   0,    'W',  'A', 'V',
                                     'E', 'f', 'm',  't',  ' ',  16,   0,   0,    0,    1,   0,
                                     2,   0,   0x40, 0x1F, 0,    0,    0,   0x7D, 0,    0,   4,
                                     0,   16,  0,    'd',  'a',  't',  'a', 0,    0xFA, 0,   0};
    struct wav_info w = {WAV_L16, 2, 8000, 16000, 0};
    uint8_t buf[WAV_HEADER_MAX];
    assert_int_equal(wav_write_header(&w, buf), sizeof(want));
    assert_memory_equal(buf, want, sizeof(want));
}

static void too_long_is_refused(void **state)
{
    (void)state;
    uint8_t buf[WAV_HEADER_MAX];
    struct wav_info w = {WAV_PCMA, 2, 8000, WAV_DATA_MAX / 2, 0};
    assert_int_equal(wav_write_header(&w, buf), 58);
    w.frames++;
    assert_int_equal(wav_write_header(&w, buf), 0);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        static const enum wav_format formats[] = {WAV_L16, WAV_PCMA, WAV_PCMU};
        struct wav_info w = {formats[f], 2, 8000, 12345, 0}, r = {0};
        uint8_t buf[WAV_HEADER_MAX];
        size_t n = wav_write_header(&w, buf);
        assert_true(wav_read_header(span_of(buf, n), &r));
        assert_int_equal(r.format, w.format);
        assert_int_equal(r.frames, 12345);
        assert_int_equal(r.header_bytes, n);
        for (size_t k = 0; k < n; k++) // each shorter head is refused, none is read past its end
            assert_false(wav_read_header(span_of(buf, k), &r));
    }
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct wav_info r;
    assert_false(wav_read_header(SPAN_LIT("RIFF....AVI LIST"), &r));
    assert_false(wav_read_header(SPAN_LIT("RIFF....WAVEdata\0\0\0\0"), &r)); // data before fmt
    // fmt with 0 channels, with a length beyond the file
    assert_false(wav_read_header(
        SPAN_LIT("RIFF....WAVEfmt \x10\0\0\0\7\0\0\0\x40\x1f\0\0\0\0\0\0\1\0\x8\0data\0\0\0\0"),
        &r));
    assert_false(wav_read_header(SPAN_LIT("RIFF....WAVEfmt \xff\xff\xff\xff\7\0\2\0"), &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcmu_head_byte_by_byte),  cmocka_unit_test(l16_head_byte_by_byte),
        cmocka_unit_test(too_long_is_refused),     cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
