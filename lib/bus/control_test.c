#include "feed_kit.h"

#include <pthread.h>

#define PARTS 5u

struct server {
    _Atomic unsigned calls;
    char from[32];
};

// A snapshot in parts, a tap, and on request a reply that is too large.
static void serve(void *ctx, const Callmesh__V1__ControlRequest *q,
                  Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct server *sv = ctx;
    sv->calls++;
    snprintf(sv->from, sizeof(sv->from), "%s", q->from);
    if (q->request_case == CALLMESH__V1__CONTROL_REQUEST__REQUEST_TAP) {
        Callmesh__V1__TapReply *t = arena_take(a, sizeof(*t));
        callmesh__v1__tap_reply__init(t);
        t->known = q->tap->call_id.len == 16;
        reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_TAP;
        reply->tap = t;
        return;
    }
    uint32_t part = q->snapshot->part;
    Callmesh__V1__SnapshotReply *s = arena_take(a, sizeof(*s));
    callmesh__v1__snapshot_reply__init(s);
    s->as_of_seq = 42;
    s->token = 7;
    s->next_part = part + 1 < PARTS ? part + 1 : 0;
    static uint8_t larger[2 * BUS_MESSAGE_MAX]; // than the arena, too
    size_t n = part == 99 ? sizeof(larger) : 100000;
    uint8_t *id = part == 99 ? larger : arena_take(a, n);
    memset(id, (int)part, n);
    Callmesh__V1__MeshChange *c = arena_take(a, sizeof(*c)), **list = arena_take(a, sizeof(*list));
    callmesh__v1__mesh_change__init(c);
    c->change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_REMOVED;
    c->call_removed = (ProtobufCBinaryData){.len = n, .data = id};
    *list = c;
    s->changes = list;
    s->n_changes = 1;
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT;
    reply->snapshot = s;
}

static Callmesh__V1__ControlReply *snapshot(struct ask *a, uint32_t version, uint32_t part,
                                            int64_t timeout_us)
{
    Callmesh__V1__SnapshotRequest s = CALLMESH__V1__SNAPSHOT_REQUEST__INIT;
    s.part = part;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    q.protocol_version = version;
    q.from = (char[]){"api"};
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT;
    q.snapshot = &s;
    return ask_call(a, &q, timeout_us);
}

static void snapshot_and_tap(void **state)
{
    (void)state;
    char url[48], err[256] = "";
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", test_free_port());
    struct ask *a;
    assert_int_equal(ask_open(&a, url, err, sizeof(err)), 0);
    assert_null(snapshot(a, 1, 0, 100000)); // nobody there yet
    struct server sv = {0};
    struct answer *an;
    assert_int_equal(answer_open(&an, url, serve, &sv, err, sizeof(err)), 0);
    struct answer *second;
    assert_int_equal(answer_open(&second, url, serve, &sv, err, sizeof(err)), -EADDRINUSE);
    uint32_t part = 0, parts = 0;
    do {
        Callmesh__V1__ControlReply *r = snapshot(a, 1, part, 5 * US_PER_S);
        assert_non_null(r);
        assert_string_equal(r->error, "");
        assert_int_equal(r->reply_case, CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT);
        assert_int_equal(r->snapshot->as_of_seq, 42);
        assert_int_equal(r->snapshot->changes[0]->call_removed.len, 100000);
        assert_int_equal(r->snapshot->changes[0]->call_removed.data[99999], part);
        part = r->snapshot->next_part;
        parts++;
    } while (part != 0 && parts < 100);
    assert_int_equal(parts, PARTS);
    assert_string_equal(sv.from, "api");

    Callmesh__V1__TapRequest tap = CALLMESH__V1__TAP_REQUEST__INIT;
    uint8_t id[16] = {1};
    tap.call_id = (ProtobufCBinaryData){.len = 16, .data = id};
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    q.protocol_version = 1;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_TAP;
    q.tap = &tap;
    Callmesh__V1__ControlReply *r = ask_call(a, &q, 5 * US_PER_S);
    assert_non_null(r);
    assert_true(r->tap->known);

    unsigned calls = sv.calls;
    r = snapshot(a, BUS_PROTOCOL_VERSION + 1, 0,
                 5 * US_PER_S); // another protocol version: not given to the service
    assert_non_null(r);
    assert_non_null(strstr(r->error, "version"));
    assert_int_equal(sv.calls, calls);
    r = snapshot(a, 1, 99, 5 * US_PER_S);
    assert_non_null(r);
    assert_non_null(strstr(r->error, "too large"));

    answer_stop(an);
    calls = sv.calls;
    assert_null(snapshot(a, 1, 0, 200000));
    assert_int_equal(sv.calls, calls);
}

static void only_safe_carriers(void **state)
{
    (void)state;
    char err[256] = "";
    struct ask *a;
    static const char *const bad[] = {"ipc:///tmp/x", "tls+tcp://127.0.0.1:1", "inproc://x", "",
                                      "127.0.0.1:1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err[0] = 0;
        assert_true(ask_open(&a, bad[i], err, sizeof(err)) < 0);
        assert_non_null(strstr(err, "dial"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_and_tap),
        cmocka_unit_test(only_safe_carriers),
        cmocka_unit_test(kit_nothing_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
