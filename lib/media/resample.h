// resample.h: PCM of one stream from one rate to another, sample for sample where it belongs: the filter's delay is taken
// out at the start of a run and given back at its end. The door to speexdsp. One owner thread.
// Limits: what the library takes at resample_open (under 64 KiB up to 48 kHz) goes with resample_close; none in a run.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct resample {
    void *state; // NULL: not open
    uint32_t from, to;
    size_t skip; // samples of the filter's delay still to be dropped
};

// 0, or -ENOMEM.
int resample_open(struct resample *r, uint32_t from, uint32_t to);
// Fine when not open.
void resample_close(struct resample *r);
// A new run: nothing before counts.
void resample_restart(struct resample *r);
// Takes all n; how many were written to out (cap must be at least n * to / from + 2).
size_t resample_run(struct resample *r, const int16_t *in, size_t n, int16_t *out, size_t cap);
// The end of a run: what the filter still holds.
size_t resample_flush(struct resample *r, int16_t *out, size_t cap);
