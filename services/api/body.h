// body.h: the small JSON bodies that requests have: one object of text members (RFC 8259). Strict, no allocation, pure. (jansson has
// functions with the names of base/json.h, so the two cannot be in one program.)
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"

struct body_field {
    const char *name;
    char *buf; // the text, zero-ended
    size_t cap;
    bool found;
};
// Members that are not asked for may be any text, number, true, false or null, not objects or arrays. False: not such an object,
// a field twice, a text that does not fit, or bytes that are not UTF-8.
bool body_read(struct span json, struct body_field *fields, size_t n);
