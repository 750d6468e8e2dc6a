#include "vault/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"

#define DEPTH 12 // folders below the first

int file_read(const char *path, void *buf, size_t cap, size_t *ret_n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t n = 0;
    int r = 0;
    char more;
    while (r == 0 && n < cap) {
        ssize_t got = read(fd, (char *)buf + n, cap - n);
        if (got < 0 && errno != EINTR)
            r = -errno;
        else if (got == 0)
            break;
        else if (got > 0)
            n += (size_t)got;
    }
    if (r == 0 && n == cap && read(fd, &more, 1) > 0)
        r = -EFBIG;
    (void)close(fd);
    *ret_n = n;
    return r;
}

static int write_all(int fd, const void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = write(fd, (const char *)p + done, n - done);
        if (got < 0 && errno != EINTR)
            return -errno;
        done += got > 0 ? (size_t)got : 0;
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

static int sync_folder(const char *path)
{
    char dir[4200];
    (void)snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash)
        return 0;
    slash[slash == dir] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) == 0 ? 0 : -errno;
    (void)close(fd);
    return r;
}

int file_replace(const char *path, const void *p, size_t n, mode_t mode)
{
    char part[4200];
    (void)snprintf(part, sizeof(part), "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_trace(-errno);
    int r = write_all(fd, p, n);
    (void)close(fd);
    if (r == 0 && rename(part, path) != 0)
        r = -errno;
    if (r < 0)
        (void)unlink(part);
    return r < 0 ? err_trace(r) : sync_folder(path);
}

int file_overwrite(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, p, n);
    (void)close(fd);
    return r;
}

int folders_make(const char *path, mode_t mode)
{
    char p[4200];
    (void)snprintf(p, sizeof(p), "%s", path);
    for (char *s = p + 1; *s; s++) {
        if (*s != '/')
            continue;
        *s = '\0';
        int r = mkdir(p, mode) != 0 && errno != EEXIST ? -errno : 0;
        *s = '/';
        if (r < 0)
            return r;
    }
    return 0;
}

static int each(char *path, size_t n, size_t cap, int depth, int (*fn)(void *, const char *),
                void *ctx)
{
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? 0 : -errno;
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int len = snprintf(path + n, cap - n, "/%s", e->d_name);
        if (len <= 0 || (size_t)len >= cap - n || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth > 0)
            r = each(path, n + (size_t)len, cap, depth - 1, fn, ctx);
        else if (S_ISREG(st.st_mode))
            r = fn(ctx, path);
    }
    path[n] = '\0';
    (void)closedir(d);
    return r;
}

int files_each(const char *dir, int (*fn)(void *ctx, const char *path), void *ctx)
{
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s", dir);
    return each(path, strlen(path), sizeof(path), DEPTH, fn, ctx);
}
