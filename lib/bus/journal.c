#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/fail.h"
#include "base/mem.h"
#include "bus/bus.h"

// Positions are logical: they only grow, the place in the file is position % bytes. A record does not cross the end
// of the ring: a WRAP record (or fewer bytes than a record's head) fills what is left.
#define PAGE       4096u
#define MAGIC      UINT64_C(0x314e52554f4a4d43) // "CMJOURN1"
#define RECORD_MAX (BUS_MESSAGE_MAX + 4096u)
#define KIND_DATA  1u
#define KIND_WRAP  2u
#define KIND_HOLE  3u // len bytes that hold nothing; seq is the last one lost in it

struct file_head {
    uint64_t magic;
    uint64_t bytes; // of the ring behind this page
    uint8_t incarnation[16];
    uint64_t epoch;
    _Atomic uint64_t tail, head; // positions
    _Atomic uint64_t head_seq, committed_seq;
    uint64_t clean; // 1: closed in order
    uint8_t boot_id[40];
};

struct record {
    uint32_t len; // of the bytes after this head
    uint32_t kind;
    uint64_t seq;
    uint64_t sum; // XXH3 of the bytes, seeded with seq, len and kind
};

struct journal {
    struct file_head *h;
    uint8_t *ring;
    uint64_t bytes;
    uint64_t first_seq;
    uint64_t overwritten, damaged;
    uint64_t hint_seq, hint_pos; // where the last read ended: reads go forward
    int fd;
    bool keep, reborn, in_memory;
};

static uint64_t padded(uint64_t len)
{
    return (sizeof(struct record) + len + 7) & ~UINT64_C(7);
}

static struct record *record_at(const struct journal *j, uint64_t pos)
{
    return (struct record *)(void *)(j->ring + pos % j->bytes);
}

static uint64_t room_to_end(const struct journal *j, uint64_t pos)
{
    return j->bytes - pos % j->bytes;
}

static uint64_t record_sum(const struct record *r)
{
    uint64_t seed = r->seq * UINT64_C(0x9e3779b97f4a7c15) + ((uint64_t)r->len << 8) + r->kind;
    return XXH3_64bits_withSeed(r + 1, r->kind == KIND_DATA ? r->len : 0, seed);
}

// A record that lies wholly before the end of the ring and before limit, and whose sum is right.
static bool record_good(const struct journal *j, uint64_t pos, uint64_t limit)
{
    uint64_t room = room_to_end(j, pos);
    if (room < sizeof(struct record) || pos + sizeof(struct record) > limit)
        return false;
    const struct record *r = record_at(j, pos);
    if (r->kind < KIND_DATA || r->kind > KIND_HOLE || (r->kind == KIND_DATA && r->len > RECORD_MAX))
        return false;
    if (padded(r->len) > room || pos + padded(r->len) > limit)
        return false;
    return record_sum(r) == r->sum;
}

static void record_put(struct journal *j, uint64_t pos, uint32_t kind, uint64_t len, uint64_t seq)
{
    struct record *r = record_at(j, pos);
    r->len = (uint32_t)len;
    r->kind = kind;
    r->seq = seq;
    r->sum = record_sum(r);
}

// Position of the next record at or after pos, past what fills the end of the ring.
static uint64_t skip_wrap(const struct journal *j, uint64_t pos)
{
    uint64_t room = room_to_end(j, pos);
    if (room < sizeof(struct record) || (room < j->bytes && record_at(j, pos)->kind == KIND_WRAP))
        return pos + room;
    return pos;
}

// ---- recovery -----------------------------------------------------------------------------------------------------

// Bytes from bad to the next good record (or to head) hold nothing readable: make them a hole.
static uint64_t heal(struct journal *j, uint64_t bad, uint64_t last_seq)
{
    uint64_t head = j->h->head, head_seq = j->h->head_seq;
    uint64_t end = bad + room_to_end(j, bad) < head ? bad + room_to_end(j, bad) : head;
    if (end - bad < sizeof(struct record)) {
        j->h->head = bad;
        return bad;
    }
    uint64_t next = bad + sizeof(struct record);
    for (; next < end; next += 8) {
        if (!record_good(j, next, head))
            continue;
        const struct record *r = record_at(j, next);
        if (r->kind == KIND_WRAP || (r->seq > last_seq && r->seq <= head_seq))
            break;
    }
    if (next > end)
        next = end;
    uint64_t lost_to =
        last_seq; // unknown when the hole reaches the end of the ring: the next good record tells
    if (next < end && record_at(j, next)->kind != KIND_WRAP)
        lost_to = record_at(j, next)->seq - 1;
    else if (next == head)
        lost_to = head_seq;
    record_put(j, bad, KIND_HOLE, next - bad - sizeof(struct record), lost_to);
    return next;
}

