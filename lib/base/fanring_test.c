#include "base/fanring.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/thread.h"
#include "tests/support/test.h"

static void write_text(struct fanring *f, const char *s)
{
    assert_int_equal(fanring_write(f, span_str(s)), 0);
}

static void expect(const struct fanring *f, uint64_t *cursor, const char *want)
{
    char b[64];
    size_t n = 0;
    assert_int_equal(fanring_read(f, cursor, b, sizeof(b), &n), FANRING_OK);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(b, want, n);
}

static void read_in_order(void **state)
{
    (void)state;
    struct fanring *f = fanring_new(1024);
    char b[8];
    size_t n = 0;
    uint64_t old = fanring_tail(f), c = fanring_head(f);
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_EMPTY);
    write_text(f, "one");
    write_text(f, "");
    write_text(f, "a longer record");
    uint64_t late = fanring_head(f);
    write_text(f, "12345678");
    expect(f, &c, "one");
    expect(f, &c, "");
    uint64_t at = c;
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_SMALL);
    assert_int_equal(n, 15);
    assert_int_equal(c, at);
    expect(f, &c, "a longer record");
    expect(f, &c, "12345678");
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_EMPTY);
    expect(f, &late, "12345678");
    expect(f, &old, "one");
    fanring_free(f);
}

static void fill_pass_and_be_told(void **state)
{
    (void)state;
    struct fanring *f = fanring_new(1024);
    char big[300] = {0}, b[300];
    size_t n = 0;
    uint64_t c = 0;
    assert_int_equal(fanring_write(f, span_of(big, 257)), -EMSGSIZE);
    assert_int_equal(fanring_refused(f), 1);
    for (int i = 0; i < 10; i++) {
        big[0] = (char)i;
        assert_int_equal(fanring_write(f, span_of(big, 200)), 0); // 208 with the header: four fit
    }
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_LOST);
    assert_int_equal(c, fanring_tail(f));
    for (int i = 6; i < 10; i++) {
        assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_OK);
        assert_int_equal(n, 200);
        assert_int_equal(b[0], i);
    }
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_EMPTY);
    fanring_free(f);
}

static void start_some_records_back(void **state)
{
    (void)state;
    struct fanring *f = fanring_new(256); // 16 records of 8 bytes
    char b[16];
    size_t n;
    assert_int_equal(fanring_back(f, 3), fanring_head(f));
    for (int i = 0; i < 100; i++) {
        uint64_t v = (uint64_t)i;
        assert_int_equal(fanring_write(f, span_of(&v, 8)), 0);
        for (uint32_t back = 0; back < 20; back++) {
            uint64_t c = fanring_back(f, back);
            int there = i + 1 < 16 ? i + 1 : 16;
            int want = i + 1 - ((int)back < there ? (int)back : there);
            int r = fanring_read(f, &c, b, sizeof(b), &n);
            assert_int_equal(r, back == 0 ? FANRING_E_EMPTY : FANRING_OK);
            if (r == FANRING_OK) {
                memcpy(&v, b, 8);
                assert_int_equal(v, want);
            }
        }
    }
    fanring_free(f);
}

static void reset_is_told_once(void **state)
{
    (void)state;
    struct fanring *f = fanring_new(256);
    char b[64];
    size_t n;
    uint64_t c = fanring_head(f), end;
    write_text(f, "old");
    end = fanring_head(f);
    fanring_reset(f);
    assert_int_equal(fanring_back(f, 5), fanring_head(f));
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_LOST);
    assert_int_equal(fanring_read(f, &c, b, sizeof(b), &n), FANRING_E_EMPTY);
    assert_int_equal(fanring_read(f, &end, b, sizeof(b), &n), FANRING_E_LOST);
    write_text(f, "new");
    expect(f, &c, "new");
    expect(f, &end, "new");
    uint64_t back = fanring_back(f, 5);
    expect(f, &back, "new");
    fanring_free(f);
}

// Records of changing length whose bytes all follow from their number.
#define RECORDS 100000
struct job {
    struct fanring *f;
    _Atomic bool done;
    _Atomic uint64_t read, lost;
    struct job *readers; // of the writer: it goes on until each has read and has been overtaken
};

static bool all_saw_enough(struct job *readers)
{
    return readers[0].read > 1000 && readers[0].lost > 0 && readers[1].read > 1000 &&
           readers[1].lost > 0;
}

static void produce(struct thread *t, void *arg)
{
    struct job *j = arg;
    (void)t;
    for (uint64_t i = 1; i <= RECORDS || !all_saw_enough(j->readers); i++) {
        uint64_t rec[12];
        for (size_t k = 0; k < 12; k++)
            rec[k] = i * (k + 1);
        assert_int_equal(fanring_write(j->f, span_of(rec, 8 + i % 88)), 0);
        if (i % 25000 == 0)
            fanring_reset(j->f);
    }
    atomic_store(&j->done, true);
}

static void consume(struct thread *t, void *arg)
{
    struct job *j = arg;
    uint64_t c = 0, last = 0;
    (void)t;
    for (;;) {
        uint64_t rec[12] = {0};
        size_t n = 0;
        bool done = atomic_load(&j->done);
        int r = fanring_read(j->f, &c, rec, sizeof(rec), &n);
        if (r == FANRING_E_EMPTY && done)
            return;
        if (r == FANRING_E_LOST) {
            j->lost++;
            c = fanring_back(j->f, 4);
            last = 0; // back may give a record again
        }
        if (r != FANRING_OK)
            continue;
        assert_true(rec[0] > last);
        last = rec[0];
        assert_int_equal(n, 8 + last % 88);
        for (size_t k = 0; k < n / 8; k++)
            assert_int_equal(rec[k], last * (k + 1));
        uint64_t tail = last * (n / 8 + 1);
        if (n % 8)
            assert_memory_equal((char *)rec + n / 8 * 8, &tail, n % 8);
        j->read++;
    }
}

static void slow_readers_on_other_threads(void **state)
{
    (void)state;
    struct fanring *f = fanring_new(1024);
    struct thread w = {0};
    struct thread r[2] = {{0}, {0}};
    struct job readers[2] = {{.f = f}, {.f = f}};
    struct job writer = {.f = f, .readers = readers};
    for (int i = 0; i < 2; i++)
        assert_int_equal(thread_start(&r[i], "reader", consume, &readers[i]), 0);
    assert_int_equal(thread_start(&w, "writer", produce, &writer), 0);
    thread_join(&w);
    for (int i = 0; i < 2; i++) {
        atomic_store(&readers[i].done, true);
        thread_join(&r[i]);
        assert_true(readers[i].read > 0);
        assert_true(readers[i].lost >
                    0); // 1 KiB: the writer must have passed them, or the test tests nothing
    }
    fanring_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_in_order),
        cmocka_unit_test(fill_pass_and_be_told),
        cmocka_unit_test(start_some_records_back),
        cmocka_unit_test(reset_is_told_once),
        cmocka_unit_test(slow_readers_on_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
