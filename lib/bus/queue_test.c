#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "queue.h"

// Pushes and pops of changing sizes through many laps, against what a plain count says.
static void laps(void **state)
{
    (void)state;
    struct queue *q = queue_new(4096, 20);
    uint8_t buf[1500];
    uint64_t pushed = 0, popped = 0;
    uint32_t refused = 0;
    struct queue_note note;
    struct span s;
    for (uint32_t step = 0; step < 200000; step++) {
        size_t len = 1 + pushed * 7919 % 1400;
        memset(buf, (int)(pushed & 0xff), len);
        if (step % 5 < 3) {
            if (queue_push(q, (struct queue_note){.slot = (uint32_t)pushed, .lost_before = pushed},
                           span_of(buf, len)))
                pushed++;
            else
                refused++;
        } else if (queue_front(q, &note, &s)) {
            assert_int_equal(note.slot, (uint32_t)popped);
            assert_int_equal(note.lost_before, popped);
            assert_int_equal(s.n, 1 + popped * 7919 % 1400);
            assert_int_equal(s.p[0], popped & 0xff);
            assert_int_equal(s.p[s.n - 1], popped & 0xff);
            queue_pop(q);
            popped++;
        }
        assert_int_equal(queue_count(q), pushed - popped);
        assert_true(queue_bytes_used(q) <= 4096);
    }
    assert_true(refused > 1000 && popped > 50000);
    queue_free(q);
}

static void full_by_count_and_by_bytes(void **state)
{
    (void)state;
    static const uint8_t buf[3000];
    struct queue *q = queue_new(4096, 4);
    assert_true(queue_roomy(q));
    for (unsigned i = 0; i < 4; i++)
        assert_true(queue_push(q, (struct queue_note){0}, span_of(buf, 10)));
    assert_false(queue_push(q, (struct queue_note){0}, span_of(buf, 10)));
    assert_false(queue_roomy(q));
    queue_pop(q);
    queue_pop(q);
    assert_true(queue_roomy(q));
    queue_pop(q);
    queue_pop(q);
    assert_int_equal(queue_bytes_used(q), 0);
    assert_true(queue_push(q, (struct queue_note){0}, span_of(buf, 3000)));
    assert_false(queue_push(q, (struct queue_note){0}, span_of(buf, 3000)));
    assert_false(queue_roomy(q));
    queue_pop(q);
    assert_true(queue_push(q, (struct queue_note){0}, span_of(buf, 3000)));
    struct queue_note note;
    struct span s;
    queue_pop(q);
    assert_false(queue_front(q, &note, &s));
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laps),
        cmocka_unit_test(full_by_count_and_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
