// codec_av.h: the door to libavcodec: G.729, G.723.1, iLBC. One frame in, its samples out. One thread.
#pragma once
#include "media/apart.h"

struct av_decoder;

bool av_has(enum apart_codec c);
// frame_bytes: iLBC's modes differ by it. NULL: no memory, or the library will not.
struct av_decoder *av_open(enum apart_codec c, size_t frame_bytes);
// 0, or -EBADMSG: not f->samples of them.
int av_decode(struct av_decoder *d, const struct apart_frame *f, int16_t *pcm);
struct av_decoder *av_close(struct av_decoder *d);
