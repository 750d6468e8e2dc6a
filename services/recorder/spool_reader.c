// spool_reader.c: the reading side, for the cutter: blocks by position, a few segment files kept open.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "spool.h"
#include "spool_form.h"

#define OPEN_MAX 16u

struct open_segment {
    uint32_t number; // 0: free
    int fd;
    uint64_t used;
};

struct spool_reader {
    int dir_fd;
    uint64_t clock;
    struct open_segment open[OPEN_MAX];
};

struct spool_reader *spool_reader_new(const char *dir)
{
    struct spool_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dir_fd < 0) {
        free(r);
        return NULL;
    }
    return r;
}

static void close_one(struct open_segment *o)
{
    if (o->number != 0)
        (void)close(o->fd);
    *o = (struct open_segment){0};
}

struct spool_reader *spool_reader_free(struct spool_reader *r)
{
    if (!r)
        return NULL;
    spool_reader_trim(r, UINT32_MAX);
    (void)close(r->dir_fd);
    free(r);
    return NULL;
}

void spool_reader_trim(struct spool_reader *r, uint32_t oldest)
{
    for (size_t i = 0; i < OPEN_MAX; i++) {
        if (r->open[i].number < oldest)
            close_one(&r->open[i]);
    }
}

static int fd_of(struct spool_reader *r, uint32_t number)
{
    struct open_segment *oldest = &r->open[0];
    for (size_t i = 0; i < OPEN_MAX; i++) {
        struct open_segment *o = &r->open[i];
        if (o->number == number) {
            o->used = ++r->clock;
            return o->fd;
        }
        if (o->used < oldest->used)
            oldest = o;
    }
    char name[32];
    spool_form_name(number, name);
    int fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    close_one(oldest);
    *oldest = (struct open_segment){number, fd, ++r->clock};
    return fd;
}

int spool_read_head(struct spool_reader *r, struct spool_pos pos, struct spool_head *ret)
{
    if (pos.segment == 0)
        return -ENOENT;
    int fd = fd_of(r, pos.segment);
    if (fd < 0)
        return fd;
    struct spool_head h;
    ssize_t n = pread(fd, &h, sizeof(h), (off_t)pos.offset);
    if (n < 0)
        return -errno;
    if (n != (ssize_t)sizeof(h) || !spool_form_head_good(&h))
        return -EBADMSG;
    *ret = h;
    return 0;
}

int spool_read_block(struct spool_reader *r, struct spool_pos pos, uint8_t *block)
{
    if (pos.segment == 0)
        return -ENOENT;
    int fd = fd_of(r, pos.segment);
    if (fd < 0)
        return fd;
    ssize_t n = pread(fd, block, SPOOL_BLOCK_BYTES, (off_t)pos.offset);
    if (n < 0)
        return -errno;
    struct spool_head h;
    if (n < (ssize_t)sizeof(h))
        return -EBADMSG;
    memcpy(&h, block, sizeof(h));
    if (!spool_form_head_good(&h) || (size_t)n < sizeof(h) + h.bytes ||
        spool_form_sum(block + sizeof(h), h.bytes) != h.data_sum)
        return -EBADMSG;
    return 0;
}
