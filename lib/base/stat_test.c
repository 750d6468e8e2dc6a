#include "base/stat.h"

#include "tests/support/test.h"

static const struct stat_def defs_a[] = {
    {"lost_total", "place=\"kernel\"", "lost", STAT_COUNTER},
    {"used", NULL, "slots in use", STAT_GAUGE},
};
static const struct stat_def defs_b[] = {
    {"other", "", "other", STAT_GAUGE},
    {"lost_total", "place=\"ring\"", "lost", STAT_COUNTER},
};
static struct stat_cell cells_a[2], cells_b[2];

static void visit(void *ctx, const struct stat_def *def, uint64_t value)
{
    uint64_t *sum = ctx;
    assert_non_null(def->name);
    sum[0]++;
    sum[1] += value;
}

static void tables_and_text(void **state)
{
    static const char want[] = "# HELP callmesh_lost_total lost\n"
                               "# TYPE callmesh_lost_total counter\n"
                               "callmesh_lost_total{place=\"kernel\"} 5\n"
                               "callmesh_lost_total{place=\"ring\"} 18446744073709551615\n"
                               "# HELP callmesh_used slots in use\n"
                               "# TYPE callmesh_used gauge\n"
                               "callmesh_used 7\n"
                               "# HELP callmesh_other other\n"
                               "# TYPE callmesh_other gauge\n"
                               "callmesh_other 0\n";
    char b[1024];
    uint64_t sum[2] = {0};
    (void)state;
    assert_int_equal(stat_prometheus(b, sizeof(b)), 0);
    stat_register(defs_a, cells_a, 2);
    stat_register(defs_b, cells_b, 2);
    stat_register(defs_a, cells_a, 2); // once more is the same table
    stat_add(&cells_a[0], 2);
    stat_add(&cells_a[0], 3);
    stat_set(&cells_a[1], 7);
    stat_set(&cells_b[1], UINT64_MAX);
    assert_int_equal(stat_get(&cells_a[0]), 5);
    assert_int_equal(stat_prometheus(b, sizeof(b)), strlen(want));
    assert_string_equal(b, want);
    stat_set(&cells_b[1], 1);
    stat_each(visit, sum);
    assert_int_equal(sum[0], 4);
    assert_int_equal(sum[1], 13);
}

static void too_small_says_how_much(void **state)
{
    char b[64];
    (void)state;
    size_t need = stat_prometheus(NULL, 0);
    memset(b, '#', sizeof(b));
    assert_int_equal(stat_prometheus(b, 32), need);
    assert_int_equal(strlen(b), 31);
    assert_int_equal(b[32], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_text),
        cmocka_unit_test(too_small_says_how_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
