#include "intake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/fail.h"
#include "base/log.h"
#include "base/mono.h"
#include "callmesh/v1/capture.pb-c.h"
#include "cursor.h"
#include "stats.h"

#define INDEX_BYTES   20u
#define INDEX_STREAM  8u // where the stream's number stands in it
#define COLUMNS_FIELD 2u // index, data (capture.proto)
#define AHEAD         8u // packets: its stream is asked for; half of them: the place in its block

static void restore(void *ctx, const struct spool_head *h, struct spool_pos pos)
{
    streams_restore(ctx, h, pos);
}

// Nothing is taken from the feeds meanwhile: the harvesters' journals keep it, and what they must give up they declare.
static bool wait_for_disk(void *ctx)
{
    struct intake *in = ctx;
    if (thread_should_stop(&in->thread)) {
        in->gave_up = true;
        return false;
    }
    int64_t now_us = mono_now_us();
    count(STAT_DISK_WAITS, 1);
    if (!in->no_disk_us || now_us - in->no_disk_us >= 10 * US_PER_S) {
        in->no_disk_us = now_us;
        log_error(
            "the spool takes no block: waiting, the journals of the harvesters keep what comes",
            "dir=%s", in->o.spool_dir);
    }
    struct timespec t = {.tv_nsec = 20 * 1000000};
    (void)nanosleep(&t, NULL);
    return true;
}

int intake_open(struct intake *in, char *err, size_t err_cap)
{
    atomic_store(&in->wanted_us, INT64_MAX);
    struct spool_opts so = {in->o.spool_dir, in->o.spool_bytes, in->o.segment_bytes,
                            in->o.look_back_us};
    int r = spool_open(&in->spool, &so, err, err_cap);
    if (r < 0)
        return r;
    in->streams = streams_new(in->o.chains, in->o.blocks, in->spool);
    if (!in->streams) {
        (void)snprintf(err, err_cap, "no memory for %zu streams and %zu blocks", in->o.chains,
                       in->o.blocks);
        return -ENOMEM;
    }
    streams_on_no_disk(in->streams, wait_for_disk, in);
    (void)spool_scan(in->spool, restore, in->streams);
    r = cursor_load(in->o.spool_dir, in->feeds);
    if (r < 0)
        log_warn("cursor not readable, feeds start at what their journals have", "error=\"%s\"",
                 strerror(-r));
    struct spool_stat st = spool_stat(in->spool);
    log_info("spool open", "dir=%s bytes=%llu limit=%llu segments=%llu blocks=%llu streams=%zu",
             in->o.spool_dir, (unsigned long long)st.bytes, (unsigned long long)st.limit,
             (unsigned long long)st.segments, (unsigned long long)st.blocks,
             streams_stat(in->streams).chains.used);

    struct feed_sub_opts fo = {.name = "recorder",
                               .sub_url = in->o.rtp_url,
                               .ask_url = in->o.rtp_ask_url,
                               .publishers_max = 256};
    r = feed_sub_open(&in->sub, &fo, err, err_cap);
    for (size_t i = 0; r == 0 && i < FEEDS_MAX; i++) {
        const struct feed *f = &in->feeds->feed[i];
        if (f->used)
            feed_sub_set_cursor(in->sub, f->publisher,
                                span_of(f->incarnation, sizeof(f->incarnation)), f->committed_seq);
    }
    return r;
}

static void announce(struct intake *in, struct feed *f, const Callmesh__V1__StreamInfo *info,
                     int64_t now_us)
{
    if (info->stream_id.len != sizeof(struct uuid))
        return;
    struct stream *st = streams_by_no(in->streams, f->key, f->epoch, info->stream_no);
    if (!st)
        st = streams_add(in->streams, f->key, f->epoch, info->stream_no, now_us);
    if (!st)
        return;
    struct uuid id;
    memcpy(&id, info->stream_id.data, sizeof(id));
    streams_set_id(in->streams, st, &id);
    live_on_stream(in->live, st);
}

