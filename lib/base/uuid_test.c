#include "base/uuid.h"

#include "tests/support/test.h"

static void rfc_9562_vector(void **state)
{
    // Appendix A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00
    struct uuid u;
    char text[37];
    (void)state;
    assert_true(uuid_parse(SPAN_LIT("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &u));
    assert_int_equal(uuid_time_us(&u), INT64_C(1645557742000000));
    uuid_format(&u, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void derived_ids_never_change(void **state)
{
    // Written down once: such ids stand in databases, so this test may never be changed.
    struct uuid u = uuid_v7_derived(INT64_C(1645557742000999), SPAN_LIT("callmesh"));
    char text[37];
    (void)state;
    uuid_format(&u, text);
    assert_string_equal(text, "017f22e2-79b0-735c-aedd-810f6feaf930");
    struct uuid v = uuid_v7_derived(INT64_C(1645557742000000), SPAN_LIT("callmesg"));
    assert_true(memcmp(u.b, v.b, 6) == 0 && memcmp(u.b, v.b, 16) != 0);
    u = uuid_v7_derived(-1, (struct span){NULL, 0});
    assert_int_equal(uuid_time_us(&u), 0);
    // XXH3-128 of nothing is 99aa06d3014798d86001c324468d497f (its authors' vector).
    uuid_format(&u, text);
    assert_string_equal(text, "00000000-0000-79aa-86d3-014798d86001");
}

static void random_ids(void **state)
{
    (void)state;
    struct uuid a = uuid_v7_random(INT64_C(1795000000123456)),
                b = uuid_v7_random(INT64_C(1795000000123456));
    assert_int_equal(uuid_time_us(&a), INT64_C(1795000000123000));
    assert_int_equal(a.b[6] >> 4, 7);
    assert_int_equal(a.b[8] >> 6, 2);
    assert_true(memcmp(&a, &b, sizeof(a)) != 0);
    assert_false(uuid_is_zero(&a));
    struct uuid zero = {{0}};
    assert_true(uuid_is_zero(&zero));
}

static void parse_refuses(void **state)
{
    static const char *const bad[] = {"",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
                                      "017f22e2779b0-7cc3-98c4-dc0c0c07398f",
                                      "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                                      "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f"};
    struct uuid u = {{42}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(uuid_parse(span_str(bad[i]), &u));
    assert_int_equal(u.b[0], 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_9562_vector),
        cmocka_unit_test(derived_ids_never_change),
        cmocka_unit_test(random_ids),
        cmocka_unit_test(parse_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
