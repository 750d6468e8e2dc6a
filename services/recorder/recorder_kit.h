// recorder_kit.h: the test's world around a real callmesh-recorder: a harvester, a callstate and an api, made of the same
// lib/bus that those use. Only for recorder_test.c.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/mono.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "callmesh/v1/capture.pb-c.h"
#include "callmesh/v1/live.pb-c.h"
#include "callmesh/v1/mesh.pb-c.h"
#include "tests/support/port.h"
#include "callmesh/v1/recorder.pb-c.h"
#include "vault/reader.h"
#include "vault/verify.h"

#define KIT_STREAMS 4

struct kit {
    char dir[64];
    char url[8][40]; // rtp, rtp-ask, mesh, control, sig, sig-ask, live, (health)
    pid_t pid;
    struct feed_pub *rtp;
    struct cast_pub *mesh;
    struct answer *control;
    struct feed_sub *sig;
    struct cast_sub *live;
    pthread_mutex_t lock;
    bool snapshot_has_call;
    bool ended;
    bool plain;                         // recordings are not encrypted
    uint32_t sides;                     // what the rules want, 0: nothing is said
    int64_t pause_from_us, pause_to_us; // 0: none
    int64_t from_us;                    // answered then, and nothing before is wanted
    uint64_t revision;
    answer_fn
        other; // other questions than for a snapshot, under the lock; then the streams are SRTP
    struct uuid call_id, stream_id[KIT_STREAMS];
    size_t streams;
    int64_t started_us, ended_us;
    // the batch being made
    uint8_t index[20 * 512], data[200 * 512];
    size_t packets, data_n;
};

static inline void kit_spawn(struct kit *k)
{
    static const char *const names[] = {"bus.rtp-url",     "bus.rtp-ask-url", "bus.mesh-url",
                                        "bus.control-url", "bus.sig-url",     "bus.sig-ask-url",
                                        "bus.live-url"};
    char self[4096], bin[4200], args[24][160];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    (void)snprintf(bin, sizeof(bin), "%s/../../bin/callmesh-recorder", dirname(self));
    size_t c = 0;
    for (size_t i = 0; i < 7; i++)
        (void)snprintf(args[c++], sizeof(args[0]), "--%s=%s", names[i], k->url[i]);
    (void)snprintf(args[c++], sizeof(args[0]), "--spool.dir=%s/spool", k->dir);
    (void)snprintf(args[c++], sizeof(args[0]), "--recordings.dir=%s/recordings", k->dir);
    (void)snprintf(args[c++], sizeof(args[0]), "--journal.dir=%s/journal", k->dir);
    (void)snprintf(args[c++], sizeof(args[0]), "--keys.dir=%s/keys", k->dir);
    if (k->other)
        (void)snprintf(args[c++], sizeof(args[0]), "--bus.sign-key=%s/sign.key", k->dir);
    if (k->plain)
        (void)snprintf(args[c++], sizeof(args[0]), "--recordings.encrypt=false");
    (void)snprintf(args[c++], sizeof(args[0]), "--health.listen=");
    (void)snprintf(args[c++], sizeof(args[0]), "--site=lab");
    (void)snprintf(args[c++], sizeof(args[0]), "--spool.streams=64");
    (void)snprintf(args[c++], sizeof(args[0]), "--spool.block-age=200ms");
    (void)snprintf(args[c++], sizeof(args[0]), "--disk.min-free=0");
    char *argv[sizeof(args) / sizeof(args[0]) + 2] = {bin};
    for (size_t i = 0; i < c; i++)
        argv[i + 1] = args[i];
    extern char **environ;
    assert_int_equal(posix_spawn(&k->pid, bin, NULL, NULL, argv, environ), 0);
}

