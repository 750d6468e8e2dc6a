#include "feed_kit.h"

#include <pthread.h>

#include "callmesh/v1/capture.pb-c.h"

struct sender {
    struct feed_pub *f;
    uint64_t from, n;
    size_t bytes;
    int64_t pause_us;
    int r;
    bool flushed;
};

static void *sender_body(void *arg)
{
    struct sender *s = arg;
    uint8_t *buf = calloc(1, s->bytes);
    for (uint64_t i = 0; i < s->n && s->r == 0; i++) {
        s->r = feed_pub_send_packed(s->f, kit_payload(buf, s->bytes, s->from + i));
        if (s->pause_us)
            usleep((useconds_t)s->pause_us);
    }
    s->flushed = feed_pub_flush(s->f, 20 * US_PER_S);
    free(buf);
    return NULL;
}

// A sender that never pauses against a consumer that is slower: all of them, in order, each once.
static void flat_out(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_sub *sub = kit_sub(&p, 4);
    struct sender s = {
        .f = kit_pub(&p, "a", NULL, 8 << 20, true), .from = 1, .n = 100000, .bytes = 60};
    pthread_t t;
    pthread_create(&t, NULL, sender_body, &s);
    struct kit_count k = {0};
    kit_take(sub, &k, s.n, 500, 1000, 5 * US_PER_S);
    pthread_join(t, NULL);
    assert_int_equal(s.r, 0);
    assert_int_equal(k.taken, s.n);
    assert_int_equal(k.lost, 0);
    assert_int_equal(k.new_epochs, 1);
    assert_true(s.flushed);
    struct feed_msg m;
    assert_int_equal(feed_sub_next(sub, 200000, &m), 0);
    struct feed_pub_stat st = feed_pub_stat(s.f);
    assert_int_equal(st.committed_seq, s.n);
    assert_int_equal(st.overwritten, 0);
    assert_true(st.connected);
    struct feed_sub_peer peer;
    assert_true(feed_sub_peer(sub, 0, &peer));
    assert_string_equal(peer.publisher, "a");
    assert_int_equal(peer.taken_seq, s.n);
    assert_true(peer.clock_offset_us > -US_PER_S && peer.clock_offset_us < US_PER_S);
    print_message(
        "flat out: %llu sent, %llu of them by the sure path (some more than once), gaps %llu\n",
        (unsigned long long)st.sent, (unsigned long long)st.backfilled,
        (unsigned long long)peer.gaps);
    feed_pub_stop(s.f);
    feed_sub_stop(sub);
}

// A publisher that has sent before anybody listens; the first contact begins at its oldest.
static void late_consumer(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct sender s = {
        .f = kit_pub(&p, "a", NULL, 1 << 20, false), .from = 1, .n = 500, .bytes = 100};
    uint8_t buf[100];
    for (uint64_t i = 1; i <= 500; i++)
        assert_int_equal(feed_pub_send_packed(s.f, kit_payload(buf, sizeof(buf), i)), 0);
    assert_false(feed_pub_flush(s.f, 150000));
    assert_false(feed_pub_stat(s.f).connected);
    struct feed_sub *sub = kit_sub(&p, 4);
    struct kit_count k = {0};
    kit_take(sub, &k, 500, 1, 0, 5 * US_PER_S);
    assert_int_equal(k.taken, 500);
    assert_int_equal(k.lost, 0);
    assert_true(feed_pub_flush(s.f, 5 * US_PER_S));
    feed_pub_stop(s.f);
    assert_int_equal(feed_pub_send_packed(s.f, kit_payload(buf, sizeof(buf), 1)), -ECANCELED);
    feed_sub_stop(sub);
}

