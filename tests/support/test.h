// test.h: what every cmocka program includes, and a random source with a fixed start, so a failure repeats.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct rnd {
    uint64_t state;
};

// splitmix64
static inline uint64_t rnd_u64(struct rnd *r)
{
    uint64_t z = (r->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

// 0 .. n-1
static inline uint64_t rnd_below(struct rnd *r, uint64_t n)
{
    return n ? rnd_u64(r) % n : 0;
}

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
