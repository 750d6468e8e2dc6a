// srtp_keys_test.c: the question for a call's SRTP keys on a real PostgreSQL: who is told, what, and how little goes over the way.
#include "srtp_keys.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mono.h"
#include "bus/secret.h"
#include "store/schema.h"
#include "store/packed.h"
#include "tests/support/pg_throwaway.h"
#include "tests/support/test.h"

#define SEED "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define K30A "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define K30B "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
#define HEAD "INVITE sip:b@x SIP/2.0\r\nCall-ID: c\r\nContent-Type: application/sdp\r\n\r\n"
#define A80  "AES_CM_128_HMAC_SHA1_80"

static struct pg_throwaway pg;
static struct store *db;
static struct srtp_keys *keys;
static struct arena *arena;
static struct uuid call;
static char seed_path[80];
static uint8_t public[BUS_KEY_BYTES];
static int messages;

// A message with these lines of SDP, stored as callstate stores it.
static void tell(const char *sdp)
{
    char raw[8192], sql[400];
    struct packer *p = packer_new();
    enum packed_form form;
    struct store_args a;
    (void)snprintf(raw, sizeof raw, HEAD "v=0\r\nm=audio 1 RTP/SAVP 0\r\n%s", sdp);
    struct span stored = packer_pack(p, span_str(raw), &form);
    store_args_init(&a);
    store_arg_uuid(&a, &call);
    store_arg_time(&a, uuid_time_us(&call) + ++messages);
    store_arg_bytes(&a, stored);
    store_arg_int(&a, form);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO sip_messages (site, at, publisher, seq, n, call_id, sip_call_id, "
                   "method, transport, raw, raw_form, sdp) VALUES ('berlin', $2, 'p', %d, 0, $1, "
                   "'c', 'INVITE', 'udp', $3, $4, true)",
                   messages);
    if (store_query(db, sql, &a, NULL) != STORE_OK)
        fail_msg("%s", store_error(db));
    packer_free(p);
}

static void new_call(bool ended)
{
    struct store_args a;
    static uint8_t n;
    n++;
    call = uuid_v7_derived(wall_now_us(), span_of(&n, 1));
    store_args_init(&a);
    store_arg_uuid(&a, &call);
    store_arg_time(&a, uuid_time_us(&call));
    store_arg_bool(&a, ended);
    assert_int_equal(store_query(db,
                                 "INSERT INTO calls (site, started_at, id, revision, state, "
                                 "ended_at) VALUES ('berlin', $2, $1, 1, 'ended', CASE WHEN $3 "
                                 "THEN now() END)",
                                 &a, NULL),
                     STORE_OK);
}

static int setup(void **state)
{
    (void)state;
    char folder[512], err[256] = "";
    if (pg_throwaway_start(&pg, __FILE__, 2))
        return -1;
    (void)snprintf(seed_path, sizeof seed_path, "%s.key", pg.dir);
    FILE *f = fopen(seed_path, "w");
    if (!f || fputs(SEED, f) < 0 || fclose(f) || chmod(seed_path, 0600))
        return -1;
    struct store_opts o = {.dsn = pg.dsn, .app = "srtp_keys_test", .timeout_us = 20 * US_PER_S};
    db = store_new(&o);
    arena = arena_new(1 << 20);
    if (!db || !arena ||
        schema_apply(db, pg_throwaway_schema(&pg, folder, sizeof folder), err, sizeof err) !=
            SCHEMA_OK)
        return -1;
    struct srtp_keys_opts ko = {.dsn = pg.dsn, .recorder_key = seed_path};
    keys = srtp_keys_new(&ko, err, sizeof err);
    struct bus_secure_opts so = {.sign_key = seed_path};
    int made = 0;
    return keys && secret_public_of(seed_path, public) == 0 &&
                   bus_secure(&so, err, sizeof err) == 0 &&
                   partitions_make(db, wall_now_us(), -1, 1, &made) == STORE_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    keys = srtp_keys_free(keys);
    arena = arena_free(arena);
    db = store_free(db);
    unlink(seed_path);
    pg_throwaway_end(&pg);
    return 0;
}

