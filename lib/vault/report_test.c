// Reports by line: signed, in a chain; one byte changed anywhere, one left out, two swapped, another key.
#include "vault/report.h"
#include "vault/vault_kit.h"

#define LINES 4
static char line[LINES][700];
static struct vkit kit;

// As the api makes them: PostgreSQL's object, then ours.
static void make(size_t i, const char *site, unsigned n, const char *prev)
{
    uint8_t sig[KEYRING_SIGNATURE];
    char hex[2 * KEYRING_SIGNATURE + 1], quoted[70] = "null";
    if (prev)
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", prev);
    int len = snprintf(line[i], sizeof(line[i]),
                       "{\"n\" : %u, \"prev\" : %s, \"report\" : \"completeness\", \"day\" : "
                       "\"2026-11-%02u\", \"site\" : \"%s\", \"lost\" : 3,\"key\":null",
                       n, quoted, n, site);
    keyring_sign(&kit.keys, line[i], (size_t)len, sig);
    hex_put(hex, sig, sizeof(sig));
    (void)snprintf(line[i] + len, sizeof(line[i]) - (size_t)len, ",\"sig\":\"%s\"}", hex);
}

static void chained(size_t i, const char *site, unsigned n)
{
    struct report_chain c = {.n = 0};
    char hex[65];
    assert_int_equal(report_check(span_str(line[i - 1]), kit.keys.public_key, &c), REPORT_GOOD);
    hex_put(hex, c.hash, 32);
    make(i, site, n, hex);
}

static int start(void **state)
{
    (void)state;
    vkit_open(&kit);
    make(0, "lab", 1, NULL);
    chained(1, "lab", 2);
    chained(2, "lab", 3);
    make(3, "other", 1, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    vkit_close(&kit);
    return 0;
}

static enum report_result all_of(const int *order, size_t n, const uint8_t *key)
{
    struct report_chain c = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        enum report_result r = report_check(span_str(line[order[i]]), key, &c);
        if (r != REPORT_GOOD)
            return r;
    }
    return REPORT_GOOD;
}

static void in_their_order(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int order[LINES];
        size_t n;
        enum report_result want;
    } cases[] = {
        {"all of two sites", {0, 1, 2, 3}, 4, REPORT_GOOD},
        {"from the middle on", {1, 2, 3}, 3, REPORT_GOOD},
        {"one left out", {0, 2}, 2, REPORT_UNCHAINED},
        {"two swapped", {1, 0}, 2, REPORT_UNCHAINED},
        {"the same twice", {0, 1, 1}, 3, REPORT_UNCHAINED},
        {"the other site's first between", {0, 3, 1}, 3, REPORT_GOOD},
    };
    uint8_t other[32] = {7};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (all_of(cases[i].order, cases[i].n, kit.keys.public_key) != cases[i].want)
            fail_msg("%s", cases[i].name);
    assert_int_equal(all_of(cases[0].order, 4, other), REPORT_FORGED);
}

static void a_byte_anywhere(void **state)
{
    (void)state;
    size_t n = strlen(line[1]);
    for (size_t i = 0; i < n; i++) {
        struct report_chain c = {.n = 0};
        line[1][i] ^= 1;
        enum report_result r = report_check(span_of(line[1], n), kit.keys.public_key, &c);
        assert_true(r == REPORT_FORGED || r == REPORT_UNREADABLE);
        line[1][i] ^= 1;
        r = report_check(span_of(line[1], i), kit.keys.public_key, &c);
        assert_true(r == REPORT_FORGED || r == REPORT_UNREADABLE);
    }
}

// Signed by the right key, and yet no daily report, or one that was made after another than it says.
static void signed_and_wrong(void **state)
{
    (void)state;
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct report_chain c = {.n = 0};
    assert_int_equal(report_check(span_str(line[0]), kit.keys.public_key, &c), REPORT_GOOD);
    make(3, "lab", 2, zeros);
    assert_int_equal(report_check(span_str(line[3]), kit.keys.public_key, &c), REPORT_UNCHAINED);
    make(3, "lab", 0, NULL);
    assert_int_equal(report_check(span_str(line[3]), kit.keys.public_key, &c), REPORT_UNREADABLE);
    c.n = 0;
    make(3, "lab", 1, zeros); // the first has none before it
    assert_int_equal(report_check(span_str(line[3]), kit.keys.public_key, &c), REPORT_UNCHAINED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_their_order),
                                       cmocka_unit_test(a_byte_anywhere),
                                       cmocka_unit_test(signed_and_wrong)};
    return cmocka_run_group_tests(tests, start, stop);
}
