// journal_io.h: the only system calls of the journal's files, as a table, so that a test can let the N-th one fail.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct journal_io {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t at);
    ssize_t (*pread)(int fd, void *p, size_t n, off_t at);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*reserve)(int fd, off_t bytes); // posix_fallocate from 0: gives the error, not errno
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
};
extern const struct journal_io journal_io_real;
extern const struct journal_io *journal_io; // set before a journal is opened; only tests set it

// The whole of it, also when the kernel takes or gives parts. 0 or negative errno; a short read is -EIO.
int journal_write_all(int fd, const void *p, size_t n, uint64_t at);
int journal_read_all(int fd, void *p, size_t n, uint64_t at);
