// spool_reader.c: the reading side, for the cutter: blocks by position, a few segment files kept open. A call's blocks are asked for
// three times (the chain backwards, the timelines, the sound), so those read last stay in memory: a block never changes once it
// has a position. All of two minutes of a call fit; of a longer one each is read again.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "spool.h"
#include "spool_form.h"

#define OPEN_MAX 16u
#define KEPT     512u // blocks: 4 MiB

struct open_segment {
    uint32_t number; // 0: free
    int fd;
    uint64_t used;
};

struct kept {
    struct spool_pos pos; // segment 0: nothing
    uint32_t n;           // bytes that were there from pos on
    bool data_good;       // its sum was checked
};

struct spool_reader {
    int dir_fd;
    uint64_t clock;
    struct kept kept[KEPT];
    uint8_t *blocks; // of each place
    struct open_segment open[OPEN_MAX];
};

struct spool_reader *spool_reader_new(const char *dir)
{
    struct spool_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r->blocks = mem_take((size_t)KEPT * SPOOL_BLOCK_BYTES);
    return r->dir_fd >= 0 && r->blocks ? r : spool_reader_free(r);
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
    if (r->dir_fd >= 0)
        (void)close(r->dir_fd);
    if (r->blocks)
        mem_give(r->blocks, (size_t)KEPT * SPOOL_BLOCK_BYTES);
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

static size_t place_of(struct spool_pos pos)
{
    uint64_t v = (uint64_t)pos.segment << 32 | pos.offset;
    return (size_t)(v * UINT64_C(0x9E3779B97F4A7C15) >> 32) % KEPT;
}

// The block with a good head, in its place of those that are kept.
static int keep(struct spool_reader *r, struct spool_pos pos, struct kept **ret,
                uint8_t **ret_block)
{
    if (pos.segment == 0)
        return -ENOENT;
    size_t i = place_of(pos);
    struct kept *k = &r->kept[i];
    *ret = k;
    *ret_block = r->blocks + i * SPOOL_BLOCK_BYTES;
    if (k->pos.segment == pos.segment && k->pos.offset == pos.offset)
        return 0;
    int fd = fd_of(r, pos.segment);
    if (fd < 0)
        return fd;
    k->pos.segment = 0;
    ssize_t n = pread(fd, *ret_block, SPOOL_BLOCK_BYTES, (off_t)pos.offset);
    if (n < 0)
        return -errno;
    struct spool_head h;
    if (n < (ssize_t)sizeof(h))
        return -EBADMSG;
    memcpy(&h, *ret_block, sizeof(h));
    if (!spool_form_head_good(&h))
        return -EBADMSG;
    *k = (struct kept){.pos = pos, .n = (uint32_t)n};
    return 0;
}

int spool_read_head(struct spool_reader *r, struct spool_pos pos, struct spool_head *ret)
{
    struct kept *k;
    uint8_t *block;
    int e = keep(r, pos, &k, &block);
    if (e == 0)
        memcpy(ret, block, sizeof(*ret));
    return e;
}

int spool_read_block(struct spool_reader *r, struct spool_pos pos, uint8_t *block)
{
    struct kept *k;
    uint8_t *from;
    struct spool_head h;
    int e = keep(r, pos, &k, &from);
    if (e < 0)
        return e;
    memcpy(&h, from, sizeof(h));
    if (!k->data_good) {
        if (k->n < sizeof(h) + h.bytes || spool_form_sum(from + sizeof(h), h.bytes) != h.data_sum)
            return -EBADMSG;
        k->data_good = true;
    }
    memcpy(block, from, sizeof(h) + h.bytes);
    return 0;
}