// Walks from tail to head; leaves first_seq set, damaged records as holes and head_seq true.
static void recover(struct journal *j)
{
    if (j->h->tail >
        j->h->head) // killed while the first record of an empty journal was being written
        j->h->head = j->h->tail;
    uint64_t pos = j->h->tail, last = 0, good = 0;
    bool any = false;
    while ((pos = skip_wrap(j, pos)) < j->h->head) {
        if (!record_good(j, pos, j->h->head)) {
            pos = heal(j, pos, last);
            continue;
        }
        const struct record *r = record_at(j, pos);
        if (r->kind == KIND_DATA) {
            if (!any)
                j->first_seq = r->seq;
            any = true;
            good++;
            last = r->seq;
        }
        pos += padded(r->len);
    }
    if (last > j->h->head_seq) // killed between the two stores that end an append
        j->h->head_seq = last;
    if (!any)
        j->first_seq = j->h->head_seq + 1;
    else if (j->h->head_seq + 1 - j->first_seq > good)
        j->damaged = j->h->head_seq + 1 - j->first_seq - good;
    if (!any && j->h->head != j->h->tail)
        j->damaged =
            j->h->head_seq > j->h->committed_seq ? j->h->head_seq - j->h->committed_seq : 0;
}

// ---- open and close -----------------------------------------------------------------------------------------------

static void boot_id_read(uint8_t id[40])
{
    memset(id, 0, 40);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, id, 39) < 0)
        memset(id, 0, 40);
    close(fd);
}

static int fail_line(int r, char *err, size_t cap, const char *what, const char *path)
{
    snprintf(err, cap, "journal %s: %s: %s", path ? path : "(memory)", what, strerror(-r));
    return r;
}

static int new_life(struct journal *j)
{
    uint8_t boot[40];
    boot_id_read(boot);
    struct file_head *h = j->h;
    bool power_cut = h->epoch > 0 && !h->clean && memcmp(boot, h->boot_id, sizeof(boot)) != 0;
    bool nonsense = h->head % 8 != 0 || h->tail % 8 != 0 ||
                    (h->head > h->tail && h->head - h->tail > j->bytes) ||
                    h->tail > h->head + j->bytes || h->committed_seq > h->head_seq + 1;
    if (power_cut || nonsense || h->epoch == 0) {
        j->reborn = power_cut || nonsense;
        if (getrandom(h->incarnation, sizeof(h->incarnation), 0) != sizeof(h->incarnation))
            return -EIO;
        h->epoch = 0;
        h->tail = h->head = h->head_seq = h->committed_seq = 0;
    }
    memcpy(h->boot_id, boot, sizeof(boot));
    h->clean = 0;
    recover(j);
    h->epoch++;
    return 0;
}

// Maps the file; a new one is laid out in full first, so that a full disk is an error here and not a SIGBUS later.
static int map_file(struct journal *j, const char *path, char *err, size_t cap)
{
    j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (j->fd < 0)
        return fail_line(-errno, err, cap, "open", path);
    if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
        return fail_line(-errno, err, cap, "in use by another process", path);
    struct stat st;
    if (fstat(j->fd, &st) != 0)
        return fail_line(-errno, err, cap, "stat", path);
    struct file_head old = {0};
    bool fresh = st.st_size == 0;
    if (!fresh) {
        if (pread(j->fd, &old, sizeof(old), 0) != (ssize_t)sizeof(old) ||
            (old.magic != MAGIC && old.magic != 0))
            return fail_line(-EINVAL, err, cap, "this is not a journal", path);
        fresh = old.magic == 0; // the first start was killed before it had finished
    }
    bool resize = !fresh && old.bytes != j->bytes && old.head_seq == old.committed_seq;
    if (!fresh && !resize)
        j->bytes = old.bytes; // with uncommitted records in it the size stays as it was
    if (j->bytes % PAGE != 0 || j->bytes < PAGE || j->bytes > (UINT64_C(1) << 40))
        return fail_line(-EINVAL, err, cap, "bad size in its head", path);
    int r = posix_fallocate(j->fd, 0, (off_t)(PAGE + j->bytes));
    if (r != 0)
        return fail_line(-r, err, cap, "reserve space", path);
    void *m = mmap(NULL, PAGE + j->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
    if (m == MAP_FAILED)
        return fail_line(-errno, err, cap, "mmap", path);
    j->h = m;
    if (resize)
        j->h->tail = j->h->head = 0;
    return 0;
}

int journal_open(struct journal **ret, const char *path, uint64_t bytes, bool keep, char *err,
                 size_t err_cap)
{
    struct journal *j = calloc(1, sizeof(*j));
    if (!j)
        return fail_line(-ENOMEM, err, err_cap, "open", path);
    j->fd = -1;
    j->keep = keep;
    j->bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    if (j->bytes < PAGE)
        j->bytes = PAGE;
    int r = 0;
    if (path) {
        r = map_file(j, path, err, err_cap);
    } else {
        j->h = mem_take(PAGE + j->bytes);
        j->in_memory = true;
        if (!j->h)
            r = fail_line(-ENOMEM, err, err_cap, "no memory", path);
    }
    if (r == 0) {
        j->ring = (uint8_t *)j->h + PAGE;
        j->h->bytes = j->bytes;
        r = new_life(j);
        if (r < 0)
            fail_line(r, err, err_cap, "no random bytes", path);
        j->h->magic = MAGIC;
    }
    if (r < 0) {
        journal_free(j);
        return r;
    }
    *ret = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j || j->fd < 0)
        return;
    if (msync(j->h, PAGE + j->bytes, MS_SYNC) == 0) {
        j->h->clean = 1;
        msync(j->h, PAGE, MS_SYNC);
    }
    flock(j->fd, LOCK_UN); // the mapping would keep it
    close(j->fd);
    j->fd = -1;
}

