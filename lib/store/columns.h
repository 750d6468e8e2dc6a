// columns.h: rows on their way to PostgreSQL, kept as columns: each column is an array in
// PostgreSQL's binary form, so a batch of any number of rows is one statement, INSERT ... SELECT
// ... FROM unnest($1, $2, ...), with no quoting and one parse. Memory is given at start and never
// grows: a table of rows is full by rows or by bytes. Owner: one thread at a time (a batch is
// handed over whole).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"
#include "store/conn.h"

// A text is kept to a width: that of its table (COL_TEXT; room for it is pooled), or a small one of its own, for which each row has
// its place. Worst cases are reserved at start, so the width of a column is what a batch of rows costs.
#define COL_WORD_MAX 24  // a state, a side, a codec
#define COL_NAME_MAX 128 // a site, a publisher, a user, a tag
#define COL_LINE_MAX 256 // a URI, a sentence

enum column_kind {
    COL_TEXT,
    COL_WORD,
    COL_NAME,
    COL_LINE,
    COL_BYTES,
    COL_INT4,
    COL_INT8,
    COL_REAL,
    COL_BOOL,
    COL_TIME,
    COL_UUID,
    COL_INET
};

#define TABLE_COLUMNS_MAX 44

// What a table of rows is: kinds of its columns, and the statement that takes the arrays $1 .. $n.
struct table_def {
    const char *name;
    const char *sql;
    size_t columns;
    uint16_t text_max; // longest text kept in any of its COL_TEXT columns, bytes
    enum column_kind kind[TABLE_COLUMNS_MAX];
};

struct table;
// text_bytes: for each COL_TEXT column; bytes: for each bytea column; all others are reserved by
// rows_max.
struct table *table_new(const struct table_def *def, size_t rows_max, size_t text_bytes,
                        size_t bytes);
struct table *table_free(struct table *t);
void table_reset(struct table *t);
size_t table_rows(const struct table *t);
size_t table_memory(const struct table *t);
const struct table_def *table_def_of(const struct table *t);

// Is there room for one more row with `bytes` in its bytea columns, whatever its texts are?
bool table_fits(const struct table *t, size_t bytes);
// A row: begin, then each column in order, then end. Too few or too many columns are our own
// mistake (must). Texts are made clean UTF-8 here and cut at their width; times outside 1970..9999 are
// clamped. False from row_end: the row did not fit and was taken back.
void row_begin(struct table *t);
void row_text(struct table *t, struct span s);
void row_str(struct table *t, const char *s);
void row_bytes(struct table *t, struct span s);
void row_int(struct table *t, int64_t v); // INT4 is clamped
void row_real(struct table *t, double v);
void row_bool(struct table *t, bool v);
void row_time(struct table *t, int64_t wall_us);      // 0 is null
void row_uuid(struct table *t, const struct uuid *u); // NULL and all zero are null
void row_inet(struct table *t, struct span ip);       // 4 or 16 bytes; else null
void row_null(struct table *t);
bool row_end(struct table *t);

// The arrays of all rows as parameters (views into the table).
void table_args(struct table *t, struct store_args *args);
// The same of the rows from .. from + n - 1: their head stands, for as long, over the end of the row before. table_part_end
// puts that back; nothing else may be done with the table in between.
void table_part_args(struct table *t, size_t from, size_t n, struct store_args *args);
void table_part_end(struct table *t);
// Column of a row as it stands in the array (binary form), null: p is NULL.
struct span table_cell(const struct table *t, size_t column, size_t row);
