// encode_test.c: each format against its library's own decoder: length to the sample, sound in its place, each side alone.
#include "tests/support/test.h"

#include <FLAC/stream_decoder.h>
#include <errno.h>
#include <lame/lame.h>
#include <math.h>
#include <ogg/ogg.h>
#include <opus/opus_multistream.h>
#include <stdlib.h>
#include "encode/encode.h"

#define FRAMES_MAX 60000u
#define FILE_MAX   (1u << 20)

struct world {
    uint32_t rate;
    unsigned channels;
    size_t frames;
    int16_t in[2 * FRAMES_MAX], out[2 * (FRAMES_MAX + 20000)];
    size_t got; // frames that came out
    uint8_t file[FILE_MAX];
    size_t n, at; // bytes of the file; read so far
    size_t puts, fail_at;
};

// Left: bursts of a rising tone. Right: another, in the second half only.
static void make_sound(struct world *w)
{
    double phase[2] = {0, 0};
    for (size_t i = 0; i < w->frames; i++) {
        double t = (double)i / w->rate;
        bool on[2] = {i / (w->rate / 5) % 2 == 1, i > w->frames / 2 && i / (w->rate / 3) % 2 == 1};
        double hz[2] = {300 + 200 * t, 900 - 100 * t};
        for (unsigned c = 0; c < w->channels; c++) {
            phase[c] += 2 * M_PI * hz[c] / w->rate;
            w->in[i * w->channels + c] = on[c] ? (int16_t)lrint(9000 * sin(phase[c])) : 0;
        }
    }
}

static int put(void *ctx, uint64_t at, const void *p, size_t n)
{
    struct world *w = ctx;
    if (++w->puts == w->fail_at)
        return -ENOSPC;
    assert_true(at <= w->n && (at == w->n || at + n <= ENCODE_HEAD));
    assert_true(at + n <= FILE_MAX);
    memcpy(w->file + at, p, n);
    w->n = at + n > w->n ? at + n : w->n;
    return 0;
}

static int make_file(struct world *w, enum encode_format f)
{
    struct encoder e;
    w->n = w->at = w->puts = 0;
    int r = encode_open(&e, f, w->rate, w->channels, w->frames, put, w);
    for (size_t i = 0, step = 1; r == 0 && i < w->frames; i += step) {
        step = (i * 7919 + 311) % ENCODE_FRAMES + 1;
        step = step < w->frames - i ? step : w->frames - i;
        r = encode_run(&e, w->in + i * w->channels, step);
    }
    if (r == 0)
        r = encode_end(&e);
    if (r == 0)
        assert_int_equal(e.end, w->n);
    size_t n = w->n;
    encode_close(&e);
    assert_int_equal(n, w->n);
    return r;
}

// ---- decoders

static FLAC__StreamDecoderReadStatus flac_read(const FLAC__StreamDecoder *d, FLAC__byte b[],
                                               size_t *n, void *ctx)
{
    (void)d;
    struct world *w = ctx;
    *n = w->n - w->at < *n ? w->n - w->at : *n;
    memcpy(b, w->file + w->at, *n);
    w->at += *n;
    return *n ? FLAC__STREAM_DECODER_READ_STATUS_CONTINUE
              : FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM;
}