static uint32_t stream_no_at(struct span index, size_t i)
{
    struct cur c = cur_of(span_sub(index, i * INDEX_BYTES + INDEX_STREAM, 4));
    return cur_u32le(&c);
}

// False: not taken, and counted.
static bool take_packet(struct intake *in, struct feed *f, uint64_t seq, uint32_t index,
                        struct cur *c, struct span data, int64_t now_us, size_t *bytes)
{
    struct spool_record rec;
    rec.at_us = (int64_t)cur_u64le(c);
    uint32_t stream_no = cur_u32le(c), offset = cur_u32le(c);
    rec.length = cur_u16le(c);
    rec.flags = cur_u16le(c);
    if (offset > data.n || rec.length > data.n - offset) {
        count(STAT_REF_FORM, 1);
        return false;
    }
    struct span packet = span_sub(data, offset, rec.length);
    struct stream *st = streams_by_no(in->streams, f->key, f->epoch, stream_no);
    if (!st) // its announcement was lost; it comes again within 10 s, and the chain is there by then
        st = streams_add(in->streams, f->key, f->epoch, stream_no, now_us);
    if (!st) {
        count(STAT_REF_CHAIN, 1);
        return false;
    }
    if (streams_put(in->streams, st, f, seq, index, rec, packet, now_us) != 0)
        return false;
    *bytes += packet.n;
    if (st->tap != 0)
        live_packet(in->live, st, rec.at_us, packet);
    return true;
}

static void take_packets(struct intake *in, struct feed *f, uint64_t seq, struct span index,
                         struct span data, int64_t now_us)
{
    struct cur c = cur_of(index);
    size_t n = index.n / INDEX_BYTES, bytes = 0, packets = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            streams_near(in->streams, f->key, stream_no_at(index, i + AHEAD));
        if (i + AHEAD / 2 < n)
            streams_nearer(in->streams, f->key, stream_no_at(index, i + AHEAD / 2));
        packets += take_packet(in, f, seq, (uint32_t)i, &c, data, now_us, &bytes);
    }
    f->bytes += bytes;
    count(STAT_PACKETS, packets);
    count(STAT_BYTES, bytes);
}

static void note_loss(struct intake *in, struct feed *f, const Callmesh__V1__Loss *l)
{
    count(STAT_LOST_DECL, l->count);
    in->losses[in->losses_n++ % INTAKE_LOSSES] = (struct intake_loss){f->key, l->from_us, l->to_us};
}

static void take_batch(struct intake *in, const struct feed_msg *m, struct feed *f, int64_t now_us)
{
    struct span column[2]; // index, data
    const Callmesh__V1__RtpBatch *b = feed_sub_unpack_columns(
        in->sub, &callmesh__v1__rtp_batch__descriptor, m->payload, COLUMNS_FIELD, column, 2);
    if (!b || column[0].n % INDEX_BYTES != 0) {
        count(STAT_BAD_BATCH, 1);
        return;
    }
    for (size_t i = 0; i < b->n_streams; i++)
        announce(in, f, b->streams[i], now_us);
    take_packets(in, f, m->env->seq, column[0], column[1], now_us);
    for (size_t i = 0; i < b->n_losses; i++)
        note_loss(in, f, b->losses[i]);
    live_flush(in->live);
    // The order matters: who sees the watermark finds the packets in the streams.
    if (b->watermark_us > atomic_load(&f->watermark_us))
        atomic_store(&f->watermark_us, b->watermark_us);
    if (b->end_of_input)
        atomic_store(&f->ended, true);
}

static void commit(struct intake *in)
{
    bool any = false;
    if (in->gave_up)
        return;
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        struct feed *f = &in->feeds->feed[i];
        if (!f->used || !f->bound)
            continue;
        uint64_t durable = streams_durable(f);
        if (durable == f->taken_seq)
            f->durable_us = atomic_load(&f->watermark_us);
        if (durable <= f->committed_seq)
            continue;
        f->committed_seq = durable;
        any = true;
    }
    if (!any)
        return;
    int r = cursor_save(in->o.spool_dir, in->feeds);
    if (r < 0) {
        log_error("cursor not saved, the harvesters keep what they sent", "error=\"%s\"",
                  strerror(-r));
        return;
    }
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        const struct feed *f = &in->feeds->feed[i];
        if (f->used && f->bound)
            feed_sub_commit(in->sub, f->slot, f->committed_seq);
    }
}

