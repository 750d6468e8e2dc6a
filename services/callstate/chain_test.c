// The index against a plain array: same keys several times, newest first, given back in any order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "chain.h"

#define SLOTS 200

static void newest_first(void **state)
{
    (void)state;
    struct chain *c = chain_new(4);
    chain_add(c, 7, 2);
    chain_add(c, 7, 0);
    chain_add(c, 7 + 16, 1); // same bucket, another hash
    chain_add(c, 7, 3);
    assert_int_equal(chain_first(c, 7), 3);
    assert_int_equal(chain_next(c, 3), 0);
    assert_int_equal(chain_next(c, 0), 2);
    assert_int_equal(chain_next(c, 2), CHAIN_END);
    assert_int_equal(chain_first(c, 7 + 16), 1);
    assert_int_equal(chain_first(c, 8), CHAIN_END);
    chain_del(c, 0);
    chain_del(c, 0); // no harm
    assert_int_equal(chain_next(c, 3), 2);
    chain_free(c);
}

static void against_an_array(void **state)
{
    (void)state;
    struct chain *c = chain_new(SLOTS);
    uint64_t hash[SLOTS] = {0}; // 0: not in it
    uint32_t seed = 5;
    for (int i = 0; i < 100000; i++) {
        seed = seed * 1664525 + 1013904223;
        size_t slot = (seed >> 8) % SLOTS;
        if (hash[slot]) {
            chain_del(c, slot);
            hash[slot] = 0;
        } else {
            hash[slot] = 1 + (seed >> 16) % 40;
            chain_add(c, hash[slot], slot);
        }
        uint64_t h = 1 + seed % 40;
        size_t want = 0, got = 0;
        for (size_t k = 0; k < SLOTS; k++)
            want += hash[k] == h;
        for (uint32_t k = chain_first(c, h); k != CHAIN_END; k = chain_next(c, k), got++)
            assert_true(hash[k] == h);
        assert_int_equal(got, want);
    }
    chain_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(newest_first),
                                       cmocka_unit_test(against_an_array)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
