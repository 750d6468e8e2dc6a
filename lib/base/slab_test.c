#include "base/slab.h"

#include "base/mem.h"
#include "tests/support/test.h"

struct thing {
    uint64_t a;
    char b[37];
};

static void fill_pass_drain(void **state)
{
    (void)state;
    uint64_t before = mem_total();
    struct slab *s = slab_new("things", 5, sizeof(struct thing));
    struct thing *t[5];
    for (size_t i = 0; i < 5; i++) {
        t[i] = slab_take(s);
        assert_non_null(t[i]);
        assert_int_equal((uintptr_t)t[i] % 16, 0);
        memset(t[i], 0xEE, sizeof(*t[i]));
    }
    assert_null(slab_take(s));
    assert_null(slab_take(s));
    struct slab_stat st = slab_stat(s);
    assert_int_equal(st.used, 5);
    assert_int_equal(st.used_max, 5);
    assert_int_equal(st.refused, 2);
    assert_int_equal(st.taken, 5);
    assert_true(mem_total() - before >= st.bytes);
    for (size_t i = 0; i < 5; i++)
        slab_give(s, t[i]);
    slab_give(s, NULL);
    assert_int_equal(slab_stat(s).used, 0);
    struct thing *again = slab_take(s);
    struct thing zero;
    memset(&zero, 0, sizeof(zero));
    assert_memory_equal(again, &zero, sizeof(zero));
    slab_give(s, again);
    assert_null(slab_free(s));
    assert_int_equal(mem_total(), before);
}

static void old_handles_find_nothing(void **state)
{
    (void)state;
    struct slab *s = slab_new("things", 3, sizeof(struct thing));
    assert_null(slab_get(s, 0));
    assert_null(slab_get(s, UINT64_MAX));
    for (int round = 0; round < 1000; round++) {
        struct thing *t = slab_take(s);
        slab_handle h = slab_handle_of(s, t);
        assert_true(h != 0);
        assert_ptr_equal(slab_get(s, h), t);
        assert_ptr_equal(slab_at(s, slab_index_of(s, t)), t);
        size_t index = slab_index_of(s, t);
        slab_give(s, t);
        assert_null(slab_get(s, h));
        assert_null(slab_at(s, index));
    }
    assert_null(slab_at(s, 3));
    slab_free(s);
}

static void a_given_slot_comes_back_last(void **state)
{
    (void)state;
    struct slab *s = slab_new("things", 3, 8);
    void *a = slab_take(s);
    slab_give(s, a);
    assert_ptr_not_equal(slab_take(s), a);
    assert_ptr_not_equal(slab_take(s), a);
    assert_ptr_equal(slab_take(s), a);
    slab_free(s);
}

static void a_slot_without_handles_comes_back_first(void **state)
{
    (void)state;
    struct slab *s = slab_new("things", 3, sizeof(struct thing));
    struct thing *a = slab_take_as_left(s), *b = slab_take_as_left(s), *c = slab_take_as_left(s);
    slab_handle h = slab_handle_of(s, b);
    assert_null(slab_take_as_left(s));
    b->a = 7;
    slab_give_first(s, b);
    slab_give_first(s, NULL);
    assert_null(slab_get(s, h)); // an old handle finds nothing here either
    assert_ptr_equal(slab_take_as_left(s), b);
    assert_int_equal(b->a, 7);
    slab_give(s, a); // last in the list, and both kinds of it together
    slab_give_first(s, c);
    slab_give_first(s, b);
    assert_int_equal(slab_stat(s).used, 0);
    assert_ptr_equal(slab_take(s), b);
    assert_int_equal(b->a, 0);
    assert_ptr_equal(slab_take(s), c);
    assert_ptr_equal(slab_take(s), a);
    assert_null(slab_take(s));
    assert_null(slab_free(s));
}

static void late_memory_is_counted(void **state)
{
    (void)state;
    assert_int_equal(mem_late(), 0);
    mem_ready();
    struct slab *s = slab_new("late", 1, 1);
    assert_int_equal(mem_late(), 3); // slots, generations, free list
    slab_free(s);
    assert_null(mem_take(SIZE_MAX));
    assert_null(mem_take(0));
}

static void huge_pages_are_memory_like_any(void **state)
{
    (void)state;
    const size_t n = (5 << 20) + 100; // two huge pages and small ones
    uint64_t before = mem_total();
    mem_want_huge_pages();
    uint8_t *p = mem_take(n);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % (2 << 20), 0);
    for (size_t i = 0; i < n; i += 4096)
        assert_int_equal(p[i], 0);
    p[n - 1] = 1;
    assert_true(mem_total() >= before + n && mem_total() < before + n + 64);
    mem_give(p, n);
    assert_int_equal(mem_total(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(huge_pages_are_memory_like_any), // before memory counts as late
        cmocka_unit_test(fill_pass_drain),
        cmocka_unit_test(old_handles_find_nothing),
        cmocka_unit_test(a_given_slot_comes_back_last),
        cmocka_unit_test(a_slot_without_handles_comes_back_first),
        cmocka_unit_test(late_memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
