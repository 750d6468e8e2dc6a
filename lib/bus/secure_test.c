// Who gets in by wss://, and who does not: certificates of another authority, none, revoked; signatures missing, of another
// site, wrong, revoked. The publishers are other processes (this program again), each with its own certificate and key.
#include "feed_kit.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "count.h"
#include "envelope.h"
#include "guard.h"
#include "sign.h"

static char dir[64];

// ---- certificates, by the openssl program, as ./callmesh makes them ---------------------------------------------------

__attribute__((format(printf, 1, 2))) static void sh(const char *form, ...)
{
    char cmd[2048];
    va_list ap;
    va_start(ap, form);
    (void)vsnprintf(cmd, sizeof(cmd), form, ap);
    va_end(ap);
    if (system(cmd) != 0)
        fail_msg("%s", cmd);
}

static void make_ca(const char *name)
{
    sh("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
       "%s.key -out %s.crt"
       " -days 2 -subj '/CN=%s' -addext basicConstraints=critical,CA:true 2>/dev/null",
       dir, name, name, name);
}

static void make_cert(const char *ca, const char *name, const char *usage)
{
    sh("cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key "
       "-out %s.csr"
       " -subj '/CN=%s' 2>/dev/null && printf 'extendedKeyUsage=%s\\nsubjectAltName=DNS:%s\\n' "
       ">ext &&"
       " openssl x509 -req -in %s.csr -CA %s.crt -CAkey %s.key -CAcreateserial -days 2 -extfile ext"
       " 2>/dev/null >%s.crt && cat %s.crt >>%s.crt && chmod 600 %s.key &&"
       " printf '%%064d' $(printf %s | cksum | cut -d' ' -f1) >%s.sign && chmod 600 %s.sign",
       dir, name, name, name, usage, name, name, ca, ca, name, ca, name, name, name, name, name);
}

static void public_key(const char *name, uint8_t key[BUS_KEY_BYTES])
{
    char path[128], hex[65] = "";
    uint8_t seed[32], secret[64];
    (void)snprintf(path, sizeof(path), "%s/%s.sign", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(hex, 1, 64, f), 64);
    (void)fclose(f);
    assert_int_equal(sodium_hex2bin(seed, 32, hex, 64, NULL, NULL, NULL), 0);
    crypto_sign_seed_keypair(key, secret, seed);
}

static void fingerprint(const char *name, uint8_t print[BUS_PRINT_BYTES])
{
    char cmd[256], hex[65] = "";
    (void)snprintf(cmd, sizeof(cmd), "openssl x509 -in %s/%s.crt -outform DER | sha256sum", dir,
                   name);
    FILE *f = popen(cmd, "r");
    assert_non_null(f);
    assert_int_equal(fread(hex, 1, 64, f), 64);
    (void)pclose(f);
    assert_int_equal(sodium_hex2bin(print, BUS_PRINT_BYTES, hex, 64, NULL, NULL, NULL), 0);
}

static struct bus_admitted admitted(const char *name, const char *site, bool revoked)
{
    struct bus_admitted a = {.revoked = revoked};
    (void)snprintf(a.site, sizeof(a.site), "%s", site);
    public_key(name, a.key);
    fingerprint(name, a.certificate);
    return a;
}

// ---- another process ------------------------------------------------------------------------------------------------

