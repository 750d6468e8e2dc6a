#include "codecs.h"
#include <stdio.h>
#include <string.h>
#include "stats.h"
#include "tests/support/test.h"

static void one_place_a_name(void **state)
{
    (void)state;
    uint8_t a = codec_take(SPAN_LIT("PCMU")), b = codec_take(SPAN_LIT("pcmu")),
            c = codec_take(SPAN_LIT("X-thing"));
    assert_int_equal(a, b); // as it is registered
    assert_string_equal(codec_name(a), "PCMU");
    assert_int_not_equal(c, CODEC_NONE);
    assert_int_not_equal(c, a);
    assert_int_equal(codec_take(SPAN_LIT("X-thing")), c);
    assert_string_equal(codec_name(c), "X-thing");
    assert_int_equal(codec_take(SPAN_LIT("")), CODEC_NONE);
    assert_string_equal(codec_name(CODEC_NONE), "");
    codec_give(a);
    codec_give(b);
    codec_give(c);
    codec_give(c);
    assert_int_equal(codec_take(SPAN_LIT("X-other")), c); // its place is free again
    codec_give(c);
}

// Longer than a place is cut; the whole is the same name again.
static void a_long_name(void **state)
{
    (void)state;
    uint8_t a = codec_take(SPAN_LIT("an-encoding-name-without-end"));
    assert_int_equal(strlen(codec_name(a)), CODEC_NAME - 1);
    assert_int_equal(codec_take(SPAN_LIT("an-encoding-name-without-end")), a);
    codec_give(a);
    codec_give(a);
}

// Somebody who makes up names: those that are common stay, and it is over when his calls are.
static void full(void **state)
{
    (void)state;
    uint8_t taken[300];
    size_t n = 0, refused = 0;
    uint64_t before = stat_get(&callstate_stat[STAT_FULL_CODECS]);
    for (int i = 0; i < 300; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "made-up-%d", i);
        taken[n] = codec_take(span_str(name));
        refused += taken[n] == CODEC_NONE;
        n += taken[n] != CODEC_NONE;
    }
    assert_true(refused > 40 && n + refused == 300);
    assert_int_equal(stat_get(&callstate_stat[STAT_FULL_CODECS]) - before, refused);
    uint8_t opus = codec_take(SPAN_LIT("opus"));
    assert_string_equal(codec_name(opus), "opus");
    codec_give(opus);
    for (size_t i = 0; i < n; i++)
        codec_give(taken[i]);
    uint8_t after = codec_take(SPAN_LIT("made-up-299"));
    assert_string_equal(codec_name(after), "made-up-299");
    codec_give(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_place_a_name),
        cmocka_unit_test(a_long_name),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
