// The directory of a journal: its head, its lock, its segments and their room.
#include "journal_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/mem.h"
#include "journal_io.h"

#define PATH_MAX_HERE 4096u
#define HEAD_BYTES    4096u

uint64_t disk_sum(const struct journal_disk *d, const void *p, size_t n)
{
    return XXH3_64bits_withSeed(p, n, d->seed);
}

static void name_in(const struct journal_disk *d, char *buf, const char *name)
{
    snprintf(buf, PATH_MAX_HERE, "%s/%s", d->dir, name);
}

static void segment_name(const struct journal_disk *d, char *buf, unsigned slot)
{
    snprintf(buf, PATH_MAX_HERE, "%s/%03u.seg", d->dir, slot);
}

// Without it a power cut could pass for a restart, and what it cost would be told by nobody.
static int boot_id_read(uint8_t id[40])
{
    memset(id, 0, 40);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = read(fd, id, 39) > 0 ? 0 : -EIO;
    close(fd);
    return r;
}

// ---- head ---------------------------------------------------------------------------------------------------------

void disk_mark(struct journal_disk *d, int place, uint64_t seq)
{
    struct journal_mark m = {.seq = seq, .sum = disk_sum(d, &seq, sizeof(seq))};
    if (d->mark_fd >= 0) // a mark that cannot be written is only older than the truth
        (void)journal_write_all(d->mark_fd, &m, sizeof(m), (uint64_t)place);
}

static uint64_t head_sum(const struct journal_head *h)
{
    return XXH3_64bits(h, offsetof(struct journal_head, sum));
}

// New, synced, in place, directory synced.
int disk_head_write(struct journal *j, bool clean)
{
    struct journal_disk *d = j->d;
    char tmp[PATH_MAX_HERE], path[PATH_MAX_HERE];
    uint8_t page[HEAD_BYTES] = {0};
    d->head.clean = clean;
    d->head.floor = j->next - 1;
    if (!d->sync && !clean && d->promised > d->head.floor)
        d->head.floor = d->promised;
    d->head.sum = head_sum(&d->head);
    memcpy(page, &d->head, sizeof(d->head));
    const uint64_t marks[] = {j->committed, d->seen};
    for (int i = 0; i < 2; i++) {
        struct journal_mark m = {.seq = marks[i], .sum = disk_sum(d, &marks[i], sizeof(marks[i]))};
        memcpy(page + (i ? MARK_SEEN : MARK_COMMIT), &m, sizeof(m));
    }
    name_in(d, tmp, "journal.new");
    name_in(d, path, "journal");
    int fd = journal_io->open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    int r = journal_write_all(fd, page, sizeof(page), 0);
    if (r == 0 && (journal_io->fsync(fd) != 0 || journal_io->rename(tmp, path) != 0))
        r = -errno;
    if (r < 0) {
        close(fd);
        return r;
    }
    if (d->mark_fd >= 0)
        close(d->mark_fd);
    d->mark_fd = fd;
    return journal_io->fsync(d->dir_fd) == 0 ? 0 : -errno;
}

// 1: there was a head; 0: there is none yet.
static int head_read(struct journal_disk *d, char *err, size_t cap)
{
    char path[PATH_MAX_HERE];
    name_in(d, path, "journal");
    int fd = journal_io->open(path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0)
        return errno == ENOENT ? 0 : journal_fail(-errno, err, cap, "open", path);
    d->mark_fd = fd;
    int r = journal_read_all(fd, &d->head, sizeof(d->head), 0);
    if (r < 0 || d->head.magic != HEAD_MAGIC || d->head.sum != head_sum(&d->head))
        return journal_fail(r == -EIO || r == 0 ? -EINVAL : r, err, cap,
                            "its head is not one of a journal", path);
    return 1;
}

// ---- segments -----------------------------------------------------------------------------------------------------

// Opens the slot's file and reserves its room; a bad one is made anew.
static int segment_open(struct journal_disk *d, struct segment *s, bool anew)
{
    char path[PATH_MAX_HERE];
    segment_name(d, path, s->slot);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (anew && journal_io->unlink(path) != 0 && errno != ENOENT)
        return -errno;
    s->fd = journal_io->open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->fd < 0)
        return -errno;
    int r = journal_io->reserve(s->fd, (off_t)d->segment_bytes);
    struct stat st;
    if (r == 0 && fstat(s->fd, &st) == 0) {
        s->size = (uint64_t)st.st_size;
        s->bad = false;
        return 0;
    }
    close(s->fd);
    s->fd = -1;
    if (anew)
        journal_io->unlink(path);
    return r ? -r : -EIO;
}

