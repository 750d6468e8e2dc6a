#include "xring.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/test.h"

static void put(struct xring_producer *p, uint64_t value, size_t bytes)
{
    uint8_t *at = xring_reserve(p, bytes);
    assert_non_null(at);
    memset(at, (int)(value & 0xFF), bytes);
    memcpy(at, &value, sizeof value);
    xring_publish(p, 1, bytes, (int64_t)value, 0);
}

// The value, or -1 for an empty ring.
static int64_t get(struct xring_consumer *c)
{
    uint64_t value;
    const struct xring_record *rec = xring_peek(c);
    if (!rec)
        return -1;
    const uint8_t *at = xring_payload(c);
    memcpy(&value, at, sizeof value);
    for (size_t i = sizeof value; i < rec->bytes; i++)
        assert_int_equal(at[i], value & 0xFF);
    assert_int_equal(rec->a, value);
    xring_next(c);
    return (int64_t)value;
}

static void test_all_sizes_go_round_in_order(void **state)
{
    (void)state;
    struct xring *r = xring_new(4096);
    struct xring_producer p = xring_producer(r);
    struct xring_consumer c = xring_consumer(r);
    struct rnd rnd = {1};
    for (uint64_t i = 0; i < 20000; i++) {
        put(&p, i, 8 + rnd_below(&rnd, 1500));
        assert_int_equal(get(&c), i);
        assert_int_equal(get(&c), -1);
        xring_release(r, c.at);
        assert_int_equal(xring_used(r), 0);
    }
}

static void test_full_refuses_counts_and_goes_on(void **state)
{
    (void)state;
    struct xring *r = xring_new(4096);
    struct xring_producer p = xring_producer(r);
    struct xring_consumer c = xring_consumer(r);
    uint64_t made = 0;
    while (xring_reserve(&p, 100))
        put(&p, made++, 100);
    assert_int_equal(xring_refused(r), 1);
    assert_true(xring_used(r) <= xring_bytes(r));
    assert_int_equal(get(&c), 0);
    assert_null(xring_reserve(&p, 100)); // read is not released
    xring_release(r, c.at);
    put(&p, made, 100);
    for (uint64_t i = 1; i <= made; i++)
        assert_int_equal(get(&c), i);
    assert_int_equal(get(&c), -1);
}

// A producer that goes back to an older state makes the same records: each is there once.
static void test_a_producer_that_goes_back_doubles_nothing(void **state)
{
    (void)state;
    struct xring *r = xring_new(8192);
    struct xring_producer p = xring_producer(r);
    struct xring_consumer c = xring_consumer(r);
    struct rnd rnd = {7};
    uint64_t expected = 0;
    for (uint64_t i = 0; i < 3000;) {
        struct xring_producer old = p;
        struct rnd old_rnd = rnd;
        uint64_t until = i + 1 + rnd_below(&(struct rnd){i}, 5);
        for (int life = 0; life < 3; life++) {
            p = old;
            rnd = old_rnd;
            for (uint64_t k = i; k < until; k++) {
                size_t n = 8 + rnd_below(&rnd, 700);
                if (!xring_repeat(&p))
                    put(&p, k, n);
            }
        }
        i = until;
        while (expected < until)
            assert_int_equal(get(&c), expected++);
        assert_int_equal(get(&c), -1);
        xring_release(r, c.at);
    }
}

// A consumer that is replaced begins at what was not released, and finds the marks of its forerunner.
static void test_a_replaced_consumer_sees_the_marks(void **state)
{
    (void)state;
    struct xring *r = xring_new(4096);
    struct xring_producer p = xring_producer(r);
    struct xring_consumer c = xring_consumer(r);
    for (uint64_t i = 0; i < 5; i++)
        put(&p, i, 64);
    for (int i = 0; i < 3; i++) {
        assert_non_null(xring_peek(&c));
        xring_mark(&c, (uint64_t)i + 100);
        assert_int_equal(get(&c), i);
        if (i == 0)
            xring_release(r, c.at);
    }
    c = xring_consumer(r);
    assert_int_equal(xring_peek(&c)->mark, 101);
    assert_int_equal(get(&c), 1);
    assert_int_equal(xring_peek(&c)->mark, 102);
    assert_int_equal(get(&c), 2);
    assert_int_equal(xring_peek(&c)->mark, 0);
}

