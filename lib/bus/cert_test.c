// The request of a certificate's owner, and which answers take the file's place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mono.h"
#include "cert.h"

static char dir[64], cert[128], key[128], ca[128];

__attribute__((format(printf, 1, 2))) static void sh(const char *form, ...)
{
    char part[1024], cmd[1200];
    va_list ap;
    va_start(ap, form);
    (void)vsnprintf(part, sizeof(part), form, ap);
    va_end(ap);
    (void)snprintf(cmd, sizeof(cmd), "cd %s && (%s) >log 2>&1", dir, part);
    if (system(cmd) != 0)
        fail_msg("%s", cmd);
}

static size_t slurp(const char *path, char *buf, size_t cap)
{
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(buf, 1, cap, f);
    (void)fclose(f);
    return n;
}

static void sign(const char *csr, const char *by, const char *days, const char *out)
{
    sh("openssl x509 -req -in %s -CA %s.crt -CAkey %s.key -CAcreateserial -days %s -out %s", csr,
       by, by, days, out);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/callmesh-cert-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(cert, sizeof(cert), "%s/site.crt", dir);
    (void)snprintf(key, sizeof(key), "%s/site.key", dir);
    (void)snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
    for (int i = 0; i < 2; i++)
        sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key "
           "-out %s.crt -days 30 -subj /CN=ca",
           i ? "other" : "ca", i ? "other" : "ca");
    sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout site.key -out "
       "site.csr -subj /CN=site");
    sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout not.key -out "
       "not.csr -subj /CN=site");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sh("rm -rf %s", dir);
    return 0;
}

static void its_life(void **state)
{
    (void)state;
    struct cert_life l;
    sign("site.csr", "ca", "5", "site.crt");
    assert_int_equal(cert_life(cert, &l), 0);
    assert_int_equal((l.until_us - l.from_us) / US_PER_S, 5 * 86400);
    int64_t off = l.from_us - wall_now_us();
    assert_true(off > -600 * US_PER_S && off < 60 * US_PER_S);
    assert_int_equal(cert_life(key, &l), -EINVAL);
    assert_int_equal(cert_life("/nowhere/site.crt", &l), -ENOENT);
}

static void a_request_proves_the_key(void **state)
{
    (void)state;
    char csr[CERT_REQUEST_MAX], path[128];
    size_t n;
    assert_int_equal(cert_request(key, csr, sizeof(csr), &n), 0);
    (void)snprintf(path, sizeof(path), "%s/mine.csr", dir);
    FILE *f = fopen(path, "we");
    assert_int_equal(fwrite(csr, 1, n, f), n);
    (void)fclose(f);
    sh("openssl req -in mine.csr -verify -noout && openssl req -in mine.csr -pubkey -noout >a && "
       "openssl pkey -in site.key -pubout >b && cmp a b");
    assert_int_equal(cert_request(key, csr, 64, &n), -EIO); // no room
    assert_int_equal(cert_request("/nowhere/site.key", csr, sizeof(csr), &n), -ENOENT);
}

static void which_answers_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *what, *csr, *by, *days;
        const char *why; // NULL: taken
    } rows[] = {
        {"another key", "not.csr", "ca", "9", "a certificate of another key"},
        {"another authority", "site.csr", "other", "9", "a certificate of another authority"},
        {"shorter than what is there", "site.csr", "ca", "2",
         "a certificate that is good for no longer"},
        {"no certificate", NULL, NULL, NULL, "no certificate"},
        {"the next one", "site.csr", "ca", "9", NULL},
    };
    static char before[8192], after[8192], pem[8192];
    char path[128];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why;
        size_t n = 0;
        sign("site.csr", "ca", "5", "site.crt");
        size_t was = slurp(cert, before, sizeof(before));
        if (rows[i].csr) {
            sign(rows[i].csr, rows[i].by, rows[i].days, "next.crt");
            (void)snprintf(path, sizeof(path), "%s/next.crt", dir);
            n = slurp(path, pem, sizeof(pem));
        }
        int r = cert_replace(cert, key, ca, span_of(pem, n), &why);
        size_t is = slurp(cert, after, sizeof(after));
        bool same = was == is && memcmp(before, after, is) == 0;
        if (rows[i].why && (r != -EINVAL || strcmp(why, rows[i].why) != 0 || !same))
            fail_msg("%s: %d %s", rows[i].what, r, why ? why : "-");
        if (!rows[i].why && (r != 0 || is != n || memcmp(after, pem, n) != 0))
            fail_msg("%s: %d %s", rows[i].what, r, why ? why : "-");
    }
    const char *why; // cut at every length: never half of one
    size_t n = slurp(path, pem, sizeof(pem)), taken = 0;
    sign("site.csr", "ca", "5", "site.crt");
    for (size_t k = 0; k + 30 < n; k++)
        taken += cert_replace(cert, key, ca, span_of(pem, k), &why) == 0;
    assert_int_equal(taken, 0);
    (void)snprintf(path, sizeof(path), "%s/gone/site.crt", dir);
    assert_int_equal(cert_replace(path, key, ca, span_of(pem, n), &why), -ENOENT);
    assert_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(its_life),
                                       cmocka_unit_test(a_request_proves_the_key),
                                       cmocka_unit_test(which_answers_are_taken)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
