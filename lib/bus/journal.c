#include "journal_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fail.h"

#define PAGE 4096u

int journal_fail(int r, char *err, size_t cap, const char *what, const char *path)
{
    snprintf(err, cap, "journal %s: %s: %s", path ? path : "(memory)", what, strerror(-r));
    return r;
}

static int open_memory(struct journal *j, char *err, size_t cap)
{
    j->bytes = j->bytes < PAGE ? PAGE : (j->bytes + PAGE - 1) / PAGE * PAGE;
    if (getrandom(j->incarnation, sizeof(j->incarnation), 0) != sizeof(j->incarnation))
        return journal_fail(-EIO, err, cap, "no random bytes", NULL);
    if (jring_take(&j->ring, j->bytes) < 0)
        return journal_fail(-ENOMEM, err, cap, "no memory", NULL);
    j->epoch = j->first = j->next = 1;
    return 0;
}

int journal_open(struct journal **ret, const struct journal_opts *o, char *err, size_t err_cap)
{
    struct journal *j = calloc(1, sizeof(*j));
    if (!j)
        return journal_fail(-ENOMEM, err, err_cap, "open", o->path);
    j->bytes = o->bytes;
    j->keep = o->keep;
    int r;
    if (o->path) {
        j->d = calloc(1, sizeof(*j->d));
        if (j->d) {
            j->d->dir_fd = j->d->mark_fd = -1;
            j->d->sync = o->sync;
        }
        r = j->d ? disk_open(j, o->path, err, err_cap)
                 : journal_fail(-ENOMEM, err, err_cap, "open", o->path);
    } else {
        r = open_memory(j, err, err_cap);
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
    if (!j || !j->d || j->d->closed)
        return;
    disk_drain(j);
    disk_head_write(j, !j->io_error);
    j->d->closed = true;
    close(j->d->mark_fd);
    close(j->d->dir_fd); // and with it the lock: another process may have it
    j->d->mark_fd = j->d->dir_fd = -1;
}

struct journal *journal_free(struct journal *j)
{
    if (!j)
        return NULL;
    if (j->d)
        disk_free(j);
    jring_give(&j->ring);
    free(j->d);
    free(j);
    return NULL;
}

// Takes the oldest record of a memory journal away. False: it is uncommitted and we keep those.
static bool forget_oldest(struct journal *j)
{
    uint64_t seq;
    must(jring_oldest(&j->ring, &seq));
    if (seq > j->committed) {
        if (j->keep)
            return false;
        j->overwritten++;
    }
    jring_pop(&j->ring);
    j->first = seq + 1;
    return true;
}

int journal_append(struct journal *j, struct span head, struct span payload)
{
    uint64_t len = head.n + payload.n;
    struct journal_ring *r = j->d ? &j->d->stage : &j->ring;
    uint64_t max = j->d
                       ? j->d->segment_bytes - sizeof(struct segment_head) - 2 * record_space(0) - 8
                       : jring_record_max(r);
    if (len > JOURNAL_RECORD_MAX || len > max)
        return -EMSGSIZE;
    if (j->d && j->d->closed)
        return -ECANCELED; // closed
    while (!jring_put(r, j->next, head, payload))
        if (j->d ? !disk_stage_room(j) : !forget_oldest(j))
            return -EAGAIN;
    // An empty stage may have begun at its front again.
    if (j->d && j->d->taken_pos < r->tail)
        j->d->taken_pos = r->tail;
    j->next++;
    return 0;
}

bool journal_read(struct journal *j, uint64_t from, uint64_t *ret_seq, struct span *ret_bytes)
{
    return j->d ? disk_read(j, from, ret_seq, ret_bytes)
                : jring_find(&j->ring, from, ret_seq, ret_bytes);
}

static uint64_t head_seq(const struct journal *j)
{
    return j->d ? j->d->seen : j->next - 1;
}

void journal_commit(struct journal *j, uint64_t seq)
{
    if (seq > head_seq(j))
        seq = head_seq(j);
    if (seq <= j->committed)
        return;
    j->committed = seq;
    if (j->d)
        disk_mark(j->d, MARK_COMMIT, seq);
}

struct journal_stat journal_stat(const struct journal *j)
{
    const struct journal_disk *d = j->d;
    struct journal_stat s = {.epoch = j->epoch,
                             .first_seq = j->first,
                             .head_seq = head_seq(j),
                             .next_seq = j->next,
                             .committed_seq = j->committed,
                             .overwritten = j->overwritten,
                             .damaged = j->damaged,
                             .bytes_used = j->ring.head - j->ring.tail,
                             .bytes = j->bytes,
                             .syncs = j->syncs,
                             .io_failed = j->io_failed,
                             .io_error = j->io_error,
                             .after_power_cut = j->after_power_cut};
    if (d) {
        uint32_t i = 0;
        while (i < d->live_n && d->live[i].first == 0)
            i++;
        s.first_seq = i < d->live_n && d->live[i].first <= d->seen ? d->live[i].first : d->seen + 1;
        for (i = 0; i < d->live_n; i++)
            s.bytes_used += d->live[i].used;
    }
    memcpy(s.incarnation, j->incarnation, sizeof(s.incarnation));
    return s;
}
