// render.h: a stereo file out of the chains of a call's streams: caller left, callee right, for ever. Two passes over the
// spool: what is there (codecs, timelines, length), then the sound. One law of G.711 alone keeps its bytes (WAV tags 7 and 6), all
// else becomes 16-bit linear, at 16 kHz when a codec has that much. A side whose clock runs away from the capture's by more
// than drift_us is resampled to it. Memory of ours is fixed at start whatever the length
// of the call; decoders live as long as the render. One thread (cutter).
// Limits: `blocks` places of blocks per call (full: the oldest media is declared missing), `segments` of timelines per call.
#pragma once
#include "chain.h"
#include "codec.h"
#include "job.h"
#include "media/srtp_stream.h"
#include "media/timeline.h"
#include "renderer.h"
#include "sink.h"
#include "voice.h"
#include "window.h"

#define RENDER_REASON_BYTES 200u
#define RENDER_DRIFTS_MAX   64u

struct render_channel {
    uint64_t packets; // placed
    uint64_t lost;
    uint64_t late_or_duplicate;
    uint64_t other;     // audio that could not be decoded
    uint64_t missing;   // packets of its streams that are not here; in `lost` too
    int64_t missing_us; // since when: the first of them
    char codec[48];     // of its audio, "PCMU" or "PCMU,PCMA"
};

enum render_verdict {
    RENDER_READY,
    RENDER_EMPTY,  // no audio packet of any stream
    RENDER_FAILED, // reason says why; also said by render_write, and then there is no file
};

// A piece of a stream that was brought to the capture's clock.
struct render_drift {
    uint32_t stream;  // of the job
    int64_t from, to; // frames
    int32_t stretch;  // in parts of DRIFT_ONE
};

// What became of encrypted streams; of the pass that counts.
struct render_srtp {
    uint64_t clear, duplicates, failed; // packets, where there were keys
    char suites[100];                   // of the keys that fitted, with commas between
};

struct render_result {
    enum render_verdict verdict;
    char reason[RENDER_REASON_BYTES]; // also beside READY, when something is to be told
    int64_t start_us;                 // capture time of sample 0
    struct wav_info wav;
    struct sink_sums sums;
    struct render_channel channel[2];
    uint64_t undecodable; // packets
    uint64_t missing;     // packets of streams that harvesters told of and that are not here
    struct render_srtp srtp;
    struct render_drift drift[RENDER_DRIFTS_MAX];
    uint64_t drifts; // with those that did not fit
};

struct track {
    const struct job_stream *stream;
    struct chain chain;
    struct timeline timeline;
    int channel;
    uint8_t rank;
    uint64_t audio, other; // packets of pass 1
    int64_t first_us;      // of its first packet in the call
    int64_t end;           // after its newest sample
    struct chain_packet next;
    bool has_next;
    struct voice voice;
    const struct track *
        copy_of; // the same stream as a better copy of it, by another harvester; NULL: it is the best
    uint64_t filled; // packets of a copy that stand where the best one has a hole
    struct srtp_stream srtp;
};

struct render {
    struct spool_reader *reader; // borrowed
    struct spool_pos *refs;
    size_t refs_cap;
    struct timeline_segment *segments;
    size_t segments_cap;
    int64_t grace_us; // media this long after the end of the call still belongs to it
    int64_t drift_us; // a drift that stays below is left alone
    struct track track[JOB_STREAMS_MAX];
    size_t tracks;
    uint64_t pcmu, pcma, decoded, other, stretched;
    uint32_t rate;          // of the file
    const char *other_name; // of a codec that has no decoder
    uint64_t encrypted, malformed;
    uint64_t failed;           // packets that the renderer should have decoded
    struct renderer *renderer; // borrowed; NULL: none
    struct voice_room room;
    const struct srtp_key *keys; // of the call, borrowed; render_keys
    uint32_t keys_n;
    const char *keys_why;                       // none are there; borrowed
    int64_t started_us;                         // of the call
    _Alignas(4) uint8_t clear[SRTP_PACKET_MAX]; // the packet at work, decrypted
    struct window window;
    struct sink sink;
    struct sink_seal seal; // set before render_write and render_dump; key NULL: plain
    bool keep_all; // render_dump takes every track, not only those with something not rendered
    bool (*cancelled)(void *ctx);
    void *cancelled_ctx;
};

int render_init(struct render *r, struct spool_reader *reader, size_t blocks, size_t segments,
                int64_t grace_us, int64_t drift_us);
void render_deinit(struct render *r);
// The SRTP keys of the call, before render_learn, borrowed until it is told that there are none (then nothing of them stays). why: "" or why there
// are none.
void render_keys(struct render *r, const struct srtp_key *keys, uint32_t n, const char *why);
// Pass 1. After it the tracks stand; render_dump may be called too.
void render_learn(struct render *r, const struct job *j, struct render_result *res);
// Pass 2, to `path`. 0, or negative errno (disk), or -ECANCELED.
int render_write(struct render *r, const struct job *j, const char *path,
                 struct render_result *res);
// What the tracks hold, as rtpdump ("#!rtpplay1.0"), to `path`: so that nothing is lost that cannot be rendered.
int render_dump(struct render *r, const struct job *j, const char *path, struct sink_sums *ret);
