// Signalling that is not SIP through the whole harvester: framing, parsers, the machines of calls, the outbox. Input is a
// list of messages, each wrapped into a right packet here: kind and direction (1 byte), time step (1 byte, 0.1 s), length
// (2 bytes), bytes. Kinds: 0 SCCP, 1 MGCP, 2 IAX2, 3 H.225, 4 H.245 (port 11000). Tables are tiny, so they overflow.
#include "fuzz.h"
#include "worker.h"

#define PAYLOAD_MAX 2000
#define FRAME_MAX   (PAYLOAD_MAX + 40)
#define PORT_H245   11000

struct sums {
    uint64_t events, setups, media;
};

static int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct sums *s = ctx;
    fuzz_check(protobuf_c_message_check(&b->base));
    fuzz_check(protobuf_c_message_get_packed_size(&b->base) < (1u << 20));
    for (size_t i = 0; i < b->n_events; i++) {
        const Callmesh__V1__SigEvent *e = b->events[i];
        if (e->event_case != CALLMESH__V1__SIG_EVENT__EVENT_SIGNALLING)
            continue;
        const Callmesh__V1__SignallingEvent *g = e->signalling;
        s->events++;
        s->setups += g->kind == CALLMESH__V1__SIGNALLING_KIND__SIGNALLING_KIND_SETUP;
        fuzz_check(g->call_key.len > 0 && g->call_key.len <= 128 && g->n_media <= 4);
        fuzz_check(g->src->ip.len == 4 || g->src->ip.len == 16);
        (void)fuzz_touch(span_of(g->call_key.data, g->call_key.len));
        (void)fuzz_touch(span_of(g->from->user.data, g->from->user.len));
        (void)fuzz_touch(span_of(g->to->user.data, g->to->user.len));
    }
    return 0;
}

static int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct sums *s = ctx;
    fuzz_check(protobuf_c_message_check(&b->base));
    s->media += b->index.len / 20;
    return 0;
}

static void be16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

// Addresses and ports by kind; returns the length.
static size_t wrap(uint8_t *f, unsigned kind, bool back, uint32_t *seq, struct span payload)
{
    static const uint16_t ports[] = {2000, 2427, 4569, 1720, PORT_H245};
    bool tcp = kind == 0 || kind >= 3;
    size_t head = tcp ? 20 : 8, n = 20 + head + payload.n;
    memset(f, 0, 20 + head);
    f[0] = 0x45;
    be16(f + 2, n);
    f[8] = 64;
    f[9] = tcp ? 6 : 17;
    memcpy(f + 12, back ? "\n\0\0\2\n\0\0\1" : "\n\0\0\1\n\0\0\2", 8);
    uint8_t *l4 = f + 20;
    be16(l4, back ? ports[kind] : kind == 0 || kind >= 3 ? 40000 : ports[kind]);
    be16(l4 + 2, back ? (kind == 0 || kind >= 3 ? 40000 : ports[kind]) : ports[kind]);
    if (tcp) {
        be16(l4 + 4, *seq >> 16);
        be16(l4 + 6, *seq & 0xffff);
        l4[12] = 0x50;
        l4[13] = 0x10;
        *seq += (uint32_t)payload.n;
    } else {
        be16(l4 + 4, 8 + payload.n);
    }
    if (payload.n)
        memcpy(l4 + head, payload.p, payload.n);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sums sums = {0};
    struct cur c = cur_of(span_of(data, size));
    struct outbox_sink sink = {.sig = on_sig, .rtp = on_rtp, .ctx = &sums};
    struct worker_opts o = {
        .link_type = LINK_RAW_101,
        .publisher = "fuzz/signalling",
        .out = outbox_new(&sink),
        .streams = 8,
        .stream_idle_us = 5000000,
        .media_addresses = 4,
        .media_age_us = 5000000,
        .fragments = 1,
        .tcp = 1,
        .signalled_calls = 3,
        .framed_tcp = 4,
    };
    struct worker *w = worker_new(&o);
    fuzz_check(o.out && w);
    int64_t at_us = 1700000000000000;
    uint32_t seq[5][2] = {{0}};
    while (cur_left(&c) > 0 && !c.failed) {
        uint8_t frame[FRAME_MAX], head = cur_u8(&c);
        unsigned kind = (head & 7u) % 5;
        bool back = head & 0x80;
        at_us += cur_u8(&c) * INT64_C(100000);
        struct span payload = cur_take(&c, cur_u16be(&c) % (cur_left(&c) + 1));
        payload = span_sub(payload, 0, PAYLOAD_MAX);
        size_t n = wrap(frame, kind, back, &seq[kind][back], payload);
        struct source_packet p = {span_of(frame, n), at_us, (uint32_t)n};
        worker_packet(w, &p);
    }
    worker_end(w, false);
    const struct capture_counts *counts = worker_counts(w);
    fuzz_check(counts->n[CAPTURE_SIGCALLS_UP] <= 3);
    fuzz_check(sums.setups == signalled_calls(counts));
    fuzz_check(sums.setups <= sums.events);
    worker_free(w);
    outbox_free(o.out);
    return 0;
}
