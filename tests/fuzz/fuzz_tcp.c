// Reassembly with a naive model beside it: a stream of known SIP messages, cut and sent as the input says: in order, late, again,
// overlapping, within the window that is waited for. Every message must come out once, whole and in order.
// Input: 3 bytes a segment: how far behind the first byte not sent yet it begins, its length, and whether one piece waits.
#include <stdio.h>
#include "fuzz.h"
#include "wire/sipstream.h"

#define MESSAGES 40

static char stream[32768];
static size_t stream_n, ends[MESSAGES];
static size_t given, given_n;

static void stream_make(void)
{
    for (int i = 0; i < MESSAGES && ends[MESSAGES - 1] == 0; i++) {
        int body = i * 13 % 90;
        int n =
            snprintf(stream + stream_n, sizeof stream - stream_n,
                     "OPTIONS sip:b@e SIP/2.0\r\nCall-ID: %d@x\r\n%s: %d\r\n\r\n%.*s", i,
                     i % 3 ? "Content-Length" : "l", body, body,
                     "0123456789\r\nSIP/2.0 200 OK\r\n\r\n0123456789INVITE sip:x SIP/2.0\r\n\r\n"
                     "01234567890123456789012345678901234567890");
        stream_n += (size_t)n;
        ends[i] = stream_n;
    }
}

static void on_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    (void)ctx;
    fuzz_check(p && !truncated && given < MESSAGES);
    fuzz_check(message.n == ends[given] - given_n);
    fuzz_check(memcmp(message.p, stream + given_n, message.n) == 0);
    given_n = ends[given++];
}

static void send(struct sipstream *s, size_t from, size_t to)
{
    enum wire_event e;
    struct pkt p = {.at_us = 1, .sport = 1, .dport = 5060, .protocol = 6};
    p.src.family = p.dst.family = 4;
    p.tcp_seq = 0xffffff00u + (uint32_t)from; // wraps
    p.payload = span_of(stream + from, to - from);
    sipstream_feed(s, &p, on_message, NULL, &e);
    fuzz_check(e == WIRE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream_make();
    given = given_n = 0;
    struct sipstream_opts o = {.connections = 2, .bytes = 65536};
    struct sipstream *s = sipstream_new(&o);
    struct cur c = cur_of(span_of(data, size));
    enum wire_event e;
    struct pkt syn = {.at_us = 1, .sport = 1, .dport = 5060, .protocol = 6, .tcp_flags = 2};
    syn.src.family = syn.dst.family = 4;
    syn.tcp_seq = 0xffffff00u - 1;
    fuzz_check(s);
    sipstream_feed(s, &syn, on_message, NULL, &e);
    size_t sent = 0, held_from = 0, held_to = 0; // one piece waits at most, for at most 12 segments
    unsigned since = 0;
    while (cur_left(&c) >= 3 && sent < stream_n) {
        size_t back = cur_u8(&c), len = 1 + (size_t)cur_u8(&c) % 200;
        bool hold = cur_u8(&c) & 1;
        size_t from = back < sent ? sent - back : 0;
        size_t to = sent + len < stream_n ? sent + len : stream_n;
        if (hold && held_to == 0) {
            held_from = sent;
            held_to = to;
            since = 0;
        } else {
            send(s,
                 from > held_from && from < held_to ? held_to
                 : from < held_from && held_to      ? sent
                                                    : from,
                 to);
            if (held_to && ++since >= 12) {
                send(s, held_from, held_to);
                held_to = 0;
            }
        }
        sent = to;
    }
    if (held_to)
        send(s, held_from, held_to);
    if (sent < stream_n)
        send(s, sent, stream_n);
    fuzz_check(given == MESSAGES);
    struct sipstream_stat st = sipstream_stat(s);
    fuzz_check(st.holes == 0 && st.resyncs == 0 && st.messages == MESSAGES);
    sipstream_free(s);
    return 0;
}
