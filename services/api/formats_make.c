// formats_make.c: one recording through an encoder into an encrypted file. The first chunk waits in memory until the end, because
// what a format's head says is known then.
#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#include "formats_priv.h"
#include "nameless.h"
#include "peaks.h"

#define LOOK_ROUNDS                                                                                \
    64u // rounds between two looks at who has waited too long: some seconds of audio each

static int write_at(int fd, uint64_t at, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t k = pwrite(fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -EIO;
        at += (uint64_t)k;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static int seal_one(struct maker *m, uint64_t chunk, const uint8_t *p, size_t n, bool last)
{
    m->seal.chunk = chunk;
    int e = formats_charge(m->r, n + SEAL_TAG);
    if (e == 0)
        e = seal_chunk(&m->seal, p, n, last, m->out);
    return e ? e : write_at(m->r->fd, SEAL_HEAD + chunk * SEAL_STRIDE, m->out, n + SEAL_TAG);
}

// encode_put_fn. The first chunk is written last, every chunk once: no nonce is used twice.
static int put(void *ctx, uint64_t at, const void *p, size_t n)
{
    struct maker *m = ctx;
    const uint8_t *b = p;
    if (at < m->n) { // a head that says what is known now
        if (at + n > ENCODE_HEAD || at + n > m->n)
            return -EINVAL;
        memcpy(m->first + at, b, n);
        return 0;
    }
    while (n > 0) {
        uint64_t chunk = m->n / SEAL_CHUNK;
        size_t used = (size_t)(m->n % SEAL_CHUNK), part = SEAL_CHUNK - used;
        if (used == 0 && chunk > 1) { // there is more, so the one before is not the last
            int e = seal_one(m, chunk - 1, m->chunk, SEAL_CHUNK, false);
            if (e)
                return e;
        }
        part = part < n ? part : n;
        memcpy((chunk == 0 ? m->first : m->chunk) + used, b, part);
        m->n += part;
        b += part;
        n -= part;
    }
    return 0;
}

static int finish(struct maker *m)
{
    uint64_t last = m->n ? (m->n - 1) / SEAL_CHUNK : 0;
    size_t n = (size_t)(m->n - last * SEAL_CHUNK);
    int e = last > 0 ? seal_one(m, last, m->chunk, n, true) : 0;
    return e ? e : seal_one(m, 0, m->first, last > 0 ? SEAL_CHUNK : n, last == 0);
}

static int run(struct maker *m, struct reader *in, const struct wav *w)
{
    uint64_t at = w->data_at, end = at + w->data_n / w->frame_bytes * w->frame_bytes;
    size_t most = ENCODE_FRAMES * w->frame_bytes;
    for (unsigned round = 1; at < end; round++) {
        size_t n = end - at < most ? (size_t)(end - at) : most;
        int e = wav_read(in, at, m->in, n, &n);
        n -= n % w->frame_bytes;
        if (e || n == 0)
            return e ? e : -EIO;
        wav_linear(w, m->in, n / w->frame_bytes * w->channels, m->pcm);
        e = encode_run(&m->encoder, m->pcm, n / w->frame_bytes);
        if (e)
            return e;
        at += n;
        if (thread_should_stop(&m->thread))
            return -ECANCELED;
        if (round % LOOK_ROUNDS == 0)
            formats_look(m->r);
    }
    return encode_end(&m->encoder);
}

int formats_make(struct maker *m)
{
    struct rendition *r = m->r;
    struct reader *in = audio_reader(r->from);
    struct wav w;
    _Static_assert(ENCODE_FRAMES * 4 <= READ_BYTES, "a round of 16-bit stereo");
    int e = wav_open(in, &w);
    if (e)
        return e;
    m->n = 0;
    r->fd = nameless_open();
    if (r->fd < 0)
        return -errno;
    if (getrandom(&r->key, sizeof(r->key), 0) != sizeof(r->key))
        return -EIO;
    e = formats_charge(r, SEAL_HEAD);
    if (e == 0)
        e = seal_begin(&m->seal, &r->id, SEAL_AUDIO, &r->key, m->out);
    if (e == 0)
        e = write_at(r->fd, 0, m->out, SEAL_HEAD);
    if (e == 0)
        e = encode_open(&m->encoder, r->format, w.rate, w.channels, w.data_n / w.frame_bytes, put,
                        m);
    if (e)
        return e;
    e = run(m, in, &w);
    if (e == 0)
        e = finish(m);
    return e;
}
