#include "tests/support/test.h"

#include <stdio.h>
#include "base/mono.h"
#include "calls.h"
#include "codec.h"
#include "feeds.h"
#include "manifest.h"

#define T0 INT64_C(1700000000000000)

struct message {
    Callmesh__V1__Call call;
    Callmesh__V1__CallStream cs[4], *list[4];
    Callmesh__V1__StreamInfo info[4];
    struct uuid id, stream[4];
};

static const Callmesh__V1__Call *say(struct message *m, uint32_t n, uint64_t revision, int state,
                                     int recording, size_t streams)
{
    callmesh__v1__call__init(&m->call);
    m->id = uuid_v7_derived(T0, span_of(&n, sizeof(n)));
    m->call.id = (ProtobufCBinaryData){sizeof(m->id), m->id.b};
    m->call.revision = revision;
    m->call.site = (char *)(uintptr_t) "lab";
    m->call.state = (Callmesh__V1__CallState)state;
    m->call.recording_state = (Callmesh__V1__RecordingState)recording;
    m->call.started_at_us = T0;
    m->call.ended_at_us = T0 + 1000000;
    for (uint32_t i = 0; i < streams; i++) {
        callmesh__v1__call_stream__init(&m->cs[i]);
        callmesh__v1__stream_info__init(&m->info[i]);
        m->stream[i] = uuid_v7_derived(T0 + i, span_of(&n, sizeof(n)));
        m->info[i].stream_id = (ProtobufCBinaryData){sizeof(struct uuid), m->stream[i].b};
        m->cs[i].info = &m->info[i];
        m->cs[i].side = i % 2 ? CALLMESH__V1__SIDE__SIDE_CALLEE : CALLMESH__V1__SIDE__SIDE_CALLER;
        m->list[i] = &m->cs[i];
    }
    m->call.streams = m->list;
    m->call.n_streams = streams;
    return &m->call;
}

enum {
    UP = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED,
    ENDED = CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
};
enum {
    ACTIVE = CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_ACTIVE,
    PENDING = CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_PENDING,
    READY = CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_READY
};

static void the_way_of_a_call(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 16), 0);
    struct call *call = calls_apply(&c, say(&m, 1, 1, UP, ACTIVE, 2), 1000);
    assert_non_null(call);
    assert_int_equal(c.pending, 0);
    assert_ptr_equal(calls_apply(&c, say(&m, 1, 2, ENDED, PENDING, 2), 2000), call);
    assert_int_equal(c.pending, 1);
    (void)calls_apply(&c, say(&m, 1, 1, UP, ACTIVE, 1), 2500); // an old word changes nothing
    assert_int_equal(call->streams_n, 2);
    struct job j;
    calls_fill_job(call, &j);
    assert_int_equal(j.streams, 2);
    assert_int_equal(j.stream[0].side, JOB_CALLER);
    assert_int_equal(j.stream[1].side, JOB_CALLEE);
    calls_set_stage(&c, call, CALL_QUEUED, 3000);
    assert_int_equal(c.pending, 0);
    calls_remove(&c, &m.id); // leaves the mesh while it is cut: stays until the cutter has said so
    assert_non_null(calls_find(&c, &m.id));
    struct done d = {m.id, JOB_READY};
    calls_on_done(&c, &d, 4000);
    assert_null(calls_find(&c, &m.id));
    assert_int_equal(slab_stat(c.streams).used, 0);
    calls_deinit(&c);
}

static void a_cut_has_what_the_rules_want(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    struct job j;
    char rule[] = "one side";
    Callmesh__V1__RecordingDecision d = CALLMESH__V1__RECORDING_DECISION__INIT;
    d.record = true;
    d.rule = rule;
    assert_int_equal(calls_init(&c, 16), 0);
    for (uint32_t sides = 0; sides <= 3; sides++) {
        (void)say(&m, 1, 1 + sides, UP, ACTIVE, 3);
        m.cs[2].side = CALLMESH__V1__SIDE__SIDE_UNSPECIFIED;
        m.call.answered_at_us = T0 + 400000;
        m.call.recording_policy = &d;
        d.sides = sides;
        d.from_answer = sides == 1;
        struct call *call = calls_apply(&c, &m.call, 1000);
        calls_fill_cut(call, &j);
        assert_int_equal(j.streams, sides == 0 || sides == 3 ? 3 : 1);
        assert_int_equal(j.stream[0].side, sides == 2 ? JOB_CALLEE : JOB_CALLER);
        assert_int_equal(j.from_us, sides == 1 ? T0 + 400000 : 0);
        assert_string_equal(j.rule, "one side");
        calls_fill_job(call, &j); // who listens hears all
        assert_int_equal(j.streams, 3);
    }
    calls_deinit(&c);
}

