// encrypted_test.c: calls of SRTP through the spool into a file: the same bytes as the call in the clear, for each way that keys and
// packets can go wrong.
#include <fcntl.h>
#include "media/srtp_kit.h"
#include "render_kit.h"

#define A80     "AES_CM_128_HMAC_SHA1_80"
#define PACKETS 200u
#define FRAMES  (PACKETS * 160u)

static struct world *w;
static struct srtp_key keys[4];
static struct srtp_out sender[2]; // of the caller's and the callee's stream
static uint8_t file[FRAMES * 2 + 128];
static size_t file_n;

static int setup(void **state)
{
    (void)state;
    w = calloc(1, sizeof(*w));
    assert_non_null(w);
    kit_open(w, 64 << 20, 4096, 1024);
    for (int i = 0; i < 2; i++) {
        kit_stream(w, (uint32_t)i + 1, i)->srtp = true;
        keys[i] = srtp_kit_key(A80, (uint8_t)(50 * i));
        keys[i + 2] = srtp_kit_key("AEAD_AES_256_GCM", (uint8_t)(50 * i));
        srtp_out_open(&sender[i], &keys[i], (uint32_t)i + 1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        srtp_out_close(&sender[i]);
    render_keys(w->render, NULL, 0, "");
    kit_close(w);
    free(w);
    return 0;
}

static void put(uint32_t no, uint32_t i, const uint8_t *p, size_t n)
{
    kit_packet(w, no, T0 + (int64_t)i * 20000, p, n);
}

// Packet i of both sides; their sequence numbers begin at `first`.
static void say(uint32_t i, uint32_t first)
{
    for (uint32_t no = 1; no <= 2; no++) {
        _Alignas(4) uint8_t p[172 + SRTP_MAX_TRAILER_LEN];
        put(no, i, p, srtp_out_take(&sender[no - 1], p, srtp_kit_rtp(p, no, first + i)));
    }
}

static void cut(uint32_t n, const char *why)
{
    for (uint32_t i = 0; i < w->job.streams; i++) {
        struct job_stream *s = &w->job.stream[i];
        struct stream *st = streams_by_id(w->streams, &s->id);
        (void)streams_write(w->streams, st);
        s->known = st->packets > 0;
        s->head = st->head;
        s->packets = st->packets;
    }
    render_keys(w->render, keys, n, why);
    render_learn(w->render, &w->job, &w->res);
    if (w->res.verdict != RENDER_READY)
        return;
    assert_int_equal(render_write(w->render, &w->job, w->path, &w->res), 0);
    int fd = open(w->path, O_RDONLY);
    ssize_t got = read(fd, file, sizeof(file));
    close(fd);
    assert_true(got > 0);
    file_n = (size_t)got;
}

// Both sides hold what was said; frames of missing packets are passed over.
static void check_sound(uint32_t first, uint32_t packets, uint32_t missing)
{
    struct wav_info info;
    assert_true(wav_read_header(span_of(file, file_n), &info));
    assert_int_equal(info.format, WAV_PCMU);
    assert_int_equal(info.frames, packets * 160);
    for (uint32_t i = 0; i < packets; i++) {
        uint8_t p[172];
        (void)srtp_kit_rtp(p, 1, first + i);
        for (uint32_t k = 0; i != missing && k < 160; k++) {
            const uint8_t *at = file + info.header_bytes + 2 * (i * 160 + k);
            if (at[0] != p[12 + k] || at[1] != p[12 + k])
                fail_msg("packet %u, sample %u: %02x %02x, not %02x", i, k, at[0], at[1],
                         p[12 + k]);
        }
    }
}

static void each_side_has_its_key(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PACKETS; i++)
        say(i, 1000);
    cut(4, "");
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_string_equal(w->res.reason, "");
    assert_string_equal(w->res.srtp.suites, A80);
    assert_int_equal(w->res.srtp.clear, 2 * PACKETS); // of one pass, not of both
    assert_int_equal(w->res.srtp.failed + w->res.srtp.duplicates, 0);
    assert_int_equal(w->res.undecodable, 0);
    assert_int_equal(w->render->window.gaps_total, 0);
    check_sound(1000, PACKETS, UINT32_MAX);
    cut(4, ""); // the same again: contexts begin anew
    check_sound(1000, PACKETS, UINT32_MAX);
    for (size_t i = 0; i < w->render->tracks; i++) // nothing of a key stays with the renderer
        assert_non_null(w->render->track[i].srtp.at[0].now.in.context);
    render_keys(w->render, NULL, 0, "");
    for (size_t i = 0; i < w->render->tracks; i++)
        assert_null(w->render->track[i].srtp.at[0].now.in.context);
}

static void over_the_end_of_the_numbers(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PACKETS; i++)
        say(i, 65536 - 100);
    cut(2, "");
    assert_int_equal(w->res.srtp.failed, 0);
    check_sound(65536 - 100, PACKETS, UINT32_MAX);
}

