// range.h: the Range header for one file (RFC 9110 14.1.2). Pure. Single ranges only: several are answered with the whole.
#pragma once
#include <stdint.h>
#include "base/span.h"

enum range_kind {
    RANGE_WHOLE, // none, several, or not understood: 200
    RANGE_PART,  // 206
    RANGE_NONE,  // nothing of it is in the file: 416
};
// first and last are inclusive.
enum range_kind range_parse(struct span header, uint64_t size, uint64_t *ret_first,
                            uint64_t *ret_last);
