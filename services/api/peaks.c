#include "peaks.h"

#include <errno.h>
#include <string.h>

#include "base/span.h"

#define CHUNKS_MAX 64

int wav_read(struct reader *in, uint64_t at, uint8_t *buf, size_t n, size_t *ret_n)
{
    *ret_n = 0;
    while (*ret_n < n) {
        ssize_t r = reader_read(in, at + *ret_n, buf + *ret_n, n - *ret_n);
        if (r < 0)
            return (int)r;
        if (r == 0)
            break;
        *ret_n += (size_t)r;
    }
    return 0;
}

// RIFF: chunks of name, length, bytes, padded to even. A data chunk longer than the file is what a writer leaves that was
// stopped: what is there counts.
int wav_open(struct reader *in, struct wav *ret)
{
    uint8_t b[40];
    size_t n = 0;
    struct wav w = {0};
    uint64_t size = in->content, at = 12;
    int r = wav_read(in, 0, b, 12, &n);
    if (r || n < 12 || memcmp(b, "RIFF", 4) != 0 || memcmp(b + 8, "WAVE", 4) != 0)
        return r ? r : -EINVAL;
    for (int i = 0; i < CHUNKS_MAX && at + 8 <= size; i++) {
        r = wav_read(in, at, b, sizeof(b), &n);
        if (r || n < 8)
            return r ? r : -EINVAL;
        struct cur c = cur_of(span_of(b, n));
        cur_skip(&c, 4);
        uint64_t len = cur_u32le(&c);
        if (memcmp(b, "fmt ", 4) == 0) {
            w.tag = cur_u16le(&c);
            w.channels = cur_u16le(&c);
            w.rate = cur_u32le(&c);
            cur_skip(&c, 4);
            w.frame_bytes = cur_u16le(&c);
            unsigned bits = cur_u16le(&c);
            cur_skip(&c, 8);
            if (w.tag == 0xFFFE) // extensible: the first two bytes of the sub-format are the tag
                w.tag = cur_u16le(&c);
            unsigned want = w.tag == 1 ? 16 : 8;
            if (c.failed || (w.tag != 1 && w.tag != 6 && w.tag != 7) || bits != want ||
                w.channels < 1 || w.channels > 2 || w.rate < 1 ||
                w.frame_bytes != w.channels * want / 8)
                return -EINVAL;
        } else if (memcmp(b, "data", 4) == 0 && w.channels) {
            w.data_at = at + 8;
            w.data_n = len < size - w.data_at ? len : size - w.data_at;
            *ret = w;
            return 0;
        }
        at += 8 + len + (len & 1);
    }
    return -EINVAL;
}

// ITU-T G.711, expanded to 16 bit.
static int16_t ulaw(uint8_t v)
{
    v = (uint8_t)~v;
    int t = ((v & 0x0F) << 3) + 0x84;
    t <<= (v & 0x70) >> 4;
    return (int16_t)(v & 0x80 ? 0x84 - t : t - 0x84);
}

static int16_t alaw(uint8_t v)
{
    v ^= 0x55;
    int t = (v & 0x0F) << 4, seg = (v & 0x70) >> 4;
    t += seg == 0 ? 8 : 0x108;
    if (seg > 1)
        t <<= seg - 1;
    return (int16_t)(v & 0x80 ? t : -t);
}

static int sample(const struct wav *w, const uint8_t *p)
{
    if (w->tag == 1)
        return (int16_t)(uint16_t)(p[0] | (unsigned)p[1] << 8);
    return w->tag == 6 ? alaw(*p) : ulaw(*p);
}

void wav_linear(const struct wav *w, const uint8_t *p, size_t samples, int16_t *ret)
{
    unsigned step = w->frame_bytes / w->channels;
    for (size_t i = 0; i < samples; i++)
        ret[i] = (int16_t)sample(w, p + i * step);
}

static void point(struct peaks *pk, const int lo[2], const int hi[2])
{
    int8_t *d = pk->data + (size_t)pk->length * pk->channels * 2;
    for (unsigned c = 0; c < pk->channels; c++) {
        d[2 * c] = (int8_t)(lo[c] >> 8);
        d[2 * c + 1] = (int8_t)(hi[c] >> 8);
    }
    pk->length++;
}

int peaks_make(struct reader *in, unsigned points_per_second, struct peaks *pk)
{
    static uint8_t buf[64 << 10]; // a multiple of each frame size
    struct wav w;
    int r = wav_open(in, &w);
    if (r)
        return r;
    uint64_t frames = w.data_n / w.frame_bytes;
    uint64_t spp = w.rate / points_per_second ? w.rate / points_per_second : 1;
    if (frames / spp >= PEAKS_MAX)
        spp = frames / PEAKS_MAX + 1;
    *pk =
        (struct peaks){.channels = w.channels, .rate = w.rate, .samples_per_pixel = (uint32_t)spp};
    int lo[2] = {INT16_MAX, INT16_MAX}, hi[2] = {INT16_MIN, INT16_MIN};
    uint64_t in_point = 0, end = w.data_at + frames * w.frame_bytes;
    unsigned step = w.frame_bytes / w.channels;
    for (uint64_t at = w.data_at; at < end;) {
        size_t n = end - at < sizeof(buf) ? (size_t)(end - at) : sizeof(buf);
        r = wav_read(in, at, buf, n, &n);
        n -= n % w.frame_bytes;
        if (r || n == 0)
            return r ? r : -EIO; // shorter than it was a moment ago
        for (size_t i = 0; i < n; i += w.frame_bytes) {
            for (unsigned c = 0; c < w.channels; c++) {
                int v = sample(&w, buf + i + c * step);
                lo[c] = v < lo[c] ? v : lo[c];
                hi[c] = v > hi[c] ? v : hi[c];
            }
            if (++in_point == spp) {
                point(pk, lo, hi);
                in_point = 0;
                lo[0] = lo[1] = INT16_MAX;
                hi[0] = hi[1] = INT16_MIN;
            }
        }
        at += n;
    }
    if (in_point && pk->length < PEAKS_MAX)
        point(pk, lo, hi);
    return 0;
}
