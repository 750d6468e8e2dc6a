#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"

#define NEAR_MAX 65536u // places: streams that get packets at once, and more

struct key {
    uint64_t feed_key, epoch;
    uint64_t stream_no;
};

struct streams {
    struct spool *spool; // borrowed
    struct slab *chains, *blocks;
    struct map *by_no, *by_id;
    struct stream **
        near; // of by_no, the one found last at each place: numbers are dense, so streams rarely meet there
    size_t near_mask;
    struct stream *lru_first, *lru_last; // quiet longest first
    struct feed *filling[FEEDS_MAX];     // feeds that have unwritten blocks
    streams_wait_fn wait; // NULL: a block that the disk does not take is lost, and counted
    void *wait_ctx;
    uint64_t evicted, early_blocks, seen_before, too_large, lost_on_disk;
};

void streams_on_no_disk(struct streams *s, streams_wait_fn wait, void *ctx)
{
    s->wait = wait;
    s->wait_ctx = ctx;
}

static bool eq_no(const void *ctx, uint64_t value, const void *key)
{
    const struct streams *s = ctx;
    const struct stream *st = slab_get(s->chains, value);
    const struct key *k = key;
    return st && st->feed_key == k->feed_key && st->epoch == k->epoch &&
           st->stream_no == k->stream_no;
}

static bool eq_id(const void *ctx, uint64_t value, const void *key)
{
    const struct streams *s = ctx;
    const struct stream *st = slab_get(s->chains, value);
    return st && memcmp(&st->id, key, sizeof(st->id)) == 0;
}

struct streams *streams_new(size_t chains, size_t blocks, struct spool *spool)
{
    struct streams *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->spool = spool;
    s->chains = slab_new("chains", chains, sizeof(struct stream));
    s->blocks = slab_new("blocks", blocks, SPOOL_BLOCK_BYTES);
    s->by_no = map_new(chains, eq_no, s);
    s->by_id = map_new(chains, eq_id, s);
    size_t places = 64;
    while (places < chains && places < NEAR_MAX)
        places *= 2;
    s->near_mask = places - 1;
    s->near = mem_take(places * sizeof(struct stream *));
    if (!s->chains || !s->blocks || !s->by_no || !s->by_id || !s->near)
        return streams_free(s);
    return s;
}

struct streams *streams_free(struct streams *s)
{
    if (!s)
        return NULL;
    if (s->near)
        mem_give(s->near, (s->near_mask + 1) * sizeof(struct stream *));
    s->by_id = map_free(s->by_id);
    s->by_no = map_free(s->by_no);
    s->blocks = slab_free(s->blocks);
    s->chains = slab_free(s->chains);
    free(s);
    return NULL;
}

static struct key key_of(uint64_t feed_key, uint64_t epoch, uint32_t stream_no)
{
    return (struct key){feed_key, epoch, stream_no};
}

static struct stream **near_of(const struct streams *s, uint64_t feed_key, uint32_t stream_no)
{
    return &s->near[(stream_no + feed_key) & s->near_mask];
}

struct stream *streams_by_no(struct streams *s, uint64_t feed_key, uint64_t epoch,
                             uint32_t stream_no)
{
    struct stream **near = near_of(s, feed_key, stream_no), *st = *near;
    if (st && st->stream_no == stream_no && st->feed_key == feed_key && st->epoch == epoch)
        return st;
    struct key k = key_of(feed_key, epoch, stream_no);
    st = slab_get(s->chains, map_get(s->by_no, map_hash(&k, sizeof(k)), &k));
    if (st)
        *near = st;
    return st;
}

void streams_near(const struct streams *s, uint64_t feed_key, uint32_t stream_no)
{
    const struct stream *st = *near_of(s, feed_key, stream_no);
    if (st)
        __builtin_prefetch(st, 1);
}

void streams_nearer(const struct streams *s, uint64_t feed_key, uint32_t stream_no)
{
    const struct stream *st = *near_of(s, feed_key, stream_no);
    if (!st || !st->block)
        return;
    const uint8_t *p = st->block + sizeof(struct spool_head) + st->used;
    for (size_t i = 0; i < 256; i += 64)
        __builtin_prefetch(p + i, 1);
}

struct stream *streams_by_id(struct streams *s, const struct uuid *id)
{
    return slab_get(s->chains, map_get(s->by_id, map_hash(id, sizeof(*id)), id));
}