static FLAC__StreamDecoderWriteStatus flac_write(const FLAC__StreamDecoder *d, const FLAC__Frame *f,
                                                 const FLAC__int32 *const b[], void *ctx)
{
    (void)d;
    struct world *w = ctx;
    for (uint32_t i = 0; i < f->header.blocksize; i++, w->got++)
        for (unsigned c = 0; c < w->channels; c++)
            w->out[w->got * w->channels + c] = (int16_t)b[c][i];
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

static void flac_meta(const FLAC__StreamDecoder *d, const FLAC__StreamMetadata *m, void *ctx)
{
    (void)d;
    struct world *w = ctx;
    if (m->type == FLAC__METADATA_TYPE_STREAMINFO) {
        assert_int_equal(m->data.stream_info.total_samples, w->frames);
        assert_int_equal(m->data.stream_info.sample_rate, w->rate);
    }
}

static void flac_error(const FLAC__StreamDecoder *d, FLAC__StreamDecoderErrorStatus s, void *ctx)
{
    (void)d;
    (void)ctx;
    fail_msg("flac: %s", FLAC__StreamDecoderErrorStatusString[s]);
}

static void read_flac(struct world *w)
{
    FLAC__StreamDecoder *d = FLAC__stream_decoder_new();
    FLAC__stream_decoder_set_md5_checking(d, true);
    w->got = 0;
    assert_int_equal(FLAC__stream_decoder_init_stream(d, flac_read, NULL, NULL, NULL, NULL,
                                                      flac_write, flac_meta, flac_error, w),
                     FLAC__STREAM_DECODER_INIT_STATUS_OK);
    assert_true(FLAC__stream_decoder_process_until_end_of_stream(d));
    assert_true(FLAC__stream_decoder_finish(d)); // the MD5 of the head fits
    FLAC__stream_decoder_delete(d);
}

static void read_ogg(struct world *w)
{
    ogg_sync_state sync;
    ogg_stream_state st;
    ogg_page page;
    ogg_packet k;
    OpusMSDecoder *d = NULL;
    size_t skip = 0, packets = 0, pages = 0;
    ogg_int64_t end = 0;
    int err;
    ogg_sync_init(&sync);
    memcpy(ogg_sync_buffer(&sync, (long)w->n), w->file, w->n);
    ogg_sync_wrote(&sync, (long)w->n);
    w->got = 0;
    for (; ogg_sync_pageout(&sync, &page) == 1; pages++) {
        if (pages == 0)
            ogg_stream_init(&st, ogg_page_serialno(&page));
        assert_int_equal(ogg_stream_pagein(&st, &page), 0);
        end = ogg_page_granulepos(&page) > 0 ? ogg_page_granulepos(&page) : end;
        for (; ogg_stream_packetout(&st, &k) == 1; packets++) {
            if (packets == 0) {
                assert_memory_equal(k.packet, "OpusHead\1", 9);
                assert_int_equal(k.packet[9], w->channels);
                skip = (size_t)(k.packet[10] | k.packet[11] << 8) * w->rate / 48000;
                assert_int_equal(k.packet[18], 1);
                d = opus_multistream_decoder_create((opus_int32)w->rate, (int)w->channels,
                                                    k.packet[19], k.packet[20], k.packet + 21,
                                                    &err);
                assert_non_null(d);
            } else if (packets == 1) {
                assert_memory_equal(k.packet, "OpusTags", 8);
            } else {
                int n = opus_multistream_decode(d, k.packet, (opus_int32)k.bytes,
                                                w->out + w->got * w->channels, 5760, 0);
                assert_true(n > 0);
                w->got += (size_t)n;
            }
        }
    }
    assert_true(ogg_page_eos(&page) != 0);
    assert_true(pages > 3);
    size_t total = (size_t)end * w->rate / 48000;
    assert_true(w->got >= total && w->got < total + w->rate * 60 / 1000); // less than a packet more
    w->got = total - skip;
    memmove(w->out, w->out + skip * w->channels, w->got * w->channels * sizeof(w->out[0]));
    opus_multistream_decoder_destroy(d);
    ogg_stream_clear(&st);
    ogg_sync_clear(&sync);
}

static void read_mp3(struct world *w)
{
    static short left[20000], right[20000];
    hip_t hip = hip_decode_init();
    mp3data_struct head = {0};
    int delay = -1, padding = -1;
    w->got = 0;
    for (size_t at = 0; at <= w->n;) {
        size_t n = w->n - at < 100 ? w->n - at : 100;
        int got = hip_decode1_headersB(hip, w->file + at, n, left, right, &head, &delay, &padding);
        at += n > 0 ? n : 1;
        while (got > 0) {
            for (int i = 0; i < got; i++, w->got++) {
                w->out[w->got * w->channels] = left[i];
                if (w->channels == 2)
                    w->out[w->got * w->channels + 1] = right[i];
            }
            got = hip_decode1_headersB(hip, w->file, 0, left, right, &head, &delay, &padding);
        }
    }
    hip_decode_exit(hip);
    assert_int_equal(head.samplerate, w->rate);
    assert_true(delay > 0 && padding >= 0);
    // The decoder itself is 529 samples late.
    size_t skip = (size_t)delay + 529;
    w->got -= skip;
    memmove(w->out, w->out + skip * w->channels, w->got * w->channels * sizeof(w->out[0]));
    // A player takes delay and padding off; what is left is the recording.
    assert_true((size_t)padding >= 529);
    assert_int_equal(w->got, w->frames + (size_t)padding - 529);
    w->got = w->frames;
}

// The shift at which what came out is most like what went in, and how like (1: the same).
static int best_shift(const struct world *w, unsigned c, double *ret_like)
{
    int best = 0;
    *ret_like = 0;
    for (int shift = -60; shift <= 60; shift++) {
        double xy = 0, xx = 0, yy = 0;
        for (size_t i = 60; i + 60 < w->frames; i++) {
            double x = w->in[i * w->channels + c],
                   y = w->out[(size_t)((int64_t)i + shift) * w->channels + c];
            xy += x * y;
            xx += x * x;
            yy += y * y;
        }
        double like = xy / sqrt(xx * yy + 1);
        if (like > *ret_like) {
            *ret_like = like;
            best = shift;
        }
    }
    return best;
}

static void check_sound(struct world *w, double least)
{
    assert_int_equal(w->got, w->frames);
    for (unsigned c = 0; c < w->channels; c++) {
        double like;
        int shift = best_shift(w, c, &like);
        if (shift < -1 || shift > 1 || like < least)
            fail_msg("channel %u at %u Hz: like %.4f at shift %d", c, w->rate, like, shift);
    }
    // Nobody is heard on the other's side.
    double sum = 0;
    size_t half = w->frames / 2 - w->rate / 50;
    for (size_t i = 0; w->channels == 2 && i < half; i++)
        sum += (double)w->out[2 * i + 1] * w->out[2 * i + 1];
    if (sqrt(sum / (double)half) > 4)
        fail_msg("the silent side has %.1f", sqrt(sum / (double)half));
}

static void each_format_is_whole(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof(*w));
    static const struct {
        uint32_t rate;
        unsigned channels;
        size_t frames;
    } cases[] = {{8000, 2, 26961}, {16000, 2, 53333}, {8000, 1, 24000}, {8000, 2, 8001}};
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        w->rate = cases[k].rate;
        w->channels = cases[k].channels;
        w->frames = cases[k].frames;
        make_sound(w);
        assert_int_equal(make_file(w, ENCODE_FLAC), 0);
        read_flac(w);
        assert_int_equal(w->got, w->frames);
        assert_memory_equal(w->in, w->out, w->frames * w->channels * sizeof(w->in[0]));
        assert_int_equal(make_file(w, ENCODE_OGG), 0);
        read_ogg(w);
        check_sound(w, 0.9);
        assert_int_equal(make_file(w, ENCODE_MP3), 0);
        read_mp3(w);
        check_sound(w, 0.98);
    }
    free(w);
}

