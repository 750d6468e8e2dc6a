#include "xring.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/fail.h"

#define PAD 0u // kind of what fills the end of the ring

struct xring_shared {
    _Alignas(64) _Atomic uint64_t head; // producer: all before it may be read
    _Alignas(64) _Atomic uint64_t refused;
    _Alignas(64) _Atomic uint64_t tail; // consumer: all before it may be overwritten
    _Alignas(64) uint8_t data[];
};
struct xring { // each process has its own after the fork
    size_t capacity;
    struct xring_shared *s;
};

struct xring *xring_new(size_t bytes)
{
    size_t capacity = 4096;
    while (capacity < bytes && capacity < (SIZE_MAX >> 2))
        capacity *= 2;
    struct xring *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->capacity = capacity;
    r->s = mmap(NULL, sizeof *r->s + capacity, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (r->s != MAP_FAILED)
        return r;
    free(r);
    return NULL;
}

uint8_t *xring_shared(struct xring *r, size_t *bytes)
{
    *bytes = sizeof *r->s + r->capacity;
    return (uint8_t *)r->s;
}

size_t xring_bytes(const struct xring *r)
{
    return r->capacity;
}

size_t xring_used(const struct xring *r)
{
    uint64_t tail = atomic_load_explicit(&r->s->tail, memory_order_acquire);
    return (size_t)(atomic_load_explicit(&r->s->head, memory_order_acquire) - tail);
}

uint64_t xring_refused(const struct xring *r)
{
    return atomic_load_explicit(&r->s->refused, memory_order_relaxed);
}

size_t xring_largest(const struct xring *r)
{
    return r->capacity / 2 - sizeof(struct xring_record);
}

// On 32 bytes, within the ring, whatever `at` is.
static struct xring_record *record_at(const struct xring *r, uint64_t at)
{
    return (struct xring_record *)(void *)(r->s->data + (at & (r->capacity - 1) & ~UINT64_C(31)));
}

static uint64_t record_size(uint64_t bytes)
{
    return (sizeof(struct xring_record) + bytes + 31) & ~UINT64_C(31);
}

// ---- producer ----

struct xring_producer xring_producer(struct xring *r)
{
    return (struct xring_producer){.ring = r, .at = atomic_load(&r->s->head) & ~UINT64_C(31)};
}

bool xring_repeat(struct xring_producer *p)
{
    uint64_t head = atomic_load_explicit(&p->ring->s->head, memory_order_relaxed);
    if (p->at >= head)
        return false;
    const struct xring_record *rec = record_at(p->ring, p->at);
    if (rec->kind == PAD) {
        p->at += record_size(rec->bytes);
        rec = record_at(p->ring, p->at);
    }
    p->at += record_size(rec->bytes);
    must(p->at <= head);
    return true;
}

uint8_t *xring_reserve(struct xring_producer *p, size_t bytes)
{
    struct xring *r = p->ring;
    size_t size = record_size(bytes), to_end = r->capacity - (size_t)(p->at & (r->capacity - 1));
    must(bytes <= xring_largest(r));
    p->pad = size > to_end ? to_end : 0;
    uint64_t tail = atomic_load_explicit(&r->s->tail, memory_order_acquire);
    if (p->at + p->pad + size - tail > r->capacity) {
        atomic_fetch_add_explicit(&r->s->refused, 1, memory_order_relaxed);
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
    atomic_store_explicit(&p->ring->s->head, p->at, memory_order_release);
}

// ---- consumer ----

// Behind a tail or head that cannot be: all that is there is passed over.
struct xring_consumer xring_consumer(struct xring *r)
{
    uint64_t tail = atomic_load(&r->s->tail), head = atomic_load(&r->s->head);
    bool good = tail % 32 == 0 && head - tail <= r->capacity;
    return (struct xring_consumer){
        .ring = r, .at = (good ? tail : head) & ~UINT64_C(31), .broken = !good};
}

// Reads the head at c->at, once. False: no record of this ring, within limit, can look like this.
static bool read_head(struct xring_consumer *c, uint64_t limit)
{
    const struct xring *r = c->ring;
    memcpy(&c->rec, record_at(r, c->at), sizeof c->rec);
    __asm__ volatile("" ::: "memory"); // what is looked at from here on is the copy
    uint64_t size = record_size(c->rec.bytes), to_end = r->capacity - (c->at & (r->capacity - 1));
    c->end = c->at + size;
    return size <= to_end && size <= limit - c->at;
}

const struct xring_record *xring_peek_until(struct xring_consumer *c, uint64_t limit)
{
    while (c->at != limit) {
        if (!read_head(c, limit)) {
            c->broken++;
            c->at = limit;
        } else if (c->rec.kind == PAD) {
            c->at = c->end;
        } else {
            return &c->rec;
        }
    }
    return NULL;
}

const struct xring_record *xring_peek(struct xring_consumer *c)
{
    uint64_t head = atomic_load_explicit(&c->ring->s->head, memory_order_acquire);
    if (head % 32 == 0 && head - c->at <= c->ring->capacity)
        return xring_peek_until(c, head);
    c->broken += head != c->broken_head;
    c->broken_head = head;
    return NULL;
}

const uint8_t *xring_payload(const struct xring_consumer *c)
{
    return (const uint8_t *)(record_at(c->ring, c->at) + 1);
}

void xring_mark(struct xring_consumer *c, uint64_t mark)
{
    c->rec.mark = mark;
    record_at(c->ring, c->at)->mark = mark;
}

void xring_next(struct xring_consumer *c)
{
    c->at = c->end;
}

void xring_release(struct xring *r, uint64_t at)
{
    if (at > atomic_load_explicit(&r->s->tail, memory_order_relaxed))
        atomic_store_explicit(&r->s->tail, at, memory_order_release);
}
