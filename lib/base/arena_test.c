#include "base/arena.h"

#include "tests/support/test.h"

static void fill_pass_drain(void **state)
{
    (void)state;
    struct arena *a = arena_new(100);
    char *p = arena_take(a, 50);
    char *q = arena_take(a, 36);
    assert_non_null(p);
    assert_int_equal((uintptr_t)q % 16, 0);
    assert_int_equal(q - p, 64);
    memset(p, 1, 50);
    memset(q, 2, 36);
    assert_false(arena_overflowed(a));
    assert_null(arena_take(a, 1));
    assert_null(arena_take(a, SIZE_MAX));
    assert_true(arena_overflowed(a));
    assert_int_equal(arena_refused(a), 2);
    assert_int_equal(arena_used_max(a), 100);
    arena_reset(a);
    assert_false(arena_overflowed(a));
    assert_ptr_equal(arena_take(a, 100), p);
    assert_int_equal(arena_refused(a), 2);
    arena_free(a);
}

static void empty_objects_differ(void **state)
{
    (void)state;
    struct arena *a = arena_new(64);
    void *p = arena_take(a, 0), *q = arena_take(a, 0);
    assert_non_null(p);
    assert_ptr_not_equal(p, q);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill_pass_drain),
        cmocka_unit_test(empty_objects_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
