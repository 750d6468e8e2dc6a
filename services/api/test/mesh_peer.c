// Over 450 lines: one word of its language after the other.
// mesh_peer.c: the other side of callmesh-api for its test: it publishes a mesh (changes, snapshots, tap requests) and tapped
// audio over the real bus, as told by lines on stdin. Answers on stdout, one line each: "ready", "ok ...", "tap ID UNTIL".
//   call ID REVISION STATE SITE FROM TO CODEC    STATE 1..6 as in mesh.proto
//   remove ID            the call leaves the live mesh
//   harvester NAME SITE UP
//   recording ID CALL STATUS
//   known 0|1            what tap requests are told
//   audio ID PACKETS     so many packets a side, 20 ms of 160 bytes each, in real time
//   skip N               the next N packets of audio are not sent: a gap
//   flood CALLS ROUNDS   changes as fast as they go
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mono.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "callmesh/v1/live.pb-c.h"
#include "callmesh/v1/mesh.pb-c.h"

#define CALLS 512

struct call {
    bool used;
    struct uuid id;
    uint64_t revision;
    int state;
    char site[32], from[64], to[64], codec[16];
    int64_t started_us, answered_us, ended_us;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct call calls[CALLS];
static struct cast_pub *mesh, *live;
static bool known = true, harvester_up;
static char harvester_name[96], harvester_site[64];
static int skip;
static uint64_t live_seq;

struct packed_call {
    Callmesh__V1__Call call;
    Callmesh__V1__Party from, to;
    Callmesh__V1__Leg leg, *legs[1];
    Callmesh__V1__CallStream stream[2], *streams[2];
    Callmesh__V1__StreamInfo info[2];
    Callmesh__V1__Endpoint at;
    char *harvesters[1];
    char name[8], user_from[80], user_to[80], call_id[48];
    uint8_t ip[4];
};

static ProtobufCBinaryData text(char *s)
{
    return (ProtobufCBinaryData){strlen(s), (uint8_t *)s};
}

static void fill_parties(struct packed_call *p, struct call *c)
{
    callmesh__v1__party__init(&p->from);
    callmesh__v1__party__init(&p->to);
    snprintf(p->user_from, sizeof(p->user_from), "sip:%s@x", c->from);
    snprintf(p->user_to, sizeof(p->user_to), "sip:%s@x", c->to);
    p->from.uri = text(p->user_from);
    p->to.uri = text(p->user_to);
    p->from.user = text(c->from);
    p->to.user = text(c->to);
    p->call.from = &p->from;
    p->call.to = &p->to;
}

static void fill(struct packed_call *p, struct call *c)
{
    callmesh__v1__call__init(&p->call);
    callmesh__v1__leg__init(&p->leg);
    callmesh__v1__endpoint__init(&p->at);
    memcpy(p->ip, "\x0a\0\0\1", 4);
    p->at.ip = (ProtobufCBinaryData){4, p->ip};
    p->at.port = 4000;
    p->call.id = (ProtobufCBinaryData){16, c->id.b};
    p->call.revision = c->revision;
    p->call.site = c->site;
    snprintf(p->name, sizeof(p->name), "h1");
    p->harvesters[0] = p->name;
    p->call.harvesters = p->harvesters;
    p->call.n_harvesters = 1;
    p->call.state = (Callmesh__V1__CallState)c->state;
    p->call.result = c->state == 6 ? CALLMESH__V1__CALL_RESULT__CALL_RESULT_ANSWERED : 0;
    p->call.live = true;
    p->call.sip_status = c->state >= 4 ? 200 : 180;
    fill_parties(p, c);
    p->call.started_at_us = c->started_us;
    p->call.answered_at_us = c->answered_us;
    p->call.ended_at_us = c->ended_us;
    snprintf(p->call_id, sizeof(p->call_id), "live-%02x%02x", c->id.b[14], c->id.b[15]);
    p->leg.sip_call_id = text(p->call_id);
    p->legs[0] = &p->leg;
    p->call.legs = p->legs;
    p->call.n_legs = 1;
    for (int i = 0; i < 2; i++) {
        callmesh__v1__call_stream__init(&p->stream[i]);
        callmesh__v1__stream_info__init(&p->info[i]);
        p->info[i].src = p->info[i].dst = &p->at;
        p->stream[i].info = &p->info[i];
        p->stream[i].side = (Callmesh__V1__Side)(i + 1);
        p->stream[i].codec = c->codec;
        p->stream[i].packets = 99;
        p->stream[i].lost = 1;
        p->streams[i] = &p->stream[i];
    }
    p->call.streams = p->streams;
    p->call.n_streams = 2;
}

static void say(Callmesh__V1__MeshChange *change)
{
    Callmesh__V1__MeshBatch b = CALLMESH__V1__MESH_BATCH__INIT;
    Callmesh__V1__MeshChange *list[1] = {change};
    b.changes = list;
    b.n_changes = 1;
    cast_pub_send(mesh, &b.base);
}

static void say_call(struct call *c)
{
    struct packed_call p;
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    fill(&p, c);
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL;
    m.call = &p.call;
    say(&m);
}

static struct call *slot(const struct uuid *id)
{
    int at = -1;
    for (int i = 0; i < CALLS; i++) {
        if (calls[i].used && !memcmp(&calls[i].id, id, sizeof(*id)))
            return &calls[i];
        if (!calls[i].used && at < 0)
            at = i;
    }
    calls[at] = (struct call){.used = true, .id = *id, .started_us = wall_now_us()};
    return &calls[at];
}

static void set_state(struct call *c, uint64_t revision, int state)
{
    c->revision = revision;
    c->state = state;
    if (state >= 4 && !c->answered_us)
        c->answered_us = wall_now_us();
    if (state == 6)
        c->ended_us = wall_now_us();
}

static void on_harvester(Callmesh__V1__Harvester *h, Callmesh__V1__MeshChange *m)
{
    callmesh__v1__harvester__init(h);
    h->name = harvester_name;
    h->site = harvester_site;
    h->live = true;
    h->up = harvester_up;
    h->started_at_us = h->last_seen_us = h->feed_time_us = wall_now_us();
    h->packets = 1000;
    h->lag_messages = 3;
    callmesh__v1__mesh_change__init(m);
    m->change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_HARVESTER;
    m->harvester = h;
}

// ---- control

static void on_snapshot(Callmesh__V1__ControlReply *reply, const Callmesh__V1__SnapshotRequest *q)
{
    static struct call copy[CALLS]; // the reply is packed after the lock is given back
    static struct packed_call packed[CALLS];
    static Callmesh__V1__MeshChange change[CALLS + 1], *list[CALLS + 1];
    static Callmesh__V1__SnapshotReply r;
    static Callmesh__V1__Harvester h;
    static uint8_t incarnation[16];
    callmesh__v1__snapshot_reply__init(&r);
    cast_pub_incarnation(mesh, incarnation);
    r.as_of_seq = cast_pub_seq(mesh);
    r.incarnation = (ProtobufCBinaryData){16, incarnation};
    r.token = 7;
    size_t n = 0, part = 0, from = q->part * 100;
    for (size_t i = 0; i < CALLS; i++) {
        if (!calls[i].used || part++ < from)
            continue;
        if (n == 100) {
            r.next_part = q->part + 1;
            break;
        }
        copy[i] = calls[i];
        fill(&packed[i], &copy[i]);
        callmesh__v1__mesh_change__init(&change[n]);
        change[n].change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL;
        change[n].call = &packed[i].call;
        list[n] = &change[n];
        n++;
    }
    if (harvester_name[0] && q->part == 0) {
        on_harvester(&h, &change[n]);
        list[n] = &change[n];
        n++;
    }
    r.changes = list;
    r.n_changes = n;
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT;
    reply->snapshot = &r;
}

static void on_control(void *ctx, const Callmesh__V1__ControlRequest *q,
                       Callmesh__V1__ControlReply *reply, struct arena *a)
{
    static Callmesh__V1__TapReply tap;
    (void)ctx;
    (void)a;
    pthread_mutex_lock(&lock);
    if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT) {
        on_snapshot(reply, q->snapshot);
    } else if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_TAP &&
               q->tap->call_id.len == 16) {
        struct uuid id;
        char s[37];
        memcpy(id.b, q->tap->call_id.data, 16);
        uuid_format(&id, s);
        printf("tap %s %" PRId64 "\n", s, q->tap->until_us);
        callmesh__v1__tap_reply__init(&tap);
        tap.known = known;
        reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_TAP;
        reply->tap = &tap;
    } else if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_ERASE &&
               q->erase->recording_id.len == 16) {
        static Callmesh__V1__EraseReply told;
        struct uuid id;
        char s[37];
        memcpy(id.b, q->erase->recording_id.data, 16);
        uuid_format(&id, s);
        printf("erase %s %s %s\n", s, q->erase->basis, q->erase->actor);
        callmesh__v1__erase_reply__init(&told);
        told.told = true;
        reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_ERASE;
        reply->erase = &told;
    }
    if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_RECORD &&
        q->record->call_id.len == 16) {
        static Callmesh__V1__RecordReply record;
        struct uuid id;
        char s[37];
        memcpy(id.b, q->record->call_id.data, 16);
        uuid_format(&id, s);
        printf("record %s %s\n", s, q->record->actor);
        callmesh__v1__record_reply__init(&record);
        record.known = record.record = known;
        reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_RECORD;
        reply->record = &record;
    }
    if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_PAUSE &&
        q->pause->call_id.len == 16) {
        static Callmesh__V1__PauseReply pause;
        struct uuid id;
        char s[37];
        memcpy(id.b, q->pause->call_id.data, 16);
        uuid_format(&id, s);
        printf("pause %s %" PRId64 " %s %s\n", s, q->pause->until_us, q->pause->actor,
               q->pause->reason);
        callmesh__v1__pause_reply__init(&pause);
        pause.known = known;
        pause.until_us = q->pause->until_us;
        reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_PAUSE;
        reply->pause = &pause;
    }
    pthread_mutex_unlock(&lock);
}

