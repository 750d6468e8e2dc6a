#include "store/columns.h"
#include <string.h>
#include "base/fail.h"
#include "base/mem.h"
#include "store/pgtype.h"

#define ARRAY_HEAD 20 // dimensions, has-null flag, element type, size, lower bound

_Static_assert(TABLE_COLUMNS_MAX <= STORE_ARGS_MAX, "each column is one argument");

struct column {
    uint8_t *buf; // ARRAY_HEAD bytes, then each element: u32 length (or -1), bytes
    size_t cap, n, row_start;
    uint8_t *part;               // head of a part of it
    uint8_t covered[ARRAY_HEAD]; // what stood there
};

struct table {
    const struct table_def *def;
    struct column col[TABLE_COLUMNS_MAX];
    size_t rows, rows_max, next; // next: column of the row being written
    bool overflow, parted;
    size_t memory;
};

static const struct {
    uint32_t type, array;
    size_t width; // 0: variable
    bool text;
} kinds[] = {
    [COL_TEXT] = {PG_TEXT, PG_TEXT_ARRAY, 0, true},
    [COL_WORD] = {PG_TEXT, PG_TEXT_ARRAY, COL_WORD_MAX, true},
    [COL_NAME] = {PG_TEXT, PG_TEXT_ARRAY, COL_NAME_MAX, true},
    [COL_LINE] = {PG_TEXT, PG_TEXT_ARRAY, COL_LINE_MAX, true},
    [COL_BYTES] = {PG_BYTEA, PG_BYTEA_ARRAY, 0, false},
    [COL_INT4] = {PG_INT4, PG_INT4_ARRAY, 4, false},
    [COL_INT8] = {PG_INT8, PG_INT8_ARRAY, 8, false},
    [COL_REAL] = {PG_FLOAT8, PG_FLOAT8_ARRAY, 8, false},
    [COL_BOOL] = {PG_BOOL, PG_BOOL_ARRAY, 1, false},
    [COL_TIME] = {PG_TIMESTAMPTZ, PG_TIMESTAMPTZ_ARRAY, 8, false},
    [COL_UUID] = {PG_UUID, PG_UUID_ARRAY, 16, false},
    [COL_INET] = {PG_INET, PG_INET_ARRAY, 20, false},
};

struct table *table_new(const struct table_def *def, size_t rows_max, size_t text_bytes,
                        size_t bytes)
{
    struct table *t = mem_take(sizeof *t);
    if (!t)
        return NULL;
    must(def->columns <= TABLE_COLUMNS_MAX);
    t->def = def;
    t->rows_max = rows_max;
    for (size_t i = 0; i < def->columns; i++) {
        struct column *c = &t->col[i];
        size_t width = kinds[def->kind[i]].width;
        size_t variable = def->kind[i] == COL_TEXT ? text_bytes + def->text_max + 1 : bytes;
        c->cap = ARRAY_HEAD + rows_max * (4 + width) + (width ? 0 : variable);
        c->cap += kinds[def->kind[i]].text; // span_utf8 ends with a zero of its own
        c->buf = mem_take(c->cap);
        if (!c->buf)
            return table_free(t);
        t->memory += c->cap;
    }
    table_reset(t);
    return t;
}

struct table *table_free(struct table *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < t->def->columns; i++)
        if (t->col[i].buf)
            mem_give(t->col[i].buf, t->col[i].cap);
    mem_give(t, sizeof *t);
    return NULL;
}

void table_reset(struct table *t)
{
    for (size_t i = 0; i < t->def->columns; i++)
        t->col[i].n = ARRAY_HEAD;
    t->rows = 0;
    t->next = t->def->columns;
}

size_t table_rows(const struct table *t)
{
    return t->rows;
}

size_t table_memory(const struct table *t)
{
    return t->memory;
}

const struct table_def *table_def_of(const struct table *t)
{
    return t->def;
}

bool table_fits(const struct table *t, size_t bytes)
{
    if (t->rows >= t->rows_max)
        return false;
    for (size_t i = 0; i < t->def->columns; i++) {
        size_t room = t->col[i].cap - t->col[i].n;
        if (t->def->kind[i] == COL_TEXT && room < 5 + (size_t)t->def->text_max)
            return false;
        if (t->def->kind[i] == COL_BYTES && room < 4 + bytes)
            return false;
    }
    return true;
}

void row_begin(struct table *t)
{
    must(t->next == t->def->columns);
    t->next = 0;
    t->overflow = t->rows >= t->rows_max;
    for (size_t i = 0; i < t->def->columns; i++)
        t->col[i].row_start = t->col[i].n;
}

static struct column *next_column(struct table *t)
{
    must(t->next < t->def->columns);
    return &t->col[t->next++];
}

// Room for an element of n bytes behind its length; NULL: the row will be taken back.
static uint8_t *element(struct table *t, struct column *c, size_t n)
{
    if (t->overflow || c->cap - c->n < 4 || c->cap - c->n - 4 < n) {
        t->overflow = true;
        return NULL;
    }
    pg_put_u32(c->buf + c->n, (uint32_t)n);
    uint8_t *p = c->buf + c->n + 4;
    c->n += 4 + n;
    return p;
}

void row_null(struct table *t)
{
    struct column *c = next_column(t);
    if (element(t, c, 0))
        pg_put_u32(c->buf + c->n - 4, UINT32_MAX);
}

void row_text(struct table *t, struct span s)
{
    enum column_kind kind = t->def->kind[t->next];
    must(kinds[kind].text);
    struct column *c = next_column(t);
    // A bad byte becomes three (U+FFFD), and span_utf8 ends with a zero of its own.
    size_t room = c->cap - c->n < 5 ? 0 : c->cap - c->n - 5;
    size_t max = kinds[kind].width ? kinds[kind].width : t->def->text_max;
    size_t want = s.n < max / 3 ? s.n * 3 : max;
    if (t->overflow || room < want) {
        t->overflow = true;
        return;
    }
    size_t n = span_utf8(s, (char *)c->buf + c->n + 4, want + 1);
    (void)element(t, c, n);
}

