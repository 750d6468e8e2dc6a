// The sync thread's turn: the stage into a segment, durable, seen. A write or sync that fails is not tried again on that
// file: the segment ends at its last good record and what was in flight, still in memory, goes into another one.
#include "journal_impl.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <xxhash.h>

#include "journal_io.h"

static void unlock(pthread_mutex_t *lock)
{
    if (lock)
        pthread_mutex_unlock(lock);
}

static void relock(pthread_mutex_t *lock)
{
    if (lock)
        pthread_mutex_lock(lock);
}

static struct segment *active(struct journal_disk *d)
{
    return d->fresh || d->live_n == 0 ? NULL : &d->live[d->live_n - 1];
}

// Locked. Makes room in the full stage. What is in a segment or in the batch is only the copy that a failed sync would
// want; what is in neither is lost, counted. False: keep.
bool disk_stage_room(struct journal *j)
{
    struct journal_disk *d = j->d;
    uint64_t oldest;
    if (!jring_oldest(&d->stage, &oldest))
        return false;
    bool held = oldest <= d->written || (d->pending && oldest <= d->batch_last);
    if (!held && j->keep)
        return false;
    if (!held)
        j->overwritten++;
    jring_pop(&d->stage);
    if (d->taken_pos < d->stage.tail)
        d->taken_pos = d->stage.tail;
    return true;
}

bool journal_turn_due(const struct journal *j)
{
    return j->d && j->d->stage.head - j->d->taken_pos >= JOURNAL_BATCH;
}

bool journal_turn_lazy(const struct journal *j)
{
    const struct journal_disk *d = j->d;
    return d && !d->sync && !j->io_error && !d->pending && d->stage.head == d->taken_pos;
}

// Copies what waits into the batch: up to 256 KiB, or one record, and what one segment holds.
static void take_batch(struct journal *j, uint64_t room)
{
    struct journal_disk *d = j->d;
    uint64_t at = sizeof(struct segment_head), seq, end;
    struct span s;
    d->batch_records = 0;
    d->seen_batch = false;
    while (jring_at(&d->stage, d->taken_pos, &seq, &s, &end)) {
        uint64_t next = at + record_space(s.n);
        if (d->batch_records > 0 &&
            (next > sizeof(struct segment_head) + JOURNAL_BATCH || next > room))
            break;
        struct record_head h = {.len = (uint32_t)s.n, .seq = seq};
        memcpy(d->batch + at, &h, sizeof(h));
        memcpy(d->batch + at + sizeof(h), s.p, s.n);
        if (d->batch_records++ == 0)
            d->batch_first = seq;
        d->batch_last = seq;
        d->taken_pos = end;
        at = next;
    }
    d->batch_n = at;
    d->pending = true;
}

static struct record_head mark_record(const struct journal *j, const struct segment *s,
                                      uint64_t promise)
{
    return (struct record_head){
        .magic = RECORD_MARK, .serial = s->serial, .seq = promise, .epoch = j->epoch};
}

// The batch's heads for the segment that it goes into, and its promise. Returns its end.
static uint64_t stamp(struct journal *j, const struct segment *s, uint64_t promise)
{
    struct journal_disk *d = j->d;
    struct segment_head sh = {.magic = SEGMENT_MAGIC, .serial = s->serial};
    memcpy(sh.incarnation, j->incarnation, sizeof(sh.incarnation));
    sh.sum = XXH3_64bits(&sh, offsetof(struct segment_head, sum));
    memcpy(d->batch, &sh, sizeof(sh));
    uint64_t at = sizeof(sh);
    while (at < d->batch_n) {
        struct record_head h;
        memcpy(&h, d->batch + at, sizeof(h));
        h = (struct record_head){.magic = RECORD_DATA,
                                 .len = h.len,
                                 .serial = s->serial,
                                 .seq = h.seq,
                                 .epoch = j->epoch};
        at += record_write(d, d->batch + at, h);
    }
    if (promise)
        at += record_write(d, d->batch + at, mark_record(j, s, promise));
    return at;
}

// What the failed segment held beyond its last sync is in the stage (without opts.sync): it is written again.
static void rewind_unsynced(struct journal_disk *d, struct segment *s)
{
    uint64_t oldest;
    if (d->sync || !jring_oldest(&d->stage, &oldest) || oldest > d->written)
        return;
    if (s->last >= oldest) {
        s->last = oldest - 1;
        s->records = s->last >= s->first ? s->last - s->first + 1 : 0;
        if (s->records == 0)
            s->first = s->last = 0;
    }
    d->written = oldest - 1;
    d->taken_pos = d->stage.tail;
    d->pending = false;
}

static int64_t failed(struct journal *j, int r)
{
    struct journal_disk *d = j->d;
    struct segment *s = active(d);
    j->io_error = r;
    j->io_failed++;
    d->fresh = true;
    if (s) {
        s->bad = true;
        rewind_unsynced(d, s);
        if (s->first == 0) { // nothing in it yet: its file is made anew before it is used again
            struct segment spare = {.slot = s->slot, .fd = s->fd, .bad = true, .size = s->size};
            d->live_n--;
            memmove(d->spare + 1, d->spare, d->spare_n++ * sizeof(spare));
            d->spare[0] = spare;
        }
    }
    return JOURNAL_RETRY_US;
}

// All that was written is durable: the stage may forget it.
static void synced(struct journal_disk *d, uint64_t promise)
{
    uint64_t oldest;
    d->synced = d->written;
    d->lazy_records = 0;
    if (promise)
        d->promised = promise;
    while (jring_oldest(&d->stage, &oldest) && oldest <= d->synced)
        jring_pop(&d->stage);
    if (d->taken_pos < d->stage.tail)
        d->taken_pos = d->stage.tail;
}