// ---- audio

struct audio {
    struct uuid id;
    int packets, sent;
};

static void send_audio(const struct audio *a, int i)
{
    uint8_t payload[2][160], packed[1024];
    Callmesh__V1__LiveBatch b = CALLMESH__V1__LIVE_BATCH__INIT;
    Callmesh__V1__LiveFrame f[2], *list[2] = {&f[0], &f[1]};
    char name[] = "rec1", codec[] = "PCMU";
    struct uuid id = a->id;
    for (int side = 0; side < 2; side++) {
        callmesh__v1__live_frame__init(&f[side]);
        memset(payload[side], i & 0xff, sizeof(payload[side]));
        f[side].call_id = (ProtobufCBinaryData){16, id.b};
        f[side].side = (uint32_t)side + 1;
        f[side].codec = codec;
        f[side].clock_rate = 8000;
        f[side].at_us = wall_now_us();
        f[side].rtp_seq = (uint32_t)i & 0xffff;
        f[side].rtp_timestamp = (uint32_t)i * 160;
        f[side].ssrc = (uint32_t)side + 77;
        f[side].payload = (ProtobufCBinaryData){sizeof(payload[side]), payload[side]};
    }
    b.recorder = name;
    b.epoch = 1;
    b.frames = list;
    b.n_frames = 2;
    b.seq = ++live_seq;
    if (skip > 0)
        skip--;
    else
        cast_pub_send_raw(live, span_of(packed, callmesh__v1__live_batch__pack(&b, packed)));
}

