#include "keylog.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512 // the longest that we need has 31 + 64 + 96 and two blanks

struct keylog {
    int fd;
    bool file; // has positions
    off_t at;
    char line[LINE_MAX_BYTES];
    size_t n;
    bool too_long; // the line that is being read
    struct keylog_stat stat;
    uint8_t buf[KEYLOG_TURN_BYTES];
};

int keylog_open(int *ret_fd, const char *name, char *err, size_t err_cap)
{
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        snprintf(err, err_cap, "key log %s: %s", name, strerror(errno));
        return errno == EACCES ? EX_NOPERM : EX_NOINPUT;
    }
    *ret_fd = fd;
    return 0;
}

struct keylog *keylog_new(int fd)
{
    struct stat st;
    struct keylog *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->fd = fd;
    k->file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    return k;
}

struct keylog *keylog_free(struct keylog *k)
{
    if (k) {
        close(k->fd);
        explicit_bzero(k, sizeof *k);
        free(k);
    }
    return NULL;
}

static void line_end(struct keylog *k, struct tls_secrets *to)
{
    struct tls_key key;
    enum tls_key_line what =
        k->too_long ? TLS_KEY_BAD : tls_key_parse(span_of(k->line, k->n), &key);
    k->stat.lines += k->n > 0;
    k->stat.bad += what == TLS_KEY_BAD;
    if (what == TLS_KEY) {
        tls_secrets_put(to, &key);
        explicit_bzero(&key, sizeof key);
    }
    k->n = 0;
    k->too_long = false;
}

static void take(struct keylog *k, struct span in, struct tls_secrets *to)
{
    while (in.n > 0) {
        size_t n = span_find(in, '\n'), room = sizeof k->line - k->n;
        k->too_long = k->too_long || n > room;
        if (!k->too_long) {
            memcpy(k->line + k->n, in.p, n);
            k->n += n;
        }
        if (n == in.n) // the rest of the line is not written yet
            return;
        line_end(k, to);
        in = span_sub(in, n + 1, in.n);
    }
}

bool keylog_read(struct keylog *k, struct tls_secrets *to)
{
    struct stat st;
    if (k->file && fstat(k->fd, &st) == 0 && st.st_size < k->at) {
        k->at = 0;
        k->n = 0;
        k->too_long = false;
        k->stat.restarts++;
    }
    ssize_t n =
        k->file ? pread(k->fd, k->buf, sizeof k->buf, k->at) : read(k->fd, k->buf, sizeof k->buf);
    k->stat.error = n < 0 && errno != EAGAIN && errno != EINTR ? errno : 0;
    if (n <= 0)
        return false;
    k->at += n;
    take(k, span_of(k->buf, (size_t)n), to);
    return n == (ssize_t)sizeof k->buf;
}

struct keylog_stat keylog_stat(const struct keylog *k)
{
    return k->stat;
}
