// More streams than the report has places: the first ones are listed, the others counted.
#include "report.h"
#include <stdlib.h>
#include <string.h>
#include "tests/support/test.h"

static void full(void **state)
{
    (void)state;
    static const struct capture_counts counts;
    static const struct worker_sip sip;
    static struct stream s;
    static struct stream_cold c;
    static struct play p;
    char *text = NULL;
    size_t n;
    struct report *r = report_new(2, "main", "main/test");
    FILE *to = open_memstream(&text, &n);
    assert_non_null(r);
    assert_non_null(to);
    for (uint32_t i = 1; i <= 5; i++) {
        s.no = i;
        report_stream(r, &s, &c, &p);
    }
    struct report_input in = {.file = "x", .counts = &counts, .sip = &sip};
    report_print_json(r, &in, to);
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(text, "\"streams_not_listed\":3"));
    size_t listed = 0;
    for (const char *at = text; (at = strstr(at, "\"ssrc\"")); at++)
        listed++;
    assert_int_equal(listed, 2);
    free(text);
    report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
