// queue.h: envelopes that wait for the owner of a feed_sub, in one ring of bytes: fixed memory, whole records, in order.
// Full (bytes or count): queue_push says false; the caller drops what came live and makes the sure path wait.
// The caller holds a lock around every call; the view of queue_front stays valid, without the lock, until queue_pop.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct queue;
struct queue *queue_new(uint64_t bytes, uint32_t count); // NULL: no memory
struct queue *queue_free(struct queue *q);

struct queue_note {
    uint32_t slot;
    bool new_epoch;
    uint64_t lost_before;
};
bool queue_push(struct queue *q, struct queue_note note, struct span bytes);
bool queue_front(struct queue *q, struct queue_note *ret_note, struct span *ret_bytes);
void queue_pop(struct queue *q);
uint64_t queue_bytes_used(const struct queue *q);
uint32_t queue_count(const struct queue *q);
// Half of it is free, in bytes and in count: the time to let a held publisher go on.
bool queue_roomy(const struct queue *q);
