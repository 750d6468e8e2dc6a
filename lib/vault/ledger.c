#include "vault/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/json.h"
#include "base/mono.h"
#include "vault/files.h"

int ledger_open(struct ledger *c, const char *recordings_dir, const struct keyring *keys)
{
    char path[1200], text[66];
    memset(c, 0, sizeof(*c));
    c->keys = keys;
    (void)snprintf(c->dir, sizeof(c->dir), "%s/chain", recordings_dir);
    (void)snprintf(path, sizeof(path), "%s/signing.pub", c->dir);
    int r = folders_make(path, 0750);
    hex_put(text, keys->public_key, KEYRING_PUBLIC);
    text[64] = '\n';
    return r < 0 ? err_trace(r) : file_replace(path, text, 65, 0644);
}

static void hour_of(int64_t wall_us, char ret[LEDGER_HOUR])
{
    char t[40];
    (void)wall_format(wall_us, t, sizeof(t));
    (void)snprintf(ret, LEDGER_HOUR, "%.4s%.2s%.2sT%.2s", t, t + 5, t + 8, t + 11);
}

static void file_of(const struct ledger *c, const char *site, const char *hour, char *buf,
                    size_t cap)
{
    (void)snprintf(buf, cap, "%s/%s/%s.jsonl", c->dir, site, hour);
}

// The newest hour of the folder; "" none.
static int newest_hour(const struct ledger *c, const char *site, char ret[LEDGER_HOUR])
{
    char dir[1200];
    (void)snprintf(dir, sizeof(dir), "%s/%s", c->dir, site);
    ret[0] = '\0';
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n == 11 + 6 && strcmp(e->d_name + 11, ".jsonl") == 0 && memcmp(e->d_name, ret, 11) > 0)
            (void)snprintf(ret, LEDGER_HOUR, "%.11s", e->d_name);
    }
    (void)closedir(d);
    return 0;
}

// Reads the last whole line; what a crash left after it is cut off. 0 and *ret_n, 0 when there is no whole line.
static int last_line(struct ledger *c, int fd, size_t *ret_n)
{
    static char tail[2 * LEDGER_LINE]; // one owner thread
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0;
    ssize_t n = size < 0 ? -1 : pread(fd, tail, sizeof(tail), from);
    *ret_n = 0;
    if (n < 0)
        return -errno;
    size_t end = (size_t)n;
    while (end > 0 && tail[end - 1] != '\n')
        end--;
    if (end < (size_t)n && ftruncate(fd, from + (off_t)end) != 0)
        return -errno;
    if (end == 0)
        return 0;
    size_t begin = --end;
    while (begin > 0 && tail[begin - 1] != '\n')
        begin--;
    if (end - begin >= sizeof(c->line))
        return -EBADMSG;
    memcpy(c->line, tail + begin, end - begin);
    *ret_n = end - begin;
    return 0;
}

// Where the chain of a site ends on disk.
static int find_end(struct ledger *c, const char *site, struct ledger_pos *ret)
{
    char path[1300];
    for (;;) {
        memset(ret, 0, sizeof(*ret));
        int r = newest_hour(c, site, ret->hour);
        if (r < 0 || ret->hour[0] == '\0')
            return r;
        file_of(c, site, ret->hour, path, sizeof(path));
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        size_t n = 0;
        r = last_line(c, fd, &n);
        (void)close(fd);
        if (r < 0)
            return r;
        struct ledger_line l;
        if (n > 0 && !ledger_parse(span_of(c->line, n), &l))
            return -EBADMSG;
        if (n > 0) {
            ret->n = l.n;
            memcpy(ret->hash, l.hash, sizeof(ret->hash));
            return 0;
        }
        if (unlink(path) != 0) // not even its first line was written
            return -errno;
    }
}

static int end_of(struct ledger *c, const char *site, struct ledger_end **ret)
{
    struct ledger_end *oldest = &c->end[0];
    for (size_t i = 0; i < LEDGER_SITES; i++) {
        struct ledger_end *e = &c->end[i];
        if (e->used && strcmp(e->site, site) == 0) {
            e->used = ++c->turn;
            *ret = e;
            return 0;
        }
        oldest = e->used < oldest->used ? e : oldest;
    }
    oldest->used = 0;
    int r = find_end(c, site, &oldest->pos);
    if (r < 0)
        return r;
    (void)snprintf(oldest->site, sizeof(oldest->site), "%s", site);
    oldest->used = ++c->turn;
    *ret = oldest;
    return 0;
}

static void begin_line(struct ledger *c, struct json *j, uint64_t n, const uint8_t prev[32],
                       int64_t wall_us, const char *kind)
{
    char hex[65];
    json_init(j, c->line, sizeof(c->line) - 160); // room for the signature
    hex_put(hex, prev, 32);
    json_obj(j);
    json_kuint(j, "n", n);
    json_kstr(j, "prev", hex);
    json_ktime(j, "at", wall_us);
    json_kstr(j, "kind", kind);
}