static void late_streams_are_cut_again(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 16), 0);
    struct call *call = calls_apply(&c, say(&m, 1, 1, ENDED, PENDING, 1), 1000);
    calls_set_stage(&c, call, CALL_QUEUED, 1000);
    (void)calls_apply(&c, say(&m, 1, 2, ENDED, PENDING, 2), 1100); // while it is cut
    struct done d = {m.id, JOB_READY};
    calls_on_done(&c, &d, 1200);
    assert_int_equal(call->stage, CALL_PENDING);
    calls_set_stage(&c, call, CALL_QUEUED, 1300);
    calls_on_done(&c, &d, 1400);
    assert_int_equal(call->stage, CALL_DONE);
    (void)calls_apply(&c, say(&m, 1, 3, ENDED, READY, 2), 1500); // callstate has heard
    assert_int_equal(call->stage, CALL_DONE);
    (void)calls_apply(&c, say(&m, 1, 4, ENDED, READY, 3), 1600); // and joins one more
    assert_int_equal(call->stage, CALL_PENDING);
    assert_int_equal(call->streams_n, 3);
    calls_deinit(&c);
}

// Each round is counted, so that the cutter knows when to go without.
static void without_keys_it_waits_again(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    struct job j;
    assert_int_equal(calls_init(&c, 16), 0);
    struct call *call = calls_apply(&c, say(&m, 1, 1, ENDED, PENDING, 1), 0);
    struct done d = {m.id, JOB_NO_KEYS};
    for (int i = 0; i < 300; i++) {
        calls_fill_cut(call, &j);
        assert_int_equal(j.key_rounds, i < UINT8_MAX ? i : UINT8_MAX);
        calls_set_stage(&c, call, CALL_QUEUED, 0);
        calls_on_done(&c, &d, 0);
        assert_int_equal(call->stage, CALL_PENDING);
    }
    calls_deinit(&c);
}

static void unheard_reports_are_made_again(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 16), 0);
    struct call *call = calls_apply(&c, say(&m, 1, 1, ENDED, PENDING, 1), 0);
    calls_set_stage(&c, call, CALL_QUEUED, 0);
    struct done d = {m.id, JOB_READY};
    calls_on_done(&c, &d, 0);
    c.heard_us = 59 * US_PER_S;
    (void)calls_apply(&c, say(&m, 1, 2, ENDED, PENDING, 1), 300 * US_PER_S); // it is behind
    assert_int_equal(call->stage, CALL_DONE);
    c.heard_us = 61 * US_PER_S;
    (void)calls_apply(&c, say(&m, 1, 3, ENDED, PENDING, 1), 301 * US_PER_S);
    assert_int_equal(call->stage, CALL_PENDING);
    calls_deinit(&c);
}

static void full_mirror_has_a_rule(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 8), 0);
    for (uint32_t n = 0; n < 8; n++)
        assert_non_null(calls_apply(&c, say(&m, n, 1, UP, ACTIVE, 4), 0));
    assert_null(calls_apply(&c, say(&m, 100, 1, UP, ACTIVE, 1), 0));
    assert_int_equal(c.refused, 1);
    (void)say(&m, 3, 1, UP, ACTIVE, 0);
    calls_set_stage(&c, calls_find(&c, &m.id), CALL_DONE, 0); // one that is done makes room
    assert_non_null(calls_apply(&c, say(&m, 100, 1, UP, ACTIVE, 1), 0));
    (void)say(&m, 3, 1, UP, ACTIVE, 0);
    assert_null(calls_find(&c, &m.id));
    assert_int_equal(slab_stat(c.slab).used, 8);
    calls_deinit(&c);
}

static void snapshot_forgets_what_it_does_not_name(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 8), 0);
    for (uint32_t n = 0; n < 4; n++)
        (void)calls_apply(&c, say(&m, n, 1, n == 2 ? ENDED : UP, n == 2 ? PENDING : ACTIVE, 1), 0);
    calls_round_begin(&c);
    (void)calls_apply(&c, say(&m, 1, 1, UP, ACTIVE, 1), 0);
    calls_round_end(&c);
    assert_int_equal(slab_stat(c.slab).used, 2); // 1, and 2 that still waits for its cut
    calls_deinit(&c);
}

