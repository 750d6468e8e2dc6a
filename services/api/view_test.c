// A call as JSON.
#include "tests/support/test.h"

#include "view.h"

static void views(void **state)
{
    (void)state;
    char text[4096];
    struct json j;
    struct call_view v = {.started_us = 1000000,
                          .answered_us = 3500000,
                          .ended_us = 10000000,
                          .protocol = SPAN_LIT("sip"),
                          .state = SPAN_LIT("ended")};
    json_init(&j, text, sizeof(text));
    call_json(&j, &v, 2);
    assert_non_null(strstr(text, "\"setup_seconds\":2.500,\"ring_seconds\":null,\"talk_seconds\":6."
                                 "500,\"duration_seconds\":9.000"));
    assert_non_null(
        strstr(text, "\"result\":null,\"protocol\":\"sip\",\"sip_status\":null,\"sip_reason\""));
    assert_non_null(strstr(text, "\"quality\":null,\"listeners\":2}"));
    v = (struct call_view){.started_us = 1000000,
                           .ringing_us = 2000000,
                           .ended_us = 5000000,
                           .state = SPAN_LIT("ended")};
    json_init(&j, text, sizeof(text));
    call_json(&j, &v, 0);
    assert_non_null(strstr(text, "\"setup_seconds\":1.000,\"ring_seconds\":3.000,\"talk_seconds\":"
                                 "null,\"duration_seconds\":4.000"));
    assert_true(view_pct(0, 0) == 0 && view_pct(1, 99) == 1 && view_pct(-1, 5) == 0);
    assert_string_equal(view_state((Callmesh__V1__CallState)99), "started");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(views)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
