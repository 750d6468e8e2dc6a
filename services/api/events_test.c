// Ids, and where a reader goes on.
#include "tests/support/test.h"

#include "events.h"

static void resuming(void **state)
{
    (void)state;
    char first[48], id[48];
    uint64_t cursor = 0, n;
    const char *why = NULL;
    settings.events_bytes = 65536;
    settings.events_index = 64;
    assert_int_equal(events_start(), 0);
    events_last_id(first, sizeof(first));
    assert_true(events_resume(span_str(first), &cursor, &why)); // nothing happened yet
    events_emit("call.started", SPAN_LIT("x"), "call", SPAN_LIT("{\"a\":1}"));
    assert_true(events_resume(span_str(first), &n, &why));
    assert_int_equal(n, cursor); // the event is what comes next
    events_last_id(id, sizeof(id));
    assert_true(events_resume(span_str(id), &n, &why));
    assert_true(n > cursor);
    for (int i = 0; i < 62; i++)
        events_emit("call.updated", SPAN_LIT("x"), "call", SPAN_LIT("{\"a\":1}"));
    assert_true(
        events_resume(span_str(first), &n, &why)); // 63 behind: the last that the index knows
    events_emit("call.updated", SPAN_LIT("x"), "call", SPAN_LIT("{\"a\":1}"));
    assert_false(events_resume(span_str(first), &n, &why));
    assert_string_equal(why, "too_old");
    static const struct {
        const char *id, *why;
    } bad[] = {{"", "unknown_id"},
               {"7", "unknown_id"},
               {"abc-", "unknown_id"},
               {"abc-7", "restarted"},
               {"-7", "restarted"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(events_resume(span_str(bad[i].id), &n, &why));
        assert_string_equal(why, bad[i].why);
    }
    events_last_id(id, sizeof(id));
    id[strlen(id) - 1]++; // an id that is not given out yet
    assert_false(events_resume(span_str(id), &n, &why));
    static char large
        [20000]; // does not fit a quarter of the ring: counted, not sent, the numbers go on without a hole
    memset(large, '1', sizeof(large));
    events_last_id(id, sizeof(id));
    events_emit("call.updated", SPAN_LIT("x"), "call", span_of(large, sizeof(large)));
    events_last_id(first, sizeof(first));
    assert_string_equal(first, id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resuming)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
