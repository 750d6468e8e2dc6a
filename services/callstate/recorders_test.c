// A recorder that is away: who is known, whose calls wait for it and how long, and what comes after that.
#include "recorders.h"
#include "stats.h"
#include "story_kit.h"

#define UP                                                                                         \
    "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n"
#define BYE "9 A>B BYE t=b n=2\n"

enum {
    READY = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY,
    FAILED = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_FAILED,
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
} told;

static void on_told(void *ctx, const Callmesh__V1__Recording *r)
{
    (void)ctx;
    told.n++;
    told.status = (int)r->status;
}

static struct publisher *recorder(struct kit *k, const char *name, const char *site)
{
    uint16_t at;
    struct publisher *p = publisher_intern(k->w, span_str(name), span_str(site), &at);
    assert_non_null(p);
    recorders_heard(k->w, p);
    return p;
}

static const char *after(struct kit *k, int64_t seconds)
{
    k->w->wall_us += seconds * US_PER_S;
    recordings_sweep(k->w, 10);
    return kit_tell(k);
}

#define HOUR 3600

// Its media are in the journals: the call waits as long as the recorder is expected back, and then its 20 minutes.
static void a_recorder_that_is_away_is_waited_for(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct publisher *p = recorder(&k, "main/recorder-a", "main");
    kit_play(&k, UP BYE);
    struct uuid id = ((struct call *)slab_at(k.w->calls, 0))->id;
    assert_non_null(strstr(after(&k, 25), "rec=pending"));
    assert_int_equal(k.w->waits_away, 0); // it may only have been slow
    assert_non_null(strstr(after(&k, 10), "rec=pending"));
    assert_int_equal(k.w->waits_away, 1);
    assert_non_null(strstr(after(&k, 71 * HOUR), "rec=pending"));
    recorders_heard(k.w, p); // it is back, and has three days of media to take in
    assert_non_null(strstr(after(&k, 1), "rec=pending"));
    assert_int_equal(k.w->waits_away, 0);
    for (int i = 0; i < 59; i++) {
        recorders_heard(k.w, p);
        assert_non_null(strstr(after(&k, 20), "rec=pending"));
    }
    report(&k, id, READY);
    assert_non_null(strstr(kit_tell(&k), "rec=ready"));
    assert_int_equal(used(k.w->waits), 0);
    kit_close(&k);
}

static void a_recorder_that_is_here_and_silent(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t silent = stat(STAT_RECORDER_SILENT);
    struct publisher *p = recorder(&k, "main/recorder-a", "main");
    kit_play(&k, UP BYE);
    for (int i = 0; i < 59; i++) {
        recorders_heard(k.w, p);
        assert_non_null(strstr(after(&k, 20), "rec=pending"));
    }
    recorders_heard(k.w, p);
    assert_non_null(strstr(after(&k, 20), "rec=failed"));
    assert_int_equal(stat(STAT_RECORDER_SILENT), silent + 1);
    kit_close(&k);
}

// The bound; and what comes after it still has the last word, in memory and when the call has left it.
static void one_that_is_away_for_too_long_and_comes_back(void **state)
{
    (void)state;
    for (int left = 0; left < 2; left++) {
        struct kit k;
        kit_open(&k, NULL);
        uint64_t given_up = stat(STAT_RECORDER_AWAY);
        told.n = 0;
        k.w->doors.recording = on_told;
        struct publisher *p = recorder(&k, "main/recorder-a", "main");
        kit_play(&k, UP BYE);
        struct uuid id = ((struct call *)slab_at(k.w->calls, 0))->id;
        assert_non_null(strstr(after(&k, 72 * HOUR - 1), "rec=pending"));
        assert_int_equal(stat(STAT_RECORDER_AWAY), given_up);
        assert_non_null(strstr(after(&k, 1), "rec=failed"));
        assert_int_equal(stat(STAT_RECORDER_AWAY), given_up + 1);
        assert_int_equal(k.w->waits_away, 0);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.status, FAILED);
        kit_seal(&k);
        if (left)
            kit_sweep(&k);
        assert_int_equal(used(k.w->calls), !left);
        recorders_heard(k.w, p);
        report(&k, id, READY);
        assert_int_equal(told.n, 2);
        assert_int_equal(told.status, READY);
        struct table *t = k.batch->t[ROWS_RECORDING_STATE];
        if (left)
            assert_true(table_rows(t) == 1 && span_eq(table_cell(t, 3, 0), SPAN_LIT("ready")));
        else
            assert_non_null(strstr(kit_tell(&k), "rec=ready"));
        kit_close(&k);
    }
}

