// files.h: small files that are whole or not there: read with a bound, replaced by rename after fsync. Any thread.
#pragma once
#include <stddef.h>
#include <sys/types.h>

// At most cap bytes. 0, -EFBIG when it is longer, or negative errno.
int file_read(const char *path, void *buf, size_t cap, size_t *ret_n);
// <path>.part, fsync, rename, fsync of the folder.
int file_replace(const char *path, const void *p, size_t n, mode_t mode);
// Over the bytes of a file that is there, fsync.
int file_overwrite(const char *path, const void *p, size_t n);
// The folders above path.
int folders_make(const char *path, mode_t mode);
// Each regular file below dir (no symbolic links are followed), until fn says non-zero. A dir that is not there: 0.
int files_each(const char *dir, int (*fn)(void *ctx, const char *path), void *ctx);
