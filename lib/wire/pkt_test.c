#include "tests/support/test.h"
#include "wire/wire_testing.h"

static void addresses_read_and_print(void **state)
{
    static const struct {
        const char *in, *out; // out NULL: refused
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"[2001:DB8::1]", "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"::ffff:192.0.2.10", "::ffff:192.0.2.10"},
        {"::", "::"},
        {"", NULL},
        {"[]", NULL},
        {"[192.0.2.1]", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1 ", NULL},
        {"192.0.2.1:5060", NULL},
        {"2001:db8:::1", NULL},
        {"2001:db8::1%eth0", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"host.example", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct ip_addr a = {.family = 9};
        char text[46];
        struct span in = guard_new(span_str(rows[i].in));
        bool good = ip_addr_parse(in, &a);
        guard_free(in);
        assert_int_equal(good, rows[i].out != NULL);
        if (!good) {
            assert_int_equal(a.family, 9);
            continue;
        }
        ip_addr_format(&a, text, sizeof text);
        assert_string_equal(text, rows[i].out);
    }
    struct ip_addr a;
    assert_false(ip_addr_parse(span_of("1.2.3.4\0x", 9), &a));
}

static void addresses_compare(void **state)
{
    struct endpoint a = {.port = 5060}, b = {.port = 5060};
    char text[46] = "x";
    (void)state;
    assert_true(ip_addr_parse(SPAN_LIT("192.0.2.1"), &a.ip));
    b = a;
    b.ip.b[15] = 7; // not part of an IPv4 address
    assert_true(endpoint_eq(&a, &b));
    b.port = 5061;
    assert_false(endpoint_eq(&a, &b));
    b = a;
    b.ip.b[3] = 9;
    assert_false(endpoint_eq(&a, &b));
    b = a;
    b.ip.family = 6;
    assert_false(ip_addr_eq(&a.ip, &b.ip));
    a.ip.family = 0;
    ip_addr_format(&a.ip, text, sizeof text);
    assert_string_equal(text, "");
}

static void events_have_names(void **state)
{
    (void)state;
    assert_string_equal(wire_event_name(WIRE_NONE), "none");
    assert_string_equal(wire_event_name(WIRE_TRUNCATED), "truncated");
    assert_string_equal(wire_event_name((enum wire_event)10000), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_read_and_print),
        cmocka_unit_test(addresses_compare),
        cmocka_unit_test(events_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
