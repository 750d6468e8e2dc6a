// SIP over WebSocket (RFC 7118). First byte even: frames as they stand, behind a handshake, cut into pieces by their own bytes:
// the same messages as when fed whole. Odd: the input says how to make frames of known messages (masks, fragments, control frames
// between); each message must come out once, whole and in order.
#include <stdio.h>
#include "fuzz.h"
#include "wire/sipflow.h"

#define HANDSHAKE                                                                                  \
    "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\nConnection: "          \
    "Upgrade\r\n\r\n"

struct seen {
    uint64_t messages, hash;
};

static void on_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct seen *seen = ctx;
    fuzz_check(p && message.n > 0 && message.n <= 65535 && !truncated);
    seen->messages++;
    for (size_t i = 0; i < message.n; i++)
        seen->hash = (seen->hash ^ message.p[i]) * UINT64_C(0x100000001b3);
}

static void feed(struct sipstream *s, uint32_t seq, struct span data, uint8_t flags,
                 struct seen *seen)
{
    enum wire_event e;
    struct pkt p = {.at_us = 1, .sport = 1, .dport = 80, .protocol = 6, .tcp_flags = flags};
    p.src.family = p.dst.family = 4;
    p.tcp_seq = seq;
    p.payload = data;
    sipstream_feed(s, &p, on_message, seen, &e);
}

static struct seen in_pieces(struct span all, size_t piece_max)
{
    struct sipstream_opts o = {.connections = 1, .bytes = 16384};
    struct sipstream *s = sipstream_new(&o);
    struct seen seen = {0};
    struct span handshake = SPAN_LIT(HANDSHAKE);
    uint32_t seq = 0xfffffff0u;
    fuzz_check(s);
    feed(s, seq - 1, span_of(NULL, 0), 2, &seen);
    feed(s, seq, handshake, 0, &seen);
    seq += (uint32_t)handshake.n;
    for (size_t at = 0; at < all.n;) {
        size_t n = piece_max ? 1 + all.p[at] % piece_max : all.n;
        struct span data = span_sub(all, at, n);
        feed(s, seq + (uint32_t)at, data, 0, &seen);
        at += data.n;
    }
    struct sipstream_stat st = sipstream_stat(s);
    fuzz_check(st.used <= st.slots && st.messages == seen.messages);
    sipstream_free(s);
    return seen;
}

static uint8_t wire[65536];
static size_t wire_n;

static void frame(uint8_t first, const uint8_t *p, size_t n, bool masked)
{
    static const uint8_t mask[4] = {0xa5, 0x5a, 0x00, 0xff};
    if (wire_n + n + 8 > sizeof wire)
        return;
    wire[wire_n++] = first;
    if (n < 126) {
        wire[wire_n++] = (uint8_t)(n | (masked ? 0x80 : 0));
    } else {
        wire[wire_n++] = masked ? 0xfe : 126;
        wire[wire_n++] = (uint8_t)(n >> 8);
        wire[wire_n++] = (uint8_t)n;
    }
    if (masked) {
        memcpy(wire + wire_n, mask, 4);
        wire_n += 4;
    }
    for (size_t i = 0; i < n; i++)
        wire[wire_n++] = p[i] ^ (masked ? mask[i & 3] : 0);
}

static void made(struct cur c)
{
    struct seen want = {0};
    wire_n = 0;
    for (int i = 0; i < 30 && cur_left(&c) > 0; i++) {
        char text[600];
        size_t body = (size_t)cur_u8(&c) * 2;
        int head = snprintf(text, 80, "MESSAGE sip:b@e SIP/2.0\r\nCall-ID: %d@x\r\n\r\n", i);
        memset(text + head, 'b', body);
        size_t n = (size_t)head + body, at = 0;
        bool masked = body & 2;
        while (at < n) {
            size_t piece = 1 + (size_t)cur_u8(&c) * 3;
            piece = piece < n - at ? piece : n - at;
            uint8_t first = (uint8_t)((at == 0 ? 1 : 0) | (at + piece == n ? 0x80 : 0));
            frame(first, (const uint8_t *)text + at, piece, masked);
            at += piece;
            if (cur_u8(&c) & 1)
                frame(0x89, (const uint8_t *)"ping", 4, masked);
        }
        want.messages++;
        for (size_t k = 0; k < n; k++)
            want.hash = (want.hash ^ (uint8_t)text[k]) * UINT64_C(0x100000001b3);
    }
    struct seen got = in_pieces(span_of(wire, wire_n), 64);
    fuzz_check(got.messages == want.messages && got.hash == want.hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    if (cur_u8(&c) & 1) {
        made(c);
        return 0;
    }
    (void)flow_ws_sniff(cur_rest(&c));
    struct seen whole = in_pieces(cur_rest(&c), 0);
    struct seen small = in_pieces(cur_rest(&c), 7);
    fuzz_check(whole.messages == small.messages && whole.hash == small.hash);
    return 0;
}