#define AUDIOS 32
static struct audio audios[AUDIOS]; // under the lock

// One thread sends for all: a publisher has one owner.
static void *audio_body(void *arg)
{
    (void)arg;
    int64_t next = mono_now_us();
    for (;;) {
        pthread_mutex_lock(&lock);
        for (int i = 0; i < AUDIOS; i++) {
            if (audios[i].sent < audios[i].packets)
                send_audio(&audios[i], audios[i].sent++);
        }
        pthread_mutex_unlock(&lock);
        next += 20 * US_PER_MS;
        int64_t wait = next - mono_now_us();
        if (wait > 0)
            usleep((useconds_t)wait);
    }
    return NULL;
}

// ---- lines

static void do_call(const char *line)
{
    char id[64], site[32], from[64], to[64], codec[16];
    struct uuid u;
    uint64_t revision;
    int state;
    if (sscanf(line, "call %63s %" SCNu64 " %d %31s %63s %63s %15s", id, &revision, &state, site,
               from, to, codec) != 7 ||
        !uuid_parse(span_str(id), &u))
        abort();
    struct call *c = slot(&u);
    set_state(c, revision, state);
    snprintf(c->site, sizeof(c->site), "%s", site);
    snprintf(c->from, sizeof(c->from), "%s", from);
    snprintf(c->to, sizeof(c->to), "%s", to);
    snprintf(c->codec, sizeof(c->codec), "%s", codec);
    say_call(c);
}

static void do_remove(const char *id)
{
    struct uuid u;
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    if (!uuid_parse(span_str(id), &u))
        abort();
    slot(&u)->used = false;
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_REMOVED;
    m.call_removed = (ProtobufCBinaryData){16, u.b};
    say(&m);
}

