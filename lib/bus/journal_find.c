// Records in segments: finding the good ones, whatever the bytes around them are; reading; recovery.
#include "journal_impl.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <xxhash.h>

#include "journal_io.h"

#define WINDOW 65536u // read at once when the records are small

uint64_t record_space(uint64_t len)
{
    return (sizeof(struct record_head) + len + 7) & ~UINT64_C(7);
}

static uint64_t sum_of(const struct journal_disk *d, const struct record_head *h, const void *bytes)
{
    uint64_t seed = XXH3_64bits_withSeed(h, offsetof(struct record_head, sum), d->seed);
    return XXH3_64bits_withSeed(bytes, h->len, seed);
}

// Puts the head, with its sum, before h.len bytes that are there already, and zeroes behind them.
uint64_t record_write(const struct journal_disk *d, uint8_t *at, struct record_head h)
{
    h.sum = sum_of(d, &h, at + sizeof(h));
    memcpy(at, &h, sizeof(h));
    uint64_t space = record_space(h.len);
    memset(at + sizeof(h) + h.len, 0, space - sizeof(h) - h.len);
    return space;
}

// Bytes [at, at + n) of the segment, or NULL. Below `limit` they do not change while the serial is the same.
static const uint8_t *window(struct journal_disk *d, const struct segment *s, uint64_t at,
                             uint64_t n, uint64_t limit)
{
    struct journal_window *w = &d->w;
    if (w->n > 0 && w->serial == s->serial && at >= w->at && at + n <= w->at + w->n)
        return w->p + (at - w->at);
    uint64_t take = n < WINDOW ? WINDOW : n;
    if (take > limit - at)
        take = limit - at;
    w->n = 0;
    if (journal_read_all(s->fd, w->p, take, at) < 0) {
        take = n;
        if (journal_read_all(s->fd, w->p, take, at) < 0)
            return NULL;
    }
    *w = (struct journal_window){.p = w->p, .serial = s->serial, .at = at, .n = take};
    return w->p;
}

bool record_next(struct journal_disk *d, const struct segment *s, uint64_t *at, uint64_t limit,
                 uint64_t above, struct record_head *ret, struct span *ret_bytes)
{
    uint64_t step;
    for (uint64_t a = *at; a + sizeof(*ret) <= limit; a += step) {
        step = 8;
        const uint8_t *p = window(d, s, a, sizeof(*ret), limit);
        if (!p) { // unreadable: on to the next page
            step = 4096 - a % 4096;
            continue;
        }
        memcpy(ret, p, sizeof(*ret));
        if ((ret->magic != RECORD_DATA && ret->magic != RECORD_MARK) || ret->serial != s->serial ||
            ret->len > JOURNAL_RECORD_MAX || a + record_space(ret->len) > limit)
            continue;
        p = window(d, s, a, record_space(ret->len), limit);
        if (!p || ret->sum != sum_of(d, ret, p + sizeof(*ret)))
            continue;
        step = record_space(ret->len);
        if (ret->magic == RECORD_DATA && ret->seq <= above)
            continue;
        *at = a + step;
        *ret_bytes = span_of(p + sizeof(*ret), ret->len);
        return true;
    }
    return false;
}

// The first record above `above` in this segment.
static bool find_in(struct journal_disk *d, const struct segment *s, uint64_t above, uint64_t *at,
                    struct record_head *h, struct span *ret)
{
    do {
        if (!record_next(d, s, at, s->used, above, h, ret) ||
            (h->magic == RECORD_DATA && h->seq > s->last))
            return false;
    } while (h->magic != RECORD_DATA);
    return true;
}

uint64_t segment_uncommitted(struct journal *j, const struct segment *s)
{
    if (s->first == 0 || s->last <= j->committed)
        return 0;
    if (s->records == s->last - s->first + 1)
        return s->last - (s->first > j->committed ? s->first - 1 : j->committed);
    struct record_head h; // it has holes: count
    struct span bytes;
    uint64_t n = 0, above = j->committed;
    for (uint64_t at = sizeof(struct segment_head); find_in(j->d, s, above, &at, &h, &bytes); n++)
        above = h.seq;
    return n;
}

bool disk_read(struct journal *j, uint64_t from, uint64_t *ret_seq, struct span *ret)
{
    struct journal_disk *d = j->d;
    uint64_t oldest;
    if (from > d->seen)
        return false;
    if (from == 0)
        from = 1;
    bool staged = jring_oldest(&d->stage, &oldest) && from >= oldest;
    for (uint32_t i = 0; !staged && i < d->live_n; i++) {
        const struct segment *s = &d->live[i];
        if (s->first == 0 || s->last < from)
            continue;
        struct record_head h;
        uint64_t at = sizeof(struct segment_head);
        if (d->read_serial == s->serial && d->read_seq < from)
            at = d->read_at;
        if (!find_in(d, s, from - 1, &at, &h, ret))
            continue;
        if (h.seq > d->seen)
            return false;
        d->read_serial = s->serial;
        d->read_seq = h.seq;
        d->read_at = at;
        *ret_seq = h.seq;
        return true;
    }
    return jring_find(&d->stage, from, ret_seq, ret) && *ret_seq <= d->seen;
}

// ---- recovery -----------------------------------------------------------------------------------------------------

