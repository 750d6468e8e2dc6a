// window.h: the two channels on their way to the file: a sliding window of 8 to 16 s of samples, each with a word on where
// it came from. Packets may come in any order within the window; what slides out is written, and what had no audio
// becomes silence and a gap. Constant memory for a call of any length. One thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "job.h"
#include "media/wav.h"
#include "sink.h"

#define WINDOW_FRAMES 131072u // 16.4 s at 8 kHz, 8.2 s at 16 kHz, a power of two
#define WINDOW_KEEP                                                                                \
    65536 // behind the newest packet: what comes later than 8 s (16 kHz: 4 s) is too late
#define WINDOW_GAPS_MAX 256u

enum window_state {
    WINDOW_NOTHING = 0, // not sent
    WINDOW_LOSS = 1,
    WINDOW_CODEC = 2,
    WINDOW_CONCEALED = 3, // lost, and the decoder said what may have been there
    WINDOW_AUDIO = 16,    // + rank
};

enum gap_reason {
    GAP_NOT_SENT,
    GAP_LOSS,
    GAP_CODEC,
    GAP_NOT_CAPTURED,
    GAP_PAUSED
};
const char *gap_reason_name(enum gap_reason r);

struct gap {
    int64_t from, to; // frames
    uint8_t channel;  // 0 caller, 1 callee
    enum gap_reason reason;
};

struct window {
    struct sink *sink;
    enum wav_format format;
    int64_t base, total;                  // frames: first in the window, length of the recording
    size_t width;                         // bytes of a sample: 1 code, 2 linear
    uint8_t sample[2][2 * WINDOW_FRAMES]; // as in the file
    uint8_t state[2][WINDOW_FRAMES];
    // What the harvesters declared as lost, and what had left the spool: frames.
    struct {
        int64_t from, to;
    } uncaptured[JOB_LOSSES_MAX + 1];
    size_t uncaptured_n;
    struct {
        int64_t from, to;
    } paused[JOB_PAUSES_MAX];
    size_t paused_n;
    int64_t
        side_lost[2]; // frames: from here on what is missing of the side was sent, and is not here
    struct gap open[2]; // the run being made, to < 0: none
    struct gap gaps[WINDOW_GAPS_MAX];
    size_t gaps_n;
    uint64_t gaps_total; // with those that did not fit
};

void window_init(struct window *w, struct sink *sink, enum wav_format format, int64_t total);
// What is missing there was kept back on purpose; stronger than all other reasons.
void window_add_pauses(struct window *w, const struct job *j, int64_t start_us, uint32_t rate);
void window_add_uncaptured(struct window *w, int64_t from, int64_t to);
// Media of this side was sent from this frame on and is not here.
void window_lose_side(struct window *w, int channel, int64_t from);
// Makes room so that [pos, pos + n) is in the window; writes out what slides off.
void window_reach(struct window *w, int64_t pos, int64_t n);
// Samples of a packet, codes or 16-bit linear as the format, where nothing of the same or a higher rank stands. Returns how many
// found their place.
size_t window_put(struct window *w, int channel, int64_t pos, const void *samples, size_t n,
                  uint8_t rank);
// Samples of a decoder for packets that were lost, where nothing stands: heard, and still a gap.
void window_conceal(struct window *w, int channel, int64_t pos, const void *samples, size_t n);
// Why there is nothing in [from, to), where there is nothing; `ahead` is the position the caller is at.
void window_mark(struct window *w, int channel, int64_t from, int64_t to, enum window_state state,
                 int64_t ahead);
// Writes the rest.
void window_finish(struct window *w);
