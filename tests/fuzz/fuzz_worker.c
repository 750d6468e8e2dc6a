// The whole harvester without a bus: packets through the worker into the outbox. Input: link type (1 byte), then
// packets: time step (2 bytes, ms), wire length more than captured (1 byte), captured length (2 bytes), bytes. Tables are
// tiny, so that every one of them overflows. What the outbox gives out must be consistent in itself.
#include "fuzz.h"
#include "worker.h"

#define LINK_HEP (-1) // each packet is a HEP message

static const int link_types[] = {
    LINK_ETHERNET,  LINK_RAW_12,     LINK_NULL,  LINK_LOOP,   LINK_RAW_101, LINK_IPV4, LINK_IPV6,
    LINK_LINUX_SLL, LINK_LINUX_SLL2, LINK_VXLAN, LINK_GENEVE, LINK_TZSP,    LINK_HEP};

struct sums {
    uint64_t sip, media, ended_reports;
};

static int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct sums *s = ctx;
    fuzz_check(protobuf_c_message_check(&b->base));
    fuzz_check(protobuf_c_message_get_packed_size(&b->base) < (1u << 20));
    for (size_t i = 0; i < b->n_events; i++) {
        const Callmesh__V1__SigEvent *e = b->events[i];
        if (e->event_case == CALLMESH__V1__SIG_EVENT__EVENT_SIP) {
            s->sip++;
            (void)fuzz_touch(span_of(e->sip->raw.data, e->sip->raw.len));
        } else if (e->event_case == CALLMESH__V1__SIG_EVENT__EVENT_STREAM) {
            s->ended_reports += e->stream->ended != 0;
        }
    }
    return 0;
}

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct sums *s = ctx;
    fuzz_check(protobuf_c_message_check(&b->base));
    fuzz_check(protobuf_c_message_get_packed_size(&b->base) < (1u << 20));
    fuzz_check(b->index.len % 20 == 0);
    for (const uint8_t *r = b->index.data; r < b->index.data + b->index.len; r += 20) {
        size_t offset = le32(r + 12), n = r[16] | (size_t)r[17] << 8;
        fuzz_check(le32(r + 8) != 0 && offset <= b->data.len && n <= b->data.len - offset);
        fuzz_check(n >= 12 && b->data.data[offset] >> 6 == 2);
        s->media++;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sums sums = {0};
    struct cur c = cur_of(span_of(data, size));
    struct outbox_sink sink = {.sig = on_sig, .rtp = on_rtp, .ctx = &sums};
    struct worker_opts o = {
        .link_type = link_types[cur_u8(&c) % (sizeof link_types / sizeof link_types[0])],
        .publisher = "fuzz/worker",
        .out = outbox_new(&sink),
        .streams = 4,
        .stream_idle_us = 5000000,
        .media_addresses = 4,
        .media_age_us = 5000000,
        .fragments = 2,
        .tcp = 2,
        .signalled_calls = 4,
        .framed_tcp = 4,
        .tls = 2,
        .duplicate_window_us = 50000,
        .duplicate_entries = 8,
    };
    struct worker *w = worker_new(&o);
    fuzz_check(o.out && w);
    int64_t at_us = 1700000000000000;
    while (cur_left(&c) > 0 && !c.failed) {
        at_us += cur_u16be(&c) * INT64_C(1000);
        uint32_t more = cur_u8(&c);
        struct span frame = cur_take(&c, cur_u16be(&c) % (cur_left(&c) + 1));
        struct source_packet p = {frame, at_us, (uint32_t)frame.n + more};
        if (o.link_type == LINK_HEP)
            worker_hep(w, &p);
        else
            worker_packet(w, &p);
    }
    worker_end(w, false);
    const struct capture_counts *n = worker_counts(w);
    fuzz_check(n->n[CAPTURE_SIP] == sums.sip);
    fuzz_check(n->n[CAPTURE_STREAMS_CONFIRMED] == sums.ended_reports);
    fuzz_check(n->n[CAPTURE_RTP] <= sums.media);
    fuzz_check(n->n[CAPTURE_STREAMS_UP] == 0);
    worker_free(w);
    outbox_free(o.out);
    return 0;
}
