// Over 450 lines: one world of a spool, and each thing that may happen to it.
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mono.h"
#include "chain.h"
#include "cursor.h"
#include "streams.h"

struct world {
    char dir[64];
    struct spool *spool;
    struct streams *streams;
    struct feeds *feeds;
    struct feed *feed;
};

static const uint8_t incarnation[16] = {1, 2, 3};

static void on_block(void *ctx, const struct spool_head *h, struct spool_pos pos)
{
    streams_restore(ctx, h, pos);
}

static void world_start(struct world *w, uint64_t bytes, uint64_t segment_bytes, size_t chains,
                        size_t blocks)
{
    char err[200];
    struct spool_opts o = {w->dir, bytes, segment_bytes, 0};
    assert_int_equal(spool_open(&w->spool, &o, err, sizeof(err)), 0);
    w->streams = streams_new(chains, blocks, w->spool);
    assert_non_null(w->streams);
    assert_int_equal(spool_scan(w->spool, on_block, w->streams), 0);
    w->feeds = calloc(1, sizeof(*w->feeds));
    feeds_init(w->feeds);
    w->feed = feeds_bind(w->feeds, 7, "lab/capture", incarnation, "lab");
    assert_non_null(w->feed);
}

static void world_stop(struct world *w)
{
    w->streams = streams_free(w->streams);
    w->spool = spool_close(w->spool);
    free(w->feeds);
}

static void world_open(struct world *w, uint64_t bytes, uint64_t segment_bytes, size_t chains,
                       size_t blocks)
{
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/spool-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    world_start(w, bytes, segment_bytes, chains, blocks);
}

static void world_close(struct world *w)
{
    char cmd[100];
    world_stop(w);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(system(cmd), 0);
}

static struct uuid id_of(uint32_t no)
{
    return uuid_v7_derived(INT64_C(1700000000000000), span_of(&no, sizeof(no)));
}

static struct stream *stream_of(struct world *w, uint32_t no)
{
    struct stream *st = streams_by_no(w->streams, w->feed->key, 1, no);
    if (!st) {
        struct uuid id = id_of(no);
        st = streams_add(w->streams, w->feed->key, 1, no, 0);
        assert_non_null(st);
        streams_set_id(w->streams, st, &id);
    }
    return st;
}

// Packet n of a stream: its bytes say which it is.
static int put(struct world *w, uint32_t no, uint32_t n, uint64_t seq, uint32_t index)
{
    uint8_t p[172];
    memset(p, (int)(n & 0xFF), sizeof(p));
    memcpy(p, &no, 4);
    memcpy(p + 4, &n, 4);
    struct spool_record rec = {(int64_t)n * 20000, sizeof(p), 0};
    return streams_put(w->streams, stream_of(w, no), w->feed, seq, index, rec,
                       span_of(p, sizeof(p)), (int64_t)seq);
}

// Reads the chain of a stream: packets first..last without a hole. Returns how many, -1 when one is out of place.
static int64_t read_chain(struct world *w, uint32_t no, uint32_t *ret_first, bool *ret_truncated)
{
    static struct spool_pos refs[20000];
    static struct chain c;
    struct uuid id = id_of(no);
    struct stream *st = streams_by_id(w->streams, &id);
    if (!st)
        return 0;
    struct spool_reader *r = spool_reader_new(w->dir);
    assert_non_null(r);
    (void)chain_collect(&c, r, st->head, refs, COUNT_OF(refs));
    *ret_truncated = c.truncated;
    struct chain_packet p;
    int64_t count = 0;
    uint32_t next = 0;
    while (chain_next(&c, &p)) {
        uint32_t got_no, n;
        memcpy(&got_no, p.packet.p, 4);
        memcpy(&n, p.packet.p + 4, 4);
        if (count == 0)
            *ret_first = next = n;
        if (got_no != no || n != next++ || p.packet.n != 172 || p.packet.p[171] != (uint8_t)n ||
            p.at_us != (int64_t)n * 20000)
            count = -1000000000;
        count++;
    }
    if (c.unreadable > 0)
        *ret_truncated = true;
    (void)spool_reader_free(r);
    return count < 0 ? -1 : count;
}

static void streams_come_back_apart(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 4 << 20, 64, 16);
    for (uint32_t n = 0; n < 1000; n++) {
        for (uint32_t no = 1; no <= 10; no++)
            assert_int_equal(put(&w, no, n, n + 1, no), 0);
    }
    w.feed->taken_seq = 1000;
    assert_true(streams_durable(w.feed) < 1000); // open blocks hold the commit back
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    assert_int_equal(streams_durable(w.feed), 1000);
    for (uint32_t no = 1; no <= 10; no++) {
        uint32_t first = 99;
        bool cut = true;
        assert_int_equal(read_chain(&w, no, &first, &cut), 1000);
        assert_int_equal(first, 0);
        assert_false(cut);
    }
    world_close(&w);
}

