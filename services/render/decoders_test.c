// What the decoders say is held against the libraries asked without us, sample by sample, over whole streams: packets of real calls
// (the seeds of fuzz_render) for G.729, G.723.1 and iLBC, coders for G.723.1 and Speex; and a tone must come through as that tone.
#include "decoders.h"

#include <errno.h>
#include <stdio.h>
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <speex/speex.h>
#include "media/tone_kit.h"

static uint8_t answer[APART_ANSWER_MAX];

// One payload through the decoders, as the recorder asks.
static int say(struct decoders *d, enum apart_codec c, uint8_t slot, struct span payload,
               int16_t *pcm)
{
    static uint8_t buf[APART_ASK_MAX];
    static uint32_t number;
    int n = 0;
    struct apart_ask a = {APART_DECODE, c, slot, ++number, payload};
    size_t said = decoders_answer(d, span_of(buf, apart_put_ask(&a, buf)), answer);
    assert_true(apart_parse_answer(span_of(answer, said), &a, apart_rate(c), pcm, &n));
    return n;
}

// libavcodec by itself, one frame in, samples out.
static int reference(AVCodecContext *ctx, struct span frame, int16_t *pcm)
{
    static uint8_t bytes[256 + AV_INPUT_BUFFER_PADDING_SIZE];
    AVPacket *p = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    assert_true(frame.n <= 256);
    memcpy(bytes, frame.p, frame.n);
    p->data = bytes;
    p->size = (int)frame.n;
    assert_int_equal(avcodec_send_packet(ctx, p), 0);
    int n = avcodec_receive_frame(ctx, f) == 0 ? f->nb_samples : -1;
    if (n > 0)
        memcpy(pcm, f->extended_data[0], 2 * (size_t)n);
    av_frame_free(&f);
    av_packet_free(&p);
    return n;
}

static AVCodecContext *reference_open(const char *name, int block_align)
{
    const AVCodec *c = avcodec_find_decoder_by_name(name);
    assert_non_null(c);
    AVCodecContext *ctx = avcodec_alloc_context3(c);
    av_channel_layout_default(&ctx->ch_layout, 1);
    ctx->sample_rate = 8000;
    ctx->block_align = block_align;
    assert_int_equal(avcodec_open2(ctx, c, NULL), 0);
    return ctx;
}

// ---- packets of real calls ----

static size_t read_seed(const char *name, uint8_t *buf, size_t cap)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", SEEDS, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(buf, 1, cap, f);
    (void)fclose(f);
    return n;
}

// Of 20 and 30 ms of iLBC, as coders send it.
#define SILENCE_20                                                                                 \
    "\xff\xa6\x34\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"       \
    "\xff\xc0\0\0\0\0\0\0\0\0\0"
#define SILENCE_30                                                                                 \
    "\xff\xa6\x3f\xfa\x63\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" \
    "\xff\xff"                                                                                     \
    "\xff\xff\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void real_packets(void **state)
{
    (void)state;
    static const struct {
        const char *seed, *decoder;
        size_t frame;
        bool speech;        // the others are silent: nothing but a decoder's own noise
        const char *before; // what the decoder hears before anything
    } cases[] = {{"G729", "g729", 10, true, NULL},
                 {"G723", "g723_1", 24, true, NULL},
                 {"iLBC-20", "ilbc", 38, false, SILENCE_20},
                 {"iLBC-30", "ilbc", 50, false, SILENCE_30}};
    static uint8_t seed[8192];
    static int16_t got[8000], want[8000], all[40 * 480];
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct cur c = cur_of(span_of(seed, read_seed(cases[k].seed, seed, sizeof seed)));
        struct decoders *d = decoders_new();
        AVCodecContext *ref = reference_open(cases[k].decoder, (int)cases[k].frame);
        struct apart_ask a;
        size_t packets = 0, sum = 0;
        if (cases[k].before)
            (void)reference(ref, span_of(cases[k].before, cases[k].frame), want);
        while (apart_parse_ask(cur_take(&c, cur_u8(&c)), &a) && a.order == APART_DECODE) {
            int n = say(d, a.codec, a.slot, a.payload, got), m = 0;
            for (size_t at = 0; at < a.payload.n; at += cases[k].frame)
                m += reference(ref, span_sub(a.payload, at, cases[k].frame), want + m);
            assert_true(n > 0);
            assert_int_equal(n, m);
            assert_memory_equal(got, want, 2 * (size_t)n);
            memcpy(all + sum, got, 2 * (size_t)n);
            sum += (size_t)n;
            packets++;
        }
        assert_int_equal(packets, 40);
        double like = 0, power = 1; // speech: each sample is like the one before it; noise is not
        for (size_t i = 1; i < sum; i++) {
            like += (double)all[i] * all[i - 1];
            power += (double)all[i] * all[i];
        }
        assert_true(cases[k].speech ? tone_rms(all, sum) > 1000 && like / power > 0.7
                                    : tone_rms(all, sum) < 20);
        avcodec_free_context(&ref);
        d = decoders_free(d);
    }
}

