// fuzz.h: what all targets share. A finding is an abort: libFuzzer and run_seeds both see it.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(x)                                                                              \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

// A view that a parser returns lies inside its input, or is empty.
static inline void fuzz_inside(struct span part, struct span whole)
{
    if (part.n == 0)
        return;
    fuzz_check((uintptr_t)part.p >= (uintptr_t)whole.p);
    fuzz_check((uintptr_t)part.p + part.n <= (uintptr_t)whole.p + whole.n);
}

// All bytes are read, so that the sanitizers see a view that is not there.
static inline uint8_t fuzz_touch(struct span s)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum ^= s.p[i];
    return sum;
}