// The recorder has seen nothing of the first 25 minutes: the counter of both is 1 already.
static void the_beginning_was_not_seen(void **state)
{
    (void)state;
    w->job.started_us = T0 - 25 * 60 * US_PER_S;
    for (uint32_t i = 0; i < 65536 + 5000; i++) {
        _Alignas(4) uint8_t p[172 + SRTP_MAX_TRAILER_LEN];
        for (uint32_t no = 1; no <= 2; no++)
            (void)srtp_out_take(&sender[no - 1], p, srtp_kit_rtp(p, no, i));
    }
    for (uint32_t i = 0; i < PACKETS; i++)
        say(i, 65536 + 5000);
    cut(2, "");
    assert_int_equal(w->res.srtp.failed, 0);
    check_sound(65536 + 5000, PACKETS, UINT32_MAX);
}

static void another_key_in_mid_call(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PACKETS; i++) {
        for (uint32_t no = 1; i == PACKETS / 2 && no <= 2; no++) {
            srtp_out_close(&sender[no - 1]);
            srtp_out_open(&sender[no - 1], &keys[no + 1], no);
        }
        say(i, 65536 - 150); // it rolls over under the second key
    }
    cut(4, "");
    assert_string_equal(w->res.reason, "");
    assert_string_equal(w->res.srtp.suites, A80 ",AEAD_AES_256_GCM");
    check_sound(65536 - 150, PACKETS, UINT32_MAX);
}

static void the_second_key_is_not_known(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PACKETS; i++) {
        for (uint32_t no = 1; i == PACKETS / 2 && no <= 2; no++) {
            srtp_out_close(&sender[no - 1]);
            srtp_out_open(&sender[no - 1], &keys[no + 1], no);
        }
        say(i, 1000);
    }
    cut(2, "");
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_string_equal(w->res.reason, "SRTP: 200 packets failed authentication");
    assert_int_equal(w->res.undecodable, PACKETS); // kept as .rtp
    assert_int_equal(w->render->window.gaps_n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(w->render->window.gaps[i].reason, GAP_CODEC);
        assert_int_equal(w->render->window.gaps[i].from, PACKETS / 2 * 160);
        assert_int_equal(w->render->window.gaps[i].to, FRAMES);
    }
}

static void no_key_is_the_right_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PACKETS; i++)
        say(i, 1000);
    keys[0] = keys[2];
    keys[1] = srtp_kit_key(A80, 51);
    cut(2, "");
    assert_int_equal(w->res.verdict, RENDER_FAILED);
    assert_string_equal(w->res.reason, "SRTP: none of the call's 2 keys fits");
    assert_int_equal(w->res.srtp.failed, 2 * PACKETS);
    assert_string_equal(w->res.srtp.suites, "");
    cut(0, "SRTP: suite F8_128_HMAC_SHA1_80 is not supported");
    assert_string_equal(w->res.reason, "SRTP: suite F8_128_HMAC_SHA1_80 is not supported");
    cut(0, "");
    assert_string_equal(w->res.reason, "SRTP without keys");
    assert_int_equal(w->res.undecodable, 2 * PACKETS);
    assert_int_equal(w->res.srtp.failed, 0); // none was tried
}

// Sent again (at once, and much later), changed on the way, cut short: none of it is heard, and nothing else is missing.
static void packets_that_are_not_right(void **state)
{
    (void)state;
    _Alignas(4) uint8_t p[172 + SRTP_MAX_TRAILER_LEN], first[sizeof(p)] = {0};
    size_t first_n = 0;
    for (uint32_t i = 0; i < PACKETS; i++) {
        for (uint32_t no = 1; no <= 2; no++) {
            size_t n = srtp_out_take(&sender[no - 1], p, srtp_kit_rtp(p, no, 1000 + i));
            if (no == 1 && i == 20) {
                memcpy(first, p, n);
                first_n = n;
            }
            if (i == 100)
                p[50] ^= 1;
            put(no, i, p, n);
            if (i == 50)
                put(no, i, p, n);
        }
        if (i == 120)
            put(1, i, first, first_n);
        if (i == 140)
            put(1, i, first, 15); // shorter than its tag
    }
    cut(2, "");
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_int_equal(w->res.srtp.duplicates, 3);
    assert_int_equal(w->res.srtp.failed, 3);
    assert_string_equal(w->res.reason, "SRTP: 3 packets failed authentication");
    assert_int_equal(w->res.channel[0].late_or_duplicate, 3); // the short one has an old number
    check_sound(1000, PACKETS, 100);
}

// The half that is not encrypted needs no key, and one that is has no say in it.
static void one_side_alone(void **state)
{
    (void)state;
    w->job.stream[1].srtp = false;
    for (uint32_t i = 0; i < PACKETS; i++) {
        _Alignas(4) uint8_t p[172 + SRTP_MAX_TRAILER_LEN];
        put(2, i, p, srtp_kit_rtp(p, 2, 1000 + i));
        put(1, i, p, srtp_out_take(&sender[0], p, srtp_kit_rtp(p, 1, 1000 + i)));
    }
    cut(1, "");
    assert_string_equal(w->res.reason, "");
    assert_int_equal(w->res.srtp.clear, PACKETS);
    check_sound(1000, PACKETS, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_side_has_its_key, setup, teardown),
        cmocka_unit_test_setup_teardown(over_the_end_of_the_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(the_beginning_was_not_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(another_key_in_mid_call, setup, teardown),
        cmocka_unit_test_setup_teardown(the_second_key_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(no_key_is_the_right_one, setup, teardown),
        cmocka_unit_test_setup_teardown(packets_that_are_not_right, setup, teardown),
        cmocka_unit_test_setup_teardown(one_side_alone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
