// journal_impl.h: what the files of the journal share. Nobody else includes it, but its tests.
//
// On disk a journal is a directory: `journal` (the head, one page) and segments `000.seg` .. `255.seg`.
// The head is written new, synced, renamed. In its page, behind the head, two marks are written in place and never synced:
// what is committed and what has been seen; after a power cut they are older than the truth, never newer.
// A segment is a segment_head and records; all integers little-endian as the machine's (a journal does not travel).
#pragma once
#include "base/mono.h"
#include "bus/bus.h"
#include "journal.h"
#include "journal_ring.h"

#define JOURNAL_SEGMENTS     256u // table; a journal uses 8 to 256
#define JOURNAL_SEGMENT_BEST (UINT64_C(16) << 20)
#define JOURNAL_SEGMENT_MIN  (UINT64_C(16) << 10)
#define JOURNAL_RECORD_MAX   (BUS_MESSAGE_MAX + 4096u)
#define JOURNAL_BATCH        (256u << 10) // that many bytes are written at once, not waited for
#define JOURNAL_GATHER_US    (20 * US_PER_MS)
#define JOURNAL_LAZY_US      (1 * US_PER_S) // between two fdatasync without opts.sync
#define JOURNAL_RETRY_US     (200 * US_PER_MS)
#define JOURNAL_STAGE        (UINT64_C(4) << 20)
#define JOURNAL_STAGE_LAZY   (UINT64_C(8) << 20)
#define JOURNAL_PROMISE_MIN  64u

#define HEAD_MAGIC    UINT64_C(0x324e52554f4a4d43) // "CMJOURN2"
#define SEGMENT_MAGIC UINT64_C(0x314d474553554a43)
#define RECORD_DATA   0x31434552u // also finds records behind a bad place
#define RECORD_MARK   0x32434552u // seq: numbers up to it may have been used
#define MARK_COMMIT   512         // places in the head's page
#define MARK_SEEN     1024

struct journal_head {
    uint64_t magic, epoch;
    uint64_t floor; // the head's number when this was written
    uint64_t clean; // 1: closed in order
    uint8_t incarnation[16];
    uint8_t boot_id[40];
    uint64_t sum;
};
struct journal_mark {
    uint64_t seq, sum;
};
struct segment_head {
    uint64_t magic, serial;
    uint8_t incarnation[16];
    uint64_t unused[3];
    uint64_t sum;
};
struct record_head {
    uint32_t magic, len;
    uint64_t
        serial; // of the segment: what an earlier use of the file left is not taken for a record of this one
    uint64_t seq, epoch;
    uint64_t sum; // XXH3 of the above and the bytes
};

struct segment {
    uint64_t serial, size, used; // used: end of the last good record
    uint64_t first, last;        // numbers; 0 when none
    uint64_t records;
    int fd;
    uint16_t slot;
    bool bad; // a write or sync failed: the file is made anew before it is used again
};

// A window on a segment's file.
struct journal_window {
    uint8_t *p;
    uint64_t serial, at, n;
};

struct journal_disk {
    char *dir;
    int dir_fd, mark_fd; // the directory, locked; the file `journal`
    uint64_t segment_bytes;
    struct segment live[JOURNAL_SEGMENTS]; // oldest first; the last one is written to
    struct segment spare[JOURNAL_SEGMENTS];
    uint32_t live_n, spare_n;
    struct journal_head head;
    uint64_t seed, serial;    // serial: last one given
    bool sync, fresh, closed; // fresh: the next batch begins a new segment

    struct journal_ring stage;
    uint64_t taken_pos; // the stage's first record that is in no batch yet
    uint8_t *batch;     // segment_head, records; the sync thread's alone
    uint64_t batch_n, batch_cap, batch_first, batch_last;
    uint32_t batch_records;
    bool pending,
        seen_batch; // a batch that is not written yet; one that is and was not seen before
    uint64_t written, synced, promised, seen;
    uint64_t lazy_records; // written since the last sync
    int64_t sync_us, lazy_us;
    struct journal_window w;
    uint64_t read_seq, read_serial, read_at; // where the last read ended
};

struct journal {
    struct journal_ring ring; // memory journals
    struct journal_disk *d;   // the others
    uint64_t bytes, first, next, committed, epoch;
    uint64_t overwritten, damaged, syncs, io_failed;
    int io_error;
    uint8_t incarnation[16];
    bool keep, after_power_cut;
};

// journal_disk.c: files
int disk_open(struct journal *j, const char *path, char *err, size_t cap);
int disk_head_write(struct journal *j, bool clean);
void disk_mark(struct journal_disk *d, int place, uint64_t seq);
int disk_next_segment(struct journal *j,
                      pthread_mutex_t *lock); // -EAGAIN: keep, and all is uncommitted
void disk_free(struct journal *j);
uint64_t disk_sum(const struct journal_disk *d, const void *p, size_t n);
int journal_fail(int r, char *err, size_t cap, const char *what, const char *path);

// journal_find.c: records in segments
uint64_t record_space(uint64_t len);
uint64_t record_write(const struct journal_disk *d, uint8_t *at, struct record_head h);
// The next good record of the segment at or behind *at whose number is above `above`. *at becomes its end. A view.
bool record_next(struct journal_disk *d, const struct segment *s, uint64_t *at, uint64_t limit,
                 uint64_t above, struct record_head *ret, struct span *ret_bytes);
bool disk_read(struct journal *j, uint64_t from, uint64_t *ret_seq, struct span *ret);
int disk_recover(struct journal *j, bool other_boot, char *err, size_t cap);
uint64_t segment_uncommitted(struct journal *j, const struct segment *s);

// journal_turn.c
bool disk_stage_room(struct journal *j);
void disk_drain(struct journal *j);
