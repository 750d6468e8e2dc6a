// Who is who at a site and a time; the table is filled, passed and cleared.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "agent_table.h"

static bool add(struct agent_table *t, enum agent_match kind, const char *site, const char *value,
                int64_t from, int64_t to, const char *name)
{
    struct agent_entry *e = agent_table_next(t);
    if (!e)
        return false;
    e->kind = (uint8_t)kind;
    (void)snprintf(e->site, sizeof e->site, "%s", site);
    (void)snprintf(e->value, sizeof e->value, "%s", value);
    e->from_us = from;
    e->to_us = to;
    e->agent.name_n = (uint8_t)strlen(name);
    memcpy(e->agent.name, name, strlen(name));
    agent_table_put(t);
    return true;
}

static void is(struct agent_table *t, const char *site, const char *user, const char *address,
               int64_t at, const char *want)
{
    struct agent_ref got = {.by = AGENT_NONE};
    bool found = agent_table_match(t, span_str(site), span_str(user), span_str(address), at, &got);
    char text[80];
    (void)snprintf(text, sizeof text, "%.*s%s", got.name_n, (const char *)got.name,
                   got.by == AGENT_BY_ADDRESS ? " by address" : "");
    assert_string_equal(found ? text : "nobody", want);
}

static void who_is_who(void **state)
{
    (void)state;
    struct agent_table *t = agent_table_new(64);
    assert_non_null(t);
    is(t, "main", "101", "", 5, "nobody");
    assert_true(add(t, AGENT_BY_USER, "", "101", INT64_MIN, INT64_MAX, "Ann"));
    assert_true(add(t, AGENT_BY_USER, "par", "101", INT64_MIN, INT64_MAX, "Bea"));
    assert_true(add(t, AGENT_BY_USER, "", "102", 10, 20, "Cem"));
    assert_true(add(t, AGENT_BY_USER, "", "102", 20, 30, "Dan"));
    assert_true(add(t, AGENT_BY_USER, "", "103", 0, INT64_MAX, "Eve"));
    assert_true(add(t, AGENT_BY_USER, "", "103", 50, INT64_MAX, "Fay"));
    assert_true(add(t, AGENT_BY_ADDRESS, "", "10.0.0.1", 0, INT64_MAX, "Gil"));
    assert_true(add(t, AGENT_BY_ADDRESS, "", "101", 0, INT64_MAX, "Hal"));
    is(t, "main", "101", "", 5, "Ann");
    is(t, "par", "101", "", 5, "Bea"); // the site's own goes before that of any site
    is(t, "main", "10", "", 5, "nobody");
    is(t, "main", "1011", "", 5, "nobody");
    is(t, "main", "", "", 5, "nobody");
    is(t, "main", "102", "", 9, "nobody"); // at the time of the call, to the microsecond
    is(t, "main", "102", "", 10, "Cem");
    is(t, "main", "102", "", 19, "Cem");
    is(t, "main", "102", "", 20, "Dan");
    is(t, "main", "102", "", 30, "nobody");
    is(t, "main", "103", "", 49, "Eve"); // two at once: the later one
    is(t, "main", "103", "", 50, "Fay");
    is(t, "main", "103", "10.0.0.1", 50, "Fay"); // the user says more than the phone
    is(t, "main", "999", "10.0.0.1", 50, "Gil by address");
    is(t, "main", "10.0.0.1", "", 50, "nobody"); // an address is no user
    agent_table_clear(t);
    is(t, "main", "101", "", 5, "nobody");
    agent_table_free(t);
}

static void fills_up(void **state)
{
    (void)state;
    struct agent_table *t = agent_table_new(16);
    char value[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 16; i++) {
            (void)snprintf(value, sizeof value, "%d", i);
            assert_true(add(t, AGENT_BY_USER, "", value, 0, 10, value));
        }
        assert_false(add(t, AGENT_BY_USER, "", "16", 0, 10, "more"));
        assert_int_equal(agent_table_used(t), 16);
        for (int i = 0; i < 16; i++) {
            (void)snprintf(value, sizeof value, "%d", i);
            is(t, "x", value, "", 1, value);
        }
        is(t, "x", "16", "", 1, "nobody");
        agent_table_clear(t);
        assert_int_equal(agent_table_used(t), 0);
    }
    agent_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_who), cmocka_unit_test(fills_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
