// Envelopes read by hand and by the generated code (protos): what ours takes, protobuf takes with the same values; written again it
// reads the same.
#include "bus/envelope.h"
#include "callmesh/v1/envelope.pb-c.h"
#include "fuzz.h"

static bool same(struct span s, ProtobufCBinaryData d)
{
    return s.n == d.len && (s.n == 0 || memcmp(s.p, d.data, s.n) == 0);
}

// Its columns and the rest are all of it, and nothing twice.
static void split(struct span all)
{
    static uint8_t rest[1 << 20];
    struct span c[2];
    size_t n;
    if (all.n > sizeof rest || !envelope_split(all, 2, c, 2, rest, &n))
        return;
    fuzz_inside(c[0], all);
    fuzz_inside(c[1], all);
    fuzz_check(n + c[0].n + c[1].n <= all.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size);
    split(all);
    struct envelope e, again;
    if (!envelope_read(all, &e))
        return 0;
    fuzz_inside(e.publisher, all);
    fuzz_inside(e.site, all);
    fuzz_inside(e.payload, all);
    fuzz_check(e.incarnation.n == ENVELOPE_BIRTH && e.publisher.n <= ENVELOPE_NAME_MAX &&
               e.site.n <= ENVELOPE_SITE_MAX);
    Callmesh__V1__Envelope *p = callmesh__v1__envelope__unpack(NULL, size, data);
    if (p) { // ours reads no unknown wire types and no UTF-8: it may take what protobuf-c does not
        fuzz_check(p->epoch == e.epoch && p->seq == e.seq && p->sent_at_us == e.sent_at_us);
        fuzz_check(same(e.payload, p->payload) && same(e.incarnation, p->incarnation));
        callmesh__v1__envelope__free_unpacked(p, NULL);
    }
    static uint8_t packed[1 << 20];
    uint8_t head[ENVELOPE_HEAD_MAX];
    size_t n = envelope_head(head, &e);
    fuzz_check(n > 0 && n <= sizeof head);
    if (n + e.payload.n > sizeof packed)
        return 0;
    memcpy(packed, head, n);
    if (e.payload.n)
        memcpy(packed + n, e.payload.p, e.payload.n);
    fuzz_check(envelope_read(span_of(packed, n + e.payload.n), &again));
    fuzz_check(again.seq == e.seq && again.epoch == e.epoch && again.kind == e.kind &&
               again.version == e.version);
    fuzz_check(span_eq(again.payload, e.payload) && span_eq(again.publisher, e.publisher) &&
               span_eq(again.site, e.site));
    return 0;
}