static void media_is_wanted_from_the_oldest_open_call_on(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 8), 0);
    assert_int_equal(calls_wanted_us(&c), INT64_MAX);
    calls_round_begin(&c);
    calls_round_begin(&c);
    Callmesh__V1__Call *k = (Callmesh__V1__Call *)(uintptr_t)say(&m, 1, 1, UP, ACTIVE, 1);
    k->live = true;
    struct call *call = calls_apply(&c, k, T0 + 5000);
    assert_int_equal(calls_wanted_us(&c), T0); // live: capture time is the wall's
    (void)calls_apply(&c, say(&m, 2, 1, UP, ACTIVE, 1), T0 + 5000);
    assert_int_equal(calls_wanted_us(&c), T0 + 5000 - 60 * US_PER_S);
    (void)say(&m, 2, 1, UP, ACTIVE, 0);
    calls_remove(&c, &m.id);
    calls_set_stage(&c, call, CALL_DONE, 0);
    assert_int_equal(calls_wanted_us(&c), INT64_MAX);
    calls_deinit(&c);
}

static enum feeds_state ask(struct feeds *f, const char *const *names, size_t n, bool live,
                            int64_t wall_us)
{
    struct feeds_question q = {.site = "lab",
                               .harvesters = names,
                               .n = n,
                               .live = live,
                               .until_us = 1000,
                               .since_us = 100 * US_PER_S,
                               .wall_us = wall_us,
                               .silent_us = 30 * US_PER_S};
    return feeds_passed(f, &q);
}

static void who_must_have_passed(void **state)
{
    (void)state;
    static struct feeds f;
    static const char *const b[] = {"lab/b"};
    uint8_t inc[16] = {1}, other[16] = {2};
    feeds_init(&f);
    assert_int_equal(ask(&f, NULL, 0, false, 0), FEEDS_UNKNOWN);
    struct feed *x = feeds_bind(&f, 1, "lab/a", inc, "lab"),
                *y = feeds_bind(&f, 2, "lab/b", inc, "lab");
    (void)feeds_bind(&f, 3, "else/c", inc, "else");
    atomic_store(&x->seen_us, 100 * US_PER_S);
    atomic_store(&y->seen_us, 100 * US_PER_S);
    atomic_store(&x->watermark_us, 999);
    atomic_store(&y->watermark_us, 1000);
    assert_int_equal(ask(&f, NULL, 0, false, 101 * US_PER_S), FEEDS_BEHIND);
    assert_int_equal(ask(&f, b, 1, false, 101 * US_PER_S),
                     FEEDS_PASSED); // the call was seen by b only
    assert_int_equal(ask(&f, NULL, 0, false, 131 * US_PER_S), FEEDS_SILENT);
    // Live and with nothing under way for 3 s since the call waits: it has said all. A file never passes so.
    atomic_store(&x->drained_us, 99 * US_PER_S);
    assert_int_equal(ask(&f, NULL, 0, true, 103 * US_PER_S), FEEDS_BEHIND);
    assert_int_equal(ask(&f, NULL, 0, true, 103 * US_PER_S + 1), FEEDS_PASSED);
    assert_int_equal(ask(&f, NULL, 0, false, 110 * US_PER_S), FEEDS_BEHIND);
    // Another life of a: the first one says no more.
    struct feed *z = feeds_bind(&f, 4, "lab/a", other, "lab");
    atomic_store(&z->watermark_us, 1000);
    assert_int_equal(ask(&f, NULL, 0, false, 101 * US_PER_S), FEEDS_PASSED);
    atomic_store(&z->watermark_us, 0);
    atomic_store(&z->ended, true);
    assert_int_equal(ask(&f, NULL, 0, false, 101 * US_PER_S), FEEDS_PASSED);
}

static void full_feeds_table_gives_the_quietest(void **state)
{
    (void)state;
    static struct feeds f;
    uint8_t inc[16] = {1};
    feeds_init(&f);
    char name[32];
    for (uint32_t i = 0; i < FEEDS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "p%u", i);
        struct feed *d = feeds_bind(&f, i, name, inc, "lab");
        assert_non_null(d);
        atomic_store(&d->seen_us, 1000 + (i == 5 ? -500 : (int64_t)i));
    }
    struct feed *d = feeds_bind(&f, 999, "new", inc, "lab");
    assert_ptr_equal(d, &f.feed[5]);
    for (uint32_t i = 0; i < FEEDS_MAX; i++) // all have something unwritten
        f.feed[i].dirty_first = (struct stream *)(uintptr_t)1;
    assert_null(feeds_bind(&f, 1000, "newer", inc, "lab"));
    assert_int_equal(f.refused, 1);
}

