// batch.h: what one transaction will hold: rows of each table as columns, and how far each publisher's cursor moves.
// The state thread fills the open one, seals it, and never touches it again until the database thread has given it
// back empty. All memory is taken at start.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "store/columns.h"

// Events of envelope seq + 1 that are done already: a batch may end in the middle of an envelope.
struct cursor {
    uint64_t seq;
    uint32_t done;
};

// What became of the envelopes up to a cursor: its number is their sum, counted apart.
struct feed_book {
    uint64_t base, applied, quarantined, lost;
};

struct cursor_move {
    char publisher[96];
    uint8_t incarnation[16];
    uint64_t epoch;
    struct cursor from, to;
    struct feed_book book; // since the last move
    uint32_t bus_slot;
    bool bound;
};

// In the order in which they are written.
enum row_table {
    ROWS_SITES,
    ROWS_HARVESTERS,
    ROWS_CALLS,
    ROWS_OPEN,      // open_calls: upsert
    ROWS_OPEN_GONE, // open_calls: delete
    ROWS_LEGS,
    ROWS_STREAMS,
    ROWS_MESSAGES,
    ROWS_ASSIGN, // messages that found their call later
    ROWS_REGISTRATIONS,
    ROWS_RECORDINGS,
    ROWS_RECORDING_STATE, // of calls that have left memory
    ROWS_EVENTS,
    ROWS_EVIDENCE,
    ROWS_LOSSES,
    ROWS_QUARANTINE,
    ROWS_TABLES,
};

extern const struct table_def rows_def[ROWS_TABLES];

struct batch {
    struct table *t[ROWS_TABLES];
    struct cursor_move *move;
    size_t moves, moves_max;
    size_t rows; // all tables
    size_t messages_max;
};

// rows: of messages; the other tables are sized from it (batch.c).
struct batch *batch_new(size_t rows, size_t publishers);
struct batch *batch_free(struct batch *b);
void batch_reset(struct batch *b);
size_t batch_memory(const struct batch *b);
size_t batch_calls_max(size_t rows);
size_t batch_legs_max(size_t rows);
size_t batch_streams_max(size_t rows);
size_t batch_open_bytes(size_t rows);
size_t batch_events_max(size_t rows);
size_t batch_losses_max(size_t rows);
#define STORY_BYTES      2560 // of a call's row, at most
#define BATCH_RECORDINGS 24
#define BATCH_HARVESTERS 16 // the rows of further ones wait for the next batch
#define HARVESTER_BYTES                                                                            \
    (28u << 10) // counters as JSON at most; four such rows a batch, 16 of usual ones
