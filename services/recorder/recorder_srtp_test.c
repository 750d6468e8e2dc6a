// recorder_srtp_test.c: a call of SRTP through the real process: its keys asked of a callstate, over kills. In a program of its own because
// recorder_test.c is long enough.
#include "tests/support/test.h"

#include "bus/secret.h"
#include "media/srtp_kit.h"
#include "media/wav.h"
#include "recorder_kit.h"

#define PACKETS  250u // 5 s
#define LATER    2u   // questions that are put off first
#define UNSTORED 1u   // then those that are answered before all is stored

static struct srtp_key srtp_keys[2];
static struct srtp_out srtp_sender[2];
static uint8_t first_payload[16];
static unsigned asked; // under the kit's lock

static uint8_t sound(uint32_t stream_no, uint32_t i)
{
    return (uint8_t)(i * 7 + stream_no * 31 + (i >> 8));
}

// As callstate does it: one key for each stream, sealed; refused to who cannot prove that he is this recorder.
static void answer_keys(void *ctx, const Callmesh__V1__ControlRequest *request,
                        Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct kit *k = ctx;
    const Callmesh__V1__SrtpKeysRequest *q = request->srtp_keys;
    static char later[] = SECRET_LATER, nobody[] = "who is that?";
    struct secret_question s = {.what = SPAN_LIT("srtp-keys"),
                                .site = span_str(q->site),
                                .subject = span_of(q->call_id.data, q->call_id.len),
                                .box_key = span_of(q->box_key.data, q->box_key.len)};
    uint8_t house[BUS_KEY_BYTES], plain[1024];
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/sign.key", k->dir);
    asked++;
    if (secret_public_of(path, house) < 0 ||
        secret_check(&s, span_of(q->signature.data, q->signature.len), house) != SECRET_HOUSE ||
        memcmp(q->call_id.data, &k->call_id, 16) != 0) {
        reply->error = nobody;
        return;
    }
    if (asked <= LATER) {
        reply->error = later;
        return;
    }
    Callmesh__V1__SrtpKeysReply *r = arena_take(a, sizeof(*r));
    Callmesh__V1__SrtpKeys keys = CALLMESH__V1__SRTP_KEYS__INIT;
    Callmesh__V1__SrtpKey key[2], *list[2];
    for (size_t i = 0; i < 2; i++) {
        callmesh__v1__srtp_key__init(&key[i]);
        key[i].suite = (char *)(uintptr_t)srtp_keys[i].suite;
        key[i].key = kit_bytes(srtp_keys[i].bytes, srtp_keys[i].n);
        list[i] = &key[i];
    }
    callmesh__v1__srtp_keys_reply__init(r);
    r->stored = asked > LATER + UNSTORED;
    keys.keys = list;
    keys.n_keys = r->stored ? 2 : 1; // what was stored by then
    size_t n = callmesh__v1__srtp_keys__pack(&keys, plain);
    uint8_t *sealed = arena_take(a, n + SECRET_OVERHEAD);
    (void)secret_seal(span_of(plain, n), s.box_key, sealed);
    r->sealed = kit_bytes(sealed, n + SECRET_OVERHEAD);
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SRTP_KEYS;
    reply->srtp_keys = r;
}

// Packets from..to of both streams in batches of 10; the callee starts 10 packets later.
static void send_srtp(struct kit *k, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        int64_t at = k->started_us + (int64_t)i * 20000;
        for (uint32_t s = 1; s <= 2; s++) {
            _Alignas(4) uint8_t p[172 + SRTP_MAX_TRAILER_LEN];
            uint32_t seq = 65500 + i, ts = 4294900000u + i * 160 + s;
            (void)srtp_kit_rtp(p, s, seq);
            for (int b = 0; b < 4; b++)
                p[4 + b] = (uint8_t)(ts >> (24 - 8 * b));
            for (uint32_t n = 0; n < 160; n++)
                p[12 + n] = sound(s, i * 160 + n);
            if (s == 1 || i >= 10)
                kit_raw(k, s, at, p, srtp_out_take(&srtp_sender[s - 1], p, 172));
            if (i == 0 && s == 1)
                memcpy(first_payload, p + 17,
                       sizeof(first_payload)); // grep ends at the line feed before
        }
        if (i % 10 == 9 || i + 1 == to)
            kit_send_batch(k, i < from + 10, at, false);
    }
}

static void write_sign_key(const struct kit *k)
{
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/sign.key", k->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 32; i++)
        assert_int_equal(write(fd, "5a", 2), 2);
    close(fd);
}

static void check_sound(const struct kit *k, const char *path)
{
    static uint8_t file[200000];
    size_t n = kit_read(k, path, file, sizeof(file));
    struct wav_info w;
    assert_true(wav_read_header(span_of(file, n), &w));
    assert_int_equal(w.format, WAV_PCMU);
    assert_int_equal(w.frames, PACKETS * 160);
    for (uint32_t i = 0; i < w.frames; i++) {
        assert_int_equal(file[w.header_bytes + 2 * i], sound(1, i));
        assert_int_equal(file[w.header_bytes + 2 * i + 1], i < 1600 ? 0xFF : sound(2, i));
    }
}

// These 16 bytes are somewhere below the recorder's folder.
static bool lies_there(const struct kit *k, const uint8_t *bytes)
{
    char cmd[400], hex[80];
    size_t n = 0;
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(hex + n, sizeof(hex) - n, "\\x%02x", bytes[i]);
    (void)snprintf(cmd, sizeof(cmd), "LC_ALL=C grep -rqaP '%s' %s", hex, k->dir);
    return system(cmd) == 0;
}

