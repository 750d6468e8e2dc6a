// The counters of sign-in, and the hash.
#include "tests/support/test.h"

#include <sodium.h>

#include "base/mono.h"
#include "login.h"

static void attempts(void **state)
{
    (void)state;
    int64_t now = 1000000 * US_PER_S;
    assert_int_equal(login_init(), 0);
    for (int i = 0; i < 10; i++)
        assert_true(login_attempt("login", "ann", now, 10));
    assert_false(login_attempt("login", "ann", now, 10));
    assert_true(login_attempt("login", "bob", now, 10));
    assert_true(login_attempt("address", "ann", now, 10));
    assert_true(login_attempt("login", "ann", now + 60 * US_PER_S, 10));
    char hash[crypto_pwhash_STRBYTES];
    assert_int_equal(login_hash("secret", hash), 0);
    assert_true(strncmp(hash, "$argon2id$", 10) == 0);
    assert_int_equal(crypto_pwhash_str_verify(hash, "secret", 6), 0);
    assert_int_not_equal(crypto_pwhash_str_verify(hash, "secreT", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(attempts)};
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
