// xring.h: records from one process to another through memory that both share: one producer, one consumer, either of which may
// die at any instruction and be replaced.
//
// A producer that goes back (its successor starts from an older state and does the same work again) makes the same records in
// the same order: what the ring has already is passed over, not published twice. Its place is its own memory, the ring's head is
// shared and moves by one store, after the record is whole. The consumer's place is its own memory too; what it has done
// with for good it releases.
// Full: xring_reserve gives NULL and counts; the producer has the rule (wait, shed). Made before the processes fork.
//
// Whoever stands at the other end may be hostile and change any byte of the shared memory at any time. So size and place of it are
// each process's own; a record's head is read once, into the consumer's memory, and believed only within the ring; what
// cannot be is passed over up to the head and counted (broken). The payload is a view that can change under its reader:
// copy it before looking at it twice.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xring;
struct xring_record {
    uint32_t bytes; // of the payload behind this head
    uint32_t kind;  // 1 and up
    uint64_t
        mark; // of the consumer (xring_mark): stays with the record when the consumer is replaced
    int64_t a, b; // as the kind says
};
_Static_assert(sizeof(struct xring_record) == 32, "records stand on 32 bytes");

// Capacity is rounded up to a power of two. NULL: no memory.
struct xring *xring_new(size_t bytes);
size_t xring_bytes(const struct xring *r);
size_t xring_used(const struct xring *r);
uint64_t xring_refused(const struct xring *r);

struct xring_producer {
    struct xring *ring;
    uint64_t at;
    size_t pad; // of the record being made: what is left before the end of the ring
};
// Starts behind all that the ring holds (a producer that knows nothing of its forerunner).
struct xring_producer xring_producer(struct xring *r);
// The next record was published in an earlier life: passed over. Ask before each record.
bool xring_repeat(struct xring_producer *p);
// Room for a record of so many bytes, to be filled and then published; NULL: no room now.
uint8_t *xring_reserve(struct xring_producer *p, size_t bytes);
// bytes: at most what was reserved.
void xring_publish(struct xring_producer *p, uint32_t kind, size_t bytes, int64_t a, int64_t b);
// A record larger than this never has room.
size_t xring_largest(const struct xring *r);

struct xring_consumer {
    struct xring *ring;
    uint64_t at;
    uint64_t end;            // of the record that was seen last
    struct xring_record rec; // its head
    uint64_t broken;         // places where no record could be
    uint64_t broken_head;    // the last head that could not be: counted once
};
// Starts at what is not released yet.
struct xring_consumer xring_consumer(struct xring *r);
// The next record's head, a copy in *c; NULL: nothing new.
const struct xring_record *xring_peek(struct xring_consumer *c);
// The same up to `limit`, where another consumer of this process stands, not to the head. Done with all: c->at is limit.
const struct xring_record *xring_peek_until(struct xring_consumer *c, uint64_t limit);
// Of the record that was peeked: all its bytes lie in the ring, whatever was written there.
const uint8_t *xring_payload(const struct xring_consumer *c);
void xring_mark(struct xring_consumer *c, uint64_t mark);
void xring_next(struct xring_consumer *c); // behind the record that was peeked
// What lies before `at` is done with. Never goes back.
void xring_release(struct xring *r, uint64_t at);

// For tests: all that the other end can write; in its first words head, refused, tail as a cache line each.
uint8_t *xring_shared(struct xring *r, size_t *bytes);
