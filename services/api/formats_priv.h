// formats_priv.h: what formats.c (the store, and who asks) and formats_make.c (the making) share. Not for others.
#pragma once
#include "base/thread.h"
#include "formats.h"

#define READ_BYTES 16384u

enum state {
    FREE,
    ASKED,
    MAKING,
    READY
};

struct rendition {
    enum state state;
    struct uuid id;
    char sha256[65];
    enum encode_format format;
    int fd;
    bool forgotten; // while it is being made: it goes when it is
    struct data_key key;
    uint64_t bytes;
    int64_t used_us;          // monotonic
    struct audio_slot *from;  // while it is asked for
    struct http_req *waiting; // list
};

// Where a thread works.
struct maker {
    struct thread thread;
    struct seal seal;
    struct encoder encoder;
    struct rendition *r;
    uint64_t n;                // content bytes so far
    uint8_t first[SEAL_CHUNK]; // stays here until the end: its head may change
    uint8_t chunk[SEAL_CHUNK], out[SEAL_STRIDE];
    uint8_t in[READ_BYTES];
    int16_t pcm[READ_BYTES];
};

// Of formats.c: room in the store for n more bytes of it, or -EFBIG.
int formats_charge(struct rendition *r, uint64_t n);
// Those who have waited too long are told.
void formats_look(struct rendition *r);

// Of formats_make.c: the whole file of m->r. 0 or negative errno.
int formats_make(struct maker *m);
