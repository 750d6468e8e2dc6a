#include "batch.h"
#include <string.h>
#include "base/mem.h"

// Rows of calls, legs and streams are written when the batch is sealed, so their texts have room for the worst case;
// the others are written as they come and look for room first.
#define OPEN_BYTES                                                                                 \
    2560u // of a call with a leg, two streams, four addresses: 1.9 KiB at most; larger ones: fewer a batch
#define MESSAGE_BYTES  1536u        // far above the mean; a batch of large ones is full earlier
#define MESSAGES_LEAST (384u << 10) // the longest SIP message several times

size_t batch_calls_max(size_t rows)
{
    return rows / 2 + 64;
}

size_t batch_legs_max(size_t rows)
{
    return rows / 2 + 128;
}

size_t batch_streams_max(size_t rows)
{
    return rows / 2 + 160;
}

size_t batch_open_bytes(size_t rows)
{
    return batch_calls_max(rows) * OPEN_BYTES;
}

size_t batch_events_max(size_t rows)
{
    return rows / 2 + 256;
}

size_t batch_losses_max(size_t rows)
{
    return rows / 4 + 32;
}

struct size {
    size_t rows, text, bytes;
};

static struct size size_of(enum row_table t, size_t rows)
{
    size_t calls = batch_calls_max(rows), legs = batch_legs_max(rows),
           streams = batch_streams_max(rows);
    size_t events = batch_events_max(rows);
    switch (t) {
    case ROWS_CALLS:
        return (struct size){calls, calls * rows_def[t].text_max, calls * STORY_BYTES};
    case ROWS_EVENTS:
    case ROWS_EVIDENCE:
        return (struct size){events, 0, 0};
    case ROWS_OPEN:
        return (struct size){calls, 0, batch_open_bytes(rows)};
    case ROWS_LEGS:
        return (struct size){legs, legs * rows_def[t].text_max, 0};
    case ROWS_STREAMS:
        return (struct size){streams, streams * rows_def[t].text_max, 0};
    case ROWS_MESSAGES:
        return (struct size){rows, rows * 96,
                             rows * MESSAGE_BYTES > MESSAGES_LEAST ? rows * MESSAGE_BYTES
                                                                   : MESSAGES_LEAST};
    case ROWS_SITES:
    case ROWS_HARVESTERS:
        return (struct size){BATCH_HARVESTERS, 0, BATCH_HARVESTERS * HARVESTER_BYTES / 4};
    case ROWS_LOSSES:
        return (struct size){batch_losses_max(rows), 0, 0};
    case ROWS_RECORDINGS:
        return (struct size){BATCH_RECORDINGS, BATCH_RECORDINGS * 2048, 0};
    case ROWS_QUARANTINE:
        return (struct size){16, 0, 128u << 10};
    default:
        return (struct size){rows, rows * 96, 0};
    }
}

struct batch *batch_new(size_t rows, size_t publishers)
{
    struct batch *b = mem_take(sizeof *b);
    if (!b)
        return NULL;
    b->moves_max = publishers * 2;
    b->messages_max = rows;
    b->move = mem_take(b->moves_max * sizeof *b->move);
    if (!b->move)
        return batch_free(b);
    for (size_t i = 0; i < ROWS_TABLES; i++) {
        struct size s = size_of((enum row_table)i, rows);
        b->t[i] = table_new(&rows_def[i], s.rows, s.text, s.bytes);
        if (!b->t[i])
            return batch_free(b);
    }
    return b;
}

struct batch *batch_free(struct batch *b)
{
    if (!b)
        return NULL;
    for (size_t i = 0; i < ROWS_TABLES; i++)
        b->t[i] = table_free(b->t[i]);
    if (b->move)
        mem_give(b->move, b->moves_max * sizeof *b->move);
    mem_give(b, sizeof *b);
    return NULL;
}

void batch_reset(struct batch *b)
{
    for (size_t i = 0; i < ROWS_TABLES; i++)
        table_reset(b->t[i]);
    b->moves = 0;
    b->rows = 0;
}

size_t batch_memory(const struct batch *b)
{
    size_t n = sizeof *b + b->moves_max * sizeof *b->move;
    for (size_t i = 0; i < ROWS_TABLES; i++)
        n += table_memory(b->t[i]);
    return n;
}
