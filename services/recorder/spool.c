// spool.c: the writing side. Segment list in memory (a fixed array), one open file.
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/mono.h"
#include "spool_form.h"

struct segment {
    uint32_t number;
    uint32_t bytes;
    int64_t last_us; // wall clock of the last write
};

struct spool {
    int dir_fd, fd; // fd: of the newest segment, -1 when none is open
    struct spool_opts o;
    struct segment *segments; // ring
    size_t cap, first, n;
    uint32_t next_number;
    int64_t wanted_us;
    bool low;
    struct spool_stat st;
};

static struct segment *segment_at(const struct spool *s, size_t i)
{
    return &s->segments[(s->first + i) % s->cap];
}

static struct segment *newest(const struct spool *s)
{
    return s->n > 0 ? segment_at(s, s->n - 1) : NULL;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct segment *)a)->number, y = ((const struct segment *)b)->number;
    return x < y ? -1 : x > y;
}

static void drop_oldest(struct spool *s)
{
    must(s->n > 0);
    struct segment *g = segment_at(s, 0);
    char name[32];
    spool_form_name(g->number, name);
    (void)unlinkat(s->dir_fd, name, 0);
    if (s->n == 1 && s->fd >= 0) {
        (void)close(s->fd);
        s->fd = -1;
    }
    s->st.bytes -= g->bytes;
    s->first = (s->first + 1) % s->cap;
    s->n--;
}

static void close_current(struct spool *s)
{
    if (s->fd < 0)
        return;
    (void)sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    (void)close(s->fd);
    s->fd = -1;
}

static int list_segments(struct spool *s)
{
    DIR *d = fdopendir(dup(s->dir_fd));
    if (!d)
        return -errno;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        uint32_t number = spool_form_number(e->d_name);
        struct stat st;
        if (number == 0 || fstatat(s->dir_fd, e->d_name, &st, 0) != 0)
            continue;
        if (s->n == s->cap || st.st_size > UINT32_MAX) {
            // Left from larger settings: beyond the table nothing can be kept account of.
            (void)unlinkat(s->dir_fd, e->d_name, 0);
            s->st.dropped_segments++;
            continue;
        }
        s->segments[s->n++] = (struct segment){.number = number,
                                               .bytes = (uint32_t)st.st_size,
                                               .last_us = (int64_t)st.st_mtim.tv_sec * US_PER_S};
        s->st.bytes += (uint64_t)st.st_size;
    }
    (void)closedir(d);
    qsort(s->segments, s->n, sizeof(*s->segments), by_number);
    s->next_number = s->n > 0 ? newest(s)->number + 1 : 1;
    return 0;
}

int spool_open(struct spool **ret, const struct spool_opts *o, char *err, size_t err_cap)
{
    struct spool *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->o = *o;
    s->fd = -1;
    s->wanted_us = INT64_MAX;
    s->cap = (size_t)(o->bytes / o->segment_bytes) + 64;
    s->st.limit = o->bytes;
    s->segments = calloc(s->cap, sizeof(*s->segments));
    s->dir_fd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = !s->segments ? -ENOMEM : s->dir_fd < 0 ? -errno : 0;
    if (r == 0 && flock(s->dir_fd, LOCK_EX | LOCK_NB) != 0)
        r = -errno;
    if (r == 0)
        r = list_segments(s);
    if (r < 0) {
        (void)snprintf(err, err_cap, "spool folder %s: %s", o->dir,
                       r == -EWOULDBLOCK ? "another recorder has it" : strerror(-r));
        (void)spool_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct spool *spool_close(struct spool *s)
{
    if (!s)
        return NULL;
    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->dir_fd >= 0)
        (void)close(s->dir_fd);
    free(s->segments);
    free(s);
    return NULL;
}

// One segment: all heads are checked, and the data of the very last block.
// Returns where the good part ends.
static uint32_t scan_segment(struct spool *s, int fd, struct segment *g, bool last,
                             spool_scan_fn fn, void *ctx)
{
    static uint8_t data[SPOOL_BLOCK_BYTES];
    uint8_t head[SPOOL_SEGMENT_HEAD];
    if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
        memcmp(head, SPOOL_SEGMENT_MAGIC, 8) != 0)
        return 0;
    uint32_t at = SPOOL_SEGMENT_HEAD;
    while (at + sizeof(struct spool_head) <= g->bytes) {
        struct spool_head h;
        if (pread(fd, &h, sizeof(h), at) != (ssize_t)sizeof(h) || !spool_form_head_good(&h) ||
            h.bytes > g->bytes - at - sizeof(h))
            break;
        // A kill tears the last block only; one that is bad further up is skipped when it is read.
        bool final = last && at + sizeof(h) + h.bytes == g->bytes;
        if (final && (pread(fd, data, h.bytes, (off_t)(at + sizeof(h))) != (ssize_t)h.bytes ||
                      spool_form_sum(data, h.bytes) != h.data_sum))
            break;
        fn(ctx, &h, (struct spool_pos){g->number, at});
        s->st.blocks++;
        at += (uint32_t)sizeof(h) + h.bytes;
    }
    return at;
}