void row_str(struct table *t, const char *s)
{
    if (s)
        row_text(t, span_str(s));
    else
        row_null(t);
}

void row_bytes(struct table *t, struct span s)
{
    must(t->def->kind[t->next] == COL_BYTES);
    uint8_t *p = element(t, next_column(t), s.n);
    if (p && s.n)
        memcpy(p, s.p, s.n);
}

void row_int(struct table *t, int64_t v)
{
    if (t->def->kind[t->next] == COL_INT4) {
        v = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
        uint8_t *p = element(t, next_column(t), 4);
        if (p)
            pg_put_u32(p, (uint32_t)(int32_t)v);
        return;
    }
    must(t->def->kind[t->next] == COL_INT8);
    uint8_t *p = element(t, next_column(t), 8);
    if (p)
        pg_put_u64(p, (uint64_t)v);
}

void row_real(struct table *t, double v)
{
    must(t->def->kind[t->next] == COL_REAL);
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint8_t *p = element(t, next_column(t), 8);
    if (p)
        pg_put_u64(p, bits);
}

void row_bool(struct table *t, bool v)
{
    must(t->def->kind[t->next] == COL_BOOL);
    uint8_t *p = element(t, next_column(t), 1);
    if (p)
        *p = v;
}

void row_time(struct table *t, int64_t wall_us)
{
    must(t->def->kind[t->next] == COL_TIME);
    if (!wall_us) {
        row_null(t);
        return;
    }
    uint8_t *p = element(t, next_column(t), 8);
    if (p)
        pg_put_u64(p, (uint64_t)pg_time(wall_us));
}

void row_uuid(struct table *t, const struct uuid *u)
{
    must(t->def->kind[t->next] == COL_UUID);
    if (!u || uuid_is_zero(u)) {
        row_null(t);
        return;
    }
    uint8_t *p = element(t, next_column(t), 16);
    if (p)
        memcpy(p, u->b, 16);
}

void row_inet(struct table *t, struct span ip)
{
    must(t->def->kind[t->next] == COL_INET);
    if (ip.n != 4 && ip.n != 16) {
        row_null(t);
        return;
    }
    uint8_t *p = element(t, next_column(t), 4 + ip.n);
    if (!p)
        return;
    p[0] = ip.n == 4 ? 2 : 3; // PGSQL_AF_INET, PGSQL_AF_INET6
    p[1] = (uint8_t)(ip.n * 8);
    p[2] = 0; // not a network
    p[3] = (uint8_t)ip.n;
    memcpy(p + 4, ip.p, ip.n);
}

bool row_end(struct table *t)
{
    must(t->next == t->def->columns);
    if (t->overflow) {
        for (size_t i = 0; i < t->def->columns; i++)
            t->col[i].n = t->col[i].row_start;
        return false;
    }
    t->rows++;
    return true;
}

static void put_head(uint8_t *p, uint32_t type, size_t rows)
{
    pg_put_u32(p, 1);
    pg_put_u32(p + 4, 1); // there may be nulls
    pg_put_u32(p + 8, type);
    pg_put_u32(p + 12, (uint32_t)rows);
    pg_put_u32(p + 16, 1);
}

void table_args(struct table *t, struct store_args *args)
{
    must(t->rows > 0 && t->next == t->def->columns);
    for (size_t i = 0; i < t->def->columns; i++) {
        struct column *c = &t->col[i];
        put_head(c->buf, kinds[t->def->kind[i]].type, t->rows);
        store_arg_binary(args, kinds[t->def->kind[i]].array, span_of(c->buf, c->n));
    }
}

static size_t element_size(const uint8_t *p)
{
    uint32_t n = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return n == UINT32_MAX ? 4 : 4 + (size_t)n;
}

// Place of the element that comes `rows` after the one at `at`.
static size_t element_at(const struct column *c, size_t rows, size_t at)
{
    for (size_t i = 0; i < rows; i++)
        at += element_size(c->buf + at);
    return at;
}

void table_part_args(struct table *t, size_t from, size_t n, struct store_args *args)
{
    must(!t->parted && n > 0 && from + n <= t->rows && t->next == t->def->columns);
    t->parted = true;
    for (size_t i = 0; i < t->def->columns; i++) {
        struct column *c = &t->col[i];
        size_t at = element_at(c, from, ARRAY_HEAD), end = element_at(c, n, at);
        c->part = c->buf + at - ARRAY_HEAD;
        memcpy(c->covered, c->part, ARRAY_HEAD);
        put_head(c->part, kinds[t->def->kind[i]].type, n);
        store_arg_binary(args, kinds[t->def->kind[i]].array,
                         span_of(c->part, end - at + ARRAY_HEAD));
    }
}

void table_part_end(struct table *t)
{
    must(t->parted);
    t->parted = false;
    for (size_t i = 0; i < t->def->columns; i++)
        memcpy(t->col[i].part, t->col[i].covered, ARRAY_HEAD);
}

struct span table_cell(const struct table *t, size_t column, size_t row)
{
    must(column < t->def->columns && row < t->rows);
    const uint8_t *p = t->col[column].buf + element_at(&t->col[column], row, ARRAY_HEAD);
    size_t n = element_size(p) - 4;
    bool null = p[0] == 0xff && p[1] == 0xff && p[2] == 0xff && p[3] == 0xff;
    return null ? span_of(NULL, 0) : span_of(p + 4, n);
}
