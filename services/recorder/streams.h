// streams.h: every stream whose media is in the look-back: where its chain of blocks ends on disk, and, while packets come,
// the block being filled. Two maps: (feed, epoch, stream_no) for packets, stream id for calls. One owner thread (intake).
// Limits: `chains` streams known (full: the one quiet longest is forgotten, counted), `blocks` being filled at once (full: the
// oldest is written before it is full: smaller blocks, nothing lost).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/slab.h"
#include "base/span.h"
#include "base/uuid.h"
#include "feeds.h"
#include "spool.h"

struct stream {
    // One line of the cache: all that a packet touches.
    _Alignas(64) uint64_t feed_key;
    uint64_t epoch;
    uint8_t *block;    // being filled; NULL: none
    uint64_t last_seq; // envelope and place in it of the last packet taken: each is taken once
    int64_t last_at_us;
    uint32_t last_index;
    uint32_t stream_no;
    uint32_t used, count; // bytes and packets in the block
    uint32_t tap;         // place in the tap table + 1, 0 none
    // What a block touches.
    uint32_t blocks;
    struct uuid id;        // zero until announced
    struct spool_pos head; // last block on disk
    uint64_t packets;      // in blocks that are done, see count
    int64_t first_at_us;   // of the block
    uint64_t block_seq;    // envelope of its first packet
    int64_t opened_us;     // monotonic: of the block; before the first: of the announcement
    struct feed *feed;     // while it has a block
    struct stream *dirty_prev, *dirty_next;
    struct stream *lru_prev, *lru_next;
};

_Static_assert(offsetof(struct stream, blocks) <= 64, "a packet's line");

struct streams;
struct streams *streams_new(size_t chains, size_t blocks, struct spool *spool);
struct streams *streams_free(struct streams *s);
// The disk has not taken a block: waits a moment. True: again; false: this process ends, and the cursor must not move.
typedef bool (*streams_wait_fn)(void *ctx);
void streams_on_no_disk(struct streams *s, streams_wait_fn wait, void *ctx);
struct stream *streams_by_no(struct streams *s, uint64_t feed_key, uint64_t epoch,
                             uint32_t stream_no);
// Asks for the memory that a packet of this stream will touch, in two steps some packets apart.
void streams_near(const struct streams *s, uint64_t feed_key, uint32_t stream_no);
void streams_nearer(const struct streams *s, uint64_t feed_key, uint32_t stream_no);
struct stream *streams_by_id(struct streams *s, const struct uuid *id);
// A new one; NULL only when every known stream has an unwritten block and none can be written.
struct stream *streams_add(struct streams *s, uint64_t feed_key, uint64_t epoch, uint32_t stream_no,
                           int64_t now_us);
void streams_set_id(struct streams *s, struct stream *st, const struct uuid *id);
// From the scan at start.
void streams_restore(struct streams *s, const struct spool_head *h, struct spool_pos pos);
// One packet. 0; STREAMS_E_SEEN: taken before; negative: not kept (too large, disk), counted.
enum {
    STREAMS_E_SEEN = 1
};
int streams_put(struct streams *s, struct stream *st, struct feed *feed, uint64_t seq,
                uint32_t index, struct spool_record rec, struct span packet, int64_t now_us);
// Writes the block of this stream; of all streams of a feed opened before a moment (INT64_MAX: all).
int streams_write(struct streams *s, struct stream *st);
void streams_write_feed(struct streams *s, struct feed *feed, int64_t opened_before_us);
// Everything of this feed up to here is on disk.
uint64_t streams_durable(const struct feed *feed);
// Forgets streams of which no block is left on disk. One that was announced and has no packet yet keeps its name for
// STREAMS_ANNOUNCED_US: its packets may be in the next batch, and the next announcement after the call is cut.
#define STREAMS_ANNOUNCED_US INT64_C(60000000)
void streams_trim(struct streams *s, int64_t now_us);

struct streams_stat {
    struct slab_stat chains, blocks;
    uint64_t evicted, early_blocks, seen_before, too_large, lost_on_disk;
};
struct streams_stat streams_stat(const struct streams *s);