static void durable_is_the_envelope_before_the_oldest_open_block(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 4 << 20, 64, 16);
    assert_int_equal(put(&w, 1, 0, 5, 0), 0);
    assert_int_equal(put(&w, 2, 0, 6, 0), 0);
    w.feed->taken_seq = 6;
    assert_int_equal(streams_durable(w.feed), 4);
    assert_int_equal(streams_write(w.streams, stream_of(&w, 1)), 0);
    assert_int_equal(streams_durable(w.feed), 5);
    streams_write_feed(w.streams, w.feed, 6); // opened before 6: none (stream 2 was opened at 6)
    assert_int_equal(streams_durable(w.feed), 5);
    streams_write_feed(w.streams, w.feed, 7);
    assert_int_equal(streams_durable(w.feed), 6);
    world_close(&w);
}

static void full_spool_forgets_its_oldest(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 4 << 20, 1 << 20, 64, 16);
    spool_set_wanted(w.spool, 0);        // all of it is wanted: told apart when it goes
    for (uint32_t n = 0; n < 40000; n++) // 7.4 MB
        assert_int_equal(put(&w, 1 + n % 2, n / 2, n + 1, 0), 0);
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    struct spool_stat st = spool_stat(w.spool);
    assert_true(st.bytes <= st.limit && st.bytes > st.limit / 2);
    assert_true(st.dropped_segments >= 3);
    assert_int_equal(st.dropped_wanted, st.dropped_segments);
    for (uint32_t no = 1; no <= 2; no++) {
        uint32_t first = 0;
        bool cut = false;
        int64_t n = read_chain(&w, no, &first, &cut);
        assert_true(cut && first > 0);
        assert_int_equal(first + n, 20000); // the newest are all there, without a hole
    }
    world_close(&w);
}

static void streams_without_a_block_left_are_forgotten(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 4 << 20, 1 << 20, 64, 16);
    assert_int_equal(put(&w, 9, 0, 1, 0), 0);
    for (uint32_t n = 0; n < 40000; n++)
        assert_int_equal(put(&w, 1, n, n + 2, 0), 0);
    streams_trim(w.streams, 0);
    assert_non_null(streams_by_no(w.streams, w.feed->key, 1, 9)); // its block is open still
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    for (uint32_t n = 40000; n < 80000; n++)
        assert_int_equal(put(&w, 1, n, n + 2, 0), 0);
    streams_trim(w.streams, 0);
    assert_null(streams_by_no(w.streams, w.feed->key, 1, 9));
    assert_int_equal(streams_stat(w.streams).chains.used, 1);
    world_close(&w);
}

// A sweep between the batch that names a stream and the one with its first packet took the name away: the call was cut
// without that side.
static void announced_and_without_a_packet_keeps_its_name(void **state)
{
    (void)state;
    struct world w;
    struct uuid id = id_of(7);
    world_open(&w, 4 << 20, 1 << 20, 64, 16);
    assert_non_null(stream_of(&w, 7)); // announced at 0
    assert_non_null(stream_of(&w, 8)); // and nothing of it ever comes
    streams_trim(w.streams, STREAMS_ANNOUNCED_US - 1);
    assert_int_equal(put(&w, 7, 0, 1, 0), 0);
    struct stream *st = streams_by_id(w.streams, &id);
    assert_non_null(st);
    assert_int_equal(st->count, 1);
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    streams_trim(w.streams, STREAMS_ANNOUNCED_US);
    assert_null(streams_by_no(w.streams, w.feed->key, 1, 8));
    assert_non_null(streams_by_no(w.streams, w.feed->key, 1, 7));
    world_close(&w);
}

static void full_tables_have_a_rule(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 4 << 20, 32, 8);
    for (uint32_t no = 1; no <= 20; no++) // 20 streams, 8 blocks: the oldest are written early
        assert_int_equal(put(&w, no, 0, no, 0), 0);
    struct streams_stat st = streams_stat(w.streams);
    assert_int_equal(st.early_blocks, 12);
    assert_int_equal(st.blocks.used, 8);
    for (uint32_t no = 21; no <= 40; no++) // 40 streams, 32 places: the quiet ones go
        assert_int_equal(put(&w, no, 0, no, 0), 0);
    st = streams_stat(w.streams);
    assert_int_equal(st.chains.used, 32);
    assert_int_equal(st.evicted, 8);
    assert_null(streams_by_no(w.streams, w.feed->key, 1, 1));
    assert_non_null(streams_by_no(w.streams, w.feed->key, 1, 40));
    uint8_t big[9000] = {0};
    struct spool_record rec = {0, sizeof(big), 0};
    assert_int_equal(
        streams_put(w.streams, stream_of(&w, 40), w.feed, 50, 0, rec, span_of(big, sizeof(big)), 0),
        -EMSGSIZE);
    assert_int_equal(streams_stat(w.streams).too_large, 1);
    world_close(&w);
}

