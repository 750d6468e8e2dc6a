#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fail.h"

static _Atomic uint64_t total, late;
static _Atomic bool ready, huge;

#define HUGE_BYTES ((size_t)2 << 20)
#define LARGE_BYTES                                                                                \
    (128 << 10) // glibc's own first value, which it raises by itself when it is not said
#define TRIM_BYTES (1 << 20)

static size_t round64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

void mem_want_huge_pages(void)
{
    atomic_store_explicit(&huge, true, memory_order_relaxed);
}

void mem_keep_small(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
}

// A kernel that has none refuses, and small ones do.
static void *take_aligned(size_t n)
{
    if (n < HUGE_BYTES || !atomic_load_explicit(&huge, memory_order_relaxed))
        return aligned_alloc(64, n);
    void *p;
    if (posix_memalign(&p, HUGE_BYTES, n) != 0) // n need not be a multiple of the alignment
        return NULL;
    // The last part of a huge page stays small: nothing more is there than was asked for.
    (void)madvise(p, n & ~(HUGE_BYTES - 1), MADV_HUGEPAGE);
    return p;
}

void *mem_take(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX - 63)
        return NULL;
    size_t n = round64(bytes);
    void *p = take_aligned(n);
    if (!p)
        return NULL;
    memset(p, 0, n);
    // The compiler may not turn the pair above into a calloc, which would leave the pages
    // untouched.
    __asm__ volatile("" : : "r"(p) : "memory");
    atomic_fetch_add_explicit(&total, n, memory_order_relaxed);
    if (atomic_load_explicit(&ready, memory_order_relaxed))
        atomic_fetch_add_explicit(&late, 1, memory_order_relaxed);
    return p;
}

void mem_give(void *p, size_t bytes)
{
    if (!p)
        return;
    uint64_t n = round64(bytes);
    uint64_t before = atomic_fetch_sub_explicit(&total, n, memory_order_relaxed);
    must(before >= n);
    free(p);
}

void mem_add_foreign(size_t bytes)
{
    atomic_fetch_add_explicit(&total, round64(bytes), memory_order_relaxed);
}

void mem_sub_foreign(size_t bytes)
{
    uint64_t n = round64(bytes);
    uint64_t before = atomic_fetch_sub_explicit(&total, n, memory_order_relaxed);
    must(before >= n);
}

uint64_t mem_total(void)
{
    return atomic_load_explicit(&total, memory_order_relaxed);
}

void mem_ready(void)
{
    atomic_store_explicit(&ready, true, memory_order_relaxed);
}

uint64_t mem_late(void)
{
    return atomic_load_explicit(&late, memory_order_relaxed);
}