// The journal overflows while nobody listens: what is lost is said exactly, by both sides.
static void overflow_is_counted(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_pub *f = kit_pub(&p, "a", NULL, 64 << 10, false);
    uint8_t buf[200];
    for (uint64_t i = 1; i <= 5000; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    struct feed_pub_stat st = feed_pub_stat(f);
    assert_int_equal(st.overwritten, st.first_seq - 1);
    assert_true(st.overwritten > 4000);
    struct feed_sub *sub = kit_sub(&p, 4);
    struct kit_count k = {0};
    kit_take(sub, &k, 5000 - st.overwritten, 10, 0, 5 * US_PER_S);
    assert_int_equal(k.lost, st.overwritten);
    assert_int_equal(k.taken + k.lost, 5000);
    assert_true(feed_pub_flush(f, 5 * US_PER_S));
    // And while it listens but is slow: still the same sum.
    struct sender s = {.f = f, .from = 5001, .n = 60000, .bytes = 200};
    pthread_t t;
    pthread_create(&t, NULL, sender_body, &s);
    while (k.taken + k.lost < 65000) {
        uint64_t before = k.taken + k.lost;
        kit_take(sub, &k, 1, 1, 20, 5 * US_PER_S);
        assert_true(k.taken + k.lost > before);
    }
    pthread_join(t, NULL);
    assert_int_equal(k.taken + k.lost, 65000);
    // The publisher also counts what was taken but not yet committed when it went.
    assert_true(feed_pub_stat(f).overwritten >= k.lost);
    struct feed_sub_peer peer;
    assert_true(feed_sub_peer(sub, 0, &peer));
    assert_int_equal(peer.lost, k.lost);
    print_message("overflow: %llu of 65000 lost and declared\n", (unsigned long long)k.lost);
    feed_pub_stop(f);
    feed_sub_stop(sub);
}

// wait_when_full with a journal of a few envelopes: the source waits, nothing is lost.
static void source_waits(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_sub *sub = kit_sub(&p, 4);
    struct sender s = {.f = kit_pub(&p, "a", NULL, 8192, true), .from = 1, .n = 5000, .bytes = 700};
    pthread_t t;
    pthread_create(&t, NULL, sender_body, &s);
    struct kit_count k = {0};
    kit_take(sub, &k, s.n, 3, 0, 5 * US_PER_S);
    pthread_join(t, NULL);
    assert_int_equal(k.taken, s.n);
    assert_int_equal(k.lost, 0);
    assert_true(s.flushed);
    assert_int_equal(feed_pub_stat(s.f).overwritten, 0);
    // Stopping ends a wait that would never end.
    struct sender w = {.f = s.f, .from = s.n + 1, .n = 100, .bytes = 700};
    pthread_create(&t, NULL, sender_body, &w);
    usleep(50000);
    feed_pub_stop(s.f);
    pthread_join(t, NULL);
    assert_int_equal(w.r, -ECANCELED);
    feed_sub_stop(sub);
}

// Two publishers at once, one paced as a live input is, one flat out with envelopes of all sizes.
static void two_publishers(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_sub *sub = kit_sub(&p, 2);
    struct sender a = {.f = kit_pub(&p, "live", NULL, 4 << 20, false),
                       .from = 1,
                       .n = 300,
                       .bytes = 900,
                       .pause_us = 3000};
    struct sender b = {
        .f = kit_pub(&p, "file", NULL, 16 << 20, true), .from = 1, .n = 3000, .bytes = 64000};
    pthread_t ta, tb;
    pthread_create(&ta, NULL, sender_body, &a);
    pthread_create(&tb, NULL, sender_body, &b);
    struct kit_count k = {0};
    kit_take(sub, &k, 3300, 1, 0, 5 * US_PER_S);
    assert_int_equal(k.taken, 3300);
    assert_int_equal(k.lost, 0);
    pthread_join(ta, NULL);
    pthread_join(tb, NULL);
    assert_true(a.flushed && b.flushed);
    assert_int_equal(k.next[0] + k.next[1], 3302);
    struct feed_sub_peer peer;
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(feed_sub_peer(sub, i, &peer));
        print_message("%s: taken %llu, by the sure path %llu\n", peer.publisher,
                      (unsigned long long)peer.taken_seq, (unsigned long long)peer.backfilled);
    }
    // The table is full: a third one is refused and keeps its journal.
    struct feed_pub *third = kit_pub(&p, "third", NULL, 1 << 20, false);
    assert_false(feed_sub_peer(sub, 2, &peer));
    uint8_t buf[8];
    feed_pub_send_packed(third, kit_payload(buf, 8, 1));
    assert_false(feed_pub_flush(third, 250000));
    assert_int_equal(feed_pub_stat(third).head_seq, 1);
    feed_pub_stop(a.f);
    feed_pub_stop(b.f);
    feed_pub_stop(third);
    feed_sub_stop(sub);
}

static void sizes(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_sub *sub = kit_sub(&p, 2);
    struct feed_pub *f = kit_pub(&p, "a", NULL, 16 << 20, true);
    size_t max = BUS_MESSAGE_MAX - 512;
    uint8_t *buf = calloc(1, max + 1);
    assert_int_equal(feed_pub_send_packed(f, span_of(buf, max + 1)), -EMSGSIZE);
    size_t n[] = {8, max, 65536, max, 9, 500000, 500000};
    for (uint64_t i = 0; i < 7; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, n[i], i + 1)), 0);
    struct feed_msg m;
    for (uint64_t i = 0; i < 7; i++) {
        assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
        assert_int_equal(m.payload.n, n[i]);
        assert_int_equal(kit_number(m.payload), i + 1);
    }
    feed_sub_commit(sub, m.slot, m.env->seq);
    assert_true(feed_pub_flush(f, 5 * US_PER_S));
    free(buf);
    feed_pub_stop(f);
    feed_sub_stop(sub);
}

