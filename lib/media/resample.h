// resample.h: PCM of one stream from one rate to another, sample for sample where it belongs: the filter's delay is taken
// out at the start of a run and given back at its end. The door to speexdsp. One owner thread.
// A stretch makes a little more or less of it, for a sender whose clock is not ours (drift.h).
// Limits: what the library takes at resample_open (under 64 KiB up to 48 kHz) goes with resample_close; none in a run.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct resample {
    void *state; // NULL: not open
    uint32_t from, to;
    int32_t stretch; // in parts of DRIFT_ONE
    size_t skip;     // samples of the filter's delay still to be dropped
};

// 0, or -ENOMEM.
int resample_open(struct resample *r, uint32_t from, uint32_t to);
// From the next sample on; 0 at first. Within a run there is no break. To a hundredth of a ppm; of L16 at 11025, 22050 and
// 44100 Hz to 5 ppm. 0, or -ENOMEM.
int resample_stretch(struct resample *r, int32_t stretch);
// Fine when not open.
void resample_close(struct resample *r);
// A new run: nothing before counts.
void resample_restart(struct resample *r);
// Takes all n; how many were written to out (cap must be at least n * to / from + 2 and the stretch).
size_t resample_run(struct resample *r, const int16_t *in, size_t n, int16_t *out, size_t cap);
// The end of a run: what the filter still holds.
size_t resample_flush(struct resample *r, int16_t *out, size_t cap);
