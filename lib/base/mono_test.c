#include "base/mono.h"

#include <time.h>

#include "tests/support/test.h"

static void vectors(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-5, "1970-01-01T00:00:00.000Z"},
        {INT64_C(951782399999999), "2000-02-28T23:59:59.999Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00.000Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char b[32];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(wall_format(cases[i].us, b, sizeof(b)), 24);
        assert_string_equal(b, cases[i].text);
    }
    assert_int_equal(wall_format(0, b, 5), 4);
    assert_string_equal(b, "1970");
}

static void agrees_with_libc(void **state)
{
    (void)state;
    struct rnd r = {1};
    for (int i = 0; i < 20000; i++) {
        time_t s = (time_t)rnd_below(&r, UINT64_C(253402300800));
        struct tm tm;
        char want[32], got[32];
        gmtime_r(&s, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        wall_format((int64_t)s * US_PER_S, got, sizeof(got));
        assert_string_equal(got, want);
    }
}

static void clocks_run(void **state)
{
    (void)state;
    int64_t a = mono_now_us();
    assert_true(mono_now_us() >= a && a > 0);
    assert_true(wall_now_us() > INT64_C(1600000000) * US_PER_S);
    assert_true(cpu_now_us() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(agrees_with_libc),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
