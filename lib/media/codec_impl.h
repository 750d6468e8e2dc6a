// codec_impl.h: what a door to a codec library gives to codec.c. Only lib/media's codec_*.c include it.
#pragma once
#include "media/codec.h"

struct codec_impl {
    const char *name;   // as registered
    uint32_t clock;     // of RTP; 0: any of L16's
    uint32_t rate;      // of the PCM; 0: as the clock
    size_t state_bytes; // a decoder holds at most
    uint32_t detail;    // the door's own
    // Units of the RTP clock, 0: not such a payload. Looks at lengths and heads only.
    uint32_t (*ticks)(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                      struct span payload);
    int (*open)(struct codec_decoder *d); // NULL: no state
    // The payload has passed ticks().
    int (*decode)(struct codec_decoder *d, struct span payload, int16_t *pcm);
    size_t (*conceal)(struct codec_decoder *d, int16_t *pcm, size_t n); // NULL: cannot
    void (*close)(struct codec_decoder *d);                             // NULL: no state
};

// Each ends with a name of NULL.
extern const struct codec_impl codec_opus_impls[];
extern const struct codec_impl codec_spandsp_impls[];
extern const struct codec_impl codec_amr_impls[];
extern const struct codec_impl codec_apart_impls[];
