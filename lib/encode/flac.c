// FLAC: 16 bit, level 5. What it decodes to is what went in.
#include <FLAC/stream_encoder.h>
#include <errno.h>
#include <stdlib.h>
#include "encode/encode_impl.h"

#define LEVEL 5

struct state {
    FLAC__StreamEncoder *flac;
    FLAC__int32 wide[2 * ENCODE_FRAMES];
};

static FLAC__StreamEncoderWriteStatus on_write(const FLAC__StreamEncoder *f, const FLAC__byte b[],
                                               size_t n, uint32_t samples, uint32_t frame,
                                               void *ctx)
{
    (void)f;
    (void)samples;
    (void)frame;
    return encode_put(ctx, b, n) < 0 ? FLAC__STREAM_ENCODER_WRITE_STATUS_FATAL_ERROR
                                     : FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
}

static FLAC__StreamEncoderSeekStatus on_seek(const FLAC__StreamEncoder *f, FLAC__uint64 at,
                                             void *ctx)
{
    (void)f;
    ((struct encoder *)ctx)->at = at;
    return FLAC__STREAM_ENCODER_SEEK_STATUS_OK;
}

static FLAC__StreamEncoderTellStatus on_tell(const FLAC__StreamEncoder *f, FLAC__uint64 *ret_at,
                                             void *ctx)
{
    (void)f;
    *ret_at = ((const struct encoder *)ctx)->at;
    return FLAC__STREAM_ENCODER_TELL_STATUS_OK;
}

static int flac_open(struct encoder *e)
{
    struct state *s = e->state = calloc(1, sizeof(*s));
    if (!s || !(s->flac = FLAC__stream_encoder_new()))
        return -ENOMEM;
    if (!FLAC__stream_encoder_set_channels(s->flac, e->channels) ||
        !FLAC__stream_encoder_set_bits_per_sample(s->flac, 16) ||
        !FLAC__stream_encoder_set_sample_rate(s->flac, e->rate) ||
        !FLAC__stream_encoder_set_compression_level(s->flac, LEVEL) ||
        // The sides are not each other's likeness.
        !FLAC__stream_encoder_set_do_mid_side_stereo(s->flac, false) ||
        !FLAC__stream_encoder_set_total_samples_estimate(s->flac, e->frames))
        return -EINVAL;
    FLAC__StreamEncoderInitStatus st =
        FLAC__stream_encoder_init_stream(s->flac, on_write, on_seek, on_tell, NULL, e);
    return st == FLAC__STREAM_ENCODER_INIT_STATUS_OK ? 0 : e->error < 0 ? e->error : -EINVAL;
}

static int flac_run(struct encoder *e, const int16_t *pcm, size_t n)
{
    struct state *s = e->state;
    for (size_t i = 0; i < n * e->channels; i++)
        s->wide[i] = pcm[i];
    return FLAC__stream_encoder_process_interleaved(s->flac, s->wide, (uint32_t)n) ? 0 : -EIO;
}

static int flac_end(struct encoder *e)
{
    struct state *s = e->state;
    return FLAC__stream_encoder_finish(s->flac) ? 0 : -EIO;
}

static void flac_close(struct encoder *e)
{
    struct state *s = e->state;
    if (!s)
        return;
    e->error =
        e->error < 0 ? e->error : -ECANCELED; // its last words of an unfinished file go nowhere
    if (s->flac)
        FLAC__stream_encoder_delete(s->flac);
    free(s);
}

const struct encode_impl encode_flac = {.name = "flac",
                                        .type = "audio/flac",
                                        .open = flac_open,
                                        .run = flac_run,
                                        .end = flac_end,
                                        .close = flac_close};
