#include "cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "spool_form.h"

#define CURSOR_MAGIC UINT32_C(0x31524D43) // "CMR1"

struct entry {
    char publisher[96];
    char site[JOB_SITE_BYTES];
    uint8_t incarnation[16];
    uint64_t epoch, committed_seq;
    int64_t watermark_us, seen_us;
    uint64_t ended;
};

struct file {
    uint32_t magic, sum; // of what follows
    uint64_t n;
    struct entry entry[FEEDS_MAX];
};

static size_t bytes_of(uint64_t n)
{
    return offsetof(struct file, entry) + n * sizeof(struct entry);
}

static uint32_t sum_of(const struct file *f)
{
    return spool_form_sum(&f->n, bytes_of(f->n) - offsetof(struct file, n));
}

int cursor_load(const char *dir, struct feeds *f)
{
    static struct file file; // 27 KiB, only at start
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/cursor", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    ssize_t n = read(fd, &file, sizeof(file));
    (void)close(fd);
    if (n < (ssize_t)offsetof(struct file, entry) || file.magic != CURSOR_MAGIC ||
        file.n > FEEDS_MAX || (size_t)n != bytes_of(file.n) || file.sum != sum_of(&file))
        return -EBADMSG;
    for (uint64_t i = 0; i < file.n; i++) {
        struct entry *e = &file.entry[i];
        struct feed *d = &f->feed[i];
        e->publisher[sizeof(e->publisher) - 1] = e->site[sizeof(e->site) - 1] = '\0';
        d->used = true;
        d->key = feeds_key(e->publisher, e->incarnation);
        memcpy(d->publisher, e->publisher, sizeof(d->publisher));
        memcpy(d->site, e->site, sizeof(d->site));
        memcpy(d->incarnation, e->incarnation, sizeof(d->incarnation));
        d->epoch = e->epoch;
        d->taken_seq = d->committed_seq = e->committed_seq;
        atomic_store(&d->watermark_us, e->watermark_us);
        atomic_store(&d->seen_us, e->seen_us);
        atomic_store(&d->ended, e->ended != 0);
    }
    return 0;
}

// What may be told again after a restart must not look as if it were here: the time and the end of the feed
// are saved as they stood when everything up to committed_seq had been taken.
static void fill(struct entry *e, const struct feed *d)
{
    memset(e, 0, sizeof(*e));
    memcpy(e->publisher, d->publisher, sizeof(e->publisher));
    memcpy(e->site, d->site, sizeof(e->site));
    memcpy(e->incarnation, d->incarnation, sizeof(e->incarnation));
    e->epoch = d->epoch;
    e->committed_seq = d->committed_seq;
    e->watermark_us = d->durable_us;
    e->seen_us = atomic_load(&d->seen_us);
    e->ended = d->committed_seq == d->taken_seq && atomic_load(&d->ended);
}

int cursor_save(const char *dir, const struct feeds *f)
{
    static struct file file; // one owner thread
    file.magic = CURSOR_MAGIC;
    file.n = 0;
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        if (f->feed[i].used)
            fill(&file.entry[file.n++], &f->feed[i]);
    }
    file.sum = sum_of(&file);
    char part[4096], path[4096];
    (void)snprintf(part, sizeof(part), "%s/cursor.part", dir);
    (void)snprintf(path, sizeof(path), "%s/cursor", dir);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return err_trace(-errno);
    ssize_t n = write(fd, &file, bytes_of(file.n));
    int r = n == (ssize_t)bytes_of(file.n) ? 0 : n < 0 ? -errno : -ENOSPC;
    (void)close(fd);
    if (r == 0 && rename(part, path) != 0)
        r = -errno;
    return r < 0 ? err_trace(r) : 0;
}