// child PUB_URL ASK_URL DIR CA CERT SIGN SITE N: sends N envelopes; 0 when all were committed in 3 s.
static int child(char **v)
{
    char ca[128], cert[128] = "", key[128] = "", sign[128] = "", publisher[64], err[256] = "";
    (void)snprintf(ca, sizeof(ca), "%s/%s.crt", v[2], v[3]);
    if (strcmp(v[4], "-") != 0) {
        (void)snprintf(cert, sizeof(cert), "%s/%s.crt", v[2], v[4]);
        (void)snprintf(key, sizeof(key), "%s/%s.key", v[2], v[4]);
    }
    if (strcmp(v[5], "-") != 0)
        (void)snprintf(sign, sizeof(sign), "%s/%s.sign", v[2], v[5]);
    (void)snprintf(publisher, sizeof(publisher), "%s/capture-%d", v[6], (int)getpid());
    struct bus_secure_opts so = {
        .ca = ca, .cert = cert, .key = key, .name = "centre", .sign_key = sign};
    if (bus_secure(&so, err, sizeof(err)) < 0) {
        (void)fprintf(stderr, "%s\n", err);
        return 9;
    }
    struct feed_pub_opts o = {.publisher = publisher,
                              .site = v[6],
                              .kind = CALLMESH__V1__KIND__KIND_SIG,
                              .pub_url = v[0],
                              .ask_url = v[1],
                              .journal_bytes = 1 << 20};
    struct feed_pub *f;
    if (feed_pub_open(&f, &o, err, sizeof(err)) < 0)
        return 9;
    uint8_t buf[512];
    uint64_t n = strtoull(v[7], NULL, 10);
    for (uint64_t i = 1; i <= n; i++) {
        feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i));
        if (n > 1000 && i % 10 == 0)
            usleep(10000);
    }
    bool all = feed_pub_flush(f, n > 100 ? 3 * US_PER_S : 3 * US_PER_S / 2);
    _exit(all ? 0 : 3);
}

static pid_t spawn(const struct ports *p, const char *ca, const char *cert, const char *sign,
                   const char *site, const char *n)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "secure_test", "child", p->pub, p->ask, dir, ca, cert, sign, site,
              n, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static int ended(pid_t pid)
{
    int st;
    return waitpid(pid, &st, WNOHANG) == pid ? (WIFEXITED(st) ? WEXITSTATUS(st) : 128) : -1;
}

// Takes what comes until the child has ended. Its exit code; *ret_n envelopes were taken.
static int serve(struct feed_sub *s, pid_t pid, uint64_t *ret_n)
{
    struct feed_msg m;
    int code;
    *ret_n = 0;
    while ((code = ended(pid)) < 0) {
        if (feed_sub_next(s, 20000, &m) != 1)
            continue;
        assert_int_equal(kit_number(m.payload), m.env->seq);
        (*ret_n)++;
        feed_sub_commit(s, m.slot, m.env->seq);
    }
    return code;
}

// ---- cases ----------------------------------------------------------------------------------------------------------

static struct feed_sub *sub;
static struct ports ports;
static struct stat_cell *in;

static int open_centre(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/callmesh-secure-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_true(sodium_init() >= 0);
    make_ca("ca");
    make_ca("other");
    make_cert("ca", "centre", "serverAuth");
    make_cert("ca", "berlin", "clientAuth");
    make_cert("ca", "paris", "clientAuth");
    make_cert("other", "mallory", "clientAuth");
    char ca[128], cert[128], key[128], err[256] = "";
    (void)snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
    (void)snprintf(cert, sizeof(cert), "%s/centre.crt", dir);
    (void)snprintf(key, sizeof(key), "%s/centre.key", dir);
    struct bus_secure_opts so = {.ca = ca, .cert = cert, .key = key, .name = "centre"};
    if (bus_secure(&so, err, sizeof(err)) < 0)
        fail_msg("%s", err);
    // Both paths on one port.
    int port = test_free_port();
    (void)snprintf(ports.pub, sizeof(ports.pub), "wss://127.0.0.1:%d/sig", port);
    (void)snprintf(ports.ask, sizeof(ports.ask), "wss://127.0.0.1:%d/ask", port);
    sub = kit_sub(&ports, 16);
    in = count_in_cells();
    struct feed_msg m;
    assert_int_equal(feed_sub_next(sub, 1000, &m), 0);
    struct bus_admitted a[] = {admitted("berlin", "berlin", false),
                               admitted("paris", "paris", false)};
    bus_admit(a, 2);
    return 0;
}

static int close_centre(void **state)
{
    (void)state;
    feed_sub_stop(sub);
    sh("rm -rf %s", dir);
    return 0;
}

static void an_admitted_site_is_served(void **state)
{
    (void)state;
    uint64_t n;
    assert_int_equal(serve(sub, spawn(&ports, "ca", "berlin", "berlin", "berlin", "500"), &n), 0);
    assert_int_equal(n, 500);
}

struct stranger {
    const char *what, *ca, *cert, *sign, *site;
    enum count_in counted;
};

