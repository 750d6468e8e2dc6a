// Endpoints in order of appearance; more than there is room for.
#include "tests/support/test.h"

#include <stdio.h>

#include "ladder.h"

static void ladders(void **state)
{
    (void)state;
    static struct ladder l;
    assert_int_equal(ladder_endpoint(&l, SPAN_LIT("10.0.0.1"), 5060, false), 0);
    assert_int_equal(ladder_endpoint(&l, SPAN_LIT("10.0.0.2"), 5060, false), 1);
    assert_int_equal(ladder_endpoint(&l, SPAN_LIT("10.0.0.1"), 5062, false), 2);
    assert_int_equal(ladder_endpoint(&l, SPAN_LIT("10.0.0.1"), 4000, true), 0);
    assert_int_equal(ladder_endpoint(&l, SPAN_LIT("2001:db8::1"), 4000, true), 3);
    for (int i = 0; i < LADDER_ENDPOINTS + 5; i++) {
        char ip[32];
        int n = snprintf(ip, sizeof(ip), "192.0.2.%d", i);
        ladder_endpoint(&l, span_of(ip, (size_t)n), 1, false);
    }
    assert_int_equal(l.n, LADDER_ENDPOINTS);
    assert_int_equal(ladder_endpoint(&l, SPAN_LIT("203.0.113.1"), 1, false), LADDER_ENDPOINTS - 1);
    char text[8192];
    struct json j;
    json_init(&j, text, sizeof(text));
    json_obj(&j);
    ladder_endpoints_json(&j, &l);
    json_obj_end(&j);
    assert_false(j.overflow);
    assert_non_null(strstr(text, "\"label\":\"[2001:db8::1]:4000\""));
    assert_non_null(strstr(text, "\"label\":\"others\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ladders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