static inline ProtobufCBinaryData kit_bytes(const void *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

struct kit_call {
    Callmesh__V1__Call call;
    Callmesh__V1__CallStream cs[KIT_STREAMS], *list[KIT_STREAMS];
    Callmesh__V1__StreamInfo info[KIT_STREAMS];
    Callmesh__V1__MeshChange change;
    Callmesh__V1__RecordingDecision decision;
    Callmesh__V1__RecordingPause pause, *pauses[1];
};

// The call as callstate would say it: stream i is sent by the caller when i is even.
static inline void kit_fill_call(struct kit *k, struct kit_call *m)
{
    callmesh__v1__call__init(&m->call);
    m->call.id = kit_bytes(&k->call_id, 16);
    m->call.revision = k->revision;
    m->call.site = (char *)(uintptr_t) "lab";
    m->call.started_at_us = k->started_us;
    m->call.state = k->ended ? CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
                             : CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
    m->call.ended_at_us = k->ended ? k->ended_us : 0;
    m->call.recording_state = k->ended ? CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_PENDING
                                       : CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_ACTIVE;
    for (size_t i = 0; i < k->streams; i++) {
        callmesh__v1__call_stream__init(&m->cs[i]);
        callmesh__v1__stream_info__init(&m->info[i]);
        m->info[i].stream_id = kit_bytes(&k->stream_id[i], 16);
        m->info[i].first_at_us = k->started_us;
        m->cs[i].info = &m->info[i];
        m->cs[i].srtp = k->other != NULL;
        m->cs[i].side =
            i % 2 == 0 ? CALLMESH__V1__SIDE__SIDE_CALLER : CALLMESH__V1__SIDE__SIDE_CALLEE;
        m->list[i] = &m->cs[i];
    }
    if (k->sides) {
        callmesh__v1__recording_decision__init(&m->decision);
        m->decision.record = true;
        m->decision.sides = k->sides;
        m->decision.from_answer = k->from_us != 0;
        m->call.answered_at_us = k->from_us;
        m->call.recording_policy = &m->decision;
    }
    if (k->pause_from_us) {
        callmesh__v1__recording_pause__init(&m->pause);
        m->pause.from_us = k->pause_from_us;
        m->pause.to_us = m->pause.until_us = k->pause_to_us;
        m->pause.by = (char *)(uintptr_t) "user:ann";
        m->pause.reason = (char *)(uintptr_t) "card";
        m->pauses[0] = &m->pause;
        m->call.pauses = m->pauses;
        m->call.n_pauses = 1;
    }
    m->call.streams = m->list;
    m->call.n_streams = k->streams;
    callmesh__v1__mesh_change__init(&m->change);
    m->change.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL;
    m->change.call = &m->call;
}

static inline void kit_answer(void *ctx, const Callmesh__V1__ControlRequest *q,
                              Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct kit *k = ctx;
    (void)pthread_mutex_lock(&k->lock);
    if (q->request_case != CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT) {
        k->other(k, q, reply, a);
        (void)pthread_mutex_unlock(&k->lock);
        return;
    }
    Callmesh__V1__SnapshotReply *s = arena_take(a, sizeof(*s));
    struct kit_call *m = arena_take(a, sizeof(*m));
    Callmesh__V1__MeshChange **list = arena_take(a, sizeof(*list));
    uint8_t *inc = arena_take(a, 16);
    callmesh__v1__snapshot_reply__init(s);
    cast_pub_incarnation(k->mesh, inc);
    s->as_of_seq = cast_pub_seq(k->mesh);
    s->incarnation = kit_bytes(inc, 16);
    s->token = 1;
    if (k->snapshot_has_call) {
        kit_fill_call(k, m);
        list[0] = &m->change;
        s->changes = list;
        s->n_changes = 1;
    }
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT;
    reply->snapshot = s;
    (void)pthread_mutex_unlock(&k->lock);
}

// Each test has its own, and none is given back: the sockets live until the process ends (rule of the bus).
static struct kit kits[16];

static inline struct kit *kit_next(void)
{
    static size_t used;
    assert_true(used < sizeof(kits) / sizeof(kits[0]));
    return &kits[used++];
}

static inline void kit_open(struct kit *k, const char *what)
{
    char err[200] = "";
    memset(k, 0, sizeof(*k));
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)snprintf(k->dir, sizeof(k->dir), "/tmp/recorder-%s-XXXXXX", what);
    assert_non_null(mkdtemp(k->dir));
    for (size_t i = 0; i < 7; i++)
        (void)snprintf(k->url[i], sizeof(k->url[i]), "tcp://127.0.0.1:%d", test_free_port());
    k->started_us = INT64_C(1700000000000000);
    k->call_id = uuid_v7_derived(k->started_us, SPAN_LIT("call"));
    for (size_t i = 0; i < KIT_STREAMS; i++)
        k->stream_id[i] = uuid_v7_derived(k->started_us, span_of(&i, sizeof(i)));
    k->revision = 1;
    assert_int_equal(cast_pub_open(&k->mesh, k->url[2], true, "callstate", "centre",
                                   CALLMESH__V1__KIND__KIND_MESH, err, sizeof(err)),
                     0);
    assert_int_equal(answer_open(&k->control, k->url[3], kit_answer, k, err, sizeof(err)), 0);
    struct feed_sub_opts so = {.name = "test", .sub_url = k->url[4], .ask_url = k->url[5]};
    assert_int_equal(feed_sub_open(&k->sig, &so, err, sizeof(err)), 0);
    assert_int_equal(cast_sub_open(&k->live, k->url[6], true, err, sizeof(err)), 0);
    struct feed_pub_opts po = {.publisher = "lab/capture",
                               .site = "lab",
                               .kind = CALLMESH__V1__KIND__KIND_RTP,
                               .pub_url = k->url[0],
                               .ask_url = k->url[1]};
    assert_int_equal(feed_pub_open(&k->rtp, &po, err, sizeof(err)), 0);
}