static struct secret_box box;
static Callmesh__V1__ControlReply reply;

// Asks as the recorder of this site.
static const Callmesh__V1__SrtpKeysReply *ask_as(const char *site, bool sign)
{
    uint8_t signature[SECRET_SIGNATURE];
    Callmesh__V1__SrtpKeysRequest q = CALLMESH__V1__SRTP_KEYS_REQUEST__INIT;
    assert_int_equal(secret_box_new(&box), 0);
    struct secret_question s = {.what = SPAN_LIT("srtp-keys"),
                                .site = span_str(site),
                                .subject = span_of(&call, sizeof call),
                                .box_key = span_of(box.public, sizeof box.public)};
    assert_int_equal(secret_sign(&s, signature), 0);
    q.call_id = (ProtobufCBinaryData){sizeof call, call.b};
    q.site = (char *)(uintptr_t)site;
    q.box_key = (ProtobufCBinaryData){sizeof box.public, box.public};
    if (sign)
        q.signature = (ProtobufCBinaryData){sizeof signature, signature};
    reply = (Callmesh__V1__ControlReply)CALLMESH__V1__CONTROL_REPLY__INIT;
    arena_reset(arena);
    srtp_keys_answer(keys, &q, &reply, arena);
    return reply.reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_SRTP_KEYS ? reply.srtp_keys
                                                                            : NULL;
}

static Callmesh__V1__SrtpKeys *open_answer(const Callmesh__V1__SrtpKeysReply *r)
{
    static uint8_t plain[65536];
    assert_non_null(r);
    size_t n = secret_open(&box, span_of(r->sealed.data, r->sealed.len), plain);
    Callmesh__V1__SrtpKeys *m = callmesh__v1__srtp_keys__unpack(NULL, n, plain);
    assert_non_null(m);
    return m;
}

static void what_sdp_named(void **state)
{
    (void)state;
    new_call(true);
    tell("a=crypto:1 " A80 " inline:" K30A
         "|2^20|1:4\r\na=crypto:2 F8_128_HMAC_SHA1_80 inline:" K30A "\r\n");
    tell("a=crypto:1 " A80 " inline:" K30B "\r\na=crypto:3 broken\r\n");
    tell("a=crypto:1 " A80 " inline:" K30B "\r\nm=video 2 RTP/SAVP 9\r\na=crypto:1 " A80
         " inline:" K30A "\r\n"); // again, and not of audio
    const Callmesh__V1__SrtpKeysReply *r = ask_as("anywhere", true);
    assert_true(r && r->stored);
    Callmesh__V1__SrtpKeys *m = open_answer(r);
    assert_int_equal(m->n_keys, 2);
    assert_string_equal(m->keys[0]->suite, A80);
    assert_int_equal(m->keys[0]->key.len, 30);
    assert_memory_equal(m->keys[0]->key.data, "YS___semctl (", 13); // of RFC 4568's own example
    assert_int_equal(m->keys[0]->mki.len, 4);
    assert_int_equal(m->keys[1]->mki.len, 0);
    assert_int_equal(m->n_unsupported, 1);
    assert_string_equal(m->unsupported[0], "F8_128_HMAC_SHA1_80");
    assert_int_equal(m->malformed, 1);
    // What goes over the way has no byte row of it.
    assert_null(memmem(r->sealed.data, r->sealed.len, "YS___semctl", 11));
    assert_null(memmem(r->sealed.data, r->sealed.len, A80, sizeof A80 - 1));
    callmesh__v1__srtp_keys__free_unpacked(m, NULL);
}

