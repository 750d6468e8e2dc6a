// keys_test.c: the question for a call's keys and what is made of each answer: kept for the cut, put back, or given up with a name.
#include "keys.h"
#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bus/secret.h"
#include "stats.h"
#include "tests/support/test.h"
#include "tests/support/port.h"

#define SEED "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct keys k;
static struct job job;
static struct answer *server;
static _Atomic bool stop;

// What is answered; read by the answering thread while the asking one waits.
static struct {
    const char *error;
    bool stored, foreign, more; // foreign: sealed to another; more: 70 keys
    const char *suite, *unsupported;
    uint32_t key_bytes;
    bool was_signed;
} say;

static void fill_keys(Callmesh__V1__SrtpKeys *m, struct arena *a)
{
    static char *unsupported[1];
    size_t n = say.more ? 70 : say.suite ? 1 : 0;
    m->keys = arena_take(a, (n + 1) * sizeof *m->keys);
    for (; m->n_keys < n; m->n_keys++) {
        Callmesh__V1__SrtpKey *key = m->keys[m->n_keys] = arena_take(a, sizeof *key);
        callmesh__v1__srtp_key__init(key);
        key->suite = (char *)(uintptr_t)say.suite;
        key->key = (ProtobufCBinaryData){say.key_bytes, arena_take(a, 64)};
        memset(key->key.data, 0x41 + (int)m->n_keys, 64);
    }
    unsupported[0] = (char *)(uintptr_t)say.unsupported;
    m->unsupported = unsupported;
    m->n_unsupported = say.unsupported != NULL;
}

static void answer_fn_keys(void *ctx, const Callmesh__V1__ControlRequest *q,
                           Callmesh__V1__ControlReply *reply, struct arena *a)
{
    (void)ctx;
    struct secret_box other;
    say.was_signed = q->srtp_keys->signature.len == SECRET_SIGNATURE;
    if (say.error) {
        reply->error = (char *)(uintptr_t)say.error;
        return;
    }
    Callmesh__V1__SrtpKeys m = CALLMESH__V1__SRTP_KEYS__INIT;
    fill_keys(&m, a);
    size_t n = callmesh__v1__srtp_keys__get_packed_size(&m);
    uint8_t *plain = arena_take(a, n), *sealed = arena_take(a, n + SECRET_OVERHEAD);
    (void)callmesh__v1__srtp_keys__pack(&m, plain);
    (void)secret_box_new(&other);
    (void)secret_seal(span_of(plain, n),
                      say.foreign ? span_of(other.public, sizeof other.public)
                                  : span_of(q->srtp_keys->box_key.data, q->srtp_keys->box_key.len),
                      sealed);
    Callmesh__V1__SrtpKeysReply *r = arena_take(a, sizeof *r);
    callmesh__v1__srtp_keys_reply__init(r);
    r->stored = say.stored;
    r->sealed = (ProtobufCBinaryData){n + SECRET_OVERHEAD, sealed};
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SRTP_KEYS;
    reply->srtp_keys = r;
}