static void on_envelope(struct intake *in, const struct feed_msg *m, int64_t now_us)
{
    const Callmesh__V1__Envelope *e = m->env;
    if (e->incarnation.len != 16 || e->kind != CALLMESH__V1__KIND__KIND_RTP) {
        count(STAT_BAD_BATCH, 1);
        return;
    }
    struct feed *f = feeds_bind(in->feeds, m->slot, e->publisher, e->incarnation.data, e->site);
    if (!f) {
        count(STAT_REF_FEED, 1);
        return;
    }
    if (m->lost_before > 0) {
        count(STAT_LOST_ENV, m->lost_before);
        // Declared in each recording that it touches: from the last that we had to the sending of what came next.
        in->losses[in->losses_n++ % INTAKE_LOSSES] =
            (struct intake_loss){f->key, atomic_load(&f->watermark_us), e->sent_at_us};
        log_warn("media lost before it came here", "publisher=\"%s\" batches=%llu", e->publisher,
                 (unsigned long long)m->lost_before);
    }
    if (f->epoch != e->epoch) {
        f->epoch = e->epoch;
        atomic_store(&f->ended, false);
        log_info("media feed", "publisher=\"%s\" site=\"%s\" epoch=%llu seq=%llu", e->publisher,
                 e->site, (unsigned long long)e->epoch, (unsigned long long)e->seq);
    }
    atomic_store(&f->seen_us, wall_now_us());
    take_batch(in, m, f, now_us);
    f->taken_seq = e->seq;
    atomic_store(&f->drained_us, 0);
    if (f->bytes >= in->o.commit_bytes || atomic_load(&f->ended)) {
        f->bytes = 0;
        streams_write_feed(in->streams, f, INT64_MAX);
        commit(in);
    }
}

static void find_media(struct intake *in, struct job *j)
{
    for (uint32_t i = 0; i < j->streams; i++) {
        struct job_stream *js = &j->stream[i];
        struct stream *st = streams_by_id(in->streams, &js->id);
        js->elsewhere = !st && !feeds_heard(in->feeds, js->harvester);
        if (!st)
            continue;
        (void)streams_write(in->streams, st);
        js->known = st->packets > 0;
        js->head = st->head;
        js->blocks = st->blocks;
        js->packets = st->packets;
    }
    uint64_t n = in->losses_n < INTAKE_LOSSES ? in->losses_n : INTAKE_LOSSES;
    for (uint64_t i = 0; i < n && j->losses < JOB_LOSSES_MAX; i++) {
        const struct intake_loss *l = &in->losses[i];
        const struct feed *f = feeds_by_key(in->feeds, l->feed_key);
        if (f && strcmp(f->site, j->site) == 0 && l->to_us >= j->started_us &&
            l->from_us <= j->ended_us)
            j->loss[j->losses++] = (struct job_loss){l->from_us, l->to_us};
    }
}

static void take_orders(struct intake *in)
{
    while (ring_used(in->jobs) < ring_capacity(in->jobs) && ring_pop(in->orders, &in->order)) {
        switch (in->order.kind) {
        case ORDER_CUT:
            find_media(in, &in->order.job);
            must(ring_push(in->jobs, &in->order.job));
            break;
        case ORDER_TAP:
            live_tap(in->live, in->streams, &in->order);
            break;
        case ORDER_UNTAP:
            live_untap(in->live, in->streams, &in->order.job.call_id);
            break;
        }
    }
}