// What the mesh says of the call; the answering thread reads it.
static inline void kit_set(struct kit *k, size_t streams, bool snapshot_has_call)
{
    (void)pthread_mutex_lock(&k->lock);
    k->streams = streams;
    k->snapshot_has_call = snapshot_has_call;
    (void)pthread_mutex_unlock(&k->lock);
}

static inline void kit_send_call(struct kit *k, bool ended)
{
    struct kit_call m;
    (void)pthread_mutex_lock(&k->lock);
    k->revision++;
    k->ended = ended;
    kit_fill_call(k, &m);
    Callmesh__V1__MeshChange *list[1] = {&m.change};
    Callmesh__V1__MeshBatch b = CALLMESH__V1__MESH_BATCH__INIT;
    b.changes = list;
    b.n_changes = 1;
    assert_int_equal(cast_pub_send(k->mesh, &b.base), 0);
    k->snapshot_has_call = true;
    (void)pthread_mutex_unlock(&k->lock);
}

static inline void kit_send_tap(struct kit *k, int64_t until_us)
{
    Callmesh__V1__Tap tap = CALLMESH__V1__TAP__INIT;
    tap.call_id = kit_bytes(&k->call_id, 16);
    tap.until_us = until_us;
    Callmesh__V1__MeshChange ch = CALLMESH__V1__MESH_CHANGE__INIT, *list[1] = {&ch};
    ch.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_TAP;
    ch.tap = &tap;
    Callmesh__V1__MeshBatch b = CALLMESH__V1__MESH_BATCH__INIT;
    b.changes = list;
    b.n_changes = 1;
    assert_int_equal(cast_pub_send(k->mesh, &b.base), 0);
}

static inline void kit_send_erase(struct kit *k, const struct uuid *recording_id)
{
    Callmesh__V1__Erase e = CALLMESH__V1__ERASE__INIT;
    e.recording_id = kit_bytes(recording_id, 16);
    e.call_id = kit_bytes(&k->call_id, 16);
    e.site = (char *)(uintptr_t) "lab";
    e.basis = (char *)(uintptr_t) "erasure";
    e.actor = (char *)(uintptr_t) "user:ann";
    e.reason = (char *)(uintptr_t) "GDPR 17";
    e.asked_at_us = k->started_us;
    Callmesh__V1__MeshChange ch = CALLMESH__V1__MESH_CHANGE__INIT, *list[1] = {&ch};
    ch.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_ERASE;
    ch.erase = &e;
    Callmesh__V1__MeshBatch b = CALLMESH__V1__MESH_BATCH__INIT;
    b.changes = list;
    b.n_changes = 1;
    assert_int_equal(cast_pub_send(k->mesh, &b.base), 0);
}

// One packet into the batch.
static inline void kit_raw(struct kit *k, uint32_t stream_no, int64_t at_us, const uint8_t *packet,
                           size_t n)
{
    uint8_t *x = k->index + 20 * k->packets++;
    uint32_t offset = (uint32_t)k->data_n;
    uint16_t length = (uint16_t)n, flags = 0;
    memcpy(x, &at_us, 8);
    memcpy(x + 8, &stream_no, 4);
    memcpy(x + 12, &offset, 4);
    memcpy(x + 16, &length, 2);
    memcpy(x + 18, &flags, 2);
    memcpy(k->data + k->data_n, packet, n);
    k->data_n += n;
}

// An RTP packet of 160 bytes.
static inline void kit_packet(struct kit *k, uint32_t stream_no, int64_t at_us, uint8_t pt,
                              uint16_t seq, uint32_t ts, const uint8_t *payload)
{
    uint8_t p[172] = {0x80,
                      pt,
                      (uint8_t)(seq >> 8),
                      (uint8_t)seq,
                      (uint8_t)(ts >> 24),
                      (uint8_t)(ts >> 16),
                      (uint8_t)(ts >> 8),
                      (uint8_t)ts,
                      0,
                      0,
                      0,
                      (uint8_t)stream_no};
    memcpy(p + 12, payload, 160);
    kit_raw(k, stream_no, at_us, p, sizeof(p));
}