// A publisher without a journal file dies with something uncommitted: its next life says how much went with it.
static void next_incarnation(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    struct feed_sub *sub = kit_sub(&p, 4);
    uint8_t buf[100];
    struct feed_pub *f = kit_pub(&p, "a", NULL, 1 << 20, false);
    for (uint64_t i = 1; i <= 30; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    struct kit_count k = {0};
    kit_take(sub, &k, 30, 7, 0, 5 * US_PER_S);
    assert_int_equal(k.taken, 30);
    struct feed_sub_peer old, young;
    assert_true(feed_sub_peer(sub, 0, &old));
    feed_pub_stop(f);
    // All was committed (the last by kit_take): nothing is lost. While the name is still warm it is refused for a second.
    f = kit_pub(&p, "a", NULL, 1 << 20, false);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    struct feed_msg m;
    assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
    assert_int_equal(m.slot, 1);
    assert_true(m.new_epoch);
    assert_int_equal(m.lost_before, 0);
    assert_int_equal(m.env->seq, 1);
    assert_true(feed_sub_peer(sub, m.slot, &young));
    assert_memory_not_equal(old.incarnation, young.incarnation, 16);
    feed_pub_stop(f);
    feed_sub_stop(sub);
}

// A bad byte in the journal of a publisher that was away: exactly that envelope is declared as lost.
static void hole_in_the_journal(void **state)
{
    (void)state;
    char path[] = "/tmp/callmesh-feed-XXXXXX", file[64];
    assert_non_null(mkdtemp(path));
    struct ports p = kit_ports();
    struct feed_pub *f = kit_pub(&p, "a", path, 1 << 20, false);
    uint8_t buf[64] = {0};
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), i)), 0);
    feed_pub_stop(f);
    snprintf(file, sizeof(file), "%s/007.seg", path); // the first that is written to
    FILE *j = fopen(file, "r+");
    uint8_t all[64 << 10], want[64] = {0};
    size_t got = fread(all, 1, 40000, j);
    kit_payload(want, sizeof(want), 51);
    const uint8_t *at = memmem(all, got, want, sizeof(want));
    assert_non_null(at);
    fseek(j, (at - all) + 20, SEEK_SET);
    fputc('!', j);
    fclose(j);

    struct feed_sub *sub = kit_sub(&p, 4);
    f = kit_pub(&p, "a", path, 1 << 20, false);
    struct feed_msg m;
    for (uint64_t i = 1; i <= 100; i++) {
        if (i == 51)
            continue;
        assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
        assert_int_equal(m.env->seq, i);
        assert_int_equal(m.lost_before, i == 52);
        assert_int_equal(m.env->epoch, 1);
    }
    feed_sub_commit(sub, m.slot, 100);
    assert_true(feed_pub_flush(f, 5 * US_PER_S));
    assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), 101)), 0);
    assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
    assert_int_equal(m.env->seq, 101);
    assert_int_equal(m.env->epoch, 2);
    assert_true(m.new_epoch);
    feed_pub_stop(f);
    feed_sub_stop(sub);
    snprintf(file, sizeof(file), "rm -rf '%s'", path);
    assert_int_equal(system(file), 0);
}

// Packed messages and the arena: what does not fit is refused, not allocated.
static void unpacks_in_the_arena(void **state)
{
    (void)state;
    struct ports p = kit_ports();
    char err[256];
    struct feed_sub *sub;
    struct feed_sub_opts o = {
        .name = "t", .sub_url = p.pub, .ask_url = p.ask, .arena_bytes = 64 << 10};
    assert_int_equal(feed_sub_open(&sub, &o, err, sizeof(err)), 0);
    struct feed_sub *second;
    assert_int_equal(feed_sub_open(&second, &o, err, sizeof(err)), -EADDRINUSE);
    assert_non_null(strstr(err, p.ask));
    struct feed_pub *f = kit_pub(&p, "a", NULL, 4 << 20, false);
    Callmesh__V1__Tick tick = CALLMESH__V1__TICK__INIT;
    tick.at_us = 77;
    Callmesh__V1__SigEvent ev = CALLMESH__V1__SIG_EVENT__INIT, *evs[3000];
    ev.event_case = CALLMESH__V1__SIG_EVENT__EVENT_TICK;
    ev.tick = &tick;
    for (size_t i = 0; i < 3000; i++)
        evs[i] = &ev;
    Callmesh__V1__SigBatch b = CALLMESH__V1__SIG_BATCH__INIT;
    b.events = evs;
    b.n_events = 2;
    assert_int_equal(feed_pub_send(f, &b.base), 0);
    b.n_events = 3000;
    assert_int_equal(feed_pub_send(f, &b.base), 0);
    struct feed_msg m;
    assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
    Callmesh__V1__SigBatch *got =
        feed_sub_unpack(sub, &callmesh__v1__sig_batch__descriptor, m.payload);
    assert_non_null(got);
    assert_int_equal(got->n_events, 2);
    assert_int_equal(got->events[1]->tick->at_us, 77);
    assert_string_equal(m.env->publisher, "a");
    assert_string_equal(m.env->site, "main");
    assert_int_equal(feed_sub_next(sub, 5 * US_PER_S, &m), 1);
    assert_null(feed_sub_unpack(sub, &callmesh__v1__sig_batch__descriptor, m.payload));
    feed_pub_stop(f);
    feed_sub_stop(sub);
}