static void show(struct intake *in)
{
    struct streams_stat s = streams_stat(in->streams);
    struct spool_stat p = spool_stat(in->spool);
    struct live_stat l = live_stat(in->live);
    gauge(STAT_SEEN, s.seen_before);
    gauge(STAT_REF_LARGE, s.too_large);
    gauge(STAT_REF_DISK, s.lost_on_disk);
    gauge(STAT_EVICTED, s.evicted);
    gauge(STAT_EARLY, s.early_blocks);
    gauge(STAT_STREAMS, s.chains.used);
    gauge(STAT_BLOCKS_USED, s.blocks.used);
    gauge(STAT_SPOOL_BYTES, p.bytes);
    gauge(STAT_SPOOL_LIMIT, p.limit);
    gauge(STAT_SPOOL_SEGMENTS, p.segments);
    gauge(STAT_SPOOL_BLOCKS, p.blocks);
    gauge(STAT_SPOOL_DROPPED, p.dropped_segments);
    gauge(STAT_SPOOL_WANTED, p.dropped_wanted);
    gauge(STAT_SPOOL_AGED, p.aged_segments);
    gauge(STAT_SPOOL_ERRORS, p.write_errors);
    gauge(STAT_TAPS, l.taps);
    gauge(STAT_TAPS_REFUSED, l.refused);
    gauge(STAT_LIVE_FRAMES, l.frames);
    gauge(STAT_LIVE_SKIPPED, l.skipped);
}

static void sweep(struct intake *in)
{
    int64_t wall_us = wall_now_us();
    spool_set_low(in->spool, atomic_load(&in->disk_low));
    spool_set_wanted(in->spool, atomic_load(&in->wanted_us));
    spool_age(in->spool, wall_us);
    streams_trim(in->streams, mono_now_us());
    live_expire(in->live, in->streams, wall_us);
    for (uint32_t i = 0; i < FEEDS_MAX; i++) {
        struct feed *f = &in->feeds->feed[i];
        struct feed_sub_peer peer;
        if (!f->used || !f->bound || !feed_sub_peer(in->sub, f->slot, &peer))
            continue;
        // A publisher that asks but has nothing to send is alive too.
        if (peer.last_seen_us > atomic_load(&f->seen_us))
            atomic_store(&f->seen_us, peer.last_seen_us);
        bool drained = peer.head_seq <= f->taken_seq && wall_us - peer.last_seen_us < 3 * US_PER_S;
        if (!drained)
            atomic_store(&f->drained_us, 0);
        else if (atomic_load(&f->drained_us) == 0)
            atomic_store(&f->drained_us, wall_us);
    }
    atomic_store(&in->newest, spool_newest(in->spool));
    show(in);
}

static void by_time(struct intake *in, int64_t now_us)
{
    if (now_us >= in->next_age_us) {
        in->next_age_us = now_us + 50 * US_PER_MS;
        for (size_t i = 0; i < FEEDS_MAX; i++) {
            if (in->feeds->feed[i].dirty_first)
                streams_write_feed(in->streams, &in->feeds->feed[i], now_us - in->o.block_age_us);
        }
    }
    if (now_us >= in->next_commit_us) {
        in->next_commit_us = now_us + in->o.commit_us;
        commit(in);
    }
    if (now_us >= in->next_sweep_us) {
        in->next_sweep_us = now_us + US_PER_S / 2;
        sweep(in);
    }
}

static void body(struct thread *t, void *arg)
{
    struct intake *in = arg;
    while (!thread_should_stop(t)) {
        struct feed_msg m;
        int got = feed_sub_next(in->sub, 5 * US_PER_MS, &m);
        int64_t now_us = mono_now_us();
        if (got > 0)
            on_envelope(in, &m, now_us);
        by_time(in, now_us);
        take_orders(in);
    }
    for (size_t i = 0; i < FEEDS_MAX; i++)
        streams_write_feed(in->streams, &in->feeds->feed[i], INT64_MAX);
    commit(in);
    show(in);
}

int intake_start(struct intake *in)
{
    return thread_start(&in->thread, "intake", body, in);
}

void intake_stop(struct intake *in)
{
    thread_join(&in->thread);
    if (in->sub)
        feed_sub_stop(in->sub);
}
