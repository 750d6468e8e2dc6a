#include "encode/encode.h"

#include <errno.h>
#include <string.h>
#include "base/fail.h"
#include "encode/encode_impl.h"

static const struct encode_impl *const impls[ENCODE_FORMATS] = {
    [ENCODE_OGG] = &encode_ogg, [ENCODE_FLAC] = &encode_flac, [ENCODE_MP3] = &encode_mp3};

const char *encode_name(enum encode_format f)
{
    return f < ENCODE_FORMATS ? impls[f]->name : NULL;
}

const char *encode_type(enum encode_format f)
{
    return f < ENCODE_FORMATS ? impls[f]->type : NULL;
}

bool encode_by_name(const char *name, enum encode_format *ret)
{
    for (int i = 0; i < ENCODE_FORMATS; i++) {
        if (strcmp(impls[i]->name, name) == 0) {
            *ret = (enum encode_format)i;
            return true;
        }
    }
    return false;
}

int encode_put(struct encoder *e, const void *p, size_t n)
{
    if (e->error == 0)
        e->error = e->put(e->ctx, e->at, p, n);
    e->at += n;
    if (e->at > e->end)
        e->end = e->at;
    return e->error;
}

int encode_open(struct encoder *e, enum encode_format f, uint32_t rate, unsigned channels,
                uint64_t frames, encode_put_fn put, void *ctx)
{
    *e = (struct encoder){
        .put = put, .ctx = ctx, .rate = rate, .channels = channels, .frames = frames};
    if (f >= ENCODE_FORMATS || channels < 1 || channels > 2)
        return -EINVAL;
    e->impl = impls[f];
    int r = e->impl->open(e);
    if (r < 0)
        encode_close(e);
    return r;
}

int encode_run(struct encoder *e, const int16_t *pcm, size_t n)
{
    must(n <= ENCODE_FRAMES);
    int r = e->error < 0 ? e->error : e->impl->run(e, pcm, n);
    return e->error < 0 ? e->error : r;
}

int encode_end(struct encoder *e)
{
    int r = e->error < 0 ? e->error : e->impl->end(e);
    return e->error < 0 ? e->error : r;
}

void encode_close(struct encoder *e)
{
    if (e->impl)
        e->impl->close(e);
    e->impl = NULL;
    e->state = NULL;
}
