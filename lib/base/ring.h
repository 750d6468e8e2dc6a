// ring.h: bounded queue of fixed-size elements between exactly two threads (one producer, one consumer).
// Lock-free. Full: ring_push returns false and counts; the producer has the rule (drop, wait, refuse).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;
// capacity is rounded up to a power of two.
struct ring *ring_new(size_t capacity, size_t elem_size);
struct ring *ring_free(struct ring *r);
bool ring_push(struct ring *r, const void *elem);
bool ring_pop(struct ring *r, void *ret_elem);
// Any thread, a moment's truth.
size_t ring_used(const struct ring *r);
size_t ring_capacity(const struct ring *r);
uint64_t ring_refused(const struct ring *r);
// Consumer: an eventfd that becomes readable when something was pushed into an empty ring; -1 on error.
// Make it before the producer starts. After a wake: read it, then pop until the ring is empty, then sleep.
int ring_eventfd(struct ring *r);