// Every file must be ours: a foreign one in the directory is not touched and not passed over.
static int segments_find(struct journal_disk *d, bool had_head, char *err, size_t cap)
{
    DIR *dir = opendir(d->dir);
    if (!dir)
        return journal_fail(-errno, err, cap, "open", d->dir);
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(dir));) {
        unsigned slot;
        char rest, path[PATH_MAX_HERE];
        struct stat st;
        if (e->d_name[0] == '.' || strcmp(e->d_name, "journal") == 0 ||
            strcmp(e->d_name, "journal.new") == 0 || strcmp(e->d_name, "lost+found") == 0)
            continue;
        if (!had_head || strlen(e->d_name) != 7 ||
            sscanf(e->d_name, "%3u.se%c", &slot, &rest) != 2 || rest != 'g' ||
            slot >= JOURNAL_SEGMENTS) {
            snprintf(err, cap, "journal %s: %s in it is not of a journal, nothing was touched",
                     d->dir, e->d_name);
            r = -EINVAL;
            break;
        }
        struct segment s = {.slot = (uint16_t)slot};
        segment_name(d, path, slot);
        s.fd = journal_io->open(path, O_RDWR | O_CLOEXEC, 0);
        if (s.fd < 0 || fstat(s.fd, &st) != 0) {
            r = journal_fail(-errno, err, cap, "open", path);
            break;
        }
        s.size = (uint64_t)st.st_size;
        s.bad = s.size != d->segment_bytes;
        d->spare[d->spare_n++] = s;
    }
    closedir(dir);
    return r;
}

static uint64_t bytes_held(const struct journal_disk *d)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < d->live_n; i++)
        n += d->live[i].size;
    for (uint32_t i = 0; i < d->spare_n; i++)
        n += d->spare[i].bad ? d->segment_bytes : d->spare[i].size;
    return n;
}

static bool slot_taken(const struct journal_disk *d, unsigned slot)
{
    for (uint32_t i = 0; i < d->live_n; i++)
        if (d->live[i].slot == slot)
            return true;
    for (uint32_t i = 0; i < d->spare_n; i++)
        if (d->spare[i].slot == slot)
            return true;
    return false;
}

static void spare_away(struct journal_disk *d, uint32_t i)
{
    char path[PATH_MAX_HERE];
    segment_name(d, path, d->spare[i].slot);
    if (d->spare[i].fd >= 0)
        close(d->spare[i].fd);
    journal_io->unlink(path);
    d->spare[i] = d->spare[--d->spare_n];
}

// Reserves all the room now, so that a full disk is met here. Less than all is enough when there are two segments.
static int segments_reserve(struct journal *j, char *err, size_t cap)
{
    struct journal_disk *d = j->d;
    for (uint32_t i = d->spare_n; i-- > 0;) {
        bool more = bytes_held(d) > j->bytes;
        if (more || (d->spare[i].bad && segment_open(d, &d->spare[i], true) < 0))
            spare_away(d, i);
    }
    for (unsigned slot = 0; slot < JOURNAL_SEGMENTS; slot++) {
        if (slot_taken(d, slot))
            continue;
        if (bytes_held(d) + d->segment_bytes > j->bytes)
            break;
        struct segment s = {.slot = (uint16_t)slot, .fd = -1};
        int r = segment_open(d, &s, true);
        if (r == 0) {
            d->spare[d->spare_n++] = s;
            continue;
        }
        j->io_failed++;
        if (d->live_n + d->spare_n < 2)
            return journal_fail(r, err, cap, "reserve room", d->dir);
        break;
    }
    return journal_io->fsync(d->dir_fd) == 0 ? 0 : journal_fail(-errno, err, cap, "sync", d->dir);
}

// Takes the oldest segment out of the table. False: it holds what must stay.
static bool drop_oldest(struct journal *j, struct segment *ret)
{
    struct journal_disk *d = j->d;
    uint64_t lost = segment_uncommitted(j, &d->live[0]);
    if (lost > 0 && j->keep)
        return false;
    j->overwritten += lost;
    *ret = d->live[0];
    memmove(d->live, d->live + 1, --d->live_n * sizeof(d->live[0]));
    return true;
}

// Makes this the segment that is written to. A file that cannot be made is tried again after the other spare ones.
static int segment_begin(struct journal *j, struct segment s, pthread_mutex_t *lock)
{
    struct journal_disk *d = j->d;
    int r = 0;
    if (s.bad || s.fd < 0 || s.size != d->segment_bytes) {
        if (lock)
            pthread_mutex_unlock(lock);
        r = segment_open(d, &s, true);
        if (r == 0 && journal_io->fsync(d->dir_fd) != 0)
            r = -errno;
        if (lock)
            pthread_mutex_lock(lock);
    }
    if (r < 0) {
        if (s.fd >= 0)
            close(s.fd);
        s = (struct segment){.slot = s.slot, .fd = -1, .bad = true, .size = d->segment_bytes};
        memmove(d->spare + 1, d->spare, d->spare_n++ * sizeof(s));
        d->spare[0] = s;
        return r;
    }
    d->live[d->live_n++] = (struct segment){.serial = ++d->serial,
                                            .size = s.size,
                                            .used = sizeof(struct segment_head),
                                            .fd = s.fd,
                                            .slot = s.slot};
    d->fresh = false;
    return 0;
}

