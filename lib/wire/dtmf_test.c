// Digits of INFO: found, and none of them stored.
#include "wire/dtmf.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/support/test.h"

static void digits_are_found_and_masked(void **state)
{
    (void)state;
    static const struct {
        const char *body, *masked;
        char digit;
        size_t n;
    } cases[] = {
        {"Signal=5\r\nDuration=160\r\n", "Signal=*\r\nDuration=160\r\n", '5', 1},
        {"signal = #\r\n", "signal = *\r\n", '#', 1},
        {"SIGNAL=d", "SIGNAL=*", 'd', 1},
        {"5", "*", '5', 1},
        {"*\r\n", "*\r\n", '*', 1},
        {"4111111111111111", "****************", 0, 16},
        {"Signal=12\n", "Signal=**\n", 0, 2},
        {"Signal=\r\n\r\n7", "Signal=\r\n\r\n*", '7', 1},
        {"Duration=160", "Duration=160", 0, 0},
        {"Signal", "Signal", 0, 0},
        {"", "", 0, 0},
        {"\n\n\n", "\n\n\n", 0, 0},
        {"v=0\r\no=- 1 1", "v=0\r\no=- 1 1", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "%s", cases[i].body);
        assert_int_equal(dtmf_digit(span_str(text)), cases[i].digit);
        assert_int_equal(dtmf_mask((uint8_t *)text, strlen(text)), cases[i].n);
        assert_string_equal(text, cases[i].masked);
    }
    // One byte shorter at every length: never beyond its end.
    for (size_t n = 0; n <= strlen(cases[0].body); n++) {
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, cases[0].body, n);
        (void)dtmf_digit(span_of(copy, n));
        (void)dtmf_mask(copy, n);
        free(copy);
    }
    // Many lines hide none.
    static char many[4000];
    memset(many, '\n', 3000);
    (void)snprintf(many + 3000, sizeof many - 3000, "Signal=7");
    assert_int_equal(dtmf_mask((uint8_t *)many, strlen(many)), 1);
    assert_non_null(strstr(many, "Signal=*"));
}

static struct span message(char *text, size_t cap, const char *first, const char *type,
                           const char *body)
{
    int n = snprintf(text, cap,
                     "%s sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKi\r\nFrom: "
                     "<sip:a@x>;tag=f\r\nTo: <sip:b@x>;tag=b\r\nCall-ID: x\r\nCSeq: 9 %s\r\n"
                     "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                     first, first, type, strlen(body), body);
    assert_true(n > 0 && (size_t)n < cap);
    return span_of(text, (size_t)n);
}

static void of_whole_messages(void **state)
{
    (void)state;
    static const struct {
        const char *method, *type, *body, *masked;
        size_t n;
    } cases[] = {
        {"INFO", "application/dtmf-relay", "Signal=7\r\nDuration=160\r\n",
         "Signal=*\r\nDuration=160\r\n", 1},
        {"INFO", "Application/DTMF", "42", "**", 2},
        {"INFO", "application/xml", "5", "5", 0},
        {"NOTIFY", "application/dtmf-relay", "Signal=7", "Signal=7", 0},
        {"NOTIFY", "application/kpml-response+xml",
         "<kpml-response version=\"1.0\" code=\"200\" digits=\"12*#D\" tag=\"d5\"/>",
         "<kpml-response version=\"1.0\" code=\"200\" digits=\"*****\" tag=\"d5\"/>", 5},
        {"NOTIFY", "application/kpml-response+xml", "<k digits='7' forced_flush='9' digits=\"1",
         "<k digits='*' forced_flush='9' digits=\"*", 2},
        {"NOTIFY", "application/kpml-response+xml", "<k DIGITS = \"71\"/>", "<k DIGITS = \"**\"/>",
         2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct sip_msg m;
        static uint8_t copy[1000];
        char in[1000], want[1000];
        size_t n = 0;
        struct span raw = message(in, sizeof in, cases[i].method, cases[i].type, cases[i].body);
        struct span expected =
            message(want, sizeof want, cases[i].method, cases[i].type, cases[i].masked);
        assert_true(sip_parse(raw, &m));
        struct span out = dtmf_masked(&m, raw, copy, sizeof copy, &n);
        assert_int_equal(n, cases[i].n);
        assert_true(span_eq(out, expected));
        assert_true(n > 0 || out.p == raw.p); // what says none is not copied
        // No room for all of it: its end is left out, never unmasked.
        if (cases[i].n) {
            out = dtmf_masked(&m, raw, copy, raw.n - 1, &n);
            assert_int_equal(out.n, raw.n - 1);
            assert_memory_equal(out.p, expected.p, out.n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(digits_are_found_and_masked),
                                       cmocka_unit_test(of_whole_messages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
