// encode_impl.h: what encode.c and the formats share. Not for others.
#pragma once
#include "encode/encode.h"

struct encode_impl {
    const char *name, *type;
    int (*open)(struct encoder *e);
    int (*run)(struct encoder *e, const int16_t *pcm, size_t n);
    int (*end)(struct encoder *e);
    void (*close)(struct encoder *e);
};
extern const struct encode_impl encode_ogg, encode_flac, encode_mp3;

// At e->at, which goes on.
int encode_put(struct encoder *e, const void *p, size_t n);