// A child fills the ring and is killed at any instruction; the next goes on from the same old state.
static void test_killed_producers_lose_and_double_nothing(void **state)
{
    (void)state;
    const uint64_t all = 200000;
    struct xring *r = xring_new(1 << 16);
    struct xring_producer first = xring_producer(r);
    struct xring_consumer c = xring_consumer(r);
    struct rnd rnd = {3};
    uint64_t expected = 0;
    int kills = 0;
    while (expected < all) {
        uint64_t begun = expected;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct xring_producer p = first;
            for (uint64_t k = begun; k < all;) {
                if (xring_repeat(&p)) {
                    k++;
                    continue;
                }
                uint8_t *at = xring_reserve(&p, 8 + k % 90);
                if (!at)
                    _exit(0);
                memset(at, (int)(k & 0xFF), 8 + k % 90);
                memcpy(at, &k, sizeof k);
                xring_publish(&p, 1, 8 + k % 90, (int64_t)k, 0);
                k++;
            }
            _exit(0);
        }
        usleep((useconds_t)rnd_below(&rnd, 700));
        kill(child, SIGKILL);
        kills++;
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct xring_consumer before = c;
        for (int64_t v; (v = get(&c)) >= 0; expected++)
            assert_int_equal(v, expected);
        if (rnd_below(&rnd, 2) == 0) { // the state that a successor starts from moves on
            first.at = c.at;
            xring_release(r, c.at);
        } else { // an older one: all since is made again
            c = before;
            expected = begun;
            if (xring_used(r) > xring_bytes(r) / 2) {
                while (get(&c) >= 0)
                    expected++;
                first.at = c.at;
                xring_release(r, c.at);
            }
        }
    }
    assert_true(kills > 5);
}

// All that a hostile end can do: any byte of what is shared, at any time. Whatever the consumer is shown lies in the ring, its
// walk ends, and a producer writes nowhere else.
static void test_an_end_that_scribbles_harms_itself_alone(void **state)
{
    (void)state;
    struct xring *r = xring_new(4096);
    size_t bytes;
    uint8_t *all = xring_shared(r, &bytes);
    const uint8_t *data = all + bytes - xring_bytes(r);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        alarm(60); // ends it when we do not
    for (struct rnd rnd = {11}; child == 0;) {
        size_t at = rnd_below(&rnd, bytes / 4) * 4;
        if (rnd_below(&rnd, 4) == 0)
            at = rnd_below(&rnd, 3) * 64; // head, refused, tail
        uint32_t v = rnd_below(&rnd, 3) ? (uint32_t)rnd_below(&rnd, 300) * 32
                                        : (uint32_t)rnd_below(&rnd, UINT32_MAX);
        memcpy(all + at, &v, sizeof v);
    }
    uint64_t seen = 0, broken = 0;
    struct rnd rnd = {5};
    // Until both were met: on a busy machine the other may not have run yet.
    for (int i = 0; i < 20000 || seen == 0 || broken == 0; i++) {
        struct xring_consumer c = xring_consumer(r), stored = c;
        const struct xring_record *rec;
        for (int n = 0; n < 200 && (rec = xring_peek(&c)); n++, seen++) {
            const uint8_t *p = xring_payload(&c);
            assert_true(p >= data + 32 && p <= data + xring_bytes(r) &&
                        rec->bytes <= (size_t)(data + xring_bytes(r) - p));
            xring_mark(&c, seen);
            xring_next(&c);
        }
        while (xring_peek_until(&stored, c.at))
            xring_next(&stored);
        assert_int_equal(stored.at, c.at);
        broken += c.broken;
        xring_release(r, c.at);
        struct xring_producer p = xring_producer(r);
        size_t want = rnd_below(&rnd, 1000);
        uint8_t *at = xring_reserve(&p, want);
        if (!at)
            continue;
        assert_true(at >= data + 32 && at + want <= data + xring_bytes(r));
        memset(at, 1, want);
        xring_publish(&p, 1, want, 0, 0);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(seen > 0 && broken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes_go_round_in_order),
        cmocka_unit_test(test_full_refuses_counts_and_goes_on),
        cmocka_unit_test(test_a_producer_that_goes_back_doubles_nothing),
        cmocka_unit_test(test_a_replaced_consumer_sees_the_marks),
        cmocka_unit_test(test_killed_producers_lose_and_double_nothing),
        cmocka_unit_test(test_an_end_that_scribbles_harms_itself_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
