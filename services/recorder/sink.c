#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "vault/files.h"

int sink_init(struct sink *s)
{
    memset(s, 0, sizeof(*s));
    s->fd = -1;
    s->sha256 = EVP_MD_CTX_new();
    s->sha512 = EVP_MD_CTX_new();
    return s->sha256 && s->sha512 && proof_init(&s->proof) == 0 && seal_init(&s->seal) == 0
               ? 0
               : -ENOMEM;
}

void sink_deinit(struct sink *s)
{
    sink_abandon(s);
    EVP_MD_CTX_free(s->sha256);
    EVP_MD_CTX_free(s->sha512);
    s->sha256 = s->sha512 = NULL;
    proof_deinit(&s->proof);
    seal_deinit(&s->seal);
}

static void put(struct sink *s, const uint8_t *p, size_t n)
{
    proof_add(&s->proof, p, n);
    for (size_t done = 0; done < n && s->error == 0;) {
        ssize_t got = write(s->fd, p + done, n - done);
        if (got < 0 && errno != EINTR)
            s->error = -errno;
        else if (got > 0)
            done += (size_t)got;
    }
}

int sink_open(struct sink *s, const char *path, const struct sink_seal *seal)
{
    must(s->fd < 0);
    (void)snprintf(s->path, sizeof(s->path), "%s", path);
    (void)snprintf(s->part, sizeof(s->part), "%s.part", s->path);
    s->bytes = 0;
    s->used = 0;
    s->error = 0;
    s->sealed = seal && seal->key;
    int r = folders_make(s->part, 0750);
    if (r == 0 && (EVP_DigestInit_ex(s->sha256, EVP_sha256(), NULL) != 1 ||
                   EVP_DigestInit_ex(s->sha512, EVP_sha512(), NULL) != 1))
        r = -EIO;
    if (r == 0 && s->sealed)
        r = seal_begin(&s->seal, &seal->recording, seal->part, seal->key, s->out);
    if (r < 0)
        return err_trace(r);
    s->fd = open(s->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (s->fd < 0)
        return err_trace(-errno);
    proof_begin(&s->proof, s->sealed ? SEAL_HEAD : 0, s->sealed ? SEAL_STRIDE : SEAL_CHUNK);
    if (s->sealed)
        put(s, s->out, SEAL_HEAD);
    return 0;
}

static void drain(struct sink *s, bool last)
{
    if ((EVP_DigestUpdate(s->sha256, s->buffer, s->used) != 1 ||
         EVP_DigestUpdate(s->sha512, s->buffer, s->used) != 1) &&
        s->error == 0)
        s->error = -EIO;
    if (s->sealed) {
        int r = seal_chunk(&s->seal, s->buffer, s->used, last, s->out);
        if (r < 0 && s->error == 0)
            s->error = r;
        put(s, s->out, s->used + SEAL_TAG);
    } else {
        put(s, s->buffer, s->used);
    }
    s->bytes += s->used;
    s->used = 0;
}

// A full chunk waits until there is more: the last one is marked as such.
void sink_write(struct sink *s, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n > 0) {
        if (s->used == SEAL_CHUNK)
            drain(s, false);
        size_t part = SEAL_CHUNK - s->used < n ? SEAL_CHUNK - s->used : n;
        memcpy(s->buffer + s->used, b, part);
        s->used += part;
        b += part;
        n -= part;
    }
}

int sink_commit(struct sink *s, struct sink_sums *ret)
{
    struct sink_sums sums;
    drain(s, true);
    proof_end(&s->proof);
    if ((EVP_DigestFinal_ex(s->sha256, sums.sha256, NULL) != 1 ||
         EVP_DigestFinal_ex(s->sha512, sums.sha512, NULL) != 1) &&
        s->error == 0)
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
    sums.bytes = s->bytes;
    *ret = sums;
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

static int clean_one(void *ctx, const char *path)
{
    unsigned *cleaned = ctx;
    size_t n = strlen(path);
    if (n > 5 && strcmp(path + n - 5, ".part") == 0 && unlink(path) == 0)
        (*cleaned)++;
    return 0;
}

unsigned sink_clean(const char *dir)
{
    unsigned cleaned = 0;
    (void)files_each(dir, clean_one, &cleaned);
    return cleaned;
}