// ---- coders ----

// Frames of a tone, each in `ret` behind its length.
static size_t encode_g723(const int16_t *pcm, size_t frames, uint8_t (*ret)[64], size_t *ret_len)
{
    const AVCodec *c = avcodec_find_encoder(AV_CODEC_ID_G723_1);
    AVCodecContext *ctx = avcodec_alloc_context3(c);
    AVFrame *f = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    size_t n = 0;
    av_channel_layout_default(&ctx->ch_layout, 1);
    ctx->sample_rate = 8000;
    ctx->sample_fmt = AV_SAMPLE_FMT_S16;
    ctx->bit_rate = 6300;
    assert_int_equal(avcodec_open2(ctx, c, NULL), 0);
    for (size_t i = 0; i < frames; i++) {
        f->nb_samples = 240;
        f->format = AV_SAMPLE_FMT_S16;
        f->sample_rate = 8000;
        av_channel_layout_default(&f->ch_layout, 1);
        assert_int_equal(av_frame_get_buffer(f, 0), 0);
        memcpy(f->data[0], pcm + 240 * i, 480);
        assert_int_equal(avcodec_send_frame(ctx, f), 0);
        av_frame_unref(f);
        while (avcodec_receive_packet(ctx, p) == 0) {
            assert_true(p->size <= 64);
            memcpy(ret[n], p->data, (size_t)p->size);
            ret_len[n++] = (size_t)p->size;
            av_packet_unref(p);
        }
    }
    av_frame_free(&f);
    av_packet_free(&p);
    avcodec_free_context(&ctx);
    return n;
}

#define G723_FRAMES 60u

static void g723_of_a_coder(void **state)
{
    (void)state;
    static int16_t in[G723_FRAMES * 240], out[G723_FRAMES * 240], want[240];
    static uint8_t frame[G723_FRAMES][64];
    static size_t len[G723_FRAMES];
    tone_make(in, G723_FRAMES * 240, 8000, 500, 2400);
    size_t frames = encode_g723(in, G723_FRAMES, frame, len), sum = 0;
    assert_true(frames >= G723_FRAMES - 1);
    struct decoders *d = decoders_new();
    AVCodecContext *ref = reference_open("g723_1", 24);
    for (size_t i = 0; i < frames; i++) {
        assert_int_equal(say(d, APART_G723, 0, span_of(frame[i], len[i]), out + sum), 240);
        assert_int_equal(reference(ref, span_of(frame[i], len[i]), want), 240);
        assert_memory_equal(out + sum, want, sizeof want);
        sum += 240;
    }
    double share = tone_share(out + 4800, sum - 4800, 8000, 500);
    assert_true(share > 0.9);
    assert_true(tone_rms(out + 4800, sum - 4800) > TONE_LEVEL / 3);
    avcodec_free_context(&ref);
    d = decoders_free(d);
}

