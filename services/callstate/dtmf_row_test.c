// Digits of INFO in what is stored: none.
#include "stats.h"
#include "story_kit.h"

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_digit_is_in_the_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