static void shortest_files(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof(*w));
    w->rate = 8000;
    w->channels = 2;
    for (w->frames = 0; w->frames < 400; w->frames += 133) {
        make_sound(w);
        assert_int_equal(make_file(w, ENCODE_FLAC), 0);
        if (w->frames > 0)
            read_flac(w);
        assert_int_equal(make_file(w, ENCODE_OGG), 0);
        assert_int_equal(make_file(w, ENCODE_MP3), 0);
    }
    free(w);
}

// Each put refused in turn: the error comes out, nothing is left behind.
static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct world *w = calloc(1, sizeof(*w));
    w->rate = 8000;
    w->channels = 2;
    w->frames = 16000;
    make_sound(w);
    for (int f = 0; f < ENCODE_FORMATS; f++) {
        w->fail_at = 0;
        assert_int_equal(make_file(w, (enum encode_format)f), 0);
        size_t puts = w->puts;
        assert_true(puts > 1);
        for (w->fail_at = 1; w->fail_at <= puts; w->fail_at++)
            assert_int_equal(make_file(w, (enum encode_format)f), -ENOSPC);
    }
    free(w);
}

static void names_and_what_is_refused(void **state)
{
    (void)state;
    struct encoder e;
    enum encode_format f;
    assert_true(encode_by_name("mp3", &f) && f == ENCODE_MP3);
    assert_false(encode_by_name("wav", &f));
    assert_null(encode_name(ENCODE_FORMATS));
    assert_string_equal(encode_type(ENCODE_OGG), "audio/ogg");
    assert_int_equal(encode_open(&e, ENCODE_OGG, 11025, 2, 1, put, NULL), -EINVAL);
    assert_int_equal(encode_open(&e, ENCODE_FLAC, 8000, 3, 1, put, NULL), -EINVAL);
    assert_int_equal(encode_open(&e, ENCODE_FORMATS, 8000, 2, 1, put, NULL), -EINVAL);
    encode_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_is_whole),
        cmocka_unit_test(shortest_files),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(names_and_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
