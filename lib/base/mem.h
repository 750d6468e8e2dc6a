// mem.h: where all fixed memory comes from: slabs, maps, rings, arenas. Taken at start, zeroed and
// touched (so that it is really there), counted. After mem_ready() a further taking still works but
// is counted as late: a test and a gauge see it. Any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

// 64-byte aligned, zeroed, touched. NULL when it cannot be had.
void *mem_take(size_t bytes);
// From here on blocks of 2 MiB and more ask for huge pages: a process that touches tables of many MiB at random, and
// that is never forked while it runs (a shared huge page is copied in small ones). Before the first mem_take.
void mem_want_huge_pages(void);
void mem_give(void *p, size_t bytes);
// What libraries take and give back while the service runs (messages of nng, results of libpq) stays near what is in use: one pool for
// all threads instead of one for every few, and large blocks go back to the kernel. Before the first thread.
void mem_keep_small(void);
// What a library has taken for itself and keeps (a compressor's context): counted with the rest. Start only.
void mem_add_foreign(size_t bytes);
void mem_sub_foreign(size_t bytes);
// Taken and not given back, now.
uint64_t mem_total(void);
// Start-up is over: what is taken from here on counts as late.
void mem_ready(void);
uint64_t mem_late(void);
