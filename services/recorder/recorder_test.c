// recorder_test.c: the real process between real sockets: media in, calls in, file and report out.
#include "tests/support/test.h"

#include <openssl/evp.h>
#include "media/wav.h"
#include "recorder_kit.h"

#define PACKETS 250u // 5 s

static uint8_t sound(uint32_t stream_no, uint32_t i)
{
    return (uint8_t)(i * 7 + stream_no * 31 + (i >> 8));
}

// Packets from..to of both streams in batches of 10; the callee starts 10 packets later.
static void send_media(struct kit *k, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        uint8_t payload[160];
        int64_t at = k->started_us + (int64_t)i * 20000;
        for (uint32_t s = 1; s <= 2; s++) {
            for (uint32_t n = 0; n < 160; n++)
                payload[n] = sound(s, i * 160 + n);
            if (s == 1 || i >= 10)
                kit_packet(k, s, at, 0, (uint16_t)(65500 + i), 4294900000u + i * 160 + s, payload);
        }
        if (i % 10 == 9 || i + 1 == to)
            kit_send_batch(k, i < from + 10, at, false);
    }
}

static void pass_the_end(struct kit *k)
{
    k->ended_us = k->started_us + PACKETS * 20000;
    kit_send_batch(k, false, k->ended_us + 2000000, false);
}