static void who_is_told(void **state)
{
    (void)state;
    new_call(true);
    tell("a=crypto:1 " A80 " inline:" K30A "\r\n");
    assert_null(ask_as("berlin", false));
    assert_non_null(strstr(reply.error, "recorders alone"));
    // The key of this place's recorders is no longer known: as a site it is nobody, until it has joined.
    char err[200];
    struct srtp_keys_opts none = {.dsn = pg.dsn, .recorder_key = ""};
    struct srtp_keys *house = keys;
    keys = srtp_keys_new(&none, err, sizeof err);
    assert_null(ask_as("berlin", true));
    struct bus_admitted a[2] = {{.site = "berlin"}, {.site = "paris"}};
    memcpy(a[0].key, public, sizeof a[0].key);
    memcpy(a[1].key, public, sizeof a[1].key);
    bus_admit(a, 2);
    Callmesh__V1__SrtpKeys *m = open_answer(ask_as("berlin", true));
    assert_int_equal(m->n_keys, 1);
    callmesh__v1__srtp_keys__free_unpacked(m, NULL);
    assert_null(ask_as("paris", true)); // a site, but the call is another's
    assert_string_equal(reply.error, "the call is of another site");
    struct store_args s;
    store_args_init(&s);
    store_arg_uuid(&s, &call);
    store_arg_time(&s, uuid_time_us(&call));
    assert_int_equal(
        store_query(db,
                    "INSERT INTO streams (site, first_at, id, call_id, side, harvester, "
                    "ssrc, src_ip, src_port, dst_ip, dst_port, payload_type, last_at) "
                    "VALUES ('paris', $2, gen_random_uuid(), $1, 'caller', 'h', 1, "
                    "'10.0.0.1', 1, '10.0.0.2', 2, 0, $2)",
                    &s, NULL),
        STORE_OK);
    m = open_answer(ask_as("paris", true)); // that has media of it
    assert_int_equal(m->n_keys, 1);
    callmesh__v1__srtp_keys__free_unpacked(m, NULL);
    a[0].revoked = true;
    bus_admit(a, 2);
    assert_null(ask_as("berlin", true));
    bus_admit(NULL, 0);
    keys = srtp_keys_free(keys);
    keys = house;
}

static void before_all_is_stored(void **state)
{
    (void)state;
    new_call(false);
    tell("a=crypto:1 " A80 " inline:" K30A "\r\n");
    const Callmesh__V1__SrtpKeysReply *r = ask_as("anywhere", true);
    assert_true(r && !r->stored);
    uint8_t n = 200;
    call = uuid_v7_derived(wall_now_us(), span_of(&n, 1)); // nobody knows it
    r = ask_as("anywhere", true);
    assert_true(r && !r->stored);
    Callmesh__V1__SrtpKeys *m = open_answer(r);
    assert_int_equal(m->n_keys, 0);
    callmesh__v1__srtp_keys__free_unpacked(m, NULL);
    struct srtp_keys_opts away = {.dsn = "host=/nowhere", .recorder_key = seed_path};
    char err[200];
    struct srtp_keys *there = keys;
    keys = srtp_keys_new(&away, err, sizeof err);
    assert_null(ask_as("anywhere", true));
    assert_string_equal(reply.error, SECRET_LATER);
    keys = srtp_keys_free(keys);
    keys = there;
}

static void more_keys_than_places(void **state)
{
    (void)state;
    new_call(true);
    for (int i = 0; i < 7; i++) {
        char sdp[2048] = "";
        for (int k = 0; k < 10; k++) {
            size_t n = strlen(sdp);
            (void)snprintf(sdp + n, sizeof sdp - n,
                           "a=crypto:1 " A80
                           " inline:%02dNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
                           10 * i + k);
        }
        tell(sdp);
    }
    Callmesh__V1__SrtpKeys *m = open_answer(ask_as("anywhere", true));
    assert_int_equal(m->n_keys, SRTP_KEYS_MAX);
    assert_int_equal(m->more, 70 - SRTP_KEYS_MAX);
    callmesh__v1__srtp_keys__free_unpacked(m, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_sdp_named),
        cmocka_unit_test(who_is_told),
        cmocka_unit_test(before_all_is_stored),
        cmocka_unit_test(more_keys_than_places),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
