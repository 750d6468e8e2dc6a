// What becomes of each call's audio: awaited, reported, given up; reports on either side of the end; the table full.
#include "stats.h"
#include "story_kit.h"

#define UP                                                                                         \
    "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n"
#define BYE "9 A>B BYE t=b n=2\n"

enum {
    READY = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY,
    FAILED = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED,
    EMPTY = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_EMPTY,
};

static uint64_t stat(enum callstate_stat s)
{
    return stat_get(&callstate_stat[s]);
}

static size_t used(struct slab *s)
{
    return slab_stat(s).used;
}

static void report(struct kit *k, struct uuid call_id, int status)
{
    Callmesh__V1__Recording r = CALLMESH__V1__RECORDING__INIT;
    uint8_t rec[16] = {9};
    r.id = (ProtobufCBinaryData){16, rec};
    r.call_id = (ProtobufCBinaryData){16, call_id.b};
    r.status = (Callmesh__V1__RecordingStatus)status;
    recordings_on_report(k->w, 0, &r);
}

static struct {
    size_t n;
    int status;
    char reason[64], site[64];
    struct uuid id, call_id;
} told;

static void on_told(void *ctx, const Callmesh__V1__Recording *r)
{
    (void)ctx;
    told.n++;
    told.status = (int)r->status;
    (void)span_copy(span_str(r->reason), told.reason, sizeof told.reason);
    (void)span_copy(span_str(r->site), told.site, sizeof told.site);
    assert_int_equal(r->id.len, 16);
    memcpy(told.id.b, r->id.data, 16);
    memcpy(told.call_id.b, r->call_id.data, 16);
}

static void no_recorder(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t given_up = stat(STAT_NO_RECORDER);
    told.n = 0;
    k.w->doors.recording = on_told;
    kit_play(&k, UP BYE);
    struct uuid id = ((struct call *)slab_at(k.w->calls, 0))->id;
    assert_non_null(strstr(kit_tell(&k), "rec=pending"));
    k.w->wall_us += 119 * US_PER_S;
    recordings_sweep(k.w, 10);
    assert_int_equal(used(k.w->waits), 1);
    k.w->wall_us += 2 * US_PER_S;
    recordings_sweep(k.w, 10);
    assert_non_null(strstr(kit_tell(&k), "rec=failed"));
    assert_int_equal(used(k.w->waits), 0);
    assert_int_equal(stat(STAT_NO_RECORDER), given_up + 1);
    // On the mesh as if a recorder had said it, with the id that the recording would have had.
    struct uuid rec = uuid_of_recording(&id);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.status, FAILED);
    assert_string_equal(told.reason, "no recorder answered");
    assert_string_equal(told.site, k.w->site[0].name);
    assert_memory_equal(told.call_id.b, id.b, 16);
    assert_memory_equal(told.id.b, rec.b, 16);
    kit_close(&k);
}

static void a_report_after_the_call_has_left_memory(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    lim.calls = 1;
    kit_open(&k, &lim);
    kit_play(&k, UP BYE);
    struct call *c = slab_at(k.w->calls, 0);
    struct uuid id = c->id;
    kit_seal(&k);
    kit_play(&k, "20 A>B INVITE id=y"); // has its place
    assert_null(strstr(kit_tell(&k), "x ended"));
    assert_int_equal(used(k.w->waits), 1);
    report(&k, id, EMPTY);
    assert_int_equal(used(k.w->waits), 0);
    assert_int_equal(table_rows(k.batch->t[ROWS_RECORDINGS]), 1);
    struct table *t = k.batch->t[ROWS_RECORDING_STATE];
    assert_int_equal(table_rows(t), 1);
    assert_true(
        span_eq(table_cell(t, 3, 0), SPAN_LIT("none"))); // empty: there was nothing to record
    kit_close(&k);
}

// A recorder that comes back asks what is pending: a call that waits for it stays to be told, and leaves when it has its word.
static void a_call_that_waits_stays(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        bool reported;
    } rows[] = {{"reported", true}, {"given up", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        kit_open(&k, NULL);
        kit_play(&k, UP BYE);
        struct uuid id = ((struct call *)slab_at(k.w->calls, 0))->id;
        kit_seal(&k);
        k.w->wall_us += 100 * US_PER_S;
        kit_sweep(&k);
        assert_int_equal(used(k.w->calls), 1);
        k.w->wall_us += 30 * US_PER_S;
        if (rows[i].reported)
            report(&k, id, READY);
        recordings_sweep(k.w, 10);
        kit_sweep(&k);
        if (used(k.w->calls) || used(k.w->waits))
            fail_msg("%s: it is still here", rows[i].what);
        kit_close(&k);
    }
}

// The database was away, so no feed was read: the report may be in one of them.
static void nothing_is_given_up_while_we_sleep(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, UP BYE);
    k.w->wall_us += 7200 * US_PER_S;
    k.w->listening_since_wall_us = k.w->wall_us;
    recordings_sweep(k.w, 10);
    assert_non_null(strstr(kit_tell(&k), "rec=pending"));
    k.w->wall_us += 121 * US_PER_S;
    recordings_sweep(k.w, 10);
    assert_non_null(strstr(kit_tell(&k), "rec=failed"));
    kit_close(&k);
}