static void written(struct journal *j, struct segment *s, uint64_t bytes, uint64_t promise)
{
    struct journal_disk *d = j->d;
    j->io_error = 0;
    s->used += bytes;
    s->first = s->first ? s->first : d->batch_first;
    s->last = d->batch_last;
    s->records += d->batch_records;
    d->lazy_records += d->batch_records;
    d->written = d->batch_last;
    d->pending = false;
    d->seen_batch = d->batch_last > d->seen;
    if (d->seen_batch)
        d->seen = d->batch_last;
    if (d->sync || promise)
        synced(d, promise);
}

// How far ahead numbers may be given out before the next sync: after a power cut those are declared lost.
static uint64_t ahead(const struct journal_disk *d)
{
    return d->lazy_records * 2 > JOURNAL_PROMISE_MIN ? d->lazy_records * 2 : JOURNAL_PROMISE_MIN;
}

static bool fits(const struct journal_disk *d, const struct segment *s)
{
    return s->used + d->batch_n - sizeof(struct segment_head) + record_space(0) <= s->size;
}

static int64_t put_batch(struct journal *j, pthread_mutex_t *lock)
{
    struct journal_disk *d = j->d;
    struct segment *s = active(d);
    if (!s || !fits(d, s)) {
        int r = disk_next_segment(j, lock);
        if (r == -EAGAIN)
            return 5 * US_PER_MS; // full of what must stay
        if (r < 0)
            return failed(j, r);
        s = active(d);
    }
    uint64_t last = d->batch_last;
    uint64_t promise = !d->sync && last > d->promised ? last + ahead(d) : 0;
    bool sync = d->sync || promise, see = last > d->seen;
    struct segment to = *s;
    unlock(lock);
    uint64_t end = stamp(j, &to, promise);
    uint64_t skip = to.used > sizeof(struct segment_head) ? sizeof(struct segment_head) : 0;
    int r = journal_write_all(to.fd, d->batch + skip, end - skip, skip ? to.used : 0);
    if (r == 0 && sync && journal_io->fdatasync(to.fd) != 0)
        r = -errno;
    if (r == 0 && see)
        disk_mark(d, MARK_SEEN, last);
    relock(lock);
    j->syncs += sync;
    if (r < 0)
        return failed(j, r);
    written(j, active(d), end - sizeof(struct segment_head), promise);
    return 0;
}

// What was written and not synced (without opts.sync), with a new promise behind it.
static int64_t put_promise(struct journal *j, pthread_mutex_t *lock)
{
    struct journal_disk *d = j->d;
    struct segment to = *active(d);
    uint64_t promise = d->written + ahead(d);
    uint8_t buf[sizeof(struct record_head)];
    d->lazy_us = mono_now_us();
    unlock(lock);
    uint64_t n = record_write(d, buf, mark_record(j, &to, promise));
    int r = journal_write_all(to.fd, buf, n, to.used);
    if (r == 0 && journal_io->fdatasync(to.fd) != 0)
        r = -errno;
    relock(lock);
    j->syncs++;
    if (r < 0)
        return failed(j, r);
    j->io_error = 0;
    active(d)->used += n;
    synced(d, promise);
    return 0;
}

static int64_t turn(struct journal *j, pthread_mutex_t *lock, bool hurry)
{
    struct journal_disk *d = j->d;
    int64_t now = mono_now_us();
    uint64_t waits = d->stage.head - d->taken_pos;
    d->seen_batch = false;
    const struct segment *s = active(d);
    bool unsynced = !d->sync && s && d->synced < d->written;
    if (!d->pending && waits > 0) {
        int64_t left_us = d->sync_us + JOURNAL_GATHER_US - now;
        if (d->sync && !hurry && waits < JOURNAL_BATCH && left_us > 0)
            return left_us;
        uint64_t left = s ? s->size - s->used : 0;
        if (left < 4096)
            left = d->segment_bytes - sizeof(struct segment_head);
        take_batch(j, left + sizeof(struct segment_head) - record_space(0));
    }
    // A segment is made durable before it is left.
    bool due = unsynced && (d->pending ? !fits(d, s) : hurry);
    if (unsynced && (due || now - d->lazy_us >= JOURNAL_LAZY_US ||
                     d->stage.head - d->stage.tail > d->stage.bytes * 3 / 4))
        return put_promise(j, lock);
    if (d->pending) {
        d->sync_us = now;
        return put_batch(j, lock);
    }
    return unsynced ? d->lazy_us + JOURNAL_LAZY_US - now : JOURNAL_NOTHING;
}

int64_t journal_turn(struct journal *j, pthread_mutex_t *lock)
{
    return j->d && !j->d->closed ? turn(j, lock, false) : JOURNAL_NOTHING;
}

// At the end: all that is there, unless the disk refuses.
void disk_drain(struct journal *j)
{
    while (turn(j, NULL, true) == 0)
        ;
}

bool journal_seen_next(struct journal *j, size_t *it, uint64_t *ret_seq, struct span *ret_bytes)
{
    struct journal_disk *d = j->d;
    uint64_t at = *it ? *it : sizeof(struct segment_head);
    struct record_head h;
    if (!d->seen_batch || at >= d->batch_n)
        return false;
    memcpy(&h, d->batch + at, sizeof(h));
    *ret_seq = h.seq;
    *ret_bytes = span_of(d->batch + at + sizeof(h), h.len);
    *it = at + record_space(h.len);
    return true;
}