struct journal *journal_free(struct journal *j)
{
    if (!j)
        return NULL;
    if (j->h && j->in_memory)
        mem_give(j->h, PAGE + j->bytes);
    else if (j->h)
        munmap(j->h, PAGE + j->bytes);
    if (j->fd >= 0)
        close(j->fd);
    free(j);
    return NULL;
}

// ---- use ----------------------------------------------------------------------------------------------------------

// Takes the oldest record away. False: it is uncommitted and we keep those.
static bool forget_oldest(struct journal *j)
{
    struct file_head *h = j->h;
    uint64_t pos = skip_wrap(j, h->tail);
    must(pos < h->head);
    const struct record *r = record_at(j, pos);
    if (r->kind == KIND_DATA) {
        if (r->seq > h->committed_seq) {
            if (j->keep)
                return false;
            j->overwritten++;
        }
        j->first_seq = r->seq + 1;
    }
    h->tail =
        skip_wrap(j, pos + padded(r->len)) < h->head ? skip_wrap(j, pos + padded(r->len)) : h->head;
    return true;
}

int journal_append(struct journal *j, struct span head, struct span payload)
{
    struct file_head *h = j->h;
    uint64_t len = head.n + payload.n;
    if (len > RECORD_MAX || padded(len) > j->bytes)
        return -EMSGSIZE;
    uint64_t at = h->head, need = padded(len);
    uint64_t room = room_to_end(j, at);
    if (room < need)
        need += room;
    if (need > j->bytes) {
        // The record fits only when the ring is empty and starts at its front.
        while (h->tail < h->head)
            if (!forget_oldest(j))
                return -EAGAIN;
        need = room;
        h->tail = h->head = at + room;
        return journal_append(j, head, payload);
    }
    while (at + need - h->tail > j->bytes)
        if (!forget_oldest(j))
            return -EAGAIN;
    atomic_signal_fence(
        memory_order_seq_cst); // the tail has moved before what it gave up is written over
    if (need > padded(len)) {
        if (room >= sizeof(struct record))
            record_put(j, at, KIND_WRAP, room - sizeof(struct record), 0);
        at += room;
    }
    uint64_t seq = h->head_seq + 1;
    uint8_t *dst = (uint8_t *)(record_at(j, at) + 1);
    if (head.n)
        memcpy(dst, head.p, head.n);
    if (payload.n)
        memcpy(dst + head.n, payload.p, payload.n);
    record_put(j, at, KIND_DATA, len, seq);
    if (h->tail == h->head) { // empty: what went before is no longer reachable from the tail
        h->tail = at;
        j->first_seq = seq;
    }
    // The record stands before the head says so (release order; a killed process leaves its stores in program order).
    atomic_store_explicit(&h->head, at + padded(len), memory_order_release);
    atomic_store_explicit(&h->head_seq, seq, memory_order_release);
    return 0;
}

bool journal_read(struct journal *j, uint64_t from, uint64_t *ret_seq, struct span *ret_bytes)
{
    const struct file_head *h = j->h;
    if (from > h->head_seq || h->tail == h->head)
        return false;
    uint64_t pos = h->tail;
    if (j->hint_seq != 0 && j->hint_seq < from && j->hint_pos >= h->tail)
        pos = j->hint_pos; // the position behind hint_seq
    while ((pos = skip_wrap(j, pos)) < h->head) {
        const struct record *r = record_at(j, pos);
        pos += padded(r->len);
        if (r->kind != KIND_DATA || r->seq < from)
            continue;
        j->hint_seq = r->seq;
        j->hint_pos = pos;
        *ret_seq = r->seq;
        *ret_bytes = span_of(r + 1, r->len);
        return true;
    }
    return false;
}

void journal_commit(struct journal *j, uint64_t seq)
{
    if (seq > j->h->head_seq)
        seq = j->h->head_seq;
    if (seq > j->h->committed_seq)
        j->h->committed_seq = seq;
}

struct journal_stat journal_stat(const struct journal *j)
{
    const struct file_head *h = j->h;
    struct journal_stat s = {.epoch = h->epoch,
                             .first_seq = j->first_seq,
                             .head_seq = h->head_seq,
                             .committed_seq = h->committed_seq,
                             .overwritten = j->overwritten,
                             .damaged = j->damaged,
                             .bytes_used = h->head - h->tail,
                             .bytes = j->bytes,
                             .reborn = j->reborn};
    memcpy(s.incarnation, h->incarnation, sizeof(s.incarnation));
    return s;
}