// Whose recorder: the site's own; where it has none, any. A wait of one site holds up no other's.
static void whose_recorder_is_away(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        bool own_known, own_here, other_known, other_here;
        size_t waits; // after 150 s
        size_t later; // after 1,300 s
    } rows[] = {
        {"nobody is known", 0, 0, 0, 0, 0, 0},
        {"its own is away", 1, 0, 0, 0, 1, 1},
        {"its own is away, another is here", 1, 0, 1, 1, 1, 1},
        {"its own is here, another is away", 1, 1, 1, 0, 1, 0},
        {"it has none, another is away", 0, 0, 1, 0, 1, 1},
        {"it has none, another is here", 0, 0, 1, 1, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        size_t got = 0, then = 0;
        kit_open(&k, NULL);
        struct publisher *own = rows[i].own_known ? recorder(&k, "main/recorder-a", "main") : NULL;
        struct publisher *other =
            rows[i].other_known ? recorder(&k, "lab/recorder-b", "lab") : NULL;
        kit_play(&k, UP BYE);
        for (int s = 0; s < 1300; s += 10) {
            if (own && rows[i].own_here)
                recorders_heard(k.w, own);
            if (other && rows[i].other_here)
                recorders_heard(k.w, other);
            (void)after(&k, 10);
            got = s == 140 ? used(k.w->waits) : got;
            then = used(k.w->waits);
        }
        if (got != rows[i].waits || then != rows[i].later)
            fail_msg("%s: %zu and %zu waits", rows[i].what, got, then);
        kit_close(&k);
    }
}

static void the_first_in_the_list_holds_nobody_up(void **state)
{
    (void)state;
    struct kit k;
    struct uuid one = {{1}}, two = {{2}};
    uint16_t lab;
    kit_open(&k, NULL);
    (void)recorder(&k, "main/recorder-a", "main");
    struct publisher *b = recorder(&k, "lab/recorder-b", "lab");
    recordings_expect(k.w, k.w->publisher[0].site, &one); // its recorder is away
    assert_non_null(site_intern(k.w, SPAN_LIT("lab"), &lab));
    recordings_expect(k.w, lab, &two);
    for (int s = 0; s <= 1200; s += 10) {
        recorders_heard(k.w, b);
        k.w->wall_us += 10 * US_PER_S;
        recordings_sweep(k.w, 1);
    }
    assert_true(recordings_awaited(k.w, &one));
    assert_false(recordings_awaited(k.w, &two));
    kit_close(&k);
}

// A full table of publishers has a place for a new one, but not that of a recorder that will come back.
static void its_place_is_kept(void **state)
{
    (void)state;
    struct kit k;
    uint16_t at;
    kit_open(&k, NULL);
    struct publisher *p = recorder(&k, "main/recorder-a", "main");
    k.w->wall_us += HOUR * US_PER_S;
    for (int i = 0; i < 6; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "main/f%d", i);
        struct publisher *f = publisher_intern(k.w, span_str(name), SPAN_LIT("main"), &at);
        assert_true(f && f != p);
        f->last_seen_wall_us = k.w->wall_us;
    }
    k.w->wall_us += 72 * HOUR * US_PER_S;
    assert_ptr_equal(publisher_intern(k.w, SPAN_LIT("main/f9"), SPAN_LIT("main"), &at), p);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorder_that_is_away_is_waited_for),
        cmocka_unit_test(a_recorder_that_is_here_and_silent),
        cmocka_unit_test(one_that_is_away_for_too_long_and_comes_back),
        cmocka_unit_test(whose_recorder_is_away),
        cmocka_unit_test(the_first_in_the_list_holds_nobody_up),
        cmocka_unit_test(its_place_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
