#include "queue.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/mem.h"

struct item {
    uint32_t len;
    bool wrap; // nothing here: the next item is at the front of the ring
    struct queue_note note;
};

struct queue {
    uint8_t *ring;
    uint64_t bytes, head, tail; // positions grow for ever, place is position % bytes
    uint32_t count, count_max;
};

static uint64_t padded(uint64_t len)
{
    return (sizeof(struct item) + len + 15) & ~UINT64_C(15);
}

static struct item *item_at(const struct queue *q, uint64_t pos)
{
    return (struct item *)(void *)(q->ring + pos % q->bytes);
}

struct queue *queue_new(uint64_t bytes, uint32_t count)
{
    struct queue *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->bytes = (bytes + 63) & ~UINT64_C(63);
    q->count_max = count;
    q->ring = mem_take(q->bytes);
    return q->ring ? q : queue_free(q);
}

struct queue *queue_free(struct queue *q)
{
    if (q && q->ring)
        mem_give(q->ring, q->bytes);
    free(q);
    return NULL;
}

bool queue_push(struct queue *q, struct queue_note note, struct span bytes)
{
    uint64_t need = padded(bytes.n);
    uint64_t room =
        q->bytes - q->head % q->bytes; // an item does not cross the end; room is a multiple of 16
    bool wrap = room < need;
    if (q->count == q->count_max || q->head - q->tail + need + (wrap ? room : 0) > q->bytes)
        return false;
    if (wrap) {
        if (room >= sizeof(struct item))
            item_at(q, q->head)->wrap = true;
        q->head += room;
    }
    struct item *it = item_at(q, q->head);
    *it = (struct item){.len = (uint32_t)bytes.n, .note = note};
    memcpy(it + 1, bytes.p, bytes.n);
    q->head += need;
    q->count++;
    return true;
}

static void skip_wrap(struct queue *q)
{
    uint64_t room = q->bytes - q->tail % q->bytes;
    if (room < sizeof(struct item) || item_at(q, q->tail)->wrap)
        q->tail += room;
}

bool queue_front(struct queue *q, struct queue_note *ret_note, struct span *ret_bytes)
{
    if (q->count == 0)
        return false;
    skip_wrap(q);
    const struct item *it = item_at(q, q->tail);
    *ret_note = it->note;
    *ret_bytes = span_of(it + 1, it->len);
    return true;
}

void queue_pop(struct queue *q)
{
    must(q->count > 0);
    skip_wrap(q);
    q->tail += padded(item_at(q, q->tail)->len);
    if (--q->count == 0)
        q->tail = q->head = 0; // an empty queue has the whole ring in one piece
}

uint64_t queue_bytes_used(const struct queue *q)
{
    return q->head - q->tail;
}

uint32_t queue_count(const struct queue *q)
{
    return q->count;
}

bool queue_roomy(const struct queue *q)
{
    return queue_bytes_used(q) <= q->bytes / 2 && q->count <= q->count_max / 2;
}
