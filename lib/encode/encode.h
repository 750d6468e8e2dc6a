// encode.h: PCM to a file that players know: Ogg/Opus, FLAC, MP3. Sample-exact in length; each channel is coded apart from the
// others, so that nobody is heard on the other's side. The file goes to `put` piece by piece in order; once it is
// written, its first bytes may be written again (FLAC's and MP3's heads say what is known at the end only), never more than
// the first ENCODE_HEAD bytes. One owner thread each.
// Limits: one or two channels; what the library takes at encode_open (under 1 MiB) goes with encode_close; memory does not depend on the
// length.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENCODE_HEAD   16384u
#define ENCODE_FRAMES 1920u // most that encode_run takes

enum encode_format {
    ENCODE_OGG, // RFC 7845
    ENCODE_FLAC,
    ENCODE_MP3,
    ENCODE_FORMATS
};

// Where the file goes: n bytes at `at`. 0 or negative errno.
typedef int (*encode_put_fn)(void *ctx, uint64_t at, const void *p, size_t n);

struct encode_impl;

struct encoder {
    const struct encode_impl *impl; // NULL: not open
    void *state;                    // the library's, and ours
    encode_put_fn put;
    void *ctx;
    uint32_t rate;
    unsigned channels;
    uint64_t frames;  // of the whole
    uint64_t at, end; // where the next bytes go; length of the file
    int error;        // of put, the first
};

// "ogg", "flac", "mp3"; NULL beyond.
const char *encode_name(enum encode_format f);
const char *encode_type(enum encode_format f); // media type
bool encode_by_name(const char *name, enum encode_format *ret);

// frames: how many will come in all. 0; -EINVAL: not at this rate; -ENOMEM; or what put said.
int encode_open(struct encoder *e, enum encode_format f, uint32_t rate, unsigned channels,
                uint64_t frames, encode_put_fn put, void *ctx);
// n frames (at most ENCODE_FRAMES), the channels one after the other in each. 0 or negative errno.
int encode_run(struct encoder *e, const int16_t *pcm, size_t n);
// The rest. 0 or negative errno: the file is not whole. e->end is its length.
int encode_end(struct encoder *e);
// Fine when not open.
void encode_close(struct encoder *e);
