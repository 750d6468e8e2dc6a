// The handover ring with a hostile producer: the input is what he writes into the shared memory, the consumer's steps between.
// Input: 6 bytes a step: where (2 bytes, words of 4; from 0xF000 on head, refused or tail), what (4 bytes).
#include "fuzz.h"
#include "xring.h"

static void take_all(struct xring *r, const uint8_t *data, const uint8_t *end)
{
    struct xring_consumer c = xring_consumer(r), stored = c;
    const struct xring_record *rec;
    size_t n = 0;
    for (; (rec = xring_peek(&c)); xring_next(&c)) {
        const uint8_t *p = xring_payload(&c);
        fuzz_check(p > data && p <= end && rec->bytes <= (size_t)(end - p));
        (void)fuzz_touch(span_of(p, rec->bytes));
        fuzz_check(++n <= xring_bytes(r) / 32);
    }
    while (xring_peek_until(&stored, c.at))
        xring_next(&stored);
    fuzz_check(stored.at == c.at);
    xring_release(r, c.at);
    struct xring_producer p = xring_producer(r);
    uint8_t *at = xring_reserve(&p, 100);
    fuzz_check(!at || (at > data && at + 100 <= end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xring *r;
    size_t bytes;
    if (!r)
        r = xring_new(4096);
    fuzz_check(r);
    uint8_t *all = xring_shared(r, &bytes);
    const uint8_t *end = all + bytes, *ring = end - xring_bytes(r);
    memset(all, 0, bytes);
    struct xring_producer p = xring_producer(r);
    for (int i = 0; i < 9; i++) { // what stands there before
        uint8_t *at = xring_reserve(&p, 90);
        memset(at, i, 90);
        xring_publish(&p, 1 + (uint32_t)i % 5, 90, 0, 0);
    }
    for (struct cur c = cur_of(span_of(data, size)); c.end - c.p >= 6;) {
        uint32_t where = cur_u8(&c);
        where = where << 8 | cur_u8(&c);
        uint32_t at = where >= 0xF000 ? where % 3 * 64 : where * 4 % (uint32_t)bytes;
        uint32_t what = (uint32_t)cur_u8(&c) << 24;
        what |= (uint32_t)cur_u8(&c) << 16;
        what |= (uint32_t)cur_u8(&c) << 8;
        what |= cur_u8(&c);
        memcpy(all + at, &what, sizeof what);
        if (what & 1)
            take_all(r, ring, end);
    }
    take_all(r, ring, end);
    return 0;
}
