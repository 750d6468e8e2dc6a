// pgtype.h: type numbers and binary forms of PostgreSQL that we write
// (src/include/catalog/pg_type.dat, fixed for ever).
#pragma once
#include <stdint.h>
#include "base/mono.h"

enum pg_type {
    PG_BOOL = 16,
    PG_BYTEA = 17,
    PG_INT8 = 20,
    PG_INT4 = 23,
    PG_TEXT = 25,
    PG_FLOAT8 = 701,
    PG_INET = 869,
    PG_TIMESTAMPTZ = 1184,
    PG_UUID = 2950,
};

// Arrays of the above.
enum pg_array_type {
    PG_BOOL_ARRAY = 1000,
    PG_BYTEA_ARRAY = 1001,
    PG_INT4_ARRAY = 1007,
    PG_TEXT_ARRAY = 1009,
    PG_INT8_ARRAY = 1016,
    PG_FLOAT8_ARRAY = 1022,
    PG_INET_ARRAY = 1041,
    PG_TIMESTAMPTZ_ARRAY = 1185,
    PG_UUID_ARRAY = 2951,
};

#define PG_EPOCH_US INT64_C(946684800000000)    // 2000-01-01 in Unix us
#define PG_TIME_MAX INT64_C(253402300799999999) // end of year 9999

// Unix us to PostgreSQL's us, kept within years 1970 to 9999 (a packet can claim any time).
static inline int64_t pg_time(int64_t wall_us)
{
    if (wall_us < 0)
        wall_us = 0;
    if (wall_us > PG_TIME_MAX)
        wall_us = PG_TIME_MAX;
    return wall_us - PG_EPOCH_US;
}

static inline void pg_put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void pg_put_u64(uint8_t *p, uint64_t v)
{
    pg_put_u32(p, (uint32_t)(v >> 32));
    pg_put_u32(p + 4, (uint32_t)v);
}
