// Who is who at a site and a time; the table is filled, passed and cleared.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "agent_table.h"

// "+49301234" and "+49 30 1234" are the same number here, as the dial plan would say.
static uint64_t digits(const char *s)
{
    uint64_t n = 0;
    if (*s != '+')
        return 0;
    for (; *s; s++)
        if (*s >= '0' && *s <= '9')
            n = n * 10 + (uint64_t)(*s - '0');
    return n;
}

static bool add(struct agent_table *t, enum agent_match kind, const char *site, const char *value,
                int64_t from, int64_t to, const char *name)
{
    struct agent_entry e = {.kind = kind,
                            .site = span_str(site),
                            .value = span_str(value),
                            .from_us = from,
                            .to_us = to,
                            .e164 = digits(value),
                            .name = span_str(name),
                            .team = SPAN_LIT("sales")};
    return agent_table_add(t, &e);
}

static void is(struct agent_table *t, const char *site, const char *user, const char *address,
               int64_t at, const char *want)
{
    struct agent_ref got = {.by = AGENT_NONE};
    bool found = agent_table_match(t, span_str(site), span_str(user), digits(user),
                                   span_str(address), at, &got);
    char text[80];
    (void)snprintf(text, sizeof text, "%.*s%s", got.name_n, (const char *)got.text,
                   got.by == AGENT_BY_ADDRESS  ? " by address"
                   : got.by == AGENT_BY_NUMBER ? " by number"
                                               : "");
    assert_string_equal(found ? text : "nobody", want);
    if (found)
        assert_true(span_eq(agent_team(&got), SPAN_LIT("sales")));
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
    assert_true(add(t, AGENT_BY_USER, "", "+49 30 1234", 0, 50, "Ida"));
    assert_true(add(t, AGENT_BY_USER, "par", "+49 301234", 0, 50, "Jan"));
    assert_true(add(t, AGENT_BY_ADDRESS, "", "+49401234", 0, 50, "Kim"));
    is(t, "main", "+49301234", "10.0.0.1", 5, "Ida by number"); // more than the phone
    is(t, "main", "+49 30 1234", "", 5, "Ida");
    is(t, "par", "+49301234", "", 5, "Jan by number");
    is(t, "main", "+49301234", "10.0.0.1", 50, "Gil by address");
    is(t, "main", "+49301235", "", 5, "nobody");
    is(t, "main", "+49 401234", "", 5, "nobody"); // an address is no number
    agent_table_clear(t);
    is(t, "main", "+49301234", "", 5, "nobody");
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

// The texts have a bound of their own: 48 bytes for each entry, together. What the entry before has too is kept once.
static void texts_fill_up(void **state)
{
    (void)state;
    struct agent_table *t = agent_table_new(64);
    char value[AGENT_VALUE_MAX + 16], name[AGENT_NAME_MAX + 8], site[AGENT_SITE_MAX + 8];
    memset(value, 'v', sizeof value);
    memset(name, 'n', sizeof name);
    memset(site, 's', sizeof site);
    value[sizeof value - 1] = name[sizeof name - 1] = site[sizeof site - 1] = 0;
    for (int round = 0; round < 2; round++) {
        int n = 0;
        while (n < 64) {
            (void)snprintf(value, sizeof value, "%06d",
                           n); // another value and another name each time
            value[6] = 'v';
            memcpy(name, value, 6);
            if (!add(t, AGENT_BY_USER, site, value, 0, 10, name))
                break;
            n++;
        }
        // (64 + 64 + 5 bytes each; the site once)
        assert_int_equal(n, (64 * 48 + 64 + 48 - 63) / 133);
        assert_int_equal(agent_table_used(t), (size_t)n);
        struct agent_ref got;
        assert_true(
            agent_table_match(t, span_of(site, AGENT_SITE_MAX),
                              span_of("000001"
                                      "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv",
                                      64),
                              0, span_of("", 0), 5, &got));
        assert_int_equal(got.name_n, AGENT_NAME_MAX); // cut at the bound
        assert_memory_equal(agent_name(&got).p, "000001nnn", 9);
        agent_table_clear(t);
    }
    // One person with many extensions costs the name once.
    for (int i = 0; i < 64; i++) {
        (void)snprintf(value, sizeof value, "%d", i);
        assert_true(add(t, AGENT_BY_USER, site, value, 0, 10, name));
    }
    agent_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_who), cmocka_unit_test(fills_up),
                                       cmocka_unit_test(texts_fill_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