static int append(const char *path, const char *p, size_t n, bool create)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | (create ? O_CREAT : 0), 0640);
    if (fd < 0)
        return -errno;
    ssize_t got = write(fd, p, n);
    int r = got == (ssize_t)n ? 0 : got < 0 ? -errno : -ENOSPC;
    if (r == 0 && fdatasync(fd) != 0)
        r = -errno;
    (void)close(fd);
    return r;
}

// Signs the line and adds it to the file of the hour.
static int end_line(struct ledger *c, struct json *j, struct ledger_end *e, const char *hour,
                    uint64_t n)
{
    char path[1300], hex[129];
    uint8_t sig[KEYRING_SIGNATURE];
    if (j->overflow)
        return -EMSGSIZE;
    keyring_sign(c->keys, c->line, j->n, sig);
    hex_put(hex, sig, sizeof(sig));
    int len = snprintf(c->line + j->n, sizeof(c->line) - j->n, ",\"sig\":\"%s\"}\n", hex);
    size_t all = j->n + (size_t)len;
    file_of(c, e->site, hour, path, sizeof(path));
    int r = n == 0 ? folders_make(path, 0750) : 0;
    if (r == 0)
        r = append(path, c->line, all, n == 0);
    if (r < 0) {
        e->used = 0; // what is on disk is looked at again
        return err_trace(r);
    }
    if (hour != e->pos.hour)
        (void)snprintf(e->pos.hour, sizeof(e->pos.hour), "%s", hour);
    e->pos.n = n;
    (void)SHA256((const unsigned char *)c->line, all - 1, e->pos.hash);
    return 0;
}

// The end of the site's chain, in the file of this hour (or a later one: a clock that went back changes nothing).
static int ready_end(struct ledger *c, const char *site, int64_t wall_us, struct ledger_end **ret)
{
    char hour[LEDGER_HOUR], key[65];
    struct json j;
    int r = end_of(c, site, ret);
    if (r < 0)
        return r;
    struct ledger_end *e = *ret;
    hour_of(wall_us, hour);
    if (e->pos.hour[0] && strcmp(hour, e->pos.hour) <= 0)
        return 0;
    hex_put(key, c->keys->public_key, 32);
    begin_line(c, &j, 0, e->pos.hash, wall_us, "begin");
    json_kstr(&j, "site", site);
    json_kstr(&j, "hour", hour);
    json_kstr(&j, "prev_hour", e->pos.hour);
    json_kstr(&j, "key", key);
    return end_line(c, &j, e, hour, 0);
}

static void put_hex(struct json *j, const char *key, const uint8_t *p, size_t n)
{
    static char hex[2 * PROOF_HASH * PROOF_PIECES + 1]; // one owner thread
    hex_put(hex, p, n);
    json_kspan(j, key, span_of(hex, 2 * n));
}

static void put_file(struct json *j, const struct ledger_file *f)
{
    const struct proof *p = f->proof;
    json_obj(j);
    json_kstr(j, "path", f->path);
    json_kuint(j, "bytes", p->bytes);
    json_kuint(j, "lead", p->lead);
    json_kuint(j, "chunk", p->chunk);
    json_kuint(j, "level", p->level);
    put_hex(j, "root", p->root, PROOF_HASH);
    put_hex(j, "pieces", p->piece[0], (size_t)p->pieces * PROOF_HASH);
    json_obj_end(j);
}

int ledger_add_recording(struct ledger *c, const char *site, int64_t wall_us, const struct uuid *id,
                         const struct ledger_file *files, size_t n, struct ledger_pos *ret)
{
    struct ledger_end *e;
    struct json j;
    int r = ready_end(c, site, wall_us, &e);
    if (r < 0)
        return r;
    begin_line(c, &j, e->pos.n + 1, e->pos.hash, wall_us, "recording");
    json_kuuid(&j, "id", id);
    json_key(&j, "files");
    json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put_file(&j, &files[i]);
    json_arr_end(&j);
    r = end_line(c, &j, e, e->pos.hour, e->pos.n + 1);
    *ret = e->pos;
    return r;
}

int ledger_add_erased(struct ledger *c, const char *site, int64_t wall_us, const struct uuid *id,
                      const struct ledger_erased *x, struct ledger_pos *ret)
{
    struct ledger_end *e;
    struct json j;
    int r = ready_end(c, site, wall_us, &e);
    if (r < 0)
        return r;
    begin_line(c, &j, e->pos.n + 1, e->pos.hash, wall_us, "erased");
    json_kuuid(&j, "id", id);
    json_kstr(&j, "basis", x->basis);
    json_kstr(&j, "actor", x->actor);
    json_kstr(&j, "reason", x->reason);
    json_ktime(&j, "asked_at", x->asked_us);
    r = end_line(c, &j, e, e->pos.hour, e->pos.n + 1);
    *ret = e->pos;
    return r;
}
