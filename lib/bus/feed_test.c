#include "feed_kit.h"

#include <pthread.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flat_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
