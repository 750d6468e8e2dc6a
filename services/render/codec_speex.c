// libavcodec's own wrapper holds the second frame of a packet back until the next packet comes; libspeex itself does not.
#include "codec_speex.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <speex/speex.h>

struct speex_decoder {
    void *state;
    SpeexBits bits;
    uint32_t frame; // samples
};

struct speex_decoder *speex_open(enum apart_codec c)
{
    struct speex_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    int mode = c == APART_SPEEX_8    ? SPEEX_MODEID_NB
               : c == APART_SPEEX_16 ? SPEEX_MODEID_WB
                                     : SPEEX_MODEID_UWB;
    speex_bits_init(&d->bits);
    d->state = speex_decoder_init(speex_lib_get_mode(mode));
    d->frame = apart_rate(c) / 50;
    return d->state && d->bits.chars ? d : speex_close(d);
}

int speex_decode_payload(struct speex_decoder *d, struct span payload, uint32_t samples,
                         int16_t *pcm)
{
    static char bytes[APART_PAYLOAD_MAX]; // the library takes no const
    if (payload.n > sizeof bytes)
        return -EBADMSG;
    for (size_t i = 0; i < payload.n; i++)
        bytes[i] = (char)payload.p[i];
    speex_bits_read_from(&d->bits, bytes, (int)payload.n);
    for (uint32_t at = 0; at + d->frame <= samples; at += d->frame) {
        if (speex_decode_int(d->state, &d->bits, pcm + at) != 0 ||
            speex_bits_remaining(&d->bits) < 0)
            return -EBADMSG;
    }
    return 0;
}

struct speex_decoder *speex_close(struct speex_decoder *d)
{
    if (!d)
        return NULL;
    if (d->state)
        speex_decoder_destroy(d->state);
    speex_bits_destroy(&d->bits);
    free(d);
    return NULL;
}