static void lru_remove(struct streams *s, struct stream *st)
{
    *(st->lru_prev ? &st->lru_prev->lru_next : &s->lru_first) = st->lru_next;
    *(st->lru_next ? &st->lru_next->lru_prev : &s->lru_last) = st->lru_prev;
    st->lru_prev = st->lru_next = NULL;
}

static void lru_append(struct streams *s, struct stream *st)
{
    st->lru_prev = s->lru_last;
    st->lru_next = NULL;
    *(s->lru_last ? &s->lru_last->lru_next : &s->lru_first) = st;
    s->lru_last = st;
}

static void dirty_remove(struct stream *st)
{
    struct feed *f = st->feed;
    *(st->dirty_prev ? &st->dirty_prev->dirty_next : &f->dirty_first) = st->dirty_next;
    *(st->dirty_next ? &st->dirty_next->dirty_prev : &f->dirty_last) = st->dirty_prev;
    st->dirty_prev = st->dirty_next = NULL;
}

static void dirty_append(struct feed *f, struct stream *st)
{
    st->dirty_prev = f->dirty_last;
    st->dirty_next = NULL;
    *(f->dirty_last ? &f->dirty_last->dirty_next : &f->dirty_first) = st;
    f->dirty_last = st;
}

static void forget(struct streams *s, struct stream *st)
{
    slab_handle h = slab_handle_of(s->chains, st);
    struct stream **near = near_of(s, st->feed_key, st->stream_no);
    if (*near == st)
        *near = NULL;
    struct key k = key_of(st->feed_key, st->epoch, st->stream_no);
    (void)map_del(s->by_no, map_hash(&k, sizeof(k)), h);
    if (!uuid_is_zero(&st->id))
        (void)map_del(s->by_id, map_hash(&st->id, sizeof(st->id)), h);
    lru_remove(s, st);
    slab_give(s->chains, st);
}

struct stream *streams_add(struct streams *s, uint64_t feed_key, uint64_t epoch, uint32_t stream_no,
                           int64_t now_us)
{
    if (slab_stat(s->chains).used == slab_stat(s->chains).slots) {
        struct stream *old = s->lru_first;
        if (old->block && streams_write(s, old) < 0)
            return NULL;
        s->evicted++;
        forget(s, old);
    }
    struct stream *st = slab_take(s->chains);
    must(st);
    st->feed_key = feed_key;
    st->epoch = epoch;
    st->stream_no = stream_no;
    st->opened_us = now_us;
    struct key k = key_of(feed_key, epoch, stream_no);
    if (!map_put(s->by_no, map_hash(&k, sizeof(k)), slab_handle_of(s->chains, st))) {
        slab_give(s->chains, st);
        return NULL;
    }
    lru_append(s, st);
    return st;
}

void streams_set_id(struct streams *s, struct stream *st, const struct uuid *id)
{
    if (uuid_is_zero(id) || memcmp(&st->id, id, sizeof(*id)) == 0 || streams_by_id(s, id))
        return;
    if (!uuid_is_zero(&st->id))
        (void)map_del(s->by_id, map_hash(&st->id, sizeof(st->id)), slab_handle_of(s->chains, st));
    st->id = *id;
    if (!map_put(s->by_id, map_hash(id, sizeof(*id)), slab_handle_of(s->chains, st)))
        memset(&st->id, 0, sizeof(st->id));
}

void streams_restore(struct streams *s, const struct spool_head *h, struct spool_pos pos)
{
    struct stream *st = streams_by_no(s, h->feed, h->epoch, h->stream_no);
    if (!st)
        st = streams_add(s, h->feed, h->epoch, h->stream_no, 0);
    if (!st)
        return;
    struct uuid id;
    memcpy(&id, h->stream_id, sizeof(id));
    streams_set_id(s, st, &id);
    st->head = pos;
    st->blocks = h->blocks;
    st->packets = h->packets;
    st->last_seq = h->last_seq;
    st->last_index = h->last_index;
    lru_remove(s, st);
    lru_append(s, st);
}

int streams_write(struct streams *s, struct stream *st)
{
    if (!st->block)
        return 0;
    struct spool_head h = {.bytes = st->used,
                           .feed = st->feed_key,
                           .epoch = st->epoch,
                           .stream_no = st->stream_no,
                           .count = st->count,
                           .prev_segment = st->head.segment,
                           .prev_offset = st->head.offset,
                           .first_at_us = st->first_at_us,
                           .last_at_us = st->last_at_us,
                           .last_seq = st->last_seq,
                           .last_index = st->last_index,
                           .blocks = st->blocks + 1,
                           .packets = st->packets + st->count};
    memcpy(h.stream_id, &st->id, sizeof(h.stream_id));
    int r = spool_append(s->spool, &h, st->block, &st->head);
    while (r < 0 && s->wait && s->wait(s->wait_ctx))
        r = spool_append(s->spool, &h, st->block, &st->head);
    if (r == 0)
        st->blocks++;
    else
        s->lost_on_disk += st->count;
    st->packets += st->count;
    st->count = 0;
    slab_give_first(s->blocks, st->block);
    st->block = NULL;
    dirty_remove(st);
    st->feed = NULL;
    return r;
}

