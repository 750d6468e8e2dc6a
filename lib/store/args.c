// Parameters of a query: binary, with their type.
#include <string.h>
#include "base/fail.h"
#include "store/conn.h"
#include "store/pgtype.h"

void store_args_init(struct store_args *a)
{
    a->n = 0;
}

void store_arg_binary(struct store_args *a, uint32_t type, struct span value)
{
    must(a->n < STORE_ARGS_MAX);
    a->value[a->n] = value.p ? (const char *)value.p : "";
    a->length[a->n] = (int)value.n;
    a->format[a->n] = 1;
    a->type[a->n] = type;
    a->n++;
}

static void arg_null(struct store_args *a, uint32_t type)
{
    store_arg_binary(a, type, span_of("", 0));
    a->value[a->n - 1] = NULL;
}

static void arg_num(struct store_args *a, uint32_t type, uint64_t v)
{
    must(a->n < STORE_ARGS_MAX);
    uint8_t *num = a->num[a->n];
    pg_put_u64(num, v);
    store_arg_binary(a, type, span_of(num, 8));
}

void store_arg_null(struct store_args *a)
{
    arg_null(a, PG_TEXT);
}

void store_arg_str(struct store_args *a, const char *s)
{
    if (s)
        store_arg_binary(a, PG_TEXT, span_str(s));
    else
        arg_null(a, PG_TEXT);
}

void store_arg_span(struct store_args *a, struct span text)
{
    store_arg_binary(a, PG_TEXT, text);
}

void store_arg_int(struct store_args *a, int64_t v)
{
    arg_num(a, PG_INT8, (uint64_t)v);
}

void store_arg_real(struct store_args *a, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    arg_num(a, PG_FLOAT8, bits);
}

void store_arg_bool(struct store_args *a, bool v)
{
    must(a->n < STORE_ARGS_MAX);
    a->num[a->n][0] = v;
    store_arg_binary(a, PG_BOOL, span_of(a->num[a->n], 1));
}

void store_arg_uuid(struct store_args *a, const struct uuid *u)
{
    if (!u) {
        arg_null(a, PG_UUID);
        return;
    }
    must(a->n < STORE_ARGS_MAX);
    memcpy(a->num[a->n], u->b, 16);
    store_arg_binary(a, PG_UUID, span_of(a->num[a->n], 16));
}

void store_arg_time(struct store_args *a, int64_t wall_us)
{
    if (wall_us)
        arg_num(a, PG_TIMESTAMPTZ, (uint64_t)pg_time(wall_us));
    else
        arg_null(a, PG_TIMESTAMPTZ);
}

void store_arg_bytes(struct store_args *a, struct span bytes)
{
    store_arg_binary(a, PG_BYTEA, bytes);
}
