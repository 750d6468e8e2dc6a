// ear_test.c: keys of calls that are listened to: asked while the call goes on, again for what no key opens, and gone with the last ear.
#include "ear.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mono.h"
#include "bus/bus.h"
#include "bus/secret.h"
#include "media/srtp_kit.h"
#include "stats.h"
#include "tests/support/test.h"
#include "tests/support/port.h"

#define A80   "AES_CM_128_HMAC_SHA1_80"
#define CALLS 2u
#define START INT64_C(1700000000000000)

static struct ears *ears;
static struct answer *server;
static char url[64];
static struct srtp_key key[3];
static struct uuid call[3];

static int64_t far; // monotonic times that are given, beyond every pause

// What callstate knows; the answering thread reads it.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint32_t keys, asked, wait_us;
    const char *error;
    struct uuid last;
} know;

static void on_question(void *ctx, const Callmesh__V1__ControlRequest *q,
                        Callmesh__V1__ControlReply *reply, struct arena *a)
{
    (void)ctx;
    uint8_t plain[1024];
    Callmesh__V1__SrtpKeys m = CALLMESH__V1__SRTP_KEYS__INIT;
    Callmesh__V1__SrtpKey k[3], *list[3];
    (void)pthread_mutex_lock(&lock);
    memcpy(&know.last, q->srtp_keys->call_id.data, sizeof(know.last));
    know.asked++;
    m.n_keys = know.keys;
    const char *error = know.error;
    uint32_t wait_us = know.wait_us;
    (void)pthread_mutex_unlock(&lock);
    (void)usleep(wait_us);
    if (error) {
        reply->error = (char *)(uintptr_t)error;
        return;
    }
    for (size_t i = 0; i < m.n_keys; i++) {
        callmesh__v1__srtp_key__init(&k[i]);
        k[i].suite = key[i].suite;
        k[i].key = (ProtobufCBinaryData){key[i].n, key[i].bytes};
        list[i] = &k[i];
    }
    m.keys = list;
    size_t n = callmesh__v1__srtp_keys__pack(&m, plain);
    uint8_t *sealed = arena_take(a, n + SECRET_OVERHEAD);
    (void)secret_seal(span_of(plain, n),
                      span_of(q->srtp_keys->box_key.data, q->srtp_keys->box_key.len), sealed);
    Callmesh__V1__SrtpKeysReply *r = arena_take(a, sizeof(*r));
    callmesh__v1__srtp_keys_reply__init(r); // not stored: the call goes on
    r->sealed = (ProtobufCBinaryData){n + SECRET_OVERHEAD, sealed};
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SRTP_KEYS;
    reply->srtp_keys = r;
}

