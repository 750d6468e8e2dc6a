#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

static int real_stderr, file;

static int begin(void **state)
{
    (void)state;
    char name[] = "/tmp/callmesh-log-XXXXXX";
    fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    file = mkostemp(name, O_CLOEXEC);
    unlink(name);
    return dup2(file, STDERR_FILENO) < 0;
}

static int end(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(file);
    log_setup("callmesh", LOG_INFO, LOG_TEXT);
    return 0;
}

// What was logged since begin, without the first `skip` bytes of each line (the time).
static const char *logged(void)
{
    static char buf[65536];
    ssize_t n = pread(file, buf, sizeof(buf) - 1, 0);
    assert_true(n >= 0);
    buf[n] = 0;
    return buf;
}

static size_t lines(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void text_form(void **state)
{
    (void)state;
    log_setup("capture", LOG_INFO, LOG_TEXT);
    log_info("call open", "site=%s n=%d why=%s q=\"%s\" empty=", "main", 3, "no such file",
             "a \"b\" c");
    log_debug("hidden", "%s", "");
    assert_string_equal(
        logged() + strlen("time=2026-11-20T20:00:00.000Z"),
        " level=info service=capture msg=\"call open\" site=main n=3 why=\"no such file\" "
        "q=\"a \\\"b\\\" c\" empty=\"\"\n");
}

static void json_form(void **state)
{
    (void)state;
    log_setup("capture", LOG_DEBUG, LOG_JSON);
    log_debug("x", "a=1 text=\"%s\" free words", "y\r\nlevel=error \x1b[0m \xff");
    assert_string_equal(
        logged() + strlen("{\"time\":\"2026-11-20T20:00:00.000Z\""),
        ",\"level\":\"debug\",\"service\":\"capture\",\"msg\":\"x\",\"a\":\"1\","
        "\"text\":\"y\\r\\nlevel=error \\u001b[0m \xEF\xBF\xBD\\\" free words\"}\n");
}

static void no_line_ends_from_outside(void **state)
{
    (void)state;
    log_setup("capture", LOG_INFO, LOG_TEXT);
    log_warn("x", "text=\"%s\"", "a\nb\rc\x01");
    assert_int_equal(lines(logged()), 1);
    assert_non_null(strstr(logged(), "text=\"a\\nb\\rc\\u0001\""));
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        log_setup("capture", LOG_INFO, (enum log_format)format);
        log_info("x", "short=1 big=%s", big);
    }
    const char *s = logged();
    assert_int_equal(lines(s), 2);
    assert_true(strlen(s) <= 4096);
    assert_non_null(strstr(s, "\"short\":\"1\"}\n")); // still JSON
}

static void chatter_is_counted(void **state)
{
    (void)state;
    struct log_site site = {0};
    log_setup("capture", LOG_INFO, LOG_TEXT);
    for (int i = 0; i < 1000; i++)
        log_line(&site, LOG_INFO, "chatter", "i=%d", i);
    size_t out = lines(logged());
    assert_true(out >= 10 && out < 100); // 10 a second, however slow the machine
    uint32_t left = site.suppressed;
    assert_true(left > 0);
    site.window_us = 1; // a second has passed
    log_line(&site, LOG_INFO, "chatter", "%s", "");
    char want[32];
    snprintf(want, sizeof(want), "left_out=%u\n", left);
    assert_non_null(strstr(logged(), want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_form, begin, end),
        cmocka_unit_test_setup_teardown(json_form, begin, end),
        cmocka_unit_test_setup_teardown(no_line_ends_from_outside, begin, end),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, begin, end),
        cmocka_unit_test_setup_teardown(chatter_is_counted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