static void what_payload_types_mean(void **state)
{
    (void)state;
    struct job_stream s = {.maps = 5,
                           .map = {{101, "telephone-even", 8000, 1, 0},
                                   {98, "opus", 48000, 2, 0},
                                   {0, "PCMA", 8000, 0, 0},
                                   {99, "AMR", 8000, 1, CODEC_OCTET_ALIGN},
                                   {100, "AMR", 8000, 1, CODEC_UNUSUAL}}};
    assert_int_equal(codec_of(&s, 101, 160).kind, CODEC_EVENT); // the name is cut at 14 signs
    assert_int_equal(codec_of(&s, 98, 100).kind, CODEC_DECODED);
    assert_int_equal(codec_of(&s, 99, 32).kind, CODEC_DECODED);
    assert_int_equal(codec_of(&s, 99, 32).flags, CODEC_OCTET_ALIGN);
    assert_int_equal(codec_of(&s, 100, 32).kind, CODEC_OTHER); // with crc or interleaving
    assert_int_equal(codec_of(&s, 9, 160).kind, CODEC_DECODED);
    assert_int_equal(codec_of(&s, 10, 160).channels, 2);
    assert_int_equal(codec_of(&s, 11, 160).channels, 1);
    assert_int_equal(codec_of(&s, 18, 20).kind, CODEC_DECODED); // by the renderer
    assert_int_equal(codec_of(&s, 15, 20).kind, CODEC_OTHER);   // G728
    assert_int_equal(codec_of(&s, 98, 100).clock, 48000);
    assert_int_equal(codec_of(&s, 0, 160).kind, CODEC_PCMA); // the SDP rules
    assert_int_equal(codec_of(&s, 8, 160).kind, CODEC_PCMA);
    assert_int_equal(codec_of(&s, 13, 1).kind, CODEC_NOISE);
    assert_string_equal(codec_of(&s, 18, 20).name, "G729");
    assert_int_equal(codec_of(&s, 110, 4).kind, CODEC_EVENT); // not named, four bytes
    assert_int_equal(codec_of(&s, 110, 33).kind, CODEC_OTHER);
    assert_true(codec_is_fixed(0, "pcmu"));
    assert_false(codec_is_fixed(0, "PCMA"));
    assert_false(codec_is_fixed(1, ""));
}

// The last director told revision 9 and died before it had stored it; the next one counts on from what is stored.
static void another_director_counts_anew(void **state)
{
    (void)state;
    struct calls c;
    struct message m;
    assert_int_equal(calls_init(&c, 16), 0);
    struct call *call = calls_apply(&c, say(&m, 1, 9, ENDED, PENDING, 1), 1000);
    assert_int_equal(c.pending, 1);
    c.new_life = true;
    calls_round_begin(&c);
    assert_ptr_equal(calls_apply(&c, say(&m, 1, 6, UP, ACTIVE, 1), 2000), call);
    calls_round_end(&c);
    c.new_life = false;
    assert_int_equal(c.pending, 0); // not ended yet: nothing is cut
    (void)calls_apply(&c, say(&m, 1, 8, ENDED, PENDING, 2), 3000);
    assert_int_equal(c.pending, 1);
    assert_int_equal(call->streams_n, 2);
    calls_deinit(&c);
}

static void paths_stay_inside(void **state)
{
    (void)state;
    struct job j = {.started_us = T0};
    char path[512];
    struct uuid id = uuid_of_recording(&(struct uuid){{1}});
    struct manifest m = {.id = id, .job = &j};
    (void)snprintf(j.site, sizeof(j.site), "%s", "../../etc");
    manifest_path(&m, "wav", path, sizeof(path));
    assert_memory_equal(path, "_._.._etc/2023/11/14/", 21);
    j.site[0] = '\0';
    manifest_path(&m, "wav", path, sizeof(path));
    assert_memory_equal(path, "_/2023/11/14/", 13);
    struct uuid again = uuid_of_recording(&(struct uuid){{1}});
    assert_memory_equal(&id, &again, sizeof(id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_of_a_call),
        cmocka_unit_test(a_cut_has_what_the_rules_want),
        cmocka_unit_test(late_streams_are_cut_again),
        cmocka_unit_test(without_keys_it_waits_again),
        cmocka_unit_test(unheard_reports_are_made_again),
        cmocka_unit_test(full_mirror_has_a_rule),
        cmocka_unit_test(snapshot_forgets_what_it_does_not_name),
        cmocka_unit_test(media_is_wanted_from_the_oldest_open_call_on),
        cmocka_unit_test(who_must_have_passed),
        cmocka_unit_test(full_feeds_table_gives_the_quietest),
        cmocka_unit_test(what_payload_types_mean),
        cmocka_unit_test(another_director_counts_anew),
        cmocka_unit_test(paths_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
