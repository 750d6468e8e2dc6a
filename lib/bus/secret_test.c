// secret_test.c: who is answered, and who can read the answer.
#include "secret.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sign.h"
#include "tests/support/test.h"

#define SEED  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static uint8_t house[BUS_KEY_BYTES];
static struct secret_box box;
static struct secret_question q;
static uint8_t signature[SECRET_SIGNATURE];

static int write_seed(char path[32], const char *text)
{
    (void)snprintf(path, 32, "/tmp/secret-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return close(fd);
}

static int setup(void **state)
{
    (void)state;
    char path[32];
    assert_int_equal(write_seed(path, SEED "\n"), 0);
    assert_int_equal(secret_public_of(path, house), 0);
    unlink(path);
    assert_int_equal(secret_box_new(&box), 0);
    q = (struct secret_question){.what = SPAN_LIT("srtp-keys"),
                                 .site = SPAN_LIT("berlin"),
                                 .subject = SPAN_LIT("0123456789abcdef"),
                                 .box_key = span_of(box.public, sizeof(box.public))};
    assert_int_equal(secret_sign(&q, signature), sign_ready() ? 0 : -ENOKEY);
    return 0;
}

static struct span signed_bytes(void)
{
    return span_of(signature, sizeof(signature));
}

static void who_has_no_key_cannot_ask(void **state)
{
    (void)state;
    assert_int_equal(secret_sign(&q, signature), -ENOKEY);
    assert_int_equal(secret_check(&q, span_of(NULL, 0), house), SECRET_NOBODY);
}

static void the_house_is_known(void **state)
{
    (void)state;
    assert_int_equal(sign_setup(SEED), 0);
    setup(NULL);
    assert_int_equal(secret_check(&q, signed_bytes(), house), SECRET_HOUSE);
    assert_int_equal(secret_check(&q, signed_bytes(), NULL), SECRET_NOBODY);
    assert_int_equal(sign_setup(OTHER), 0); // another recorder's
    setup(NULL);
    assert_int_equal(secret_check(&q, signed_bytes(), house), SECRET_NOBODY);
    memcpy(signature, house, BUS_KEY_ID); // that says it were the house
    assert_int_equal(secret_check(&q, signed_bytes(), house), SECRET_WRONG);
}

static void sites_are_known_by_name(void **state)
{
    (void)state;
    struct bus_admitted a = {.site = "berlin"};
    memcpy(a.key, house, sizeof(a.key));
    assert_int_equal(sign_setup(SEED), 0);
    setup(NULL);
    bus_admit(&a, 1);
    assert_int_equal(secret_check(&q, signed_bytes(), NULL), SECRET_SITE);
    struct secret_question paris = q;
    paris.site = SPAN_LIT("paris");
    assert_int_equal(secret_sign(&paris, signature), 0);
    assert_int_equal(secret_check(&paris, signed_bytes(), NULL), SECRET_NOBODY);
    assert_int_equal(secret_sign(&q, signature), 0);
    a.revoked = true;
    bus_admit(&a, 1);
    assert_int_equal(secret_check(&q, signed_bytes(), NULL), SECRET_REVOKED);
    bus_admit(NULL, 0);
    assert_int_equal(secret_check(&q, signed_bytes(), NULL), SECRET_NOBODY);
}

static void each_field_is_signed(void **state)
{
    (void)state;
    struct secret_box mine;
    assert_int_equal(secret_box_new(&mine), 0);
    struct secret_question changed[] = {q, q, q, q, q};
    changed[0].what = SPAN_LIT("srtp-keyt");
    changed[1].site = SPAN_LIT("berlim");
    changed[2].subject = SPAN_LIT("0123456789abcdeF");
    changed[3].box_key = span_of(mine.public, sizeof(mine.public)); // whoever listens on the way
    changed[4].what = SPAN_LIT("srtp-keysb");                       // the same bytes, cut elsewhere
    changed[4].site = SPAN_LIT("erlin");
    for (size_t i = 0; i < COUNT_OF(changed); i++)
        assert_int_equal(secret_check(&changed[i], signed_bytes(), house), SECRET_WRONG);
    assert_int_equal(secret_check(&q, signed_bytes(), house), SECRET_HOUSE);
    for (size_t i = BUS_KEY_ID; i < SECRET_SIGNATURE; i++) {
        signature[i] ^= 1;
        assert_int_equal(secret_check(&q, signed_bytes(), house), SECRET_WRONG);
        signature[i] ^= 1;
        assert_int_equal(secret_check(&q, span_of(signature, i), house), SECRET_NOBODY);
    }
}

static void the_answer_is_for_one(void **state)
{
    (void)state;
    static const char text[] = "a key";
    uint8_t sealed[sizeof(text) + SECRET_OVERHEAD], out[sizeof(sealed)];
    struct secret_box other;
    assert_int_equal(secret_box_new(&other), 0);
    assert_true(secret_seal(SPAN_LIT(text), q.box_key, sealed));
    struct span s = span_of(sealed, sizeof(text) - 1 + SECRET_OVERHEAD);
    assert_int_equal(secret_open(&box, s, out), sizeof(text) - 1);
    assert_memory_equal(out, text, sizeof(text) - 1);
    assert_int_equal(secret_open(&other, s, out), 0);
    for (size_t i = 0; i < s.n; i++) {
        sealed[i] ^= 1;
        assert_int_equal(secret_open(&box, s, out), 0);
        sealed[i] ^= 1;
        assert_int_equal(secret_open(&box, span_sub(s, 0, i), out), 0);
    }
    assert_false(secret_seal(SPAN_LIT(text), span_sub(q.box_key, 0, 31), sealed));
}

static void seeds_that_are_none(void **state)
{
    (void)state;
    static const char longer[] = SEED "00", behind[] = SEED "x", before[] = "x" SEED;
    static const char *const bad[] = {"", "0011", longer, behind, before};
    uint8_t key[BUS_KEY_BYTES];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char path[32];
        assert_int_equal(write_seed(path, bad[i]), 0);
        assert_int_equal(secret_public_of(path, key), -EINVAL);
        unlink(path);
    }
    assert_int_equal(secret_public_of("/nowhere/at/all", key), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_has_no_key_cannot_ask, setup),
        cmocka_unit_test_setup(the_house_is_known, setup),
        cmocka_unit_test_setup(sites_are_known_by_name, setup),
        cmocka_unit_test_setup(each_field_is_signed, setup),
        cmocka_unit_test_setup(the_answer_is_for_one, setup),
        cmocka_unit_test_setup(seeds_that_are_none, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
