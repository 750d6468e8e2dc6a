// callmesh-join: shows a token and gets a certificate (README.md).
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "bus/sign.h"

#define WAIT_US (15 * US_PER_S)

static int fail(int code, const char *what, const char *why)
{
    (void)fprintf(stderr, "callmesh-join: %s: %s\n", what, why);
    return code;
}

static int read_csr(const char *dir, char *buf, size_t cap, size_t *ret_n)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/site.csr", dir);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(buf, 1, cap, f) : 0;
    if (f)
        (void)fclose(f);
    if (n == 0 || n == cap)
        return fail(EX_NOINPUT, path, f ? "not a certificate request" : strerror(errno));
    *ret_n = n;
    return 0;
}

// Written beside and renamed: a machine has joined, or it has not.
static int write_file(const char *dir, const char *name, const void *bytes, size_t n)
{
    char path[4096], part[4160];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)snprintf(part, sizeof(part), "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, bytes, n) == (ssize_t)n && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!good || rename(part, path) != 0)
        return fail(EX_CANTCREAT, path, strerror(errno));
    return 0;
}

static int write_reply(const char *dir, const Callmesh__V1__JoinReply *r)
{
    int e = write_file(dir, "ca.crt", r->authority.data, r->authority.len);
    if (e == 0)
        e = write_file(dir, "site.crt", r->certificate.data, r->certificate.len);
    return e ? e
             : write_file(dir, "site", r->site, strlen(r->site)); // last: this one says "joined"
}

static int join(const char *url, const char *dir, char *node, char *token)
{
    static char csr[8192];
    char err[256] = "";
    size_t n;
    union {
        const uint8_t *in;
        uint8_t *out; // protobuf-c has no const; nobody writes through it
    } key = {.in = sign_public_key()};
    int e = read_csr(dir, csr, sizeof(csr), &n);
    if (e)
        return e;
    struct ask *a;
    if (ask_open(&a, url, err, sizeof(err)) < 0)
        return fail(EX_USAGE, url, err);
    Callmesh__V1__JoinRequest j = CALLMESH__V1__JOIN_REQUEST__INIT;
    j.token = token;
    j.csr = (ProtobufCBinaryData){.len = n, .data = (uint8_t *)csr};
    j.sign_key = (ProtobufCBinaryData){.len = BUS_KEY_BYTES, .data = key.out};
    j.node = node;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.from = node;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_JOIN;
    q.join = &j;
    const Callmesh__V1__ControlReply *r = ask_call(a, &q, WAIT_US);
    if (!r)
        return fail(EX_UNAVAILABLE, url,
                    "the centre does not answer, or it is another one than the fingerprint says");
    if (r->error && r->error[0])
        return fail(EX_NOPERM, "the centre refuses", r->error);
    if (r->reply_case != CALLMESH__V1__CONTROL_REPLY__REPLY_JOIN)
        return fail(EX_PROTOCOL, url, "not an answer to this question");
    return write_reply(dir, r->join);
}

int main(int argc, char **argv)
{
    char *token = getenv("CALLMESH_JOIN_TOKEN"), err[512] = "", sign[4096];
    if (argc != 5 || !token)
        return fail(EX_USAGE, "usage",
                    "CALLMESH_JOIN_TOKEN=T callmesh-join URL sha256:HEX FOLDER NODE");
    log_setup("join", LOG_WARN, LOG_TEXT);
    (void)snprintf(sign, sizeof(sign), "%s/sign.key", argv[3]);
    struct bus_secure_opts o = {.ca = argv[2], .sign_key = sign};
    if (bus_secure(&o, err, sizeof(err)) < 0)
        return fail(EX_USAGE, "settings", err);
    int r = join(argv[1], argv[3], argv[4], token);
    (void)fflush(NULL);
    _exit(r); // nng's sockets are left open by rule
}
