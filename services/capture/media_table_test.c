#include "media_table.h"

#include <stdio.h>

#include "tests/support/test.h"

#define SLOTS  16
#define AGE_US 1000000

static struct ip_addr ip(const char *text)
{
    struct ip_addr a;
    assert_true(ip_addr_parse(span_str(text), &a));
    return a;
}

static uint32_t name(struct media_table *t, const char *addr, unsigned port, const char *more,
                     int64_t at_us)
{
    static struct sdp s;
    char text[512];
    snprintf(text, sizeof text, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP%c %s\r\nt=0 0\r\n%s",
             addr, strchr(addr, ':') ? '6' : '4', addr, "");
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "m=audio %u RTP/AVP 0 97\r\n%s", port, more);
    assert_true(sdp_parse(span_str(text), &s));
    return media_table_name(t, &s, at_us);
}

static void names_and_formats(void **state)
{
    (void)state;
    struct media_table *t = media_table_new(SLOTS, AGE_US);
    struct ip_addr a = ip("192.0.2.1"), b = ip("2001:db8::1"), other = ip("192.0.2.2");
    assert_int_equal(name(t, "192.0.2.1", 4000, "a=rtpmap:97 iLBC/8000\r\n", 1), 1);
    assert_int_equal(name(t, "2001:db8::1", 4000, "", 1), 1);
    const struct media_addr *m = media_table_find(t, &a, 4000);
    assert_non_null(m);
    assert_string_equal(media_addr_format(m, 97)->codec, "iLBC");
    assert_string_equal(media_addr_format(m, 0)->codec, "PCMU");
    assert_null(media_addr_format(m, 98));
    assert_non_null(media_table_find(t, &b, 4000));
    assert_null(media_table_find(t, &a, 4002));
    assert_null(media_table_find(t, &other, 4000));
    // A later call on the same port: the new meaning counts.
    assert_int_equal(name(t, "192.0.2.1", 4000, "a=rtpmap:97 opus/48000/2\r\n", 2), 1);
    m = media_table_find(t, &a, 4000);
    assert_string_equal(media_addr_format(m, 97)->codec, "opus");
    assert_int_equal(media_addr_format(m, 97)->clock_rate, 48000);
    assert_int_equal(media_table_stat(t).used, 2);
    media_table_free(t);
}

static void what_names_nothing(void **state)
{
    (void)state;
    struct media_table *t = media_table_new(SLOTS, AGE_US);
    assert_int_equal(name(t, "192.0.2.1", 0, "", 1), 0);  // refused
    assert_int_equal(name(t, "0.0.0.0", 4000, "", 1), 0); // old hold
    assert_int_equal(media_table_stat(t).used, 0);
    media_table_free(t);
}

static void ages(void **state)
{
    (void)state;
    struct media_table *t = media_table_new(SLOTS, AGE_US);
    struct ip_addr a = ip("192.0.2.1");
    name(t, "192.0.2.1", 4000, "", 0);
    name(t, "192.0.2.1", 4002, "", 500000);
    name(t, "192.0.2.1", 4000, "", 600000); // named again: younger than the other now
    media_table_age(t, 500000 + AGE_US + 1);
    assert_null(media_table_find(t, &a, 4002));
    assert_non_null(media_table_find(t, &a, 4000));
    assert_int_equal(media_table_stat(t).aged, 1);
    media_table_free(t);
}

// Full: the one named longest ago goes.
static void fill(void **state)
{
    (void)state;
    struct media_table *t = media_table_new(SLOTS, AGE_US);
    struct ip_addr a = ip("192.0.2.1");
    for (unsigned i = 0; i < SLOTS; i++)
        name(t, "192.0.2.1", 4000 + 2 * i, "", i);
    assert_int_equal(media_table_stat(t).used, SLOTS);
    assert_int_equal(media_table_stat(t).evicted, 0);
    name(t, "192.0.2.1", 4000, "", SLOTS); // named again: 4002 is the oldest now
    name(t, "192.0.2.1", 6000, "", SLOTS + 1);
    assert_int_equal(media_table_stat(t).evicted, 1);
    assert_int_equal(media_table_stat(t).used, SLOTS);
    assert_null(media_table_find(t, &a, 4002));
    assert_non_null(media_table_find(t, &a, 4000));
    assert_non_null(media_table_find(t, &a, 6000));
    for (unsigned i = 0; i < 1000; i++)
        name(t, "192.0.2.1", 10000 + 2 * i, "", 100 + i);
    assert_int_equal(media_table_stat(t).used, SLOTS);
    assert_int_equal(media_table_stat(t).evicted, 1001);
    media_table_age(t, 10 * AGE_US);
    assert_int_equal(media_table_stat(t).used, 0);
    media_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_formats),
        cmocka_unit_test(what_names_nothing),
        cmocka_unit_test(ages),
        cmocka_unit_test(fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
