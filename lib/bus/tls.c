#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nng/nng.h>
#include <sodium.h>

#include "bus/bus.h"
#include "sign.h"
#include "sock.h"
#include "tls_engine.h"

#define PEM_MAX      65536
#define NAME_DEFAULT "callmesh-centre"

static struct {
    nng_tls_config *listen, *listen_to_all, *dial;
} g;

nng_tls_config *tls_listen_config(bool to_all)
{
    return to_all ? g.listen_to_all : g.listen;
}

nng_tls_config *tls_dial_config(void)
{
    return g.dial;
}

static bool is_set(const char *s)
{
    return s && *s;
}

static int read_file(const char *path, char *buf, size_t cap, char *err, size_t err_cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, cap - 1);
    int e = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        snprintf(err, err_cap, "%s: %s", path, strerror(e));
        return -e;
    }
    buf[n] = 0;
    return 0;
}

// A private key that others can read is as good as published.
static int check_private(const char *path, char *err, size_t err_cap)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        snprintf(err, err_cap, "%s: %s", path, strerror(errno));
        return -errno;
    }
    if (st.st_mode & S_IRWXO) {
        snprintf(err, err_cap, "%s: others may read it; chmod 600 %s", path, path);
        return -EPERM;
    }
    return 0;
}

struct texts {
    char ca[PEM_MAX], cert[PEM_MAX], key[PEM_MAX];
};

static int read_texts(const struct bus_secure_opts *o, struct texts *t, char *err, size_t err_cap)
{
    int r = 0;
    if (strncmp(o->ca, "sha256:", 7) == 0)
        snprintf(t->ca, sizeof(t->ca), "%s", o->ca);
    else
        r = read_file(o->ca, t->ca, sizeof(t->ca), err, err_cap);
    if (r == 0 && is_set(o->cert))
        r = read_file(o->cert, t->cert, sizeof(t->cert), err, err_cap);
    if (r == 0 && is_set(o->cert))
        r = check_private(o->key, err, err_cap);
    if (r == 0 && is_set(o->cert))
        r = read_file(o->key, t->key, sizeof(t->key), err, err_cap);
    return r;
}

static int make(nng_tls_config **ret, nng_tls_mode mode, nng_tls_auth_mode auth, const char *name,
                const struct texts *t, char *err, size_t err_cap)
{
    nng_tls_config *c;
    const char *what = "settings";
    int r = nng_tls_config_alloc(&c, mode);
    if (r == 0)
        r = nng_tls_config_auth_mode(c, auth);
    if (r == 0 && auth != NNG_TLS_AUTH_MODE_NONE) {
        what = "bus.tls-ca";
        r = nng_tls_config_ca_chain(c, t->ca, NULL);
    }
    if (r == 0 && t->cert[0]) {
        what = "bus.tls-cert and bus.tls-key";
        r = nng_tls_config_own_cert(c, t->cert, t->key, NULL);
    }
    if (r == 0 && name)
        r = nng_tls_config_server_name(c, name);
    if (r != 0)
        snprintf(err, err_cap, "%s: not what TLS can use (%s)", what, nng_strerror(r));
    *ret = c; // stays for the process's life
    return sock_errno(r);
}

static int make_all(const struct bus_secure_opts *o, const struct texts *t, char *err,
                    size_t err_cap)
{
    int r = make(&g.dial, NNG_TLS_MODE_CLIENT, NNG_TLS_AUTH_MODE_REQUIRED,
                 is_set(o->name) ? o->name : NAME_DEFAULT, t, err, err_cap);
    if (r == 0 && t->cert[0])
        r = make(&g.listen, NNG_TLS_MODE_SERVER, NNG_TLS_AUTH_MODE_REQUIRED, NULL, t, err, err_cap);
    if (r == 0 && t->cert[0])
        r = make(&g.listen_to_all, NNG_TLS_MODE_SERVER, NNG_TLS_AUTH_MODE_NONE, NULL, t, err,
                 err_cap);
    return r;
}

static int secure_tls(const struct bus_secure_opts *o, char *err, size_t err_cap)
{
    static struct texts t; // 192 KiB: not for a stack
    if (!is_set(o->cert) != !is_set(o->key)) {
        snprintf(err, err_cap, "bus.tls-cert and bus.tls-key: one needs the other");
        return -EINVAL;
    }
    tls_engine_files(is_set(o->cert) ? o->cert : "", is_set(o->cert) ? o->key : "");
    int r = tls_engine_register();
    if (r < 0)
        snprintf(err, err_cap, "TLS: nng %s does not take our engine", nng_version());
    if (r == 0)
        r = read_texts(o, &t, err, err_cap);
    if (r == 0)
        r = make_all(o, &t, err, err_cap);
    sodium_memzero(&t, sizeof(t));
    return r;
}

static int secure_sign(const char *path, char *err, size_t err_cap)
{
    char text[256];
    int r = check_private(path, err, err_cap);
    if (r == 0)
        r = read_file(path, text, sizeof(text), err, err_cap);
    if (r == 0) {
        r = sign_setup(text);
        if (r < 0)
            snprintf(err, err_cap, "%s: not a key of 64 hex digits", path);
    }
    sodium_memzero(text, sizeof(text));
    return r;
}

int bus_secure(const struct bus_secure_opts *o, char *err, size_t err_cap)
{
    int r = 0;
    if (is_set(o->ca))
        r = secure_tls(o, err, err_cap);
    else if (is_set(o->cert)) {
        snprintf(err, err_cap, "bus.tls-cert needs bus.tls-ca");
        r = -EINVAL;
    }
    if (r == 0 && is_set(o->sign_key))
        r = secure_sign(o->sign_key, err, err_cap);
    return r;
}