#ifdef __SANITIZE_THREAD__
#define SPEED_PART 20 // Tsan is slow, and speed under it says nothing
#else
#define SPEED_PART 1
#endif

// For the log: what a CPU second carries (both sides in this process).
static void speed(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint64_t n;
    } rows[] = {{64000, 20000 / SPEED_PART}, {2000, 200000 / SPEED_PART}};
    for (size_t i = 0; i < 2; i++) {
        struct ports p = kit_ports();
        struct feed_sub *sub = kit_sub(&p, 2);
        struct sender s = {.f = kit_pub(&p, "a", NULL, 0, true),
                           .from = 1,
                           .n = rows[i].n,
                           .bytes = rows[i].bytes};
        int64_t cpu = cpu_now_us(), at = mono_now_us();
        pthread_t t;
        pthread_create(&t, NULL, sender_body, &s);
        struct kit_count k = {0};
        kit_take(sub, &k, s.n, 16, 0, 5 * US_PER_S);
        pthread_join(t, NULL);
        cpu = cpu_now_us() - cpu;
        at = mono_now_us() - at;
        assert_int_equal(k.taken, s.n);
        print_message("speed: %zu B: %.0f envelopes/s, %.0f MB/s; per CPU second of both sides "
                      "%.0f envelopes, %.0f MB\n",
                      rows[i].bytes, (double)s.n * 1e6 / (double)at,
                      (double)(s.n * rows[i].bytes) / (double)at, (double)s.n * 1e6 / (double)cpu,
                      (double)(s.n * rows[i].bytes) / (double)cpu);
        feed_pub_stop(s.f);
        feed_sub_stop(sub);
    }
}

// Media in a journal on disk is seen when it is written, however little it is: it does not wait for the lazy sync.
static void media_does_not_wait_for_its_sync(void **state)
{
    (void)state;
    char dir[] = "/tmp/callmesh-feed-XXXXXX", path[64], cmd[96], err[256] = "";
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/rtp.journal", dir);
    struct ports p = kit_ports();
    struct feed_sub *s = kit_sub(&p, 4);
    struct feed_pub *f = NULL;
    struct feed_pub_opts o = {.publisher = "site/media",
                              .site = "main",
                              .kind = CALLMESH__V1__KIND__KIND_RTP,
                              .pub_url = p.pub,
                              .ask_url = p.ask,
                              .journal_path = path,
                              .journal_bytes = 8 << 20};
    assert_int_equal(feed_pub_open(&f, &o, err, sizeof(err)), 0);
    uint8_t buf[200];
    struct feed_msg m;
    int64_t total_us = 0;
    for (uint64_t n = 1; n <= 20; n++) {
        int64_t at = mono_now_us();
        assert_int_equal(feed_pub_send_packed(f, kit_payload(buf, sizeof(buf), n)), 0);
        assert_int_equal(feed_sub_next(s, 5 * US_PER_S, &m), 1);
        assert_int_equal(m.env->seq, n);
        if (n > 5) // connected by then
            total_us += mono_now_us() - at;
        usleep(20000);
    }
    print_message("media seen after %.1f ms on the mean\n", (double)total_us / 15e3);
    assert_true(total_us < 15 * 200 * US_PER_MS); // it was 500 ms and more
    feed_pub_stop(f);
    feed_sub_stop(s);
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
    assert_int_equal(system(cmd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_out),
        cmocka_unit_test(late_consumer),
        cmocka_unit_test(overflow_is_counted),
        cmocka_unit_test(source_waits),
        cmocka_unit_test(two_publishers),
        cmocka_unit_test(sizes),
        cmocka_unit_test(next_incarnation),
        cmocka_unit_test(hole_in_the_journal),
        cmocka_unit_test(unpacks_in_the_arena),
        cmocka_unit_test(media_does_not_wait_for_its_sync),
        cmocka_unit_test(speed),
        cmocka_unit_test(kit_nothing_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
