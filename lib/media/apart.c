#include "apart.h"

#include <errno.h>

#define G729_BYTES 10u
#define G729_SID   2u // G.729 annex B
#define ILBC_20    38u
#define ILBC_30    50u
#define HELLO      0x636D7231u // "cmr1": another form gets another number

uint32_t apart_rate(enum apart_codec c)
{
    static const uint32_t rate[APART_CODECS] = {
        [APART_G729] = 8000,    [APART_G723] = 8000,      [APART_ILBC] = 8000,
        [APART_SPEEX_8] = 8000, [APART_SPEEX_16] = 16000, [APART_SPEEX_32] = 32000};
    return rate[c];
}

// ---- frames ----

struct frame_size {
    size_t bytes;
    uint16_t samples;
};

// RFC 3551 4.5.6: frames of 10 bytes, and the last may be one of 2: comfort noise (annex B).
static struct frame_size size_g729(struct cur *c)
{
    return (struct frame_size){cur_left(c) == G729_SID ? G729_SID : G729_BYTES, 80};
}

// RFC 3551 4.5.3: the two lowest bits of the first byte say how long the frame is.
static struct frame_size size_g723(struct cur *c)
{
    static const size_t bytes[4] = {24, 20, 4, 0};
    return (struct frame_size){bytes[cur_left(c) > 0 ? c->p[0] & 3u : 3u], 240};
}

// RFC 3952: one mode in a packet. Its length says which: the SDP's mode is what the other side should send.
static struct frame_size size_ilbc(size_t all)
{
    return all % ILBC_30 == 0 ? (struct frame_size){ILBC_30, 240}
                              : (struct frame_size){ILBC_20, 160};
}

size_t apart_frames(enum apart_codec codec, struct span payload,
                    struct apart_frame ret[APART_FRAMES_MAX])
{
    struct cur c = cur_of(payload);
    size_t n = 0;
    while (cur_left(&c) > 0) {
        struct frame_size s = codec == APART_G729   ? size_g729(&c)
                              : codec == APART_G723 ? size_g723(&c)
                                                    : size_ilbc(payload.n);
        struct span bytes = cur_take(&c, s.bytes);
        if (n == APART_FRAMES_MAX || bytes.n == 0 || bytes.n != s.bytes)
            return 0;
        ret[n++] =
            (struct apart_frame){bytes, s.samples, codec == APART_G729 && s.bytes == G729_SID};
    }
    return n;
}

uint32_t apart_samples(enum apart_codec c, struct span payload)
{
    uint32_t rate = apart_rate(c);
    uint64_t sum = 0;
    if (payload.n > APART_PAYLOAD_MAX)
        return 0;
    if (c >= APART_SPEEX_8) {
        sum = apart_speex_frames(payload) * (uint64_t)rate / 50;
    } else {
        struct apart_frame f[APART_FRAMES_MAX];
        size_t n = apart_frames(c, payload, f);
        for (size_t i = 0; i < n; i++)
            sum += f[i].samples;
    }
    return sum <= rate ? (uint32_t)sum : 0;
}

// ---- messages ----

static void put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

size_t apart_put_ask(const struct apart_ask *a, uint8_t buf[APART_ASK_MAX])
{
    if (a->payload.n > APART_PAYLOAD_MAX)
        return 0;
    buf[0] = (uint8_t)a->order;
    buf[1] = (uint8_t)a->codec;
    buf[2] = a->slot;
    buf[3] = 0;
    put_u32(buf + 4, a->number);
    if (a->payload.n > 0)
        memcpy(buf + 8, a->payload.p, a->payload.n);
    return 8 + a->payload.n;
}

bool apart_parse_ask(struct span s, struct apart_ask *ret)
{
    struct cur c = cur_of(s);
    unsigned order = cur_u8(&c), codec = cur_u8(&c), slot = cur_u8(&c), zero = cur_u8(&c);
    uint32_t number = cur_u32be(&c);
    if (c.failed || (order != APART_DECODE && order != APART_CLOSE) || codec >= APART_CODECS ||
        slot >= APART_SLOTS || zero != 0 || cur_left(&c) > APART_PAYLOAD_MAX)
        return false;
    *ret = (struct apart_ask){order, codec, (uint8_t)slot, number, span_of(c.p, cur_left(&c))};
    return true;
}

// A byte for what went wrong, one for the slot, 16 bits of how many samples, the number, the samples as this machine has them.
enum {
    SAID_GOOD,
    SAID_BAD,
    SAID_NO_MEMORY
};

size_t apart_put_answer(const struct apart_ask *to, int n, const int16_t *pcm,
                        uint8_t buf[APART_ANSWER_MAX])
{
    size_t samples = n > 0 ? (size_t)n : 0;
    if (samples > apart_rate(to->codec))
        return 0;
    buf[0] = n >= 0 ? SAID_GOOD : n == -ENOMEM ? SAID_NO_MEMORY : SAID_BAD;
    buf[1] = to->slot;
    buf[2] = (uint8_t)(samples >> 8);
    buf[3] = (uint8_t)samples;
    put_u32(buf + 4, to->number);
    if (samples > 0)
        memcpy(buf + 8, pcm, 2 * samples);
    return 8 + 2 * samples;
}

bool apart_parse_answer(struct span s, const struct apart_ask *to, size_t cap, int16_t *pcm,
                        int *ret_n)
{
    struct cur c = cur_of(s);
    unsigned said = cur_u8(&c), slot = cur_u8(&c);
    size_t samples = cur_u16be(&c);
    uint32_t number = cur_u32be(&c);
    if (c.failed || said > SAID_NO_MEMORY || slot != to->slot || number != to->number ||
        samples > cap || cur_left(&c) != 2 * samples || (said != SAID_GOOD && samples > 0))
        return false;
    if (samples > 0)
        memcpy(pcm, c.p, 2 * samples);
    *ret_n = said == SAID_GOOD ? (int)samples : said == SAID_BAD ? -EBADMSG : -ENOMEM;
    return true;
}

void apart_put_hello(uint32_t codecs, uint8_t buf[APART_HELLO_BYTES])
{
    put_u32(buf, HELLO);
    put_u32(buf + 4, codecs);
}

bool apart_parse_hello(struct span s, uint32_t *ret_codecs)
{
    struct cur c = cur_of(s);
    uint32_t hello = cur_u32be(&c), codecs = cur_u32be(&c);
    if (c.failed || cur_left(&c) != 0 || hello != HELLO || codecs >> APART_CODECS != 0)
        return false;
    *ret_codecs = codecs;
    return true;
}
