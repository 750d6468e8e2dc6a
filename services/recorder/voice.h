// voice.h: the sound of one stream into the window at the file's rate: its decoders, one for each payload type in use, and the
// resampler behind them. One thread. Decoders are opened at the first packet that needs them and closed with the render.
// Limits: VOICE_DECODERS at a time (full: the one opened first goes, and begins anew when it comes again).
#pragma once
#include "codec.h"
#include "media/resample.h"
#include "window.h"

#define VOICE_DECODERS   4u
#define VOICE_CONCEAL_MS 100 // of a loss; beyond, no decoder has anything to say

// Where sound stands between decoder, resampler and window: one for all voices of a thread.
struct voice_room {
    int16_t pcm[CODEC_PCM_MAX];
    int16_t out[2 * CODEC_PCM_MAX];
};

struct voice {
    struct window *window; // borrowed
    struct voice_room *room;
    uint32_t rate; // of the file
    int channel;
    uint8_t rank;
    struct codec_decoder decoder[VOICE_DECODERS];
    uint8_t payload_type[VOICE_DECODERS];
    uint32_t oldest;
    struct codec_apart *apart;  // borrowed; who decodes what is not in this process, NULL: nobody
    struct codec_decoder *last; // decoded the newest packet
    struct resample resample;
    int32_t stretch;          // of the packet at work, in parts of DRIFT_ONE
    bool running, concealing; // what the resampler still holds
    double expect;            // frames: after the newest samples in, by the length of the run
    int64_t out;              // after those out
};

void voice_begin(struct voice *v, struct window *w, struct voice_room *room, uint32_t rate,
                 int channel, uint8_t rank);
void voice_apart(struct voice *v, struct codec_apart *by);
// How the clock of the sender runs from here on (struct timeline_place).
void voice_stretch(struct voice *v, int32_t stretch);
// Decodes and puts at pos. Samples that found their place, or -EBADMSG, -ENOMEM, or -EIO (struct codec_apart).
int voice_say(struct voice *v, const struct codec *c, uint8_t payload_type, struct span payload,
              int64_t pos);
// Packets were lost in [from, to), before one of this type: what its decoder can say of it.
void voice_conceal(struct voice *v, uint8_t payload_type, int64_t from, int64_t to);
// What the resampler still holds goes out; all is closed. Fine twice.
void voice_end(struct voice *v);
