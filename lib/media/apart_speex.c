// apart_speex.c: how many frames of Speex stand in a payload (RFC 5574 3.3; The Speex Codec Manual, 9 and 10). Frames follow each
// other by bits and say only their mode, from which their length follows: narrowband, then up to two layers of wideband.
#include "apart.h"

#define FRAMES_MAX 50u // a second
#define LAYERS_MAX 2u

// Bits of a frame by mode, with those that say the mode.
static const uint16_t narrow_bits[9] = {5, 43, 119, 160, 220, 300, 364, 492, 79};
static const uint16_t layer_bits[8] = {4, 36, 112, 192, 352, 0, 0, 0};

enum {
    MODE_USER = 13,
    MODE_IN_BAND = 14,
    MODE_END = 15
};

struct bits {
    struct span s;
    size_t at, total;
};

static size_t left(const struct bits *b)
{
    return b->total - b->at;
}

// n <= left.
static uint32_t take(struct bits *b, unsigned n)
{
    uint32_t v = 0;
    for (; n > 0; n--, b->at++)
        v = v << 1 | ((unsigned)b->s.p[b->at / 8] >> (7 - b->at % 8) & 1u);
    return v;
}

static bool skip(struct bits *b, size_t n)
{
    if (n > left(b))
        return false;
    b->at += n;
    return true;
}

// Layers of wideband where one may stand. False: cut off, or none that exists.
static bool skip_layers(struct bits *b)
{
    for (unsigned i = 0; i < LAYERS_MAX && left(b) >= 4; i++) {
        struct bits ahead = *b;
        if (take(&ahead, 1) == 0)
            return true;
        uint16_t n = layer_bits[take(&ahead, 3)];
        if (n == 0 || !skip(b, n))
            return false;
    }
    return true;
}

// What one end says to the other between frames: 4 bits of what, then as many as that has.
static bool skip_in_band(struct bits *b)
{
    static const uint8_t n[16] = {1, 1, 4, 4, 4, 4, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64};
    return left(b) >= 4 && skip(b, n[take(b, 4)]);
}

static bool skip_user(struct bits *b)
{
    if (left(b) < 4)
        return false;
    return skip(b, 5 + 8 * take(b, 4));
}

size_t apart_speex_frames(struct span payload)
{
    struct bits b = {payload, 0, payload.n <= APART_PAYLOAD_MAX ? payload.n * 8 : 0};
    size_t n = 0;
    while (left(&b) >= 5) {
        struct bits head = b;
        uint32_t mode = take(&head, 5); // the first bit says wideband, which no frame begins with
        if (mode == MODE_END)
            break;
        bool good;
        if (mode == MODE_IN_BAND || mode == MODE_USER) {
            b = head;
            good = mode == MODE_USER ? skip_user(&b) : skip_in_band(&b);
        } else {
            good = mode < 9 && n < FRAMES_MAX && skip(&b, narrow_bits[mode]) && skip_layers(&b);
            n++;
        }
        if (!good)
            return 0;
    }
    return n;
}