// Numbers that meet in the table of those found last: each is found, also when the other was in between, or has gone.
static void streams_that_share_a_place_are_apart(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 4 << 20, 64, 16);
    uint64_t key = w.feed->key;
    struct stream *a = streams_add(w.streams, key, 1, 5, 0),
                  *b = streams_add(w.streams, key, 2, 5, 0),
                  *c = streams_add(w.streams, key, 1, 5 + 64, 0);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(streams_by_no(w.streams, key, 1, 5), a);
        assert_ptr_equal(streams_by_no(w.streams, key, 2, 5), b);
        assert_ptr_equal(streams_by_no(w.streams, key, 1, 5 + 64), c);
        assert_null(streams_by_no(w.streams, key + 64, 1, 5));
    }
    streams_trim(w.streams, STREAMS_ANNOUNCED_US + 1); // all three go
    assert_int_equal(streams_stat(w.streams).chains.used, 0);
    assert_null(streams_by_no(w.streams, key, 1, 5 + 64));
    assert_null(streams_by_no(w.streams, key, 2, 5));
    world_close(&w);
}

static void what_comes_again_is_known(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 4 << 20, 64, 16);
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(put(&w, 1, n, 1 + n / 10, n % 10), 0);
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    world_stop(&w);
    world_start(&w, 64 << 20, 4 << 20, 64, 16);
    for (uint32_t n = 50; n < 120; n++) // from the middle again, and on
        assert_int_equal(put(&w, 1, n, 1 + n / 10, n % 10), n < 100 ? STREAMS_E_SEEN : 0);
    assert_int_equal(streams_stat(w.streams).seen_before, 50);
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    uint32_t first;
    bool cut;
    assert_int_equal(read_chain(&w, 1, &first, &cut), 120);
    world_close(&w);
}

// A child writes and is killed without a warning; what it had told us by the pipe as durable must be there.
static void killed_writer_loses_nothing_durable(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 1 << 20, 64, 16);
    world_stop(&w);
    uint32_t next[5] = {0};
    uint64_t seq = 0;
    int64_t before = 0;
    for (int life = 0; life < 12; life++) {
        int pipefd[2];
        assert_int_equal(pipe(pipefd), 0);
        pid_t pid = fork();
        if (pid == 0) {
            world_start(&w, 64 << 20, 1 << 20, 64, 16);
            for (uint32_t i = 0;; i++) {
                uint32_t no = 1 + i % 4;
                (void)put(&w, no, next[no] + i / 4, seq + i + 1, 0);
                if (i % 40 == 39)
                    streams_write_feed(w.streams, w.feed, INT64_MAX);
                w.feed->taken_seq = seq + i + 1;
                uint64_t durable = streams_durable(w.feed);
                (void)!write(pipefd[1], &durable, sizeof(durable));
            }
        }
        close(pipefd[1]);
        uint64_t durable = seq, v;
        for (int told = 0; told < 300 + life * 211; told++) {
            assert_int_equal(read(pipefd[0], &v, sizeof(v)), sizeof(v));
            durable = v;
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (read(pipefd[0], &v, sizeof(v)) == (ssize_t)sizeof(v))
            durable = v;
        close(pipefd[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);

        world_start(&w, 64 << 20, 1 << 20, 64, 16);
        int64_t total = 0;
        for (uint32_t no = 1; no <= 4; no++) {
            uint32_t first = 0;
            bool cut = false;
            int64_t n = read_chain(&w, no, &first, &cut);
            assert_true(n >= 0 && first == 0 && !cut);
            next[no] = (uint32_t)n;
            total += n;
        }
        // `durable` counts the packets of this life, from seq on.
        assert_true(durable > seq);
        assert_true(total - before >= (int64_t)(durable - seq));
        before = total;
        // The next life goes on behind what is there: the streams differ by the part of a round that was written.
        seq += 10000000;
        world_stop(&w);
    }
    assert_true(next[1] > 100);
    world_start(&w, 64 << 20, 1 << 20, 64, 16);
    world_close(&w);
}

static void torn_tail_is_cut_off(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 4 << 20, 64, 16);
    for (uint32_t n = 0; n < 500; n++)
        assert_int_equal(put(&w, 1, n, n + 1, 0), 0);
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    world_stop(&w);
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/seg-0000000001.spool", w.dir);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t cut = 1; cut < 9000; cut += 1371) { // into the head, the data, the block before
        assert_int_equal(truncate(path, st.st_size - cut), 0);
        world_start(&w, 64 << 20, 4 << 20, 64, 16);
        uint32_t first = 9;
        bool truncated = true;
        int64_t n = read_chain(&w, 1, &first, &truncated);
        assert_true(n > 400 && n < 500 && first == 0 && !truncated);
        assert_int_equal(put(&w, 2, 0, 1000 + (uint64_t)cut, 0), 0); // and it goes on
        streams_write_feed(w.streams, w.feed, INT64_MAX);
        assert_int_equal(read_chain(&w, 1, &first, &truncated), n);
        world_stop(&w);
    }
    int fd = open(path, O_RDWR); // a flipped bit in the data is seen by the reader
    uint8_t b;
    assert_int_equal(pread(fd, &b, 1, 1000), 1);
    b ^= 1;
    assert_int_equal(pwrite(fd, &b, 1, 1000), 1);
    close(fd);
    world_start(&w, 64 << 20, 4 << 20, 64, 16);
    uint32_t first = 0;
    bool truncated = false;
    (void)read_chain(&w, 1, &first, &truncated);
    assert_true(truncated);
    world_close(&w);
}

