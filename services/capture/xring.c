#include "xring.h"
#include <sys/mman.h>
#include "base/fail.h"

#define PAD 0u // kind of what fills the end of the ring

struct xring {
    size_t capacity;
    _Alignas(64) _Atomic uint64_t head; // producer: all before it may be read
    _Atomic uint64_t refused;
    _Alignas(64) _Atomic uint64_t tail; // consumer: all before it may be overwritten
    _Alignas(64) uint8_t data[];
};

struct xring *xring_new(size_t bytes)
{
    size_t capacity = 4096;
    while (capacity < bytes && capacity < (SIZE_MAX >> 2))
        capacity *= 2;
    struct xring *r = mmap(NULL, sizeof *r + capacity, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (r == MAP_FAILED)
        return NULL;
    r->capacity = capacity;
    return r;
}

size_t xring_bytes(const struct xring *r)
{
    return r->capacity;
}

size_t xring_used(const struct xring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return (size_t)(atomic_load_explicit(&r->head, memory_order_acquire) - tail);
}

uint64_t xring_refused(const struct xring *r)
{
    return atomic_load_explicit(&r->refused, memory_order_relaxed);
}

size_t xring_largest(const struct xring *r)
{
    return r->capacity / 2 - sizeof(struct xring_record);
}

static struct xring_record *record_at(const struct xring *r, uint64_t at)
{
    union { // the ring is shared memory that its users write: the handle alone is const
        const uint8_t *in;
        struct xring_record *out;
    } u = {.in = r->data + (at & (r->capacity - 1))};
    return u.out;
}

static size_t record_size(size_t bytes)
{
    return (sizeof(struct xring_record) + bytes + 31) & ~(size_t)31;
}

// Where the record at or behind `at` begins: what fills the end of the ring is passed over.
static uint64_t record_begin(const struct xring *r, uint64_t at, uint64_t head)
{
    const struct xring_record *rec = record_at(r, at);
    return at < head && rec->kind == PAD ? at + record_size(rec->bytes) : at;
}

// ---- producer ----

struct xring_producer xring_producer(struct xring *r)
{
    return (struct xring_producer){.ring = r, .at = atomic_load(&r->head)};
}

bool xring_repeat(struct xring_producer *p)
{
    uint64_t head = atomic_load_explicit(&p->ring->head, memory_order_relaxed);
    if (p->at >= head)
        return false;
    uint64_t at = record_begin(p->ring, p->at, head);
    p->at = at + record_size(record_at(p->ring, at)->bytes);
    must(p->at <= head);
    return true;
}

uint8_t *xring_reserve(struct xring_producer *p, size_t bytes)
{
    struct xring *r = p->ring;
    size_t size = record_size(bytes), to_end = r->capacity - (size_t)(p->at & (r->capacity - 1));
    must(bytes <= xring_largest(r));
    p->pad = size > to_end ? to_end : 0;
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    if (p->at + p->pad + size - tail > r->capacity) {
        atomic_fetch_add_explicit(&r->refused, 1, memory_order_relaxed);
        return NULL;
    }
    if (p->pad)
        *record_at(r, p->at) = (struct xring_record){
            .bytes = (uint32_t)(p->pad - sizeof(struct xring_record)), .kind = PAD};
    return (uint8_t *)(record_at(r, p->at + p->pad) + 1);
}

void xring_publish(struct xring_producer *p, uint32_t kind, size_t bytes, int64_t a, int64_t b)
{
    *record_at(p->ring, p->at + p->pad) =
        (struct xring_record){.bytes = (uint32_t)bytes, .kind = kind, .a = a, .b = b};
    p->at += p->pad + record_size(bytes);
    p->pad = 0;
    atomic_store_explicit(&p->ring->head, p->at, memory_order_release);
}

// ---- consumer ----

struct xring_consumer xring_consumer(struct xring *r)
{
    return (struct xring_consumer){r, atomic_load(&r->tail)};
}

struct xring_record *xring_peek(struct xring_consumer *c)
{
    uint64_t head = atomic_load_explicit(&c->ring->head, memory_order_acquire);
    c->at = record_begin(c->ring, c->at, head);
    return c->at < head ? record_at(c->ring, c->at) : NULL;
}

const uint8_t *xring_payload(const struct xring_record *rec)
{
    return (const uint8_t *)(rec + 1);
}

void xring_next(struct xring_consumer *c)
{
    c->at += record_size(record_at(c->ring, c->at)->bytes);
}

void xring_release(struct xring *r, uint64_t at)
{
    if (at > atomic_load_explicit(&r->tail, memory_order_relaxed))
        atomic_store_explicit(&r->tail, at, memory_order_release);
}
