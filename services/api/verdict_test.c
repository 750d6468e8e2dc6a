// Each trap of a verdict by name: who suffered, where it was lost, what is no loss at all.
#include "tests/support/test.h"
#include <string.h>
#include "verdict.h"

#define TAP(name, p, l, m)                                                                         \
    {                                                                                              \
        .tap = name, .packets = p, .lost = l, .mos = m                                             \
    }

static void sentences(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct verdict_in in;
        const char *want;
    } cases[] = {
        {"good",
         {.answered = true,
          .one_way = "",
          .said = {{1, {TAP("t", 1000, 0, 4.4)}}, {1, {TAP("t", 1000, 2, 4.3)}}}},
         "The caller was heard well (MOS 4.4 at worst). The callee was heard well (MOS 4.3 at "
         "worst)."},
        {"lost before the tap",
         {.answered = true,
          .one_way = "",
          .said = {{1, {TAP("t", 940, 60, 2.9)}}, {1, {TAP("t", 1000, 0, 4.3)}}}},
         "The callee heard the caller badly (MOS 2.9 at worst): 6.0 % of the packets were missing, "
         "lost before they came to t. The callee was heard well (MOS 4.3 at worst)."},
        {"lost between two taps",
         {.answered = true,
          .one_way = "",
          .said = {{2, {TAP("edge", 1000, 0, 4.4), TAP("core", 900, 100, 2.5)}},
                   {0, {{.mos = 0}}}}},
         "The callee heard the caller badly (MOS 2.5 at worst): 10.0 % of the packets were "
         "missing, lost between edge and core."},
        {"lost behind the last tap",
         {.answered = true,
          .one_way = "",
          .said =
              {{0, {{.mos = 0}}},
               {1, {{.tap = "t", .packets = 1000, .mos = 4.4, .reported = true, .far_lost = 50}}}}},
         "The caller heard the callee badly (MOS 4.4 at worst): 5.0 % of the packets were missing, "
         "lost behind t."},
        {"in two places",
         {.answered = true,
          .one_way = "",
          .said = {{2, {TAP("a", 960, 40, 3.1), TAP("b", 900, 100, 2.5)}}, {0, {{.mos = 0}}}}},
         "The callee heard the caller badly (MOS 2.5 at worst): 10.0 % of the packets were "
         "missing, lost between a and b (6.0 %) for the greater part."},
        {"jitter",
         {.answered = true,
          .one_way = "",
          .said = {{1, {{.tap = "t", .packets = 1000, .mos = 3.2, .jitter_ms = 85, .late_pct = 4}}},
                   {0, {{.mos = 0}}}}},
         "The callee heard the caller badly (MOS 3.2 at worst): jitter of up to 85 ms made 4.0 % "
         "too late to be played."},
        {"one way",
         {.answered = true,
          .one_way = "caller",
          .said = {{1, {TAP("t", 1000, 0, 4.4)}}, {0, {{.mos = 0}}}}},
         "Only the caller was heard after the answer; nothing came from the callee. The caller was "
         "heard well (MOS 4.4 at worst)."},
        {"lost by the harvester",
         {.answered = true,
          .one_way = "",
          .capture_lost = 40,
          .capture_lost_bound = true,
          .said = {{1, {TAP("t", 1000, 0, 4.4)}}, {0, {{.mos = 0}}}}},
         "The caller was heard well (MOS 4.4 at worst). At most 40 packets were lost by the "
         "harvester itself: nobody heard that."},
        {"no media",
         {.answered = true, .one_way = "", .said = {{0, {{.mos = 0}}}, {0, {{.mos = 0}}}}},
         "No sound of this call was seen."},
        {"not answered",
         {.one_way = "", .said = {{0, {{.mos = 0}}}, {0, {{.mos = 0}}}}},
         "There was nothing to hear."},
        {"not rated",
         {.answered = true, .one_way = "", .said = {{1, {TAP("t", 10, 0, 0)}}, {0, {{.mos = 0}}}}},
         "The caller was heard well."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[1024];
        verdict_sentence(&cases[i].in, got, sizeof got);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, got);
        // One byte less at every length: cut, never beyond.
        for (size_t cap = 1; cap <= strlen(got); cap++) {
            char cut[1024];
            memset(cut, 'x', sizeof cut);
            verdict_sentence(&cases[i].in, cut, cap);
            assert_true(strlen(cut) < cap && cut[cap] == 'x');
        }
    }
}

// A later tap that lost less (it sees a part of the packets only, or more): no segment gives packets back.
static void never_below_zero(void **state)
{
    (void)state;
    struct direction d = {3, {TAP("a", 900, 100, 0), TAP("b", 1000, 0, 0), TAP("c", 880, 120, 0)}};
    struct segment s[VERDICT_PLACES + 1];
    assert_int_equal(verdict_segments(&d, 0, s), 3);
    assert_true(s[0].lost_pct > 9.9 && s[1].lost_pct == 0 && s[2].lost_pct > 1.9 &&
                s[2].lost_pct < 2.1);
    assert_true(verdict_loss_pct(&d) > 11.9 && verdict_loss_pct(&d) < 12.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),
        cmocka_unit_test(never_below_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
