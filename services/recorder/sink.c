#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"

int sink_init(struct sink *s)
{
    memset(s, 0, sizeof(*s));
    s->fd = -1;
    s->digest = EVP_MD_CTX_new();
    return s->digest ? 0 : -ENOMEM;
}

void sink_deinit(struct sink *s)
{
    sink_abandon(s);
    EVP_MD_CTX_free(s->digest);
    s->digest = NULL;
}

static int make_folders(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int r = mkdir(path, 0750) != 0 && errno != EEXIST ? -errno : 0;
        *p = '/';
        if (r < 0)
            return r;
    }
    return 0;
}

int sink_open(struct sink *s, const char *path)
{
    must(s->fd < 0);
    (void)snprintf(s->path, sizeof(s->path), "%s", path);
    (void)snprintf(s->part, sizeof(s->part), "%s.part", s->path);
    s->bytes = 0;
    s->used = 0;
    s->error = 0;
    int r = make_folders(s->part);
    if (r < 0)
        return err_trace(r);
    if (EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1)
        return err_trace(-EIO);
    s->fd = open(s->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    return s->fd < 0 ? err_trace(-errno) : 0;
}

static void drain(struct sink *s)
{
    if (EVP_DigestUpdate(s->digest, s->buffer, s->used) != 1 && s->error == 0)
        s->error = -EIO;
    for (size_t done = 0; done < s->used && s->error == 0;) {
        ssize_t n = write(s->fd, s->buffer + done, s->used - done);
        if (n < 0 && errno != EINTR)
            s->error = -errno;
        else if (n > 0)
            done += (size_t)n;
    }
    s->bytes += s->used;
    s->used = 0;
}

void sink_write(struct sink *s, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n > 0) {
        size_t part = SINK_BUFFER - s->used < n ? SINK_BUFFER - s->used : n;
        memcpy(s->buffer + s->used, b, part);
        s->used += part;
        b += part;
        n -= part;
        if (s->used == SINK_BUFFER)
            drain(s);
    }
}

int sink_commit(struct sink *s, uint8_t ret_sha256[32])
{
    drain(s);
    unsigned n = 0;
    uint8_t sum[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(s->digest, sum, &n) != 1 && s->error == 0)
        s->error = -EIO;
    if (s->error == 0 && fsync(s->fd) != 0)
        s->error = -errno;
    if (s->error == 0 && rename(s->part, s->path) != 0)
        s->error = -errno;
    int r = s->error;
    if (r < 0) {
        sink_abandon(s);
        return err_trace(r);
    }
    (void)close(s->fd);
    s->fd = -1;
    memcpy(ret_sha256, sum, 32);
    return 0;
}

void sink_abandon(struct sink *s)
{
    if (s->fd < 0)
        return;
    (void)close(s->fd);
    (void)unlink(s->part);
    s->fd = -1;
}

static unsigned cleaned;

static int clean_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)f;
    size_t n = strlen(path);
    if (type == FTW_F && n > 5 && strcmp(path + n - 5, ".part") == 0 && unlink(path) == 0)
        cleaned++;
    return 0;
}

unsigned sink_clean(const char *dir)
{
    cleaned = 0;
    (void)nftw(dir, clean_one, 16, FTW_PHYS);
    return cleaned;
}