static void old_media_goes_unless_wanted(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 1 << 20, 64, 16);
    world_stop(&w);
    char err[200];
    struct spool_opts o = {w.dir, 64 << 20, 1 << 20, 60 * US_PER_S};
    assert_int_equal(spool_open(&w.spool, &o, err, sizeof(err)), 0);
    w.streams = streams_new(64, 16, w.spool);
    w.feeds = calloc(1, sizeof(*w.feeds));
    feeds_init(w.feeds);
    w.feed = feeds_bind(w.feeds, 7, "lab/capture", incarnation, "lab");
    for (uint32_t n = 0; n < 20000; n++)
        assert_int_equal(put(&w, 1, n, n + 1, 0), 0);
    int64_t now = wall_now_us();
    uint64_t before = spool_stat(w.spool).segments;
    assert_true(before >= 3);
    spool_set_wanted(w.spool, now - US_PER_S);
    spool_age(w.spool, now + 3600 * US_PER_S); // old by now, and wanted
    assert_int_equal(spool_stat(w.spool).segments, before);
    spool_set_wanted(w.spool, INT64_MAX);
    spool_age(w.spool, now); // not old
    assert_int_equal(spool_stat(w.spool).segments, before);
    spool_age(w.spool, now + 3600 * US_PER_S);
    assert_int_equal(spool_stat(w.spool).segments, 0);
    assert_int_equal(spool_stat(w.spool).aged_segments, before);
    assert_int_equal(spool_stat(w.spool).bytes, 0);
    assert_int_equal(put(&w, 1, 20000, 20001, 0), 0); // and it goes on
    streams_write_feed(w.streams, w.feed, INT64_MAX);
    assert_int_equal(spool_stat(w.spool).segments, 1);
    world_close(&w);
}

static void cursor_comes_back(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 64 << 20, 1 << 20, 64, 16);
    w.feed->epoch = 3;
    w.feed->committed_seq = w.feed->taken_seq = 77;
    w.feed->durable_us = 123456;
    atomic_store(&w.feed->ended, true);
    assert_int_equal(cursor_save(w.dir, w.feeds), 0);
    struct feeds *f = calloc(1, sizeof(*f));
    feeds_init(f);
    assert_int_equal(cursor_load(w.dir, f), 0);
    struct feed *d = feeds_bind(f, 1, "lab/capture", incarnation, "lab");
    assert_int_equal(d->committed_seq, 77);
    assert_int_equal(d->epoch, 3);
    assert_int_equal(atomic_load(&d->watermark_us), 123456);
    assert_true(atomic_load(&d->ended));
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/cursor", w.dir);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t n = st.st_size - 1; n >= 0; n -= 13) { // each shorter file is refused
        assert_int_equal(truncate(path, n), 0);
        assert_int_equal(cursor_load(w.dir, f), -EBADMSG);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cursor_load(w.dir, f), 0);
    free(f);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_come_back_apart),
        cmocka_unit_test(durable_is_the_envelope_before_the_oldest_open_block),
        cmocka_unit_test(full_spool_forgets_its_oldest),
        cmocka_unit_test(streams_without_a_block_left_are_forgotten),
        cmocka_unit_test(announced_and_without_a_packet_keeps_its_name),
        cmocka_unit_test(full_tables_have_a_rule),
        cmocka_unit_test(streams_that_share_a_place_are_apart),
        cmocka_unit_test(what_comes_again_is_known),
        cmocka_unit_test(killed_writer_loses_nothing_durable),
        cmocka_unit_test(torn_tail_is_cut_off),
        cmocka_unit_test(old_media_goes_unless_wanted),
        cmocka_unit_test(cursor_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
