// SIP over TCP. First byte even: the input is segments, each with flags, connection, an offset that may point anywhere
// near, and bytes. Odd: the input is one stream that begins as SIP, cut into pieces by its own bytes; the same
// messages must come out as when it is fed whole.
#include "fuzz.h"
#include "wire/sip.h"
#include "wire/sipstream.h"

struct seen {
    uint64_t messages, hash, truncated;
};

static void on_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct seen *seen = ctx;
    fuzz_check(p && message.n > 0 && message.n <= 65535);
    seen->messages++;
    seen->truncated += truncated;
    for (size_t i = 0; i < message.n; i++)
        seen->hash = (seen->hash ^ message.p[i]) * UINT64_C(0x100000001b3);
}

static struct pkt segment(uint16_t port, uint32_t seq, uint8_t flags, struct span data,
                          int64_t at_us)
{
    struct pkt p = {.at_us = at_us, .sport = port, .dport = 5060, .protocol = 6};
    p.src.family = p.dst.family = 4;
    p.src.b[3] = 1;
    p.dst.b[3] = 2;
    p.tcp_seq = seq;
    p.tcp_flags = flags;
    p.payload = data;
    return p;
}

static struct sipstream *stream(uint32_t connections)
{
    struct sipstream_opts o = {.connections = connections, .bytes = 16384, .idle_us = 1000000};
    struct sipstream *s = sipstream_new(&o);
    fuzz_check(s);
    return s;
}

static void feed(struct sipstream *s, struct pkt p, struct seen *seen)
{
    enum wire_event event;
    sipstream_feed(s, &p, on_message, seen, &event);
}

static void any_segments(struct cur c)
{
    struct sipstream *s = stream(2);
    struct seen seen = {0};
    uint32_t at[4] = {0xffffff00, 0, 1000, 0x7fffff00};
    for (int64_t at_us = 0; cur_left(&c) > 4; at_us += 10000) {
        uint8_t head = cur_u8(&c);
        int32_t offset = (int16_t)cur_u16be(&c);
        size_t n = cur_u8(&c);
        struct span data = cur_take(&c, n < cur_left(&c) ? n : cur_left(&c));
        unsigned which = head & 3;
        bool in_order = (head & 0xc0) == 0;
        uint32_t seq = at[which] + (uint32_t)(in_order ? 0 : offset);
        uint8_t flags = head >> 3 & 7;
        if (flags & 4 && head & 0x80)
            flags &= 3;
        feed(s, segment((uint16_t)(1000 + which), seq, flags, data, at_us), &seen);
        at[which] = seq + (uint32_t)data.n + ((flags & 2) ? 1 : 0);
    }
    struct sipstream_stat stat = sipstream_stat(s);
    fuzz_check(stat.used <= stat.slots && stat.messages == seen.messages);
    sipstream_flush(s);
    fuzz_check(sipstream_stat(s).used == 0);
    sipstream_free(s);
}

static struct seen in_pieces(struct span all, size_t piece_max)
{
    struct sipstream *s = stream(1);
    struct seen seen = {0};
    size_t at = 0;
    feed(s, segment(1, 0xfffffff0, 2, span_of(NULL, 0), 0), &seen);
    while (at < all.n) {
        size_t n = piece_max ? 1 + all.p[at] % piece_max : all.n;
        struct span data = span_sub(all, at, n);
        feed(s, segment(1, 0xfffffff1 + (uint32_t)at, 0, data, 1), &seen);
        at += data.n;
    }
    sipstream_free(s);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    if ((cur_u8(&c) & 1) == 0) {
        any_segments(c);
        return 0;
    }
    if (!sip_sniff(cur_rest(&c)))
        return 0;
    struct seen whole = in_pieces(cur_rest(&c), 0);
    struct seen small = in_pieces(cur_rest(&c), 7);
    struct seen large = in_pieces(cur_rest(&c), 200);
    fuzz_check(whole.messages == small.messages && whole.hash == small.hash);
    fuzz_check(whole.messages == large.messages && whole.truncated == large.truncated);
    return 0;
}
