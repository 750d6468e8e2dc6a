#include "base/ring.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/support/test.h"

static void fill_pass_drain(void **state)
{
    (void)state;
    struct ring *r = ring_new(5, sizeof(int)); // rounded up
    int v = 0;
    assert_int_equal(ring_capacity(r), 8);
    assert_false(ring_pop(r, &v));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++)
            assert_true(ring_push(r, &i));
        assert_false(ring_push(r, &v));
        assert_int_equal(ring_used(r), 8);
        assert_int_equal(ring_refused(r), round + 1);
        for (int i = 0; i < 8; i++) {
            assert_true(ring_pop(r, &v));
            assert_int_equal(v, i);
        }
        assert_false(ring_pop(r, &v));
        assert_int_equal(ring_used(r), 0);
    }
    ring_free(r);
}

static void descriptor_wakes(void **state)
{
    (void)state;
    struct ring *r = ring_new(4, sizeof(int));
    int v = 1;
    uint64_t n;
    assert_true(ring_push(r, &v)); // before it exists
    int fd = ring_eventfd(r);
    assert_true(fd >= 0);
    assert_int_equal(ring_eventfd(r), fd);
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_true(ring_push(r, &v)); // not empty: no wake is owed
    assert_int_equal(poll(&p, 1, 0), 0);
    while (ring_pop(r, &v))
        ;
    assert_true(ring_push(r, &v));
    assert_int_equal(poll(&p, 1, 0), 1);
    ring_free(r);
}

struct item {
    uint64_t n, twice, filler[3];
};
#define ITEMS 200000

struct job {
    struct ring *r;
    uint64_t pushed;
};

static void produce(struct thread *t, void *arg)
{
    struct job *j = arg;
    for (uint64_t i = 1; i <= ITEMS && !thread_should_stop(t); i++) {
        struct item it = {i, 2 * i, {i, i, i}};
        while (!ring_push(j->r, &it))
            sched_yield();
        j->pushed++;
    }
}

// The consumer sleeps on the descriptor: a lost wake-up would show as a poll that runs into its limit.
static void two_threads(void **state)
{
    (void)state;
    struct job j = {ring_new(64, sizeof(struct item)), 0};
    struct thread t = {0};
    struct item it;
    uint64_t want = 1, wake;
    int fd = ring_eventfd(j.r);
    assert_int_equal(thread_start(&t, "producer", produce, &j), 0);
    while (want <= ITEMS) {
        if (!ring_pop(j.r, &it)) {
            struct pollfd p = {fd, POLLIN, 0};
            assert_int_equal(poll(&p, 1, 20000), 1);
            assert_int_equal(read(fd, &wake, sizeof(wake)), sizeof(wake));
            continue;
        }
        assert_int_equal(it.n, want);
        assert_int_equal(it.twice, 2 * want);
        assert_int_equal(it.filler[2], want);
        want++;
    }
    thread_join(&t);
    assert_int_equal(j.pushed, ITEMS);
    assert_int_equal(ring_used(j.r), 0);
    ring_free(j.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill_pass_drain),
        cmocka_unit_test(descriptor_wakes),
        cmocka_unit_test(two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