static inline void kit_send_batch(struct kit *k, bool announce, int64_t watermark_us, bool end)
{
    Callmesh__V1__StreamInfo info[KIT_STREAMS], *list[KIT_STREAMS];
    Callmesh__V1__RtpBatch b = CALLMESH__V1__RTP_BATCH__INIT;
    for (size_t i = 0; i < k->streams; i++) {
        callmesh__v1__stream_info__init(&info[i]);
        info[i].stream_no = (uint32_t)i + 1;
        info[i].stream_id = kit_bytes(&k->stream_id[i], 16);
        list[i] = &info[i];
    }
    b.streams = list;
    b.n_streams = announce ? k->streams : 0;
    b.index = kit_bytes(k->index, 20 * k->packets);
    b.data = kit_bytes(k->data, k->data_n);
    b.watermark_us = watermark_us;
    b.end_of_input = end;
    assert_int_equal(feed_pub_send(k->rtp, &b.base), 0);
    k->packets = k->data_n = 0;
}

// The next Recording of the report feed, copied by the caller before the next call; NULL after the time.
static inline const Callmesh__V1__Recording *kit_recording(struct kit *k, int64_t timeout_us)
{
    for (int64_t end = mono_now_us() + timeout_us; mono_now_us() < end;) {
        struct feed_msg m;
        if (feed_sub_next(k->sig, 100000, &m) <= 0)
            continue;
        feed_sub_commit(k->sig, m.slot, m.env->seq);
        const Callmesh__V1__ReportBatch *b =
            feed_sub_unpack(k->sig, &callmesh__v1__report_batch__descriptor, m.payload);
        assert_non_null(b);
        for (size_t i = 0; i < b->n_events; i++) {
            if (b->events[i]->event_case == CALLMESH__V1__REPORT_EVENT__EVENT_RECORDING)
                return b->events[i]->recording;
        }
    }
    return NULL;
}

// The content of a file, decrypted with the recorder's own keys.
static inline size_t kit_read(const struct kit *k, const char *relative, uint8_t *buf, size_t cap)
{
    static struct reader reader;
    struct keyring keys;
    struct reader_source src;
    char path[600], err[200] = "";
    (void)snprintf(path, sizeof(path), "%s/keys", k->dir);
    assert_int_equal(keyring_open(&keys, path, false, err, sizeof(err)), 0);
    (void)snprintf(path, sizeof(path), "%s/recordings/%s", k->dir, relative);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(reader_init(&reader), 0);
    assert_int_equal(reader_source_fd(&src, fd), 0);
    assert_int_equal(reader_open(&reader, &src, relative, &keys), 0);
    size_t n = 0;
    for (ssize_t got; n < cap && (got = reader_read(&reader, n, buf + n, cap - n)) > 0;)
        n += (size_t)got;
    reader_deinit(&reader);
    keyring_close(&keys);
    close(fd);
    return n;
}

// The whole folder proves itself with the public key alone.
static inline void kit_verify(const struct kit *k, struct verify_result *ret)
{
    char path[100], dir[100];
    (void)snprintf(path, sizeof(path), "%s/keys/signing.pub", k->dir);
    (void)snprintf(dir, sizeof(dir), "%s/recordings", k->dir);
    struct verify_opts o = {.dir = dir};
    assert_int_equal(keyring_read_public(path, o.public_key), 0);
    assert_int_equal(verify_run(&o, ret), 0);
    if (ret->broken)
        fail_msg("%s: %s", ret->file, ret->what);
}

// SIGTERM; returns the exit status.
static inline int kit_term(struct kit *k)
{
    int status = 0;
    assert_int_equal(kill(k->pid, SIGTERM), 0);
    assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
    k->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void kit_kill(struct kit *k)
{
    int status;
    assert_int_equal(kill(k->pid, SIGKILL), 0);
    assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
    k->pid = 0;
}

// Teardown: the process of a test that failed does not live on and hold the output of the whole run open.
static inline int kit_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kits) / sizeof(kits[0]); i++) {
        if (kits[i].pid > 0)
            kit_kill(&kits[i]);
    }
    return 0;
}

static inline void kit_close(struct kit *k)
{
    answer_stop(k->control);
    feed_pub_stop(k->rtp);
    feed_sub_stop(k->sig);
    char cmd[100];
    (void)snprintf(cmd, sizeof(cmd), "rm -rf %s", k->dir);
    assert_int_equal(system(cmd), 0);
}
