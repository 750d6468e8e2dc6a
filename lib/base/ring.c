// Two positions that only grow. Each side keeps a copy of the other's position and looks again only
// when the copy says full or empty, so in steady state the cache lines of the two sides rarely
// meet.
#include "base/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/mem.h"

struct ring {
    // set once
    uint8_t *mem;
    size_t mask, elem_size;
    _Atomic int fd;
    // producer
    _Alignas(64) _Atomic size_t head;
    size_t tail_seen;
    _Atomic uint64_t refused;
    // consumer
    _Alignas(64) _Atomic size_t tail;
    size_t head_seen;
};

struct ring *ring_new(size_t capacity, size_t elem_size)
{
    must(capacity > 0 && capacity <= SIZE_MAX / 4 && elem_size > 0);
    size_t n = 1, bytes;
    while (n < capacity)
        n *= 2;
    if (__builtin_mul_overflow(n, elem_size, &bytes))
        return NULL;
    struct ring *r = mem_take(sizeof(*r));
    if (!r)
        return NULL;
    r->fd = -1;
    r->mask = n - 1;
    r->elem_size = elem_size;
    r->mem = mem_take(bytes);
    return r->mem ? r : ring_free(r);
}

struct ring *ring_free(struct ring *r)
{
    if (!r)
        return NULL;
    if (r->fd >= 0)
        close(r->fd);
    mem_give(r->mem, (r->mask + 1) * r->elem_size);
    mem_give(r, sizeof(*r));
    return NULL;
}

static void wake(int fd)
{
    uint64_t one = 1;
    ssize_t r;
    do
        r = write(fd, &one, sizeof(one));
    while (r < 0 && errno == EINTR);
    // EAGAIN: the counter stands at its maximum, so the consumer is awake anyway.
}

bool ring_push(struct ring *r, const void *elem)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head - r->tail_seen > r->mask) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head - r->tail_seen > r->mask) {
            uint64_t n = atomic_load_explicit(&r->refused, memory_order_relaxed);
            atomic_store_explicit(&r->refused, n + 1, memory_order_relaxed);
            return false;
        }
    }
    memcpy(r->mem + (head & r->mask) * r->elem_size, elem, r->elem_size);
    if (atomic_load_explicit(&r->fd, memory_order_acquire) < 0) {
        atomic_store_explicit(&r->head, head + 1, memory_order_release);
        return true;
    }
    // Sequentially consistent with the empty branch of ring_pop: either we see that the consumer
    // had taken everything and wake it, or it sees this element and does not sleep.
    atomic_store(&r->head, head + 1);
    if (atomic_load(&r->tail) == head)
        wake(atomic_load_explicit(&r->fd, memory_order_acquire));
    return true;
}

bool ring_pop(struct ring *r, void *ret_elem)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (r->head_seen == tail) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (r->head_seen == tail) {
            atomic_exchange(&r->tail,
                            tail); // the same value, put in the one order with the producer's store
            r->head_seen = atomic_load(&r->head);
            if (r->head_seen == tail)
                return false;
        }
    }
    memcpy(ret_elem, r->mem + (tail & r->mask) * r->elem_size, r->elem_size);
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

size_t ring_used(const struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t n = head - tail;
    return n <= r->mask ? n : r->mask + 1; // the tail may have moved on since it was read
}

size_t ring_capacity(const struct ring *r)
{
    return r->mask + 1;
}

uint64_t ring_refused(const struct ring *r)
{
    return atomic_load_explicit(&r->refused, memory_order_relaxed);
}

int ring_eventfd(struct ring *r)
{
    int fd = atomic_load_explicit(&r->fd, memory_order_acquire);
    if (fd >= 0)
        return fd;
    fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -1;
    wake(fd); // readable from the start: something may have been pushed before
    atomic_store(&r->fd, fd);
    return fd;
}