static void check_wav(struct kit *k, const Callmesh__V1__Recording *r)
{
    static uint8_t file[200000];
    size_t n = kit_read(k, r->path, file, sizeof(file));
    struct wav_info w;
    assert_true(wav_read_header(span_of(file, n), &w));
    assert_int_equal(w.format, WAV_PCMU);
    assert_int_equal(w.frames, PACKETS * 160);
    assert_int_equal(n, w.header_bytes + 2 * w.frames);
    for (uint32_t i = 0; i < w.frames; i++) {
        assert_int_equal(file[w.header_bytes + 2 * i], sound(1, i));
        assert_int_equal(file[w.header_bytes + 2 * i + 1], i < 1600 ? 0xFF : sound(2, i));
    }
    uint8_t sum[32], sum512[64];
    assert_int_equal(EVP_Digest(file, n, sum, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(r->sha256.len, 32);
    assert_memory_equal(r->sha256.data, sum, 32);
    assert_int_equal(EVP_Digest(file, n, sum512, NULL, EVP_sha512(), NULL), 1);
    assert_int_equal(r->sha512.len, 64);
    assert_memory_equal(r->sha512.data, sum512, 64);
    assert_int_equal(r->size_bytes, n);
}

// What lies there is not what was said, and it is proven by the chain.
static void check_kept(struct kit *k, const Callmesh__V1__Recording *r, uint64_t entry)
{
    struct verify_result v;
    struct stat st;
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/recordings/%s", k->dir, r->path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(r->stored_bytes, st.st_size);
    assert_string_equal(r->encryption, k->plain ? "" : "AES-256-GCM");
    assert_int_equal(r->key_id.len, k->plain ? 0 : 16);
    assert_int_equal(st.st_size > (off_t)r->size_bytes, !k->plain);
    kit_verify(k, &v);
    assert_int_equal(v.recordings, 1);
    assert_int_equal(v.files, 2);
    assert_int_equal(r->chain_n, entry);
    assert_int_equal(r->chain_hash.len, 32);
    assert_int_equal(strlen(r->chain_hour), 11);
}

static void check_report(struct kit *k, const Callmesh__V1__Recording *r)
{
    assert_non_null(r);
    assert_int_equal(r->status, CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY);
    assert_memory_equal(r->call_id.data, &k->call_id, 16);
    assert_string_equal(r->codec, "PCMU");
    assert_true(r->duration_seconds > 4.999 && r->duration_seconds < 5.001);
    assert_int_equal(r->started_at_us, k->started_us);
    assert_int_equal(r->n_channels, 2);
    assert_int_equal(r->channels[0]->packets, PACKETS);
    assert_int_equal(r->channels[1]->packets, PACKETS - 10);
    assert_int_equal(r->channels[0]->lost + r->channels[1]->lost, 0);
    assert_int_equal(r->channels[0]->late_or_duplicate, 0);
    assert_int_equal(r->n_gaps, 1);
    assert_int_equal(r->gaps[0]->channel, 2);
    assert_string_equal(r->gaps[0]->reason, "not_sent");
    assert_true(r->gaps[0]->to_seconds > 0.1999 && r->gaps[0]->to_seconds < 0.2001);
    check_wav(k, r);
}

static void check_manifest(struct kit *k, const char *wav_path)
{
    static char text[65536];
    char path[512];
    (void)snprintf(path, sizeof(path), "%.*sjson%s", (int)(strstr(wav_path, "wav") - wav_path),
                   wav_path, k->plain ? "" : ".sealed");
    size_t n = kit_read(k, path, (uint8_t *)text, sizeof(text) - 1);
    text[n] = '\0';
    assert_non_null(strstr(text, "\"status\":\"ready\""));
    assert_non_null(strstr(text, "\"reason\":\"not_sent\""));
    assert_non_null(strstr(text, "\"call_started_at\":\"2023-11-14T22:13:20.000Z\""));
    char id[37];
    uuid_format(&k->call_id, id);
    assert_non_null(strstr(text, id));
}

static void a_call_becomes_a_file_and_a_report(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    kit_open(k, "whole");
    kit_set(k, 2, true);
    kit_spawn(k);
    send_media(k, 0, PACKETS);
    pass_the_end(k);
    kit_send_call(k, true);
    const Callmesh__V1__Recording *r = kit_recording(k, 20 * US_PER_S);
    check_report(k, r);
    check_manifest(k, r->path);
    check_kept(k, r, 1);
    assert_true(feed_pub_flush(k->rtp, 5 * US_PER_S)); // all of it committed
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

// A rule: the callee alone, from the answer on. Not a sample of the rest is in the file.
static void only_what_the_rules_want(void **state)
{
    (void)state;
    static uint8_t file[200000];
    struct kit *k = kit_next();
    struct wav_info w;
    kit_open(k, "rules");
    k->sides = 2;
    k->from_us = k->started_us + 100 * 20000;
    kit_set(k, 2, true);
    kit_spawn(k);
    send_media(k, 0, PACKETS);
    pass_the_end(k);
    kit_send_call(k, true);
    const Callmesh__V1__Recording *r = kit_recording(k, 20 * US_PER_S);
    assert_non_null(r);
    assert_int_equal(r->status, CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY);
    assert_int_equal(r->started_at_us, k->from_us);
    size_t n = kit_read(k, r->path, file, sizeof(file));
    assert_true(wav_read_header(span_of(file, n), &w));
    assert_int_equal(w.frames, (PACKETS - 100) * 160);
    for (uint32_t i = 0; i < w.frames; i++) {
        assert_int_equal(file[w.header_bytes + 2 * i], 0xFF);
        assert_int_equal(file[w.header_bytes + 2 * i + 1], sound(2, 100 * 160 + i));
    }
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

// What the harvester kept back is silence of the right length, and said to be that; what is lost elsewhere stays a loss.
static void a_pause_is_a_gap_of_its_own(void **state)
{
    (void)state;
    static uint8_t file[200000];
    struct kit *k = kit_next();
    struct wav_info w;
    kit_open(k, "pause");
    k->pause_from_us = k->started_us + 98 * 20000;
    k->pause_to_us = k->started_us + 148 * 20000;
    kit_set(k, 2, true);
    kit_spawn(k);
    send_media(k, 0, 40);
    send_media(k, 50, 100); // 10 are lost
    send_media(k, 150, PACKETS);
    pass_the_end(k);
    kit_send_call(k, true);
    const Callmesh__V1__Recording *r = kit_recording(k, 20 * US_PER_S);
    assert_non_null(r);
    size_t n = kit_read(k, r->path, file, sizeof(file));
    assert_true(wav_read_header(span_of(file, n), &w));
    assert_int_equal(w.frames, PACKETS * 160);
    for (uint32_t i = 0; i < w.frames; i++) {
        uint32_t p = i / 160;
        bool quiet = (p >= 40 && p < 50) || (p >= 100 && p < 150);
        assert_int_equal(file[w.header_bytes + 2 * i], quiet ? 0xFF : sound(1, i));
    }
    unsigned paused = 0, lost = 0;
    for (size_t i = 0; i < r->n_gaps; i++) {
        const Callmesh__V1__RecordingGap *g = r->gaps[i];
        paused += strcmp(g->reason, "paused") == 0 && g->from_seconds > 1.999 &&
                  g->from_seconds < 2.001 && g->to_seconds > 2.999 && g->to_seconds < 3.001;
        lost += strcmp(g->reason, "loss") == 0 && g->from_seconds > 0.799 && g->to_seconds < 1.001;
    }
    assert_int_equal(paused, 2);
    assert_int_equal(lost, 2);
    static char text[65536];
    char path[512];
    (void)snprintf(path, sizeof(path), "%.*sjson.sealed", (int)(strstr(r->path, "wav") - r->path),
                   r->path);
    text[kit_read(k, path, (uint8_t *)text, sizeof(text) - 1)] = '\0';
    assert_non_null(strstr(text, "\"by\":\"user:ann\",\"reason\":\"card\""));
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

static void encryption_may_be_off(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    kit_open(k, "plain");
    k->plain = true;
    kit_set(k, 2, true);
    kit_spawn(k);
    send_media(k, 0, PACKETS);
    pass_the_end(k);
    kit_send_call(k, true);
    const Callmesh__V1__Recording *r = kit_recording(k, 20 * US_PER_S);
    check_report(k, r);
    check_manifest(k, r->path);
    check_kept(k, r, 1);
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

static void killed_in_mid_call_the_recording_is_whole(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    kit_open(k, "kill");
    kit_set(k, 2, true);
    kit_spawn(k);
    send_media(k, 0, 120);
    // Part of it committed, part still in blocks.
    int64_t end = mono_now_us() + 10 * US_PER_S;
    while (feed_pub_stat(k->rtp).committed_seq < 3 && mono_now_us() < end)
        (void)usleep(2000);
    assert_true(feed_pub_stat(k->rtp).committed_seq >= 3);
    send_media(k, 120, 160);
    (void)usleep(30000);
    kit_kill(k);
    kit_spawn(k);
    send_media(k, 160, PACKETS);
    pass_the_end(k);
    // The end was said while the recorder was away or starting: the snapshot has it.
    kit_send_call(k, true);
    check_report(k, kit_recording(k, 20 * US_PER_S));
    kit_kill(k);
    // After the report: the call is still pending for callstate, which has not heard: it is cut again, to the same id.
    kit_spawn(k);
    const Callmesh__V1__Recording *again = kit_recording(k, 20 * US_PER_S);
    check_report(k, again);
    check_kept(k, again, 2);
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

// Told twice it answers the same twice; nothing is left but the certificate, and a later cut brings nothing back.
static void an_erased_recording_is_gone_for_good(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    struct verify_result v;
    char path[600], key[600];
    uint8_t hash[32];
    kit_open(k, "erase");
    kit_set(k, 2, true);
    kit_spawn(k);
    send_media(k, 0, PACKETS);
    pass_the_end(k);
    kit_send_call(k, true);
    const Callmesh__V1__Recording *r = kit_recording(k, 20 * US_PER_S);
    check_report(k, r);
    struct uuid id;
    memcpy(&id, r->id.data, sizeof(id));
    (void)snprintf(path, sizeof(path), "%s/recordings/%s", k->dir, r->path);
    (void)snprintf(key, sizeof(key), "%s/keys/data/%.*s.key", k->dir,
                   (int)(strstr(r->path, ".wav") - r->path), r->path);
    assert_int_equal(access(path, R_OK), 0);
    for (int i = 0; i < 2; i++) {
        kit_send_erase(k, &id);
        r = kit_recording(k, 20 * US_PER_S);
        assert_non_null(r);
        assert_int_equal(r->status, CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_DELETED);
        assert_memory_equal(r->id.data, &id, sizeof(id));
        assert_int_equal(r->chain_n, 2);
        if (i > 0)
            assert_memory_equal(r->chain_hash.data, hash, sizeof(hash));
        memcpy(hash, r->chain_hash.data, sizeof(hash));
    }
    assert_int_equal(access(path, F_OK), -1);
    uint8_t bytes[128];
    int fd = open(key, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
    close(fd);
    assert_int_equal(bytes[12], 2); // destroyed
    for (size_t i = 32; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0);
    kit_verify(k, &v);
    assert_true(v.erased == 1 && v.recordings == 0 && v.files == 0);
    // The call is cut again, as after a lost report: it stays erased.
    kit_kill(k);
    kit_spawn(k);
    r = kit_recording(k, 20 * US_PER_S);
    assert_non_null(r);
    assert_int_equal(r->status, CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED);
    assert_string_equal(r->reason, "it was erased");
    assert_int_equal(access(path, F_OK), -1);
    // Of a recording that was never here nothing is said.
    struct uuid other = uuid_v7_derived(k->started_us, SPAN_LIT("other"));
    kit_send_erase(k, &other);
    assert_null(kit_recording(k, US_PER_S));
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

static void a_tap_carries_what_is_said(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    kit_open(k, "tap");
    kit_set(k, 2, true);
    kit_spawn(k);
    uint32_t i = 0, frames = 0;
    bool sides[3] = {false, false, false};
    // The tap is said again and again, as api does while someone listens; media goes on until frames come.
    for (int64_t end = mono_now_us() + 20 * US_PER_S; mono_now_us() < end && frames < 100;
         i += 10) {
        if (i % 100 == 0)
            kit_send_tap(k, wall_now_us() + 5 * US_PER_S);
        send_media(k, i, i + 10);
        struct span bytes;
        while (cast_sub_next(k->live, 20000, &bytes) > 0) {
            const Callmesh__V1__LiveBatch *b =
                cast_sub_unpack(k->live, &callmesh__v1__live_batch__descriptor, bytes);
            assert_non_null(b);
            for (size_t f = 0; f < b->n_frames; f++) {
                const Callmesh__V1__LiveFrame *lf = b->frames[f];
                assert_true(lf->side == 1 || lf->side == 2);
                sides[lf->side] = true;
                assert_string_equal(lf->codec, "PCMU");
                assert_int_equal(lf->payload.len, 160);
                uint32_t no = (lf->rtp_timestamp - 4294900000u - lf->side) / 160;
                assert_int_equal(lf->payload.data[5], sound(lf->side, no * 160 + 5));
                assert_int_equal(lf->at_us, k->started_us + (int64_t)no * 20000);
                assert_memory_equal(lf->call_id.data, &k->call_id, 16);
                frames++;
            }
        }
    }
    assert_true(frames >= 100 && sides[1] && sides[2]);
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

static void a_call_without_media_is_empty(void **state)
{
    (void)state;
    struct kit *k = kit_next();
    kit_open(k, "empty");
    kit_set(k, 2, false);
    kit_spawn(k);
    k->ended_us = k->started_us + 1000000;
    kit_send_batch(k, false, k->ended_us, true); // end of input: nothing more will come
    kit_set(k, 2, true);
    (void)pthread_mutex_lock(&k->lock);
    k->ended = true;
    (void)pthread_mutex_unlock(&k->lock);
    const Callmesh__V1__Recording *r = kit_recording(k, 20 * US_PER_S);
    assert_non_null(r);
    assert_int_equal(r->status, CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_EMPTY);
    assert_int_equal(kit_term(k), 0);
    kit_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_call_becomes_a_file_and_a_report, kit_end),
        cmocka_unit_test_teardown(only_what_the_rules_want, kit_end),
        cmocka_unit_test_teardown(a_pause_is_a_gap_of_its_own, kit_end),
        cmocka_unit_test_teardown(encryption_may_be_off, kit_end),
        cmocka_unit_test_teardown(killed_in_mid_call_the_recording_is_whole, kit_end),
        cmocka_unit_test_teardown(an_erased_recording_is_gone_for_good, kit_end),
        cmocka_unit_test_teardown(a_tap_carries_what_is_said, kit_end),
        cmocka_unit_test_teardown(a_call_without_media_is_empty, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