// What this file holds. Its head may be bad: then its first good record says which use of the file it is.
static int segment_walk(struct journal *j, struct segment *s, uint64_t *promise, char *err,
                        size_t cap)
{
    struct journal_disk *d = j->d;
    struct segment_head sh = {0};
    struct record_head h;
    struct span bytes;
    if (s->size >= sizeof(sh) && journal_read_all(s->fd, &sh, sizeof(sh), 0) < 0)
        memset(&sh, 0, sizeof(sh));
    uint64_t at = sizeof(sh);
    if (sh.magic == SEGMENT_MAGIC &&
        sh.sum == XXH3_64bits(&sh, offsetof(struct segment_head, sum))) {
        if (memcmp(sh.incarnation, d->head.incarnation, 16) != 0)
            return journal_fail(-EINVAL, err, cap, "a segment is of another journal", d->dir);
        s->serial = sh.serial;
    } else { // any serial: try each that stands where a record could
        for (; s->serial == 0 && at + sizeof(h) <= s->size; at += 8) {
            const uint8_t *p = window(d, s, at, sizeof(h), s->size);
            if (!p)
                continue;
            memcpy(&h, p, sizeof(h));
            struct segment probe = *s;
            uint64_t there = at;
            probe.serial = h.serial;
            if (h.magic != RECORD_DATA || h.serial == 0 || h.len > JOURNAL_RECORD_MAX)
                continue;
            if (record_next(d, &probe, &there, s->size, 0, &h, &bytes))
                s->serial = probe.serial;
            d->w.n =
                0; // it was read under another serial; else the window stays: a segment is long
        }
        at = sizeof(sh);
    }
    s->used = at;
    while (s->serial != 0 && record_next(d, s, &at, s->size, s->last, &h, &bytes)) {
        s->used = at;
        if (h.magic == RECORD_MARK) {
            *promise = h.seq > *promise ? h.seq : *promise;
            continue;
        }
        s->first = s->first ? s->first : h.seq;
        s->last = h.seq;
        s->records++;
    }
    d->w.n = 0; // what is behind the last record will be written
    if (s->serial > d->serial)
        d->serial = s->serial;
    return 0;
}

// Oldest first. Numbers that a later segment has again (they were not durable in the earlier one) are the later's.
static uint64_t sort_live(struct journal *j)
{
    struct journal_disk *d = j->d;
    uint64_t records = 0;
    for (uint32_t i = 1; i < d->live_n; i++)
        for (uint32_t k = i; k > 0 && d->live[k - 1].serial > d->live[k].serial; k--) {
            struct segment t = d->live[k];
            d->live[k] = d->live[k - 1];
            d->live[k - 1] = t;
        }
    uint64_t next_first = UINT64_MAX;
    for (uint32_t i = d->live_n; i-- > 0;) {
        struct segment *s = &d->live[i];
        if (s->last >= next_first) {
            s->last = next_first - 1;
            s->bad = true;
            if (s->first > s->last) {
                s->first = s->last = s->records = 0;
                continue;
            }
            struct record_head h;
            struct span bytes;
            uint64_t above = 0;
            s->records = 0;
            for (uint64_t at = sizeof(struct segment_head); find_in(d, s, above, &at, &h, &bytes);
                 above = h.seq)
                s->records++;
        }
        next_first = s->first;
        records += s->records;
    }
    return records;
}

static uint64_t mark_read(struct journal_disk *d, int place)
{
    struct journal_mark m = {0};
    if (journal_read_all(d->mark_fd, &m, sizeof(m), (uint64_t)place) < 0 ||
        m.sum != disk_sum(d, &m.seq, sizeof(m.seq)))
        return 0;
    return m.seq;
}

// A process that died may have left a failed sync behind, of which the kernel tells nobody any more: what the last segment
// holds is written again, then synced, before anyone sees it.
static int write_again(struct journal_disk *d, const struct segment *s)
{
    for (uint64_t at = 0; at < s->used; at += WINDOW) {
        uint64_t n = s->used - at < WINDOW ? s->used - at : WINDOW;
        int r = journal_read_all(s->fd, d->w.p, n, at);
        if (r == 0)
            r = journal_write_all(s->fd, d->w.p, n, at);
        if (r < 0)
            return r;
    }
    d->w.n = 0;
    return journal_io->fdatasync(s->fd) == 0 ? 0 : -errno;
}

int disk_recover(struct journal *j, bool other_boot, char *err, size_t cap)
{
    struct journal_disk *d = j->d;
    uint64_t promise = 0, above = 0;
    uint32_t spare_n = d->spare_n;
    d->spare_n = 0;
    for (uint32_t i = 0; i < spare_n; i++) {
        struct segment s = d->spare[i];
        int r = segment_walk(j, &s, &promise, err, cap);
        if (r < 0) {
            d->spare_n = spare_n; // so that all are closed
            return r;
        }
        if (s.records > 0) {
            d->live[d->live_n++] = s;
            d->spare[i].fd = -1;
        }
    }
    for (uint32_t i = 0; i < spare_n; i++)
        if (d->spare[i].fd >= 0)
            d->spare[d->spare_n++] = d->spare[i];
    uint64_t records = sort_live(j);
    uint64_t head = d->live_n ? d->live[d->live_n - 1].last : 0;
    const uint64_t least[] = {d->head.floor, mark_read(d, MARK_SEEN), other_boot ? promise : 0};
    for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++)
        head = least[i] > head ? least[i] : head;
    j->committed = mark_read(d, MARK_COMMIT);
    if (j->committed > head)
        j->committed = head;
    above = d->live_n ? d->live[0].first - 1 : j->committed;
    j->damaged = head - above - records;
    d->seen = d->written = d->synced = d->promised = head;
    j->next = head + 1;
    d->fresh = d->live_n == 0 || d->live[d->live_n - 1].bad;
    if (d->live_n == 0)
        return 0;
    const struct segment *last = &d->live[d->live_n - 1];
    int r = d->head.clean ? 0 : write_again(d, last);
    return r < 0 ? journal_fail(r, err, cap, "make the last segment durable", d->dir) : 0;
}
