// json.h: writes JSON into a fixed buffer. Overflow sets a flag and writes nothing more; the caller looks once at the end.
// Strings are made clean UTF-8 and escaped (RFC 8259). One thread per writer. Reading: services/api/body.h.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"

struct json {
    char *buf;
    size_t cap, n;
    bool overflow;
    bool comma; // a value stands before
};
void json_init(struct json *j, char *buf, size_t cap);
void json_obj(struct json *j);     // {
void json_obj_end(struct json *j); // }
void json_arr(struct json *j);
void json_arr_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_span(struct json *j, struct span s);
void json_str(struct json *j, const char *s); // NULL writes null
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_real(struct json *j, double v, int digits); // NaN and infinities write null
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_raw(struct json *j, struct span s); // a whole JSON value made elsewhere
void json_uuid(struct json *j, const struct uuid *u);
void json_time(struct json *j, int64_t wall_us); // RFC 3339 UTC with ms; 0 writes null
// key and value in one call
void json_kstr(struct json *j, const char *key, const char *v);
void json_kspan(struct json *j, const char *key, struct span v);
void json_kint(struct json *j, const char *key, int64_t v);
void json_kuint(struct json *j, const char *key, uint64_t v);
void json_kreal(struct json *j, const char *key, double v, int digits);
void json_kbool(struct json *j, const char *key, bool v);
void json_kuuid(struct json *j, const char *key, const struct uuid *u);
void json_ktime(struct json *j, const char *key, int64_t wall_us);
void json_knull(struct json *j, const char *key);