int disk_next_segment(struct journal *j, pthread_mutex_t *lock)
{
    struct journal_disk *d = j->d;
    struct segment s;
    int r = -EAGAIN;
    if (d->spare_n > 0) {
        r = segment_begin(j, d->spare[--d->spare_n], lock);
        if (r != -ENOSPC && r != -EDQUOT)
            return r;
    }
    // No spare one, or no room to make it: the oldest goes. A disk that fails otherwise is no reason to lose it.
    if (d->live_n == 0 || !drop_oldest(j, &s))
        return r;
    return segment_begin(j, s, lock);
}

// ---- open and close -----------------------------------------------------------------------------------------------

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int take_memory(struct journal *j)
{
    struct journal_disk *d = j->d;
    uint64_t record = record_space(smaller(JOURNAL_RECORD_MAX, d->segment_bytes));
    d->batch_cap = sizeof(struct segment_head) + JOURNAL_BATCH + record + record_space(0);
    d->batch = mem_take(d->batch_cap);
    d->w.p = mem_take(record_space(JOURNAL_RECORD_MAX));
    int r = jring_take(&d->stage, smaller(j->bytes, d->sync ? JOURNAL_STAGE : JOURNAL_STAGE_LAZY));
    return d->batch && d->w.p ? r : -ENOMEM;
}

static void sizes(struct journal *j)
{
    uint64_t n = j->bytes / JOURNAL_SEGMENT_BEST;
    n = n < 8 ? 8 : n > JOURNAL_SEGMENTS ? JOURNAL_SEGMENTS : n;
    uint64_t each = j->bytes / n / HEAD_BYTES * HEAD_BYTES;
    if (each < JOURNAL_SEGMENT_MIN)
        each = JOURNAL_SEGMENT_MIN;
    if (j->bytes < 2 * each)
        j->bytes = 2 * each;
    j->d->segment_bytes = each;
}

static int open_dir(struct journal_disk *d, char *err, size_t cap)
{
    struct stat st;
    if (mkdir(d->dir, 0750) != 0 && errno != EEXIST)
        return journal_fail(-errno, err, cap, "make the directory", d->dir);
    if (stat(d->dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return journal_fail(-ENOTDIR, err, cap, "this is not a journal", d->dir);
    d->dir_fd = journal_io->open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (d->dir_fd < 0 || flock(d->dir_fd, LOCK_EX | LOCK_NB) != 0)
        return journal_fail(-errno, err, cap, d->dir_fd < 0 ? "open" : "in use by another process",
                            d->dir);
    return 0;
}

int disk_open(struct journal *j, const char *path, char *err, size_t cap)
{
    struct journal_disk *d = j->d;
    uint8_t boot[40];
    if (strlen(path) > PATH_MAX_HERE - 32)
        return journal_fail(-ENAMETOOLONG, err, cap, "open", path);
    d->dir = strdup(path);
    sizes(j);
    if (!d->dir || take_memory(j) < 0)
        return journal_fail(-ENOMEM, err, cap, "open", path);
    int r = open_dir(d, err, cap);
    if (r == 0)
        r = head_read(d, err, cap);
    if (r < 0)
        return r;
    bool had_head = r == 1;
    if (!had_head) {
        d->head.magic = HEAD_MAGIC;
        if (getrandom(d->head.incarnation, 16, 0) != 16)
            return journal_fail(-EIO, err, cap, "no random bytes", path);
    }
    r = boot_id_read(boot);
    if (r < 0)
        return journal_fail(r, err, cap, "this boot's id cannot be read", d->dir);
    d->seed = XXH3_64bits(d->head.incarnation, 16);
    bool other_boot = had_head && !d->head.clean && memcmp(boot, d->head.boot_id, 40) != 0;
    r = segments_find(d, had_head, err, cap);
    if (r == 0)
        r = disk_recover(j, other_boot, err, cap);
    if (r < 0)
        return r;
    memcpy(d->head.boot_id, boot, 40);
    memcpy(j->incarnation, d->head.incarnation, 16);
    j->after_power_cut = other_boot;
    j->epoch = ++d->head.epoch;
    r = disk_head_write(j, false);
    if (r < 0)
        return journal_fail(r, err, cap, "write its head", path);
    return segments_reserve(j, err, cap);
}

void disk_free(struct journal *j)
{
    struct journal_disk *d = j->d;
    for (uint32_t i = 0; i < d->live_n; i++)
        close(d->live[i].fd);
    for (uint32_t i = 0; i < d->spare_n; i++)
        if (d->spare[i].fd >= 0)
            close(d->spare[i].fd);
    d->live_n = d->spare_n = 0;
    if (d->mark_fd >= 0)
        close(d->mark_fd);
    if (d->dir_fd >= 0)
        close(d->dir_fd);
    d->mark_fd = d->dir_fd = -1;
    if (d->batch)
        mem_give(d->batch, d->batch_cap);
    if (d->w.p)
        mem_give(d->w.p, record_space(JOURNAL_RECORD_MAX));
    jring_give(&d->stage);
    free(d->dir);
    d->batch = d->w.p = NULL;
    d->dir = NULL;
}
