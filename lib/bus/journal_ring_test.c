// A reader with a place of its own (the sync thread's taken_pos) finds each record, also when the ring ran empty just before
// its end: what is left there is not read as a record that stood there long ago.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "journal_ring.h"

static void every_record_once(void **state)
{
    (void)state;
    struct journal_ring r;
    uint8_t bytes[300];
    assert_int_equal(jring_take(&r, 1024), 0);
    uint64_t pos = 0, put = 0, got = 0, rnd = 5;
    for (int round = 0; round < 20000; round++) {
        rnd = rnd * 6364136223846793005u + 1442695040888963407u;
        size_t many = rnd >> 60 & 3; // often it runs empty
        for (size_t i = 0; i <= many; i++) {
            size_t n = 1 + (rnd >> (20 + 8 * i)) % sizeof(bytes);
            memset(bytes, (int)(put + 1), n);
            if (!jring_put(&r, put + 1, (struct span){0}, span_of(bytes, n)))
                break;
            put++;
        }
        uint64_t seq, end;
        struct span s;
        while (jring_at(&r, pos, &seq, &s, &end)) {
            assert_int_equal(seq, got + 1);
            assert_in_range(s.n, 1, sizeof(bytes));
            assert_int_equal(s.p[0], (uint8_t)seq);
            assert_int_equal(s.p[s.n - 1], (uint8_t)seq);
            pos = end;
            got++;
        }
        assert_int_equal(got, put);
        while (jring_oldest(&r, &seq))
            jring_pop(&r);
    }
    jring_give(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_record_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