static int open_server(void **state)
{
    (void)state;
    char err[200] = "";
    for (uint8_t i = 0; i < 3; i++) {
        key[i] = srtp_kit_key(A80, (uint8_t)(60 * i));
        memset(&call[i], 0x11 * (i + 1), sizeof(call[i]));
    }
    (void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", test_free_port());
    return answer_open(&server, url, on_question, NULL, err, sizeof(err));
}

static int setup(void **state)
{
    (void)state;
    char err[200] = "";
    far = mono_now_us();
    struct ears_opts o = {
        .control_url = url, .name = "lab/recorder", .site = "lab", .calls = CALLS};
    (void)pthread_mutex_lock(&lock);
    memset(&know, 0, sizeof(know));
    (void)pthread_mutex_unlock(&lock);
    ears = ears_new(&o, err, sizeof(err));
    return ears ? ears_start(ears) : -1;
}

static int teardown(void **state)
{
    (void)state;
    ears_stop(ears);
    ears = ears_free(ears);
    return 0;
}

static void knows(uint32_t keys, const char *error)
{
    (void)pthread_mutex_lock(&lock);
    know.keys = keys;
    know.error = error;
    (void)pthread_mutex_unlock(&lock);
}

static uint32_t asked(void)
{
    (void)pthread_mutex_lock(&lock);
    uint32_t n = know.asked;
    (void)pthread_mutex_unlock(&lock);
    return n;
}

static uint64_t counted(enum recorder_stat s)
{
    return stat_get(&recorder_stat[s]);
}

// A packet of the sender again and again, with a tick between, until it comes out so.
static void hear_until(struct ear *ear, struct srtp_out *sender, uint32_t *number,
                       enum srtp_verdict want)
{
    _Alignas(4) uint8_t packet[200 + SRTP_MAX_TRAILER_LEN], clear[200];
    enum srtp_verdict v = SRTP_OLD;
    for (int64_t end = mono_now_us() + 20 * US_PER_S; v != want && mono_now_us() < end;) {
        struct span got;
        size_t n = srtp_kit_rtp(packet, 7, (*number)++);
        memcpy(clear, packet, n);
        size_t sent = srtp_out_take(sender, packet, n);
        ears_tick(ears, far += 3600 * US_PER_S);
        v = ear_hear(ears, ear, 0, START + *number * 20000, span_of(packet, sent), &got);
        assert_int_equal(got.n, v == SRTP_CLEAR ? n : 0);
        if (v == SRTP_CLEAR)
            assert_memory_equal(got.p, clear, n);
        (void)usleep(2000);
    }
    assert_int_equal(v, want);
}

static void keys_that_come_while_somebody_listens(void **state)
{
    (void)state;
    struct srtp_out sender[2];
    uint32_t number = 1;
    srtp_out_open(&sender[0], &key[0], 7);
    srtp_out_open(&sender[1], &key[1], 7);
    struct ear *ear = ear_take(ears, &call[0], START); // its SDP is not stored yet
    assert_non_null(ear);
    hear_until(ear, &sender[0], &number, SRTP_FAILED);
    knows(1, NULL);
    hear_until(ear, &sender[0], &number, SRTP_CLEAR);
    uint32_t before = asked();
    for (int i = 0; i < 20; i++)
        hear_until(ear, &sender[0], &number, SRTP_CLEAR);
    assert_int_equal(asked(), before);                 // nothing is asked without need
    hear_until(ear, &sender[1], &number, SRTP_FAILED); // a re-INVITE brought another
    knows(2, NULL);
    hear_until(ear, &sender[1], &number, SRTP_CLEAR);
    assert_memory_equal(&know.last, &call[0], sizeof(call[0]));
    assert_int_equal(counted(STAT_EARS), 1);
    assert_null(ear_give(ears, ear));
    assert_int_equal(counted(STAT_EARS), 0);
    srtp_out_close(&sender[0]);
    srtp_out_close(&sender[1]);
}

static void questions_are_not_asked_without_end(void **state)
{
    (void)state;
    struct srtp_out sender;
    uint32_t number = 1;
    int64_t now = mono_now_us();
    knows(0, "the call is of another site");
    srtp_out_open(&sender, &key[0], 7);
    struct ear *ear = ear_take(ears, &call[1], START);
    uint64_t denied = counted(STAT_EAR_DENIED);
    while (counted(STAT_EAR_DENIED) == denied && mono_now_us() < now + 20 * US_PER_S)
        (void)usleep(1000);
    for (int i = 0; i < 20; i++) {
        far = -3600 * US_PER_S; // hear_until ticks before the pause is over
        hear_until(ear, &sender, &number, SRTP_FAILED);
    }
    assert_int_equal(asked(), 1);
    (void)ear_give(ears, ear);
    srtp_out_close(&sender);
}

// More calls than places; a place whose question is on its way is free when the answer has come, and not before.
static void as_many_as_may_be(void **state)
{
    (void)state;
    (void)pthread_mutex_lock(&lock);
    know.wait_us = 300000;
    know.keys = 3;
    (void)pthread_mutex_unlock(&lock);
    uint64_t refused = counted(STAT_EARS_REFUSED);
    struct ear *a = ear_take(ears, &call[0], START), *b = ear_take(ears, &call[1], START);
    assert_true(a && b && a != b);
    assert_null(ear_take(ears, &call[2], START));
    assert_int_equal(counted(STAT_EARS_REFUSED), refused + 1);
    (void)ear_give(ears, b);
    assert_null(ear_take(ears, &call[2], START)); // the question for b is not answered
    struct ear *c = NULL;
    for (int64_t end = mono_now_us() + 20 * US_PER_S; !c && mono_now_us() < end;) {
        (void)usleep(2000);
        ears_tick(ears, mono_now_us());
        c = ear_take(ears, &call[2], START);
    }
    assert_ptr_equal(c, b);
    (void)ear_give(ears, c);
    (void)ear_give(ears, a);
}

// One packet of an SSRC; what becomes of it as the tap's stream of this number.
static enum srtp_verdict hear_one(struct ear *ear, uint32_t stream, int64_t at_us,
                                  const struct srtp_key *with, uint32_t ssrc, uint32_t number)
{
    _Alignas(4) uint8_t packet[200 + SRTP_MAX_TRAILER_LEN];
    struct srtp_out sender;
    struct span got;
    srtp_out_open(&sender, with, ssrc);
    size_t n = srtp_out_take(&sender, packet, srtp_kit_rtp(packet, ssrc, number));
    srtp_out_close(&sender);
    return ear_hear(ears, ear, stream, at_us, span_of(packet, n), &got);
}

// A hostile stream of a long call: what it may cost is bounded, and what a key has opened is not touched by it.
static void a_search_has_a_budget(void **state)
{
    (void)state;
    struct srtp_out good;
    struct srtp_key other = srtp_kit_key(A80, 200);
    uint32_t number = 1;
    int64_t late = START + INT64_C(90) * 3600 * US_PER_S;
    srtp_out_open(&good, &key[0], 7);
    knows(1, NULL);
    struct ear *ear = ear_take(ears, &call[0], START);
    hear_until(ear, &good, &number, SRTP_CLEAR);
    srtp_out_close(&good);
    ears_tick(ears, 0);
    for (uint32_t i = 0; i < 40; i++) // 264 tries each
        assert_int_equal(hear_one(ear, 1, late, &other, 8, i), SRTP_FAILED);
    assert_int_equal(hear_one(ear, 2, START, &key[0], 9, 1), SRTP_CLEAR);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(hear_one(ear, 3, late, &other, 8, i), SRTP_FAILED);
    assert_int_equal(hear_one(ear, 4, START, &key[0], 10, 1), SRTP_FAILED); // used up: it waits
    assert_int_equal(hear_one(ear, 0, START, &key[0], 7, number), SRTP_CLEAR);
    ears_tick(ears, 0);
    assert_int_equal(hear_one(ear, 4, START, &key[0], 10, 2), SRTP_CLEAR);
    (void)ear_give(ears, ear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_that_come_while_somebody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(questions_are_not_asked_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_as_may_be, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_has_a_budget, setup, teardown),
    };
    return cmocka_run_group_tests(tests, open_server, NULL);
}
