// R and MOS against figures that others published.
#include "emodel.h"

#include <math.h>
#include "tests/support/test.h"

static double r_of(const char *codec, double loss_pct, double burst_r, double delay_ms)
{
    const struct emodel_codec *c = emodel_codec(codec);
    assert_non_null(c);
    return emodel_r(c, &(struct emodel_in){loss_pct / 100, burst_r, delay_ms});
}

static void near(const char *what, double is, double wanted, double by)
{
    if (!(fabs(is - wanted) <= by))
        fail_msg("%s: %.4f, wanted %.4f", what, is, wanted);
}

// G.107: all defaults give R 93.2; Annex B and G.109 table 1.
static void defaults_and_mos(void **state)
{
    (void)state;
    near("default R", r_of("PCMU", 0, 1, 0), 93.2, 0.05);
    near("default MOS", emodel_mos(r_of("PCMA", 0, 1, 0)), 4.41, 0.005);
    static const double t[][2] = {{90, 4.34}, {80, 4.03}, {70, 3.60}, {60, 3.10}, {50, 2.58}};
    for (unsigned i = 0; i < 5; i++)
        near("MOS of R", emodel_mos(t[i][0]), t[i][1], 0.0101);
    assert_true(emodel_mos(0) == 1 && emodel_mos(-5) == 1 && emodel_mos(100) == 4.5 &&
                emodel_mos(120) == 4.5);
    for (double r = 0; r <= 101; r += 0.25)
        assert_true(emodel_mos(r) >= 1 && emodel_mos(r) <= 4.5);
}

// G.113 Appendix I: Ie of coders under random loss as listening tests found it. The formula of Ie,eff goes through them.
static void codecs_under_loss(void **state)
{
    (void)state;
    static const struct {
        const char *codec;
        double loss_pct, ie, by;
    } t[] = {
        {"G729", 0, 11, 0.01}, {"G729", 1, 15, 0.5},    {"G729", 2, 19, 0.5},  {"G729", 3, 23, 1},
        {"G729", 4, 26, 1},    {"G729", 8, 36, 1},      {"G723", 0, 15, 0.01}, {"G723", 1, 19, 1},
        {"G723", 2, 24, 1},    {"G723", 4, 32, 1.5},    {"G723", 8, 41, 1.5},  {"PCMU", 1, 5, 1.5},
        {"PCMU", 2, 7, 0.5},   {"PCMU", 3, 10, 0.5},    {"PCMU", 5, 15, 1},    {"PCMU", 7, 20, 1},
        {"PCMU", 10, 25, 2.5}, {"GSM-EFR", 0, 5, 0.01},
    };
    double best = r_of("PCMU", 0, 1, 0);
    for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++)
        near(t[i].codec, best - r_of(t[i].codec, t[i].loss_pct, 1, 0), t[i].ie, t[i].by);
    near("G722 without loss: (129 - 13) / 1.29", r_of("G722", 0, 1, 0), 89.92, 0.2);
    near("all lost", r_of("PCMU", 100, 1, 0), 93.2 - 95 * 100 / 125.1, 0.1);
}

// Cole and Rosenbluth's line through the E-model's delay: R = 93.2 - 0.024 d - 0.11 (d - 177.3) beyond 177.3 ms.
static void delay(void **state)
{
    (void)state;
    for (double d = 0; d <= 300; d += 10) {
        double line = 93.2 - 0.024 * d - (d > 177.3 ? 0.11 * (d - 177.3) : 0);
        near("R of delay", r_of("PCMU", 0, 1, d), line, 1.1);
    }
}

static void falls_with_all(void **state)
{
    (void)state;
    for (double x = 1; x < 50; x++) {
        assert_true(r_of("PCMU", x, 1, 70) < r_of("PCMU", x - 1, 1, 70));
        assert_true(r_of("PCMU", 5, 1 + x / 10, 70) < r_of("PCMU", 5, 0.9 + x / 10, 70));
        assert_true(r_of("PCMU", 5, 1, 10 * x) < r_of("PCMU", 5, 1, 10 * x - 10));
    }
    assert_true(r_of("PCMU", 5, 0.3, 0) == r_of("PCMU", 5, 1, 0));
}

static void no_values_no_mos(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "opus", "iLBC", "AMR-WB", "speex", "H264", "PCM"};
    for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_null(emodel_codec(unknown[i]));
    assert_ptr_equal(emodel_codec("pcmu"), emodel_codec("PCMU"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_mos),
        cmocka_unit_test(codecs_under_loss),
        cmocka_unit_test(delay),
        cmocka_unit_test(falls_with_all),
        cmocka_unit_test(no_values_no_mos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