// Speex of libspeex's own coder: each rate, one and three frames in a packet, by two slots at a time.
static void speex_of_a_coder(void **state)
{
    (void)state;
    static const int mode[3] = {SPEEX_MODEID_NB, SPEEX_MODEID_WB, SPEEX_MODEID_UWB};
    static int16_t in[64000], out[64000], want[64000], other[2000];
    for (unsigned k = 0; k < 6; k++) {
        enum apart_codec codec = APART_SPEEX_8 + k % 3;
        uint32_t rate = apart_rate(codec), frame = rate / 50, each = k < 3 ? 1 : 3;
        void *coder = speex_encoder_init(speex_lib_get_mode(mode[k % 3]));
        void *ref = speex_decoder_init(speex_lib_get_mode(mode[k % 3]));
        struct decoders *d = decoders_new();
        SpeexBits bits, back;
        size_t sum = 0;
        speex_bits_init(&bits);
        speex_bits_init(&back);
        tone_make(in, 2 * rate, rate, 700, rate / 10);
        for (size_t at = 0; at + each * frame <= 2u * rate; at += each * frame) {
            char bytes[600];
            speex_bits_reset(&bits);
            for (uint32_t i = 0; i < each; i++)
                (void)speex_encode_int(coder, in + at + i * frame, &bits);
            speex_bits_insert_terminator(&bits);
            int n = speex_bits_write(&bits, bytes, sizeof bytes);
            speex_bits_read_from(&back, bytes, n);
            for (uint32_t i = 0; i < each; i++)
                assert_int_equal(speex_decode_int(ref, &back, want + sum + i * frame), 0);
            struct span payload = span_of(bytes, (size_t)n);
            assert_int_equal(say(d, codec, 1, payload, out + sum), each * frame);
            // Another stream beside it changes nothing.
            (void)say(d, APART_G729, 2, SPAN_LIT("0123456789"), other);
            sum += each * frame;
        }
        assert_memory_equal(out, want, 2 * sum);
        assert_true(tone_share(out + rate / 5, sum - rate / 5, rate, 700) > 0.9);
        speex_encoder_destroy(coder);
        speex_decoder_destroy(ref);
        speex_bits_destroy(&bits);
        speex_bits_destroy(&back);
        d = decoders_free(d);
    }
}

// ---- slots ----

static void slots_begin_anew(void **state)
{
    (void)state;
    static const uint8_t f20[38] = {1, 2, 3}, f30[50] = {4, 5, 6};
    int16_t first[80], again[80], pcm[240];
    struct decoders *d = decoders_new();
    assert_int_equal(say(d, APART_G729, APART_SLOTS - 1, SPAN_LIT("abcdefghij"), first), 80);
    assert_int_equal(say(d, APART_G729, APART_SLOTS - 1, SPAN_LIT("abcdefghij"), again), 80);
    assert_memory_not_equal(first, again, sizeof first); // it remembers
    uint8_t buf[APART_ASK_MAX];
    struct apart_ask a = {APART_CLOSE, APART_G729, APART_SLOTS - 1, 1, {NULL, 0}};
    assert_int_equal(decoders_answer(d, span_of(buf, apart_put_ask(&a, buf)), answer), 8);
    assert_int_equal(say(d, APART_G729, APART_SLOTS - 1, SPAN_LIT("abcdefghij"), again), 80);
    assert_memory_equal(first, again, sizeof first);
    // Another codec, another mode.
    assert_int_equal(say(d, APART_ILBC, APART_SLOTS - 1, span_of(f20, 38), pcm), 160);
    assert_int_equal(say(d, APART_ILBC, APART_SLOTS - 1, span_of(f30, 50), pcm), 240);
    assert_int_equal(say(d, APART_SPEEX_8, APART_SLOTS - 1, SPAN_LIT("\0"), pcm), 160);
    assert_int_equal(say(d, APART_G729, APART_SLOTS - 1, SPAN_LIT("abcdefghij"), again), 80);
    assert_memory_equal(first, again, sizeof first);
    // Comfort noise is silence; what is no payload is said to be none.
    assert_int_equal(say(d, APART_G729, 0, SPAN_LIT("ab"), pcm), 80);
    for (size_t i = 0; i < 80; i++)
        assert_int_equal(pcm[i], 0);
    assert_int_equal(say(d, APART_G729, 0, SPAN_LIT("abc"), pcm), -EBADMSG);
    assert_int_equal(decoders_answer(d, SPAN_LIT("rubbish!"), answer), 0);
    d = decoders_free(d);
}

static void all_codecs_are_there(void **state)
{
    (void)state;
    assert_int_equal(decoders_codecs(), (1u << APART_CODECS) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_packets),         cmocka_unit_test(g723_of_a_coder),
        cmocka_unit_test(speex_of_a_coder),     cmocka_unit_test(slots_begin_anew),
        cmocka_unit_test(all_codecs_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
