// codec_speex.h: the door to libspeex: a payload of one or more frames at 8, 16 or 32 kHz. One thread.
#pragma once
#include "media/apart.h"

struct speex_decoder;

// NULL: no memory.
struct speex_decoder *speex_open(enum apart_codec c);
// `samples` as apart_samples says. 0, or -EBADMSG.
int speex_decode_payload(struct speex_decoder *d, struct span payload, uint32_t samples,
                         int16_t *pcm);
struct speex_decoder *speex_close(struct speex_decoder *d);