static void strangers_are_refused_and_counted(void **state)
{
    (void)state;
    static const struct stranger all[] = {
        {"no certificate", "ca", "-", "berlin", "berlin", IN_REFUSED_NO_CERTIFICATE},
        {"foreign certificate", "ca", "mallory", "berlin", "berlin", IN_REFUSED_FOREIGN},
        {"the centre is not the one", "other", "berlin", "berlin", "berlin", IN_REFUSED_TLS},
        {"not signed", "ca", "berlin", "-", "berlin", IN_REFUSED_UNSIGNED},
        {"another site's name", "ca", "berlin", "berlin", "paris", IN_REFUSED_UNKNOWN},
        {"a key of nobody", "ca", "berlin", "mallory", "berlin", IN_REFUSED_UNKNOWN},
        {"a site of nobody", "ca", "berlin", "berlin", "rome", IN_REFUSED_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint64_t before = stat_get(&in[all[i].counted]), n;
        pid_t pid = spawn(&ports, all[i].ca, all[i].cert, all[i].sign, all[i].site, "20");
        int code = serve(sub, pid, &n);
        print_message("%s: exit %d, %llu taken, counted %llu\n", all[i].what, code,
                      (unsigned long long)n,
                      (unsigned long long)(stat_get(&in[all[i].counted]) - before));
        assert_int_equal(code, 3);
        assert_int_equal(n, 0);
        assert_true(stat_get(&in[all[i].counted]) > before);
    }
}

static void a_revoked_site_is_cut_off(void **state)
{
    (void)state;
    pid_t pid = spawn(&ports, "ca", "paris", "paris", "paris", "2000");
    struct feed_msg m;
    uint64_t n = 0;
    while (n < 100) {
        assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
        feed_sub_commit(sub, m.slot, m.env->seq);
        n++;
    }
    struct bus_admitted a[] = {admitted("berlin", "berlin", false),
                               admitted("paris", "paris", true)};
    uint64_t before = stat_get(&in[IN_REFUSED_REVOKED]);
    bus_admit(a, 2);
    int64_t at = mono_now_us(), last = at;
    int code;
    while ((code = ended(pid)) < 0)
        if (feed_sub_next(sub, 20000, &m) == 1)
            last = mono_now_us();
    print_message("revoked: last envelope %lld ms later, counted %llu\n",
                  (long long)((last - at) / 1000),
                  (unsigned long long)(stat_get(&in[IN_REFUSED_REVOKED]) - before));
    assert_int_equal(code, 3);
    assert_true(last - at < US_PER_S);
    assert_true(stat_get(&in[IN_REFUSED_REVOKED]) > before);
    // And the other one goes on.
    assert_int_equal(serve(sub, spawn(&ports, "ca", "berlin", "berlin", "berlin", "50"), &n), 0);
    assert_int_equal(n, 50);
}

// The file of a running publisher is another one; it goes on with what it has opened, and when that is cut, comes back with the new one.
static void a_renewed_certificate_is_shown_without_a_restart(void **state)
{
    (void)state;
    uint64_t n = 0, refused = stat_get(&in[IN_REFUSED_UNKNOWN]);
    pid_t pid = spawn(&ports, "ca", "berlin", "berlin", "berlin", "1500");
    struct bus_admitted a[] = {admitted("berlin", "berlin", false), {{0}, {0}, {0}, false}};
    struct feed_msg m;
    int code;
    while ((code = ended(pid)) < 0) {
        if (feed_sub_next(sub, 20000, &m) != 1)
            continue;
        feed_sub_commit(sub, m.slot, m.env->seq);
        if (++n == 100) {
            sh("cd %s && openssl x509 -req -in berlin.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
               "-days 2 -extfile ext 2>/dev/null >next.crt && cat ca.crt >>next.crt && mv next.crt "
               "berlin.crt",
               dir);
            a[1] = admitted("berlin", "berlin", false);
            assert_memory_not_equal(a[0].certificate, a[1].certificate, BUS_PRINT_BYTES);
            bus_admit(a, 2); // the one before counts as well: nothing is cut
        }
        if (n == 300) {
            assert_int_equal(stat_get(&in[IN_REFUSED_UNKNOWN]), refused);
            bus_admit(a + 1, 1); // only the new one: standing connections are
        }
    }
    assert_int_equal(code, 0); // all is committed
    assert_int_equal(n, 1500);
    struct bus_admitted all[] = {a[1], admitted("paris", "paris", false)};
    bus_admit(all, 2);
}

static void every_changed_byte_is_seen(void **state)
{
    (void)state;
    static const uint8_t birth[16] = "birthbirthbirth";
    char hex[65];
    (void)snprintf(hex, sizeof(hex), "%064d", 77);
    assert_int_equal(sign_setup(hex), 0);
    struct bus_admitted a = {.site = "s"};
    memcpy(a.key, sign_public_key(), sizeof(a.key));
    bus_admit(&a, 1);
    struct envelope e = {.version = 1,
                         .publisher = SPAN_LIT("s/p"),
                         .incarnation = span_of(birth, 16),
                         .epoch = 3,
                         .seq = 9,
                         .kind = 1,
                         .sent_at_us = 5,
                         .site = SPAN_LIT("s"),
                         .payload = SPAN_LIT("what was heard")};
    uint8_t sig[ENVELOPE_SIGNATURE], buf[2 * ENVELOPE_HEAD_MAX];
    sign_envelope(&e, sig);
    e.signature = span_of(sig, sizeof(sig));
    size_t n = envelope_head(buf, &e);
    memcpy(buf + n, e.payload.p, e.payload.n);
    n += e.payload.n;
    struct envelope r;
    assert_true(envelope_read(span_of(buf, n), &r));
    assert_int_equal(sign_check_envelope(&r), SIGN_GOOD);
    uint64_t passed = 0;
    for (size_t i = 0; i < n * 8; i++) {
        buf[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (envelope_read(span_of(buf, n), &r) && sign_check_envelope(&r) == SIGN_GOOD)
            passed++;
        buf[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    assert_int_equal(passed, 0);
    struct ask_msg q = {.version = 1,
                        .publisher = SPAN_LIT("s/p"),
                        .incarnation = span_of(birth, 16),
                        .first_seq = 1,
                        .head_seq = 5,
                        .site = SPAN_LIT("s"),
                        .ask_no = 4};
    sign_ask(&q, sig);
    q.signature = span_of(sig, sizeof(sig));
    assert_int_equal(sign_check_ask(&q), SIGN_GOOD);
    q.head_seq = 6;
    assert_int_equal(sign_check_ask(&q), SIGN_WRONG);
}

static void what_it_costs(void **state)
{
    (void)state;
    static uint8_t payload[65536];
    static const uint8_t birth[16] = "birthbirthbirth";
    static const size_t sizes[] = {2048, 65536};
    for (size_t k = 0; k < 2; k++) {
        struct envelope e = {.version = 1,
                             .publisher = SPAN_LIT("s/p"),
                             .incarnation = span_of(birth, 16),
                             .seq = 9,
                             .site = SPAN_LIT("s"),
                             .payload = span_of(payload, sizes[k])};
        uint8_t sig[ENVELOPE_SIGNATURE];
        int64_t t = mono_now_us();
        for (int i = 0; i < 200; i++)
            sign_envelope(&e, sig);
        int64_t u = mono_now_us();
        e.signature = span_of(sig, sizeof(sig));
        for (int i = 0; i < 200; i++)
            assert_int_equal(sign_check_envelope(&e), SIGN_GOOD);
        print_message("%zu bytes: sign %.1f us, check %.1f us\n", sizes[k], (double)(u - t) / 200,
                      (double)(mono_now_us() - u) / 200);
    }
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[1], "child") == 0)
        return child(argv + 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_admitted_site_is_served),
        cmocka_unit_test(strangers_are_refused_and_counted),
        cmocka_unit_test(a_renewed_certificate_is_shown_without_a_restart),
        cmocka_unit_test(a_revoked_site_is_cut_off),
        cmocka_unit_test(every_changed_byte_is_seen),
        cmocka_unit_test(what_it_costs),
    };
    return cmocka_run_group_tests(tests, open_centre, close_centre);
}