// The block that has been open longest, of any feed.
static struct stream *oldest_dirty(const struct streams *s)
{
    struct stream *oldest = NULL;
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        struct stream *st = s->filling[i] ? s->filling[i]->dirty_first : NULL;
        if (st && (!oldest || st->opened_us < oldest->opened_us))
            oldest = st;
    }
    return oldest;
}

static void note_filling(struct streams *s, struct feed *feed)
{
    size_t room = FEEDS_MAX;
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        if (s->filling[i] == feed)
            return;
        if (room == FEEDS_MAX && (!s->filling[i] || !s->filling[i]->dirty_first))
            room = i;
    }
    must(room < FEEDS_MAX); // feeds has FEEDS_MAX places
    s->filling[room] = feed;
}

static void open_block(struct streams *s, struct stream *st, struct feed *feed, uint64_t seq,
                       int64_t at_us, int64_t now_us)
{
    st->block = slab_take_as_left(s->blocks); // spool_append writes its head
    if (!st->block) {
        s->early_blocks++;
        (void)streams_write(s, oldest_dirty(s));
        st->block = slab_take_as_left(s->blocks);
        must(st->block);
    }
    if (!feed->dirty_first)
        note_filling(s, feed);
    st->used = st->count = 0;
    st->first_at_us = at_us;
    st->block_seq = seq;
    st->opened_us = now_us;
    st->feed = feed;
    dirty_append(feed, st);
}

int streams_put(struct streams *s, struct stream *st, struct feed *feed, uint64_t seq,
                uint32_t index, struct spool_record rec, struct span packet, int64_t now_us)
{
    if (seq < st->last_seq || (seq == st->last_seq && index <= st->last_index)) {
        s->seen_before++;
        return STREAMS_E_SEEN;
    }
    size_t need = SPOOL_RECORD_BYTES + packet.n;
    if (need > SPOOL_DATA_MAX) {
        s->too_large++;
        return -EMSGSIZE;
    }
    if (st->block && st->used + need > SPOOL_DATA_MAX)
        (void)streams_write(s, st);
    if (!st->block)
        open_block(s, st, feed, seq, rec.at_us, now_us);
    uint8_t *p = st->block + sizeof(struct spool_head) + st->used;
    memcpy(p, &rec.at_us, 8);
    memcpy(p + 8, &rec.length, 2);
    memcpy(p + 10, &rec.flags, 2);
    memcpy(p + SPOOL_RECORD_BYTES, packet.p, packet.n);
    st->used += (uint32_t)need;
    st->count++;
    st->last_at_us = rec.at_us;
    st->last_seq = seq;
    st->last_index = index;
    if (st->count == 1) {
        lru_remove(s, st);
        lru_append(s, st);
    }
    return 0;
}

void streams_write_feed(struct streams *s, struct feed *feed, int64_t opened_before_us)
{
    while (feed->dirty_first && feed->dirty_first->opened_us < opened_before_us)
        (void)streams_write(s, feed->dirty_first);
}

uint64_t streams_durable(const struct feed *feed)
{
    return feed->dirty_first ? feed->dirty_first->block_seq - 1 : feed->taken_seq;
}

void streams_trim(struct streams *s, int64_t now_us)
{
    uint32_t oldest = spool_oldest(s->spool);
    for (struct stream *st = s->lru_first; st && !st->block; st = s->lru_first) {
        if (st->blocks == 0 && now_us - st->opened_us < STREAMS_ANNOUNCED_US)
            break;
        if (st->blocks > 0 && oldest > 0 && st->head.segment >= oldest)
            break;
        forget(s, st);
    }
}

struct streams_stat streams_stat(const struct streams *s)
{
    return (struct streams_stat){.chains = slab_stat(s->chains),
                                 .blocks = slab_stat(s->blocks),
                                 .evicted = s->evicted,
                                 .early_blocks = s->early_blocks,
                                 .seen_before = s->seen_before,
                                 .too_large = s->too_large,
                                 .lost_on_disk = s->lost_on_disk};
}