static int open_all(void **state)
{
    (void)state;
    char url[64], err[200] = "";
    (void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", test_free_port());
    int r = answer_open(&server, url, answer_fn_keys, NULL, err, sizeof(err));
    return r == 0 ? keys_open(&k, url, "lab/recorder", "lab", err, sizeof(err)) : r;
}

static int setup(void **state)
{
    (void)state;
    memset(&say, 0, sizeof(say));
    say.stored = true;
    memset(&job, 0, sizeof(job));
    job.streams = 1;
    job.stream[0] = (struct job_stream){.side = JOB_CALLER, .srtp = true, .known = true};
    atomic_store(&stop, true); // no pause between rounds
    return 0;
}

static uint64_t counted(enum recorder_stat s)
{
    return stat_get(&recorder_stat[s]);
}

static void keys_are_there_for_the_cut_alone(void **state)
{
    (void)state;
    uint64_t got = counted(STAT_KEYS_GOT);
    say.suite = "AEAD_AES_128_GCM";
    say.key_bytes = 28;
    assert_false(keys_fetch(&k, &job, &stop));
    assert_int_equal(k.n, 1);
    assert_string_equal(k.key[0].suite, "AEAD_AES_128_GCM");
    assert_int_equal(k.key[0].bytes[27], 0x41);
    assert_string_equal(k.why, "");
    assert_int_equal(counted(STAT_KEYS_GOT), got + 1);
    keys_wipe(&k);
    static const struct srtp_key none;
    assert_int_equal(k.n, 0);
    assert_memory_equal(&k.key[0], &none, sizeof(none));
    say.more = true;
    assert_false(keys_fetch(&k, &job, &stop));
    assert_int_equal(k.n, SRTP_STREAM_KEYS);
}

static void nothing_is_asked_without_need(void **state)
{
    (void)state;
    uint64_t none = counted(STAT_KEYS_NONE);
    job.stream[0].srtp = false;
    assert_false(keys_fetch(&k, &job, &stop));
    job.stream[0] =
        (struct job_stream){.side = JOB_CALLER, .srtp = true}; // no media of it is there
    assert_false(keys_fetch(&k, &job, &stop));
    assert_int_equal(counted(STAT_KEYS_NONE), none);
    assert_int_equal(k.n, 0);
}

static void why_there_are_none(void **state)
{
    (void)state;
    assert_false(keys_fetch(&k, &job, &stop));
    assert_string_equal(k.why, "SRTP without keys");
    say.unsupported = "F8_128_HMAC_SHA1_80";
    assert_false(keys_fetch(&k, &job, &stop));
    assert_string_equal(k.why, "SRTP: suite F8_128_HMAC_SHA1_80 is not supported");
    say.unsupported = NULL;
    say.suite = "AES_CM_128_HMAC_SHA1_80";
    say.key_bytes = 29; // of another length than the suite's
    assert_false(keys_fetch(&k, &job, &stop));
    assert_int_equal(k.n, 0);
    say.key_bytes = 30;
    say.foreign = true;
    assert_false(keys_fetch(&k, &job, &stop));
    assert_int_equal(k.n, 0);
    assert_string_equal(k.why, "SRTP without keys: the answer was not for this recorder");
    say.error = "the call is of another site";
    assert_false(keys_fetch(&k, &job, &stop));
    assert_string_equal(k.why, "SRTP without keys: the call is of another site");
}

static void put_back_and_given_up(void **state)
{
    (void)state;
    say.error = SECRET_LATER;
    uint64_t away = counted(STAT_KEYS_AWAY);
    for (; job.key_rounds < KEYS_ROUNDS; job.key_rounds++)
        assert_true(keys_fetch(&k, &job, &stop));
    assert_false(keys_fetch(&k, &job, &stop)); // the last round
    assert_string_equal(k.why, "SRTP without keys: database away");
    assert_int_equal(counted(STAT_KEYS_AWAY), away + KEYS_ROUNDS + 1);
    say.error = NULL;
    say.stored = false; // some are there: after the last round they count
    say.suite = "AES_CM_128_HMAC_SHA1_80";
    say.key_bytes = 30;
    job.key_rounds = 0;
    assert_true(keys_fetch(&k, &job, &stop));
    job.key_rounds = KEYS_ROUNDS;
    assert_false(keys_fetch(&k, &job, &stop));
    assert_int_equal(k.n, 1);
}

static void the_question_is_signed(void **state)
{
    (void)state;
    char path[] = "/tmp/keys-test-XXXXXX", err[200];
    assert_false(keys_fetch(&k, &job, &stop));
    assert_false(say.was_signed); // it has no key
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, SEED, sizeof(SEED) - 1), sizeof(SEED) - 1);
    close(fd);
    struct bus_secure_opts o = {.sign_key = path};
    assert_int_equal(bus_secure(&o, err, sizeof(err)), 0);
    unlink(path);
    assert_false(keys_fetch(&k, &job, &stop));
    assert_true(say.was_signed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys_are_there_for_the_cut_alone, setup),
        cmocka_unit_test_setup(nothing_is_asked_without_need, setup),
        cmocka_unit_test_setup(why_there_are_none, setup),
        cmocka_unit_test_setup(put_back_and_given_up, setup),
        cmocka_unit_test_setup(the_question_is_signed, setup),
    };
    return cmocka_run_group_tests(tests, open_all, NULL);
}
