// Two workers side by side: what one learns names the address for the other, words without room are lost and counted, nonsense is
// left alone. The workers are real; the rings lie in this process.
#include <sys/eventfd.h>
#include "live_run.h"
#include "worker_kit.h"

static struct pair {
    struct live live;
    struct lane_run run[2];
    struct bench bench[2];
} all;

static struct worker *worker_of(struct lane_run *w)
{
    return worker_new(&(struct worker_opts){.link_type = LINK_RAW_12,
                                            .live = true,
                                            .publisher = "test/cross",
                                            .streams = STREAMS,
                                            .stream_idle_us = 60000000,
                                            .media_addresses = 16,
                                            .media_age_us = 600000000,
                                            .fragments = 2,
                                            .tcp = 2,
                                            .signalled_calls = 4,
                                            .framed_tcp = 2,
                                            .on_sdp = live_cross_sdp,
                                            .on_rtcp = live_cross_rtcp,
                                            .on_media = live_cross_media,
                                            .cross_ctx = w});
}

static int setup(void **state)
{
    (void)state;
    all.live.lanes = 2;
    for (uint32_t i = 0; i < 2; i++) {
        struct lane *lane = &all.live.lane[i];
        lane->shared = calloc(1, sizeof *lane->shared);
        lane->inbox[1 - i] = xring_new(65536);
        all.live.bell_fd[i] = eventfd(0, EFD_NONBLOCK);
        all.run[i] = (struct lane_run){.live = &all.live, .no = i, .lane = lane};
        assert_non_null(lane->shared);
        assert_non_null(lane->inbox[1 - i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        all.run[i].worker = all.bench[i].w = worker_of(&all.run[i]);
        all.bench[i].at_us = START_US;
        all.run[i].inbox[1 - i] = xring_consumer(all.live.lane[i].inbox[1 - i]);
        assert_non_null(all.bench[i].w);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        worker_free(all.run[i].worker);
        xring_free(all.live.lane[i].inbox[1 - i]);
        free(all.live.lane[i].shared);
        close(all.live.bell_fd[i]);
    }
    return 0;
}

// All words that wait for this worker. How many.
static uint64_t take(uint32_t no)
{
    struct xring_consumer *c = &all.run[no].inbox[1 - no];
    const struct xring_record *rec;
    uint64_t n = 0;
    for (; (rec = xring_peek(c)); n++) {
        live_cross_take(&all.run[no], rec, xring_payload(c));
        xring_next(c);
        xring_release(c->ring, c->at);
    }
    return n;
}

static uint64_t lost(uint32_t no)
{
    return atomic_load(&all.live.lane[no].shared->cross_lost);
}

static void gateway_says(unsigned transaction)
{
    char text[256];
    snprintf(text, sizeof text,
             "CRCX %u aaln/1@g1 MGCP 1.0\nC: c%u\nM: sendrecv\n\nv=0\nc=IN IP4 10.0.0.1\n"
             "m=audio 4000 RTP/AVP 8\n",
             transaction, transaction);
    udp(&all.bench[0], 9, 2727, 8, 2427, span_str(text));
}

static uint64_t streams(uint32_t no)
{
    return count(&all.bench[no], CAPTURE_STREAMS_CONFIRMED);
}

static void an_address_of_mgcp_is_known_to_both(void **state)
{
    (void)state;
    rtp(&all.bench[1], 2, 5000, 0, 1);
    assert_int_equal(streams(1), 0); // nobody named it: on probation
    gateway_says(1);
    assert_true(take(1) >= 1);
    rtp(&all.bench[1], 3, 5000, 0, 2);
    assert_int_equal(streams(1), 1); // from its first packet
    assert_int_equal(lost(0), 0);
}

static void an_address_of_sdp_is_known_to_both(void **state)
{
    (void)state;
    invite(&all.bench[0], "0");
    assert_int_equal(take(1), 1);
    rtp(&all.bench[1], 2, 5000, 0, 1);
    assert_int_equal(streams(1), 1);
    assert_int_equal(take(0), 0);
}

static void words_without_room_are_lost_and_counted(void **state)
{
    (void)state;
    uint64_t taken = 0;
    for (unsigned i = 1; i <= 2000; i++)
        gateway_says(i);
    uint64_t told = all.run[0].crossed, first_lost = lost(0);
    assert_true(first_lost > 0 && first_lost < told);
    assert_true(xring_used(all.live.lane[1].inbox[0]) <= 65536);
    taken = take(1);
    assert_int_equal(taken + first_lost, told);
    gateway_says(2001); // there is room again
    assert_int_equal(lost(0), first_lost);
    assert_true(take(1) >= 1);
}

// A worker that went back to its parked state does the same again: no word comes twice.
static void what_was_told_is_not_told_again(void **state)
{
    (void)state;
    gateway_says(1);
    uint64_t told = all.run[0].crossed;
    all.run[0].crossed = 0;
    struct sigmedia m = {.at = {.ip = {.family = 4}, .port = 4000}};
    for (uint64_t i = 0; i < told; i++)
        live_cross_media(&all.run[0], START_US, &m);
    assert_int_equal(take(1), told);
    live_cross_media(&all.run[0], START_US, &m);
    assert_int_equal(take(1), 1);
}

static void nonsense_names_nothing(void **state)
{
    (void)state;
    struct sigmedia m = {.at = {.ip = {.family = 4, .b = {10, 0, 0, 1}}, .port = 4000},
                         .formats = 1};
    struct sigmedia bad[3] = {m, m, m};
    bad[0].formats = 255;
    bad[1].at.ip.family = 9;
    memset(bad[2].format[0].codec, 'x', sizeof bad[2].format[0].codec);
    for (size_t i = 0; i < 3; i++)
        live_cross_media(&all.run[0], START_US, &bad[i]);
    struct xring_producer p = xring_producer(all.live.lane[1].inbox[0]);
    uint8_t *at = xring_reserve(&p, 8);
    assert_non_null(at);
    memset(at, 0xff, 8);
    xring_publish(&p, IN_MEDIA, 8, START_US, 0);
    assert_int_equal(take(1), 4);
    rtp(&all.bench[1], 2, 5000, 0, 1);
    assert_int_equal(streams(1), 0);
    live_cross_media(&all.run[0], START_US, &m);
    assert_int_equal(take(1), 1);
    rtp(&all.bench[1], 3, 5000, 0, 2);
    assert_int_equal(streams(1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_of_mgcp_is_known_to_both, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_of_sdp_is_known_to_both, setup, teardown),
        cmocka_unit_test_setup_teardown(words_without_room_are_lost_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_told_is_not_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_names_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
