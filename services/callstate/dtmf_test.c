// Digits of INFO: found, and none of them stored.
#include "dtmf.h"
#include "stats.h"
#include "story_kit.h"

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

// The row of the message, as it goes to PostgreSQL.
static void no_digit_is_in_the_row(void **state)
{
    (void)state;
    static const char info[] = "INFO sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP "
                               "10.0.0.1;branch=z9hG4bKi\r\nFrom: <sip:a@x>;tag=f\r\nTo: "
                               "<sip:b@x>;tag=b\r\nCall-ID: x\r\nCSeq: 9 INFO\r\nContent-Type: "
                               "application/dtmf-relay\r\nContent-Length: "
                               "24\r\n\r\nSignal=7\r\nDuration=160\r\n";
    for (int keep = 0; keep < 2; keep++) {
        struct kit k;
        kit_open(&k, NULL);
        k.w->keep_digits = keep;
        uint64_t before = stat_get(&callstate_stat[STAT_DIGITS_MASKED]);
        kit_play(&k, "0 A>B INVITE\n1 B>A 200 t=b\n");
        kit_raw(&k, 1, KIT_T0 + 2000000, "10.0.0.1:5060", "10.0.0.2:5060",
                span_of(info, sizeof info - 1));
        const struct table *t = k.w->batch->t[ROWS_MESSAGES];
        struct span raw = table_cell(t, table_def_of(t)->columns - 1, table_rows(t) - 1);
        bool clear = memmem(raw.p, raw.n, "Signal=7", 8) != NULL;
        bool masked = memmem(raw.p, raw.n, "Signal=*", 8) != NULL;
        assert_int_equal(clear, keep);
        assert_int_equal(masked, !keep);
        assert_int_equal(stat_get(&callstate_stat[STAT_DIGITS_MASKED]) - before, !keep);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(digits_are_found_and_masked),
                                       cmocka_unit_test(no_digit_is_in_the_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
