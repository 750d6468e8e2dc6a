// The N-th resource refused: each allocation of the harvester's tables in turn, one shot and from there on. Building says no and leaves
// nothing behind; what was built before goes on. The linker puts our allocators before the real ones (--wrap).
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "media_table.h"
#include "tests/support/test.h"
#include "wire/frag.h"
#include "wire/sipstream.h"
#include "worker.h"

static long countdown = -1; // allocations until the refusal; -1: none
static bool for_ever;
static long blocks; // held now
static unsigned long refusals;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);

static bool refuse(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    countdown = for_ever ? 0 : -1;
    refusals++;
    errno = ENOMEM;
    return true;
}

static void *counted(void *p)
{
    blocks += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return refuse() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refuse() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return refuse() ? NULL : counted(__real_aligned_alloc(align, n));
}

void __wrap_free(void *p)
{
    blocks -= p != NULL;
    __real_free(p);
}

// ---- what is built ------------------------------------------------------------------------------------------------

static void *build_frag(void)
{
    return frag_new(&(struct frag_opts){.datagrams = 4, .max_bytes = 2048, .timeout_us = 1});
}

static void free_frag(void *p)
{
    frag_free(p);
}

static void *build_sipstream(void)
{
    return sipstream_new(&(struct sipstream_opts){.connections = 2, .bytes = 16384});
}

static void free_sipstream(void *p)
{
    sipstream_free(p);
}

static void *build_media(void)
{
    return media_table_new(4, 1000000);
}

static void free_media(void *p)
{
    media_table_free(p);
}

static void *build_outbox(void)
{
    static const struct outbox_sink sink;
    return outbox_new(&sink);
}

static void free_outbox(void *p)
{
    outbox_free(p);
}

static void *build_worker(void)
{
    struct worker_opts o = {.link_type = 1,
                            .publisher = "refuse",
                            .streams = 4,
                            .media_addresses = 4,
                            .fragments = 2,
                            .tcp = 2,
                            .signalled_calls = 2,
                            .framed_tcp = 2};
    return worker_new(&o);
}

static void free_worker(void *p)
{
    worker_free(p);
}

static const struct {
    const char *name;
    void *(*build)(void);
    void (*give)(void *p);
} things[] = {
    {"frag", build_frag, free_frag},          {"sipstream", build_sipstream, free_sipstream},
    {"media_table", build_media, free_media}, {"outbox", build_outbox, free_outbox},
    {"worker", build_worker, free_worker},
};

static void each_allocation_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(things); i++) {
        for (int ever = 0; ever < 2; ever++) {
            long n = 0;
            for (;; n++) {
                uint64_t memory = mem_total();
                long before = blocks;
                unsigned long was = refusals;
                countdown = n;
                for_ever = ever;
                void *p = things[i].build();
                countdown = -1;
                bool refused = refusals != was;
                if (refused != (p == NULL))
                    fail_msg("%s: allocation %ld refused, and yet %s", things[i].name, n,
                             p ? "built" : "not built");
                things[i].give(p);
                if (mem_total() != memory || blocks != before)
                    fail_msg("%s: allocation %ld refused: %ld blocks and %lld bytes left behind",
                             things[i].name, n, blocks - before, (long long)(mem_total() - memory));
                if (!refused)
                    break;
            }
            if (n < 1)
                fail_msg("%s: %ld allocations seen", things[i].name, n);
            print_message("%s: %ld allocations refused one by one\n", things[i].name, n);
        }
    }
}

// A packet asks for nothing: with every allocation refused, packets of all kinds are counted as with none.
static void packets_need_none(void **state)
{
    static const uint8_t frame[] = {
        2,    0,  0,  0, 0, 2,  2, 0,   0, 0,  0, 1, 8, 0,    0x45, 0,    0,    48, 0,  1, 0,
        0,    64, 17, 0, 0, 10, 0, 0,   1, 10, 0, 0, 2, 0x0f, 0xa0, 0x17, 0x70, 0,  28, 0, 0,
        0x80, 0,  0,  1, 0, 0,  0, 160, 0, 0,  0, 1, 1, 2,    3,    4,    5,    6,  7,  8};
    uint8_t copy[sizeof frame];
    (void)state;
    struct worker *w = build_worker();
    assert_non_null(w);
    unsigned long was = refusals;
    countdown = 0;
    for_ever = true;
    for (int i = 0; i < 400; i++) {
        memcpy(copy, frame, sizeof copy);
        copy[45] = (uint8_t)i;        // sequence number
        copy[53] = (uint8_t)(i / 40); // SSRCs: more than there are places
        if (i % 5 == 0)
            copy[20] = 0x20; // a fragment whose rest never comes
        if (i % 7 == 0)
            copy[23] = 6;
        worker_packet(w, &(struct source_packet){span_of(copy, sizeof copy), 1000000 + i * 20000,
                                                 sizeof copy});
    }
    countdown = -1;
    for_ever = false;
    assert_int_equal(refusals, was);
    assert_int_equal(worker_counts(w)->n[CAPTURE_PACKETS], 400);
    assert_true(worker_counts(w)->n[CAPTURE_DROP_FRAGMENTS] > 0);
    worker_end(w, false);
    worker_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_refused),
        cmocka_unit_test(packets_need_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