// SRTP, killed in mid-call and once more when it has asked for the keys; they come late, and at first not all of them.
static void srtp_is_cut_with_keys_that_are_asked_for(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    static char text[65536];
    char path[512];
    kit_open(k, "srtp");
    write_sign_key(k);
    for (uint8_t i = 0; i < 2; i++) {
        srtp_keys[i] = srtp_kit_key("AES_CM_128_HMAC_SHA1_80", (uint8_t)(0x31 + 0x40 * i));
        srtp_out_open(&srtp_sender[i], &srtp_keys[i], i + 1u);
    }
    k->other = answer_keys;
    kit_set(k, 2, true);
    kit_spawn(k);
    send_srtp(k, 0, 100);
    assert_true(feed_pub_flush(k->rtp, 10 * US_PER_S));
    kit_kill(k);
    kit_spawn(k);
    send_srtp(k, 100, PACKETS);
    k->ended_us = k->started_us + PACKETS * 20000;
    kit_send_batch(k, false, k->ended_us + 2000000, false);
    kit_send_call(k, true);
    for (unsigned n = 0; n == 0; (void)usleep(10000)) {
        (void)pthread_mutex_lock(&k->lock);
        n = asked;
        (void)pthread_mutex_unlock(&k->lock);
    }
    kit_kill(k);
    kit_spawn(k);
    const Callmesh__V1__Recording *r = kit_recording(k, 30 * US_PER_S);
    assert_non_null(r);
    assert_string_equal(r->reason, "");
    assert_int_equal(r->status, CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY);
    check_sound(k, r->path);
    assert_true(asked > LATER + UNSTORED);
    (void)snprintf(path, sizeof(path), "%.*sjson.sealed", (int)(strstr(r->path, "wav") - r->path),
                   r->path);
    size_t n = kit_read(k, path, (uint8_t *)text, sizeof(text) - 1);
    text[n] = '\0';
    assert_non_null(strstr(text, "\"srtp\":{\"keys\":\"SDES\",\"suites\":"
                                 "\"AES_CM_128_HMAC_SHA1_80\",\"packets\":490,\"duplicates\":0,"
                                 "\"authentication_failed\":0}"));
    assert_true(lies_there(k, first_payload)); // as captured, in the look-back
    assert_false(lies_there(k, srtp_keys[0].bytes) || lies_there(k, srtp_keys[1].bytes));
    assert_int_equal(kit_term(k), 0);
    for (int i = 0; i < 2; i++)
        srtp_out_close(&srtp_sender[i]);
    kit_close(k);
}

// Frame by frame: what a key has opened is what was said, to the byte; the rest is told to be SRTP and has no byte.
static void check_frame(const Callmesh__V1__LiveFrame *f, uint32_t heard[3], uint32_t shut[3])
{
    assert_in_range(f->side, 1, 2);
    if (strcmp(f->codec, "SRTP") == 0) {
        assert_int_equal(f->payload.len, 0);
        shut[f->side]++;
        return;
    }
    assert_string_equal(f->codec, "PCMU");
    assert_int_equal(f->payload.len, 160);
    uint32_t i = (f->rtp_timestamp - 4294900000u - f->side) / 160;
    for (uint32_t n = 0; n < 160; n++)
        assert_int_equal(f->payload.data[n], sound(f->side, i * 160 + n));
    heard[f->side]++;
}

// The callee's key is stored a second after the caller's: it is asked for again.
static void a_tap_of_srtp_is_heard(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    kit_open(k, "srtp-tap");
    write_sign_key(k);
    for (uint8_t i = 0; i < 2; i++)
        srtp_out_open(&srtp_sender[i], &srtp_keys[i], i + 1u);
    k->other = answer_keys;
    asked = LATER;
    kit_set(k, 2, true);
    kit_spawn(k);
    uint32_t i = 0, heard[3] = {0}, shut[3] = {0};
    for (int64_t end = mono_now_us() + 30 * US_PER_S;
         mono_now_us() < end && (heard[1] < 20 || heard[2] < 20 || shut[2] == 0); i += 10) {
        if (i % 100 == 0)
            kit_send_tap(k, wall_now_us() + 5 * US_PER_S);
        send_srtp(k, i, i + 10);
        struct span bytes;
        while (cast_sub_next(k->live, 20000, &bytes) > 0) {
            const Callmesh__V1__LiveBatch *b =
                cast_sub_unpack(k->live, &callmesh__v1__live_batch__descriptor, bytes);
            assert_non_null(b);
            for (size_t f = 0; f < b->n_frames; f++)
                check_frame(b->frames[f], heard, shut);
        }
    }
    assert_true(heard[1] >= 20 && heard[2] >= 20 && shut[2] > 0);
    (void)pthread_mutex_lock(&k->lock);
    assert_in_range(asked, LATER + 2, LATER + 4); // not for each packet
    (void)pthread_mutex_unlock(&k->lock);
    assert_false(lies_there(k, srtp_keys[0].bytes) || lies_there(k, srtp_keys[1].bytes));
    assert_int_equal(kit_term(k), 0);
    for (int n = 0; n < 2; n++)
        srtp_out_close(&srtp_sender[n]);
    kit_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(srtp_is_cut_with_keys_that_are_asked_for, kit_end),
        cmocka_unit_test_teardown(a_tap_of_srtp_is_heard, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