// The id that the call of UP gets, here and in each other life.
static struct uuid id_of_call(void)
{
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, UP);
    struct uuid id = ((struct call *)slab_at(k.w->calls, 0))->id;
    kit_close(&k);
    return id;
}

static void reports_on_either_side_of_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *what, *before, *row; // row: read back from the database, instead of told
        int status;
        const char *after, *want;
        size_t waits;
    } rows[] = {
        {"before the call", "", NULL, READY, UP BYE, "rec=ready", 0},
        {"before the call, read back", "", "ready", 0, UP BYE, "rec=ready", 0},
        {"before media", "0 A>B INVITE sdp=4000\n", NULL, READY, UP BYE, "rec=ready", 0},
        {"in the call", UP, NULL, READY, BYE, "rec=ready", 0},
        {"in the call, read back", UP, "ready", 0, BYE, "rec=ready", 0},
        {"in the call: it goes on", UP, NULL, READY, "", "rec=active", 1},
        {"failed", "", NULL, FAILED, UP BYE, "rec=failed", 0},
        {"failed, read back", "", "failed", 0, UP BYE, "rec=failed", 0},
        {"nothing to record", "", NULL, EMPTY, UP BYE, " ended ", 0},
        {"nothing to record, told in the call", UP, NULL, EMPTY, BYE, " ended ", 0},
        {"after the end", UP BYE, NULL, READY, "", "rec=ready", 0},
        {"after the end, read back", UP BYE, "ready", 0, "", "rec=ready", 0},
        {"after the end, an empty one read back: it is awaited again", UP BYE, "empty", 0, "",
         "rec=pending", 1},
        {"of another call", "", NULL, -READY, UP BYE, "rec=pending", 2},
    };
    const struct uuid id = id_of_call();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        kit_open(&k, NULL);
        kit_play(&k, rows[i].before);
        struct uuid of = rows[i].status < 0 ? (struct uuid){{7}} : id;
        if (rows[i].row)
            recordings_found(k.w, SPAN_LIT("main"), &of, span_str(rows[i].row));
        else
            report(&k, of, abs(rows[i].status));
        kit_play(&k, rows[i].after);
        const char *got = kit_tell(&k);
        bool none = !strstr(got, "rec=") && !strstr(rows[i].want, "rec=");
        if (!strstr(got, rows[i].want) && !none)
            fail_msg("%s: %s", rows[i].what, got);
        if (used(k.w->waits) != rows[i].waits)
            fail_msg("%s: %zu waits", rows[i].what, used(k.w->waits));
        kit_close(&k);
    }
}

// The last word counts, and the call has it once: what is heard after the end is news.
static void told_twice_before_the_end(void **state)
{
    (void)state;
    struct kit k;
    const struct uuid id = id_of_call();
    kit_open(&k, NULL);
    uint64_t taken = stat(STAT_EARLY_TAKEN);
    report(&k, id, FAILED);
    kit_play(&k, UP);
    report(&k, id, READY);
    assert_int_equal(k.w->early, 1);
    kit_play(&k, BYE);
    assert_non_null(strstr(kit_tell(&k), "rec=ready"));
    assert_int_equal(k.w->early, 0);
    assert_int_equal(stat(STAT_EARLY_TAKEN), taken + 1);
    report(&k, id, FAILED);
    assert_non_null(strstr(kit_tell(&k), "rec=failed"));
    assert_int_equal(used(k.w->waits), 0);
    kit_close(&k);
}

// Full: early ones make room for awaited ones and for each other, the oldest first; awaited ones make room for nobody.
static void early_reports_fill_up(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    lim.waits = 4;
    kit_open(&k, &lim);
    uint64_t pushed = stat(STAT_FULL_EARLY), refused = stat(STAT_FULL_WAITS);
    for (uint8_t i = 1; i <= 5; i++)
        report(&k, (struct uuid){{i}}, READY);
    assert_int_equal(k.w->early, 4);
    assert_int_equal(stat(STAT_FULL_EARLY), pushed + 1);
    for (uint8_t i = 11; i <= 15; i++)
        recordings_expect(k.w, 0, &(struct uuid){{i}});
    assert_int_equal(k.w->early, 0);
    assert_int_equal(stat(STAT_FULL_EARLY), pushed + 5);
    assert_int_equal(stat(STAT_FULL_WAITS), refused + 1);
    report(&k, (struct uuid){{6}}, READY); // no place at all
    assert_int_equal(k.w->early, 0);
    assert_int_equal(stat(STAT_FULL_EARLY), pushed + 6);
    for (uint8_t i = 11; i <= 14; i++)
        report(&k, (struct uuid){{i}}, READY);
    assert_int_equal(used(k.w->waits), 0);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_recorder),
        cmocka_unit_test(a_report_after_the_call_has_left_memory),
        cmocka_unit_test(a_call_that_waits_stays),
        cmocka_unit_test(nothing_is_given_up_while_we_sleep),
        cmocka_unit_test(reports_on_either_side_of_the_end),
        cmocka_unit_test(told_twice_before_the_end),
        cmocka_unit_test(early_reports_fill_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
