#include "pause_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "base/mono.h"

#define MAGIC SPAN_LIT("CMPAUSE1")

bool pause_file_path(char *buf, size_t cap, const char *dir, const char *publisher)
{
    int n = snprintf(buf, cap, "%s/pauses-%s", dir, publisher);
    if (n <= 0 || (size_t)n >= cap)
        return false;
    for (char *p = buf + strlen(dir) + 1; *p; p++)
        if (*p == '/')
            *p = '_';
    return true;
}

// ---- its form: numbers with the highest byte first ----

static uint8_t *put(uint8_t *to, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        *to++ = (uint8_t)(v >> (8 * bytes));
    return to;
}

static uint8_t *put_order(uint8_t *to, const struct pause_order *o)
{
    to = put(to, (uint64_t)o->until_us, 8);
    to = put(to, o->addrs, 2);
    to = put(to, o->call_ids, 2);
    for (uint32_t i = 0; i < o->addrs; i++) {
        to = put(to, o->at[i].ip.family, 1);
        memcpy(to, o->at[i].ip.b, 16);
        to = put(to + 16, o->at[i].port, 2);
    }
    for (uint32_t i = 0; i < o->call_ids; i++)
        to = put(to, o->call_id[i], 8);
    return to;
}

size_t pause_file_put(const struct pauses *p, uint8_t buf[static PAUSE_FILE_MAX])
{
    struct span magic = MAGIC;
    memcpy(buf, magic.p, magic.n);
    uint8_t *to = put(buf + magic.n, p->version, 8);
    to = put(to, p->n, 4);
    for (uint32_t i = 0; i < p->n; i++)
        to = put_order(to, &p->order[i]);
    return (size_t)(put(to, XXH3_64bits(buf, (size_t)(to - buf)), 8) - buf);
}

static uint64_t get_u64(struct cur *c)
{
    uint64_t high = cur_u32be(c);
    return high << 32 | cur_u32be(c);
}

static void get_order(struct cur *c, struct pause_order *o)
{
    o->until_us = (int64_t)get_u64(c);
    o->addrs = cur_u16be(c);
    o->call_ids = cur_u16be(c);
    if (o->addrs > PAUSE_ADDRS || o->call_ids > PAUSE_CALL_IDS)
        c->failed = true;
    for (uint32_t i = 0; i < o->addrs && !c->failed; i++) {
        o->at[i].ip.family = cur_u8(c);
        struct span ip = cur_take(c, 16);
        if (ip.n == 16)
            memcpy(o->at[i].ip.b, ip.p, 16);
        o->at[i].port = cur_u16be(c);
    }
    for (uint32_t i = 0; i < o->call_ids && !c->failed; i++)
        o->call_id[i] = get_u64(c);
}

bool pause_file_get(struct span bytes, struct pauses *ret)
{
    struct span magic = MAGIC;
    memset(ret, 0, sizeof *ret);
    if (bytes.n < magic.n + 20 || !span_eq(span_sub(bytes, 0, magic.n), magic))
        return false;
    struct cur sum = cur_of(span_sub(bytes, bytes.n - 8, 8));
    if (get_u64(&sum) != XXH3_64bits(bytes.p, bytes.n - 8))
        return false;
    struct cur c = cur_of(span_sub(bytes, magic.n, bytes.n - magic.n - 8));
    ret->version = get_u64(&c);
    ret->n = cur_u32be(&c);
    if (ret->n > PAUSE_ORDERS)
        c.failed = true;
    for (uint32_t i = 0; i < ret->n && !c.failed; i++)
        get_order(&c, &ret->order[i]);
    if (!c.failed && cur_left(&c) == 0)
        return true;
    memset(ret, 0, sizeof *ret);
    return false;
}

// ---- on disk ----

static int sync_folder(const char *path)
{
    char dir[1024];
    const char *slash = strrchr(path, '/');
    int n = snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (n <= 0 || (size_t)n >= sizeof dir)
        return -ENAMETOOLONG;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    return r;
}

static int write_whole(const char *path, const uint8_t *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = 0;
    while (n > 0 && r == 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            r = done < 0 ? -errno : -EIO;
        else
            p += done, n -= (size_t)done;
    }
    if (r == 0 && fdatasync(fd) != 0)
        r = -errno;
    if (close(fd) != 0 && r == 0)
        r = -errno;
    return r;
}

int pause_file_write(const char *path, const struct pauses *p)
{
    static uint8_t buf[PAUSE_FILE_MAX]; // one writer in a process
    char tmp[1024];
    int n = snprintf(tmp, sizeof tmp, "%s.new", path);
    if (n <= 0 || (size_t)n >= sizeof tmp)
        return -ENAMETOOLONG;
    int r = write_whole(tmp, buf, pause_file_put(p, buf));
    if (r == 0 && rename(tmp, path) != 0)
        r = -errno;
    return r ? r : sync_folder(path);
}

// Its bytes, at most one more than there can be. Negative errno.
static ssize_t read_whole(int fd, uint8_t buf[static PAUSE_FILE_MAX + 1])
{
    size_t n = 0;
    while (n < PAUSE_FILE_MAX + 1) {
        ssize_t got = read(fd, buf + n, PAUSE_FILE_MAX + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static enum pause_found in_doubt(int64_t changed_us, int64_t now_us, int64_t doubt_us,
                                 struct pauses *ret)
{
    if (changed_us > now_us)
        changed_us = now_us;
    *ret = (struct pauses){.version = PAUSE_VERSION_DOUBT, .doubt_until_us = changed_us + doubt_us};
    (void)pauses_expire(ret, now_us);
    return PAUSE_FOUND_BROKEN;
}

enum pause_found pause_file_read(const char *path, int64_t now_us, int64_t doubt_us,
                                 struct pauses *ret)
{
    static uint8_t buf[PAUSE_FILE_MAX + 1];
    memset(ret, 0, sizeof *ret);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return PAUSE_FOUND_NONE;
    struct stat st;
    bool known = fd >= 0 && fstat(fd, &st) == 0;
    ssize_t n = fd >= 0 ? read_whole(fd, buf) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 0 || !pause_file_get(span_of(buf, (size_t)n), ret))
        return in_doubt(known ? st.st_mtim.tv_sec * US_PER_S : now_us, now_us, doubt_us, ret);
    (void)pauses_expire(ret, now_us);
    return PAUSE_FOUND;
}
