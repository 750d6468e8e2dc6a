// codec.h: one RTP payload to 16-bit PCM, whatever the codec, behind one table. Tables of constants; a decoder has one owner
// thread. Lengths and frame types are checked here before a library sees a payload.
// Limits: a payload of more than one second of audio (CODEC_PCM_MAX samples) is refused. A decoder is opened once per
// stream and payload type, not per packet; what its library takes then is at most state_bytes and goes with codec_close.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

#define CODEC_PCM_MAX 16384u

// What a=fmtp says beyond the name (RFC 4867 8.1).
enum codec_flag {
    CODEC_OCTET_ALIGN = 1,
    CODEC_UNUSUAL = 2 // AMR with crc, robust sorting or interleaving: not decoded
};

struct codec_params {
    const char *name; // as in a=rtpmap, any case
    uint32_t clock;
    uint8_t channels; // 0: one
    uint8_t flags;    // enum codec_flag
};

struct codec_impl;

// Who decodes what no library in this process does (apart.h). The owner of a decoder keeps it alive.
struct codec_apart {
    // A place for a decoder, or -ENOMEM.
    int (*take)(struct codec_apart *a);
    // `samples` of them, or -EBADMSG, or -EIO: it has failed and says itself why.
    int (*decode)(struct codec_apart *a, uint8_t slot, uint32_t codec, struct span payload,
                  uint32_t samples, int16_t *pcm);
    void (*give)(struct codec_apart *a, uint8_t slot, uint32_t codec);
};

struct codec_decoder {
    const struct codec_impl *impl; // NULL: not open
    void *state;                   // the library's
    uint32_t rate;                 // of the PCM
    uint8_t channels, flags;
    uint8_t slot; // of apart
    struct codec_apart *apart;
};

// NULL: no decoder for it in this process.
const struct codec_impl *codec_find(const struct codec_params *p);
// The same among those of apart.h.
const struct codec_impl *codec_find_apart(const struct codec_params *p);
// Which of enum apart_codec, or -1: its decoder is in this process.
int codec_apart(const struct codec_impl *c);
// Hz of what comes out; all codecs come out with one channel.
uint32_t codec_rate(const struct codec_impl *c, const struct codec_params *p);
// RTP clock units of audio in a payload; 0: not a payload of this codec, or over a second.
uint32_t codec_ticks(const struct codec_impl *c, const struct codec_params *p, struct span payload);
size_t codec_state_bytes(const struct codec_impl *c);

// 0, or -ENOMEM.
int codec_open(struct codec_decoder *d, const struct codec_impl *c, const struct codec_params *p);
// For a codec of apart.h. 0, or -ENOMEM: no place left.
int codec_open_apart(struct codec_decoder *d, const struct codec_impl *c,
                     const struct codec_params *p, struct codec_apart *by);
// Samples written (at most CODEC_PCM_MAX), or -EBADMSG: nothing written, the decoder goes on; -EIO: struct codec_apart.
int codec_decode(struct codec_decoder *d, struct span payload, int16_t *pcm);
// What stands for n lost samples, written to pcm; how many, 0: this codec cannot.
size_t codec_conceal(struct codec_decoder *d, int16_t *pcm, size_t n);
// Fine when not open.
void codec_close(struct codec_decoder *d);
// For lists: name and clock of the i-th codec, NULL at the end.
const char *codec_name(size_t i, uint32_t *ret_clock);
