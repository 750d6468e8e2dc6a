// wav.h: the head of a WAV file whose length is known: G.711 as captured (format tags 6 and 7) or 16-bit linear (tag 1).
// Pure; any thread. Limit: RIFF counts in 32 bits, so data over WAV_DATA_MAX is refused.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

enum wav_format {
    WAV_L16 = 1,
    WAV_PCMA = 6,
    WAV_PCMU = 7
};

#define WAV_HEADER_MAX 64u
#define WAV_DATA_MAX   UINT64_C(0xFFFFFF00)

struct wav_info {
    enum wav_format format;
    uint16_t channels;
    uint32_t sample_rate;
    uint64_t frames;     // samples per channel
    size_t header_bytes; // where the data begins
};

// Bytes of one sample of one channel: 1 for G.711, 2 for L16.
size_t wav_sample_bytes(enum wav_format format);
// "PCMU", "PCMA", "L16".
const char *wav_format_name(enum wav_format format);
// Length of the head written to buf (WAV_HEADER_MAX bytes), 0 when the data is too long. header_bytes is set.
size_t wav_write_header(struct wav_info *w, uint8_t *buf);
// Reads the head of a file (its first 512 bytes are enough for what we write). False: not such a file.
bool wav_read_header(struct span s, struct wav_info *ret);
