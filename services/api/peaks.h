// peaks.h: the wave form of a WAV file: minimum and maximum of each channel for each point, as signed 8 bit. Reads the file once
// through a small buffer, whatever its length. WAV of tag 1 (PCM, 16 bit), 6 (A-law), 7 (mu-law), one or two channels.
// Limits: PEAKS_MAX points (fewer points a second for long files). The scratch is static: one thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "vault/reader.h"

#define PEAKS_MAX 8192

struct wav {
    unsigned tag, channels, rate, frame_bytes;
    uint64_t data_at, data_n; // of the file, as far as it is there
};
// 0, or -EINVAL when it is no such WAV, or another negative errno.
int wav_open(struct reader *in, struct wav *ret);
// n bytes of the file, or up to its end. 0 or negative errno.
int wav_read(struct reader *in, uint64_t at, uint8_t *buf, size_t n, size_t *ret_n);
// Samples (frames * channels) of the file as 16-bit linear.
void wav_linear(const struct wav *w, const uint8_t *p, size_t samples, int16_t *ret);

struct peaks {
    unsigned channels, rate;
    uint32_t samples_per_pixel, length;
    int8_t data[PEAKS_MAX * 4]; // minimum and maximum of channel 1, of channel 2, and on
};
int peaks_make(struct reader *in, unsigned points_per_second, struct peaks *ret);
