// What the authority signs, and what it does not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sites/issue.h"

#define DAY_US INT64_C(86400000000)

static char dir[64];

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

static size_t slurp(const char *name, char *buf, size_t cap)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(buf, 1, cap, f);
    (void)fclose(f);
    return n;
}

static struct issuer *issuer;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/callmesh-issue-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
       "ca.crt -days 9 -subj /CN=ca");
    sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.key -out "
       "good.csr"
       " -subj /CN=callmesh-centre -addext subjectAltName=DNS:callmesh-centre -addext "
       "basicConstraints=CA:true");
    sh("openssl req -new -newkey rsa:2048 -nodes -keyout r.key -out rsa.csr -subj /CN=x");
    sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout p.key -out "
       "p384.csr -subj /CN=x");
    char ca[128], key[128], err[256] = "";
    (void)snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
    (void)snprintf(key, sizeof(key), "%s/ca.key", dir);
    if (issuer_open(&issuer, ca, key, err, sizeof(err)) != 0)
        fail_msg("%s", err);
    (void)snprintf(key, sizeof(key), "%s/k.key", dir);
    struct issuer *other;
    assert_int_equal(issuer_open(&other, ca, key, err, sizeof(err)), -22);
    assert_non_null(strstr(err, "k.key"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    issuer = issuer_free(issuer);
    sh("rm -rf %s", dir);
    return 0;
}

// The name is the site's, whatever was wished for; the use is a client's; openssl agrees.
static void a_certificate_says_what_we_say(void **state)
{
    (void)state;
    static char csr[8192], text[16384];
    static struct issued is;
    size_t n = slurp("good.csr", csr, sizeof(csr));
    assert_int_equal(issuer_sign(issuer, span_of(csr, n), "berlin", 30 * DAY_US, &is), 0);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/site.crt", dir);
    FILE *f = fopen(path, "we");
    assert_int_equal(fwrite(is.pem, 1, strlen(is.pem), f), strlen(is.pem));
    (void)fclose(f);
    sh("openssl verify -CAfile ca.crt -purpose sslclient site.crt");
    sh("! openssl verify -CAfile ca.crt -purpose sslserver site.crt");
    sh("openssl x509 -in site.crt -noout -text >text; openssl x509 -in site.crt -outform DER | "
       "sha256sum | cut -c1-64 >print");
    text[slurp("text", text, sizeof(text) - 1)] = 0;
    assert_non_null(strstr(text, "Subject: CN = berlin\n"));
    assert_null(strstr(text, "callmesh-centre"));
    assert_non_null(strstr(text, "CA:FALSE"));
    char hex[80] = "", mine[80] = "";
    slurp("print", hex, 64);
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(mine + 2 * i, 3, "%02x", is.print[i]);
    assert_string_equal(hex, mine);
}

static void others_are_not_signed(void **state)
{
    (void)state;
    static char csr[8192];
    static struct issued is;
    static const char *const bad[] = {"rsa.csr", "p384.csr", "ca.crt", "ca.key"};
    for (size_t i = 0; i < 4; i++) {
        size_t n = slurp(bad[i], csr, sizeof(csr));
        assert_int_equal(issuer_sign(issuer, span_of(csr, n), "x", DAY_US, &is), -22);
    }
    // Shorter at every length: the last line alone is left out at the end, so stop before it.
    size_t n = slurp("good.csr", csr, sizeof(csr));
    for (size_t k = 0; k + 40 < n; k++)
        assert_int_equal(issuer_sign(issuer, span_of(csr, k), "x", DAY_US, &is), -22);
    // Changed: not even one character passes (base64 has spare bits in its last group only).
    size_t signed_anyway = 0;
    for (size_t k = 40; k + 60 < n; k++) {
        char was = csr[k];
        csr[k] = was == 'A' ? 'B' : 'A';
        signed_anyway += issuer_sign(issuer, span_of(csr, n), "x", DAY_US, &is) == 0;
        csr[k] = was;
    }
    assert_int_equal(signed_anyway, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_certificate_says_what_we_say),
                                       cmocka_unit_test(others_are_not_signed)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
