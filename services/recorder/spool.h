// spool.h: the look-back on disk: numbered segment files of blocks, appended one after the other. A block holds packets of
// one stream and points back to the stream's block before it, so reading a call costs its own blocks only.
// spool_*: one owner thread (intake). spool_reader_*: one per reading thread; a segment that has gone reads as ENOENT.
// Limits: spool.bytes in segments of spool.segment-bytes; full: the oldest segment goes, counted. kill -9 loses nothing that
// spool_append has returned for (the page cache has it); spool_sync, once a
// second from another thread, bounds what a power cut may cost. One process per folder (flock).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_BLOCK_BYTES 8192u

struct spool_pos {
    uint32_t segment; // 0: none
    uint32_t offset;
};

// On disk, little-endian, followed by `bytes` bytes of records (struct spool_record + packet).
struct spool_head {
    uint32_t magic;
    uint32_t head_sum; // of the bytes after this field
    uint32_t data_sum;
    uint32_t bytes;
    uint8_t stream_id[16]; // zero until the stream was announced
    uint64_t feed;         // hash of the publisher and its incarnation
    uint64_t epoch;
    uint32_t stream_no;
    uint32_t count; // packets in this block
    uint32_t prev_segment, prev_offset;
    int64_t first_at_us, last_at_us;
    uint64_t
        last_seq; // envelope of the last packet, and its place in there: intake takes each packet once
    uint32_t last_index;
    uint32_t blocks;  // of this stream up to and with this one
    uint64_t packets; // of this stream up to and with this block
};
_Static_assert(sizeof(struct spool_head) == 104, "the form on disk");

struct spool_record {
    int64_t at_us;
    uint16_t length, flags;
};
#define SPOOL_RECORD_BYTES 12u
#define SPOOL_DATA_MAX     (SPOOL_BLOCK_BYTES - sizeof(struct spool_head))

struct spool;
struct spool_opts {
    const char *dir;
    uint64_t bytes, segment_bytes;
    int64_t look_back_us; // by the wall clock of writing; 0: no age rule
};
int spool_open(struct spool **ret, const struct spool_opts *o, char *err, size_t err_cap);
struct spool *spool_close(struct spool *s);
// Before the first append: each block that is there, oldest first. A torn end of the last segment is cut off.
typedef void (*spool_scan_fn)(void *ctx, const struct spool_head *h, struct spool_pos pos);
int spool_scan(struct spool *s, spool_scan_fn fn, void *ctx);
// block: SPOOL_BLOCK_BYTES with room for the head in front and h->bytes of data after it. Fills magic and sums.
int spool_append(struct spool *s, struct spool_head *h, uint8_t *block, struct spool_pos *ret_pos);
// Calls that are up or not yet cut need what was written since then (INT64_MAX: none).
void spool_set_wanted(struct spool *s, int64_t wanted_us);
// Deletes what is older than the look-back and not wanted.
void spool_age(struct spool *s, int64_t wall_us);
// The disk is nearly full: do not grow, reuse.
void spool_set_low(struct spool *s, bool low);
// Lowest segment that is still there, and the one being written (0: none).
uint32_t spool_oldest(const struct spool *s);
uint32_t spool_newest(const struct spool *s);
// Any thread: what was written of segments from..to goes to the disk itself. Returns the first that is not yet through.
uint32_t spool_sync(const char *dir, uint32_t from, uint32_t to);

struct spool_stat {
    uint64_t bytes, limit, segments, blocks, dropped_segments, dropped_wanted, aged_segments,
        write_errors;
};
struct spool_stat spool_stat(const struct spool *s);

struct spool_reader;
struct spool_reader *spool_reader_new(const char *dir);
struct spool_reader *spool_reader_free(struct spool_reader *r);
// 0, -ENOENT (the segment has gone), -EBADMSG (not a good block), or another negative errno.
int spool_read_head(struct spool_reader *r, struct spool_pos pos, struct spool_head *ret);
// block: SPOOL_BLOCK_BYTES; head and data as on disk, sums checked.
int spool_read_block(struct spool_reader *r, struct spool_pos pos, uint8_t *block);
// Forgets open files of segments below `oldest`.
void spool_reader_trim(struct spool_reader *r, uint32_t oldest);