int spool_scan(struct spool *s, spool_scan_fn fn, void *ctx)
{
    for (size_t i = 0; i < s->n; i++) {
        struct segment *g = segment_at(s, i);
        bool last = i + 1 == s->n;
        char name[32];
        spool_form_name(g->number, name);
        int fd = openat(s->dir_fd, name, (last ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (fd < 0)
            continue;
        uint32_t end = scan_segment(s, fd, g, last, fn, ctx);
        if (last && end >= SPOOL_SEGMENT_HEAD && ftruncate(fd, (off_t)end) == 0) {
            s->st.bytes -= g->bytes - end;
            g->bytes = end;
            s->fd = fd; // goes on here
        } else {
            (void)close(fd);
        }
    }
    return 0;
}

static int open_segment(struct spool *s)
{
    while (s->n > 0 && (s->n == s->cap || s->st.bytes + s->o.segment_bytes > s->o.bytes ||
                        (s->low && s->n > 1))) {
        s->st.dropped_segments++;
        if (segment_at(s, 0)->last_us >= s->wanted_us)
            s->st.dropped_wanted++;
        drop_oldest(s);
    }
    char name[32];
    spool_form_name(s->next_number, name);
    int fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    uint8_t head[SPOOL_SEGMENT_HEAD] = SPOOL_SEGMENT_MAGIC;
    memcpy(head + 8, &s->next_number, 4);
    if (pwrite(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head)) {
        int r = errno ? -errno : -EIO;
        (void)close(fd);
        (void)unlinkat(s->dir_fd, name, 0);
        return r;
    }
    s->fd = fd;
    s->n++;
    *newest(s) = (struct segment){
        .number = s->next_number++, .bytes = SPOOL_SEGMENT_HEAD, .last_us = wall_now_us()};
    s->st.bytes += SPOOL_SEGMENT_HEAD;
    return 0;
}

int spool_append(struct spool *s, struct spool_head *h, uint8_t *block, struct spool_pos *ret_pos)
{
    size_t n = sizeof(*h) + h->bytes;
    must(n <= SPOOL_BLOCK_BYTES);
    if (s->fd >= 0 && newest(s)->bytes + n > s->o.segment_bytes)
        close_current(s);
    if (s->fd < 0) {
        int r = open_segment(s);
        if (r < 0) {
            s->st.write_errors++;
            return err_trace(r);
        }
    }
    h->magic = SPOOL_BLOCK_MAGIC;
    h->data_sum = spool_form_sum(block + sizeof(*h), h->bytes);
    h->head_sum = spool_form_head_sum(h);
    memcpy(block, h, sizeof(*h));
    struct segment *g = newest(s);
    ssize_t w = pwrite(s->fd, block, n, (off_t)g->bytes);
    if (w != (ssize_t)n) {
        // A part that was written is overwritten by the next block, or cut off at the next start.
        int r = w < 0 ? -errno : -ENOSPC;
        s->st.write_errors++;
        return err_trace(r);
    }
    *ret_pos = (struct spool_pos){g->number, g->bytes};
    g->bytes += (uint32_t)n;
    g->last_us = wall_now_us();
    s->st.bytes += n;
    s->st.blocks++;
    return 0;
}

void spool_set_wanted(struct spool *s, int64_t wanted_us)
{
    s->wanted_us = wanted_us;
}

void spool_age(struct spool *s, int64_t wall_us)
{
    while (s->o.look_back_us > 0 && s->n > 0) {
        struct segment *g = segment_at(s, 0);
        if (g->last_us >= wall_us - s->o.look_back_us || g->last_us >= s->wanted_us)
            break;
        s->st.aged_segments++;
        drop_oldest(s);
    }
}

void spool_set_low(struct spool *s, bool low)
{
    s->low = low;
}

uint32_t spool_oldest(const struct spool *s)
{
    return s->n > 0 ? segment_at(s, 0)->number : 0;
}

uint32_t spool_newest(const struct spool *s)
{
    return s->n > 0 ? newest(s)->number : 0;
}

uint32_t spool_sync(const char *dir, uint32_t from, uint32_t to)
{
    uint32_t number = from > 0 && from <= to ? from : to;
    for (; number > 0 && number <= to; number++) {
        char path[4200], name[32];
        spool_form_name(number, name);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue; // it has left the spool already
        int r = fdatasync(fd);
        (void)close(fd);
        if (r != 0)
            break;
    }
    return number > to ? to : number; // the newest grows: again next time
}

struct spool_stat spool_stat(const struct spool *s)
{
    struct spool_stat st = s->st;
    st.segments = s->n;
    return st;
}
