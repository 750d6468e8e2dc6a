#include "journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int real_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

static int real_reserve(int fd, off_t bytes)
{
    return posix_fallocate(fd, 0, bytes);
}

const struct journal_io journal_io_real = {.open = real_open,
                                           .pwrite = pwrite,
                                           .pread = pread,
                                           .fdatasync = fdatasync,
                                           .fsync = fsync,
                                           .reserve = real_reserve,
                                           .rename = rename,
                                           .unlink = unlink};
const struct journal_io *journal_io = &journal_io_real;

int journal_write_all(int fd, const void *p, size_t n, uint64_t at)
{
    const char *from = p;
    while (n > 0) {
        ssize_t w = journal_io->pwrite(fd, from, n, (off_t)at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return w < 0 ? -errno : -EIO;
        from += w;
        n -= (size_t)w;
        at += (uint64_t)w;
    }
    return 0;
}

int journal_read_all(int fd, void *p, size_t n, uint64_t at)
{
    char *to = p;
    while (n > 0) {
        ssize_t r = journal_io->pread(fd, to, n, (off_t)at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EIO;
        to += r;
        n -= (size_t)r;
        at += (uint64_t)r;
    }
    return 0;
}