static void do_recording(const char *id, const char *call, int status)
{
    struct uuid u, c;
    char site[] = "main", codec[] = "PCMU", wav[] = "wav", path[] = "x.wav", rec[] = "rec1",
         none[] = "";
    uint8_t sha[32] = {1, 2, 3};
    Callmesh__V1__Recording r = CALLMESH__V1__RECORDING__INIT;
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    if (!uuid_parse(span_str(id), &u) || !uuid_parse(span_str(call), &c))
        abort();
    r.id = (ProtobufCBinaryData){16, u.b};
    r.call_id = (ProtobufCBinaryData){16, c.b};
    r.site = site;
    r.status = (Callmesh__V1__RecordingStatus)status;
    r.reason = none;
    r.started_at_us = r.ended_at_us = wall_now_us();
    r.codec = codec;
    r.sample_rate = 8000;
    r.container = wav;
    r.sha256 = (ProtobufCBinaryData){32, sha};
    r.path = path;
    r.recorder = rec;
    char reason[] = "no recorder answered";
    if (r.status ==
        CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED) { // as callstate says it when it has given up
        Callmesh__V1__Recording f = CALLMESH__V1__RECORDING__INIT;
        f.id = r.id;
        f.call_id = r.call_id;
        f.site = site;
        f.status = r.status;
        f.reason = reason;
        r = f;
    }
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_RECORDING;
    m.recording = &r;
    say(&m);
}

static void do_audio(const char *id, int packets)
{
    int i = 0;
    while (i < AUDIOS && audios[i].sent < audios[i].packets)
        i++;
    if (i == AUDIOS || !uuid_parse(span_str(id), &audios[i].id))
        abort();
    audios[i].packets = packets;
    audios[i].sent = 0;
}

static void do_flood(int n, int rounds)
{
    for (int r = 1; r <= rounds; r++) {
        for (int i = 0; i < n; i++) {
            struct uuid u = uuid_v7_derived(1700000000000000, span_of(&i, sizeof(i)));
            struct call *c = slot(&u);
            set_state(c, (uint64_t)r, r == rounds ? 6 : 4);
            snprintf(c->site, sizeof(c->site), "flood");
            snprintf(c->from, sizeof(c->from), "1%04d", i);
            snprintf(c->to, sizeof(c->to), "2%04d", i);
            snprintf(c->codec, sizeof(c->codec), "PCMA");
            say_call(c);
            if (i % 50 == 49)
                usleep(2000);
        }
    }
    for (int i = 0; i < CALLS; i++) {
        if (calls[i].used && !strcmp(calls[i].site, "flood")) {
            char id[37];
            uuid_format(&calls[i].id, id);
            do_remove(id);
        }
    }
}

static void do_line(const char *line)
{
    char a[96], b[96];
    int n, m;
    if (!strncmp(line, "call ", 5)) {
        do_call(line);
    } else if (sscanf(line, "remove %95s", a) == 1) {
        do_remove(a);
    } else if (sscanf(line, "harvester %95s %63s %d", harvester_name, harvester_site, &n) == 3) {
        Callmesh__V1__Harvester h;
        Callmesh__V1__MeshChange c;
        harvester_up = n;
        on_harvester(&h, &c);
        say(&c);
    } else if (sscanf(line, "recording %95s %95s %d", a, b, &n) == 3) {
        do_recording(a, b, n);
    } else if (sscanf(line, "known %d", &n) == 1) {
        known = n;
    } else if (sscanf(line, "audio %95s %d", a, &n) == 2) {
        do_audio(a, n);
    } else if (sscanf(line, "skip %d", &n) == 1) {
        skip = n;
    } else if (sscanf(line, "flood %d %d", &n, &m) == 2) {
        do_flood(n, m);
    } else {
        abort();
    }
    printf("ok %s", line);
}

int main(int argc, char **argv)
{
    char err[256] = "", line[512];
    struct answer *control;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 4 ||
        cast_pub_open(&mesh, argv[1], true, "callstate", "main", CALLMESH__V1__KIND__KIND_MESH, err,
                      sizeof(err)) ||
        answer_open(&control, argv[2], on_control, NULL, err, sizeof(err)) ||
        cast_pub_open(&live, argv[3], false, "rec1", "main", CALLMESH__V1__KIND__KIND_UNSPECIFIED,
                      err, sizeof(err))) {
        fprintf(stderr, "mesh_peer MESH-URL CONTROL-URL LIVE-URL: %s\n", err);
        return 64;
    }
    pthread_t t;
    if (pthread_create(&t, NULL, audio_body, NULL))
        return 71;
    printf("ready\n");
    while (fgets(line, sizeof(line), stdin)) {
        pthread_mutex_lock(&lock);
        do_line(line);
        pthread_mutex_unlock(&lock);
    }
    _exit(0);
}
