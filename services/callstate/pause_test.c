// Pauses: what harvesters are told to drop, for how long, and what a call keeps of it.
#include "pause.h"
#include "bus/bus.h"
#include "stats.h"
#include "story_kit.h"

#define TALK                                                                                       \
    "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 A>B ACK t=b z=ack\n"                       \
    "1.2 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n"

static struct pauses *board;

static void play(struct kit *k, const char *text)
{
    kit_open(k, NULL);
    board = pauses_free(board); // of the test before
    board = pauses_new(NULL);
    assert_non_null(board);
    k->w->pauses = board;
    k->w->pause_limit_us = 600 * US_PER_S;
    (void)snprintf(k->w->pause_header, sizeof k->w->pause_header, "X-Recording");
    (void)snprintf(k->w->pause_code, sizeof k->w->pause_code, "*9");
    (void)snprintf(k->w->resume_code, sizeof k->w->resume_code, "*8");
    kit_play(k, text);
}

static struct call *the_call(struct kit *k)
{
    for (size_t i = 0; i < k->w->lim.calls; i++)
        if (slab_at(k->w->calls, i))
            return slab_at(k->w->calls, i);
    fail_msg("no call");
    return NULL;
}

static Callmesh__V1__Orders *orders(const char *site, uint64_t have, uint64_t *ret_version)
{
    static uint8_t buf[BUS_ORDERS_MAX];
    size_t n = 0;
    *ret_version = pause_orders(board, site, have, buf, sizeof buf, &n);
    return callmesh__v1__orders__unpack(NULL, n, buf);
}

static size_t stands(const char *site)
{
    uint64_t v;
    Callmesh__V1__Orders *o = orders(site, 0, &v);
    assert_non_null(o);
    size_t n = o->n_pauses;
    callmesh__v1__orders__free_unpacked(o, NULL);
    return n;
}

static void what_harvesters_are_told(void **state)
{
    (void)state;
    struct kit k;
    uint64_t v, again;
    play(&k, TALK);
    Callmesh__V1__Orders *o = orders("main", 0, &v);
    assert_int_equal(
        v,
        0); // before anything is known of what stood, nothing is said: a harvester keeps what it has
    callmesh__v1__orders__free_unpacked(o, NULL);
    pauses_round(k.w);
    assert_int_equal(stands("main"), 0);
    struct call *c = the_call(&k);
    assert_true(
        pause_start(k.w, c, k.w->wall_us + 60 * US_PER_S, SPAN_LIT("user:ann"), SPAN_LIT("card")));
    pauses_round(k.w);
    o = orders("main", 0, &v);
    assert_int_equal(o->n_pauses, 1);
    const Callmesh__V1__PauseOrder *p = o->pauses[0];
    assert_int_equal(p->until_us, k.w->wall_us + 60 * US_PER_S);
    assert_int_equal(p->n_at, 2);
    assert_int_equal(p->at[0]->port + p->at[1]->port, 10000);
    assert_int_equal(p->n_sip_call_ids, 1);
    assert_memory_equal(p->sip_call_ids[0].data, "x", 1);
    callmesh__v1__orders__free_unpacked(o, NULL);
    assert_int_equal(stands("elsewhere"), 0); // its addresses mean other machines there
    pauses_round(k.w);
    o = orders("main", v, &again);
    assert_int_equal(again, v); // nothing new
    assert_int_equal(o->n_pauses, 0);
    callmesh__v1__orders__free_unpacked(o, NULL);
    // A re-INVITE moves the caller's media: told anew.
    kit_play(&k, "3 A>B INVITE n=2 t=b sdp=4444\n");
    pauses_round(k.w);
    o = orders("main", v, &again);
    assert_true(again > v);
    assert_int_equal(o->pauses[0]->n_at, 3);
    callmesh__v1__orders__free_unpacked(o, NULL);
    pause_stop(k.w, c, SPAN_LIT("user:ann"));
    pauses_round(k.w);
    assert_int_equal(stands("main"), 0);
    assert_int_equal(c->pauses, 1);
    assert_true(c->pause[0].to_us > c->pause[0].from_us);
    assert_string_equal(c->pause[0].by, "user:ann");
    assert_string_equal(c->pause[0].reason, "card");
    assert_non_null(strstr(k.events, "recording_paused - user:ann: card"));
    assert_non_null(strstr(k.events, "recording_resumed - user:ann"));
    kit_close(&k);
}

static void it_ends_by_itself(void **state)
{
    (void)state;
    struct kit k;
    play(&k, TALK);
    struct call *c = the_call(&k);
    int64_t t0 = k.w->wall_us;
    assert_true(pause_start(k.w, c, t0 + 10 * US_PER_S, SPAN_LIT("a"), SPAN_LIT("")));
    k.w->wall_us += 9 * US_PER_S;
    pauses_round(k.w);
    assert_true(pause_is_on(c));
    assert_true(pause_start(k.w, c, t0 + 20 * US_PER_S, SPAN_LIT("b"), SPAN_LIT(""))); // longer
    k.w->wall_us = t0 + 19 * US_PER_S;
    pauses_round(k.w);
    assert_true(pause_is_on(c));
    k.w->wall_us = t0 + 20 * US_PER_S;
    pauses_round(k.w);
    assert_false(pause_is_on(c));
    assert_int_equal(c->pauses, 1);
    assert_int_equal(stands("main"), 0);
    assert_non_null(strstr(k.events, "recording_resumed - time limit"));
    // With the call, too.
    assert_true(pause_start(k.w, c, t0 + 900 * US_PER_S, SPAN_LIT("a"), SPAN_LIT("")));
    kit_play(&k, "40 A>B BYE t=b n=2\n40.1 B>A 200 t=b n=2 m=BYE\n");
    pauses_round(k.w);
    assert_false(pause_is_on(c));
    assert_int_equal(stands("main"), 0);
    // A fifth is not forgotten: the last one gets wider.
    kit_close(&k);
    play(&k, TALK);
    c = the_call(&k);
    for (int i = 0; i < 6; i++) {
        k.w->wall_us += US_PER_S;
        assert_true(pause_start(k.w, c, k.w->wall_us + 9 * US_PER_S, SPAN_LIT("a"), SPAN_LIT("")));
        k.w->wall_us += US_PER_S;
        pause_stop(k.w, c, SPAN_LIT("a"));
    }
    assert_int_equal(c->pauses, CALL_PAUSES);
    assert_int_equal(c->pause[3].from_us, KIT_T0 + 7 * US_PER_S);
    assert_int_equal(c->pause[3].to_us, KIT_T0 + 12 * US_PER_S);
    kit_close(&k);
}

// Another life of callstate tells the harvesters the same; in between it says nothing, and they go on.
static void a_restart_keeps_it(void **state)
{
    (void)state;
    static uint8_t blob[32768];
    struct kit k;
    uint64_t v;
    play(&k, TALK);
    assert_true(
        pause_start(k.w, the_call(&k), k.w->wall_us + 60 * US_PER_S, SPAN_LIT("a"), SPAN_LIT("r")));
    size_t n = blob_write(k.w, the_call(&k), blob, sizeof blob);
    assert_true(n > 0 && n <= blob_bound(the_call(&k)));
    kit_close(&k);
    play(&k, "");
    struct call *c = blob_read(k.w, span_of(blob, n));
    assert_non_null(c);
    assert_true(pause_is_on(c));
    Callmesh__V1__Orders *o = orders("main", 77, &v);
    assert_int_equal(v, 0);
    callmesh__v1__orders__free_unpacked(o, NULL);
    pauses_round(k.w);
    assert_int_equal(stands("main"), 1);
    kit_close(&k);
}

static void a_full_table_refuses(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    lim.calls = lim.legs = PAUSES + 8;
    kit_open(&k, &lim);
    board = pauses_free(board); // of the test before
    board = pauses_new(NULL);
    k.w->pauses = board;
    for (int i = 0; i <= PAUSES; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "%d A>B INVITE id=c%d f=f%d sdp=%d", i, i, i,
                       4000 + 2 * i);
        kit_play(&k, text);
    }
    uint64_t refused = stat_get(&callstate_stat[STAT_FULL_PAUSES]);
    size_t on = 0;
    for (size_t i = 0; i < lim.calls; i++) {
        struct call *c = slab_at(k.w->calls, i);
        on += c && pause_start(k.w, c, k.w->wall_us + US_PER_S, SPAN_LIT("a"), SPAN_LIT(""));
    }
    pauses_round(k.w);
    assert_int_equal(on, PAUSES);
    assert_int_equal(stat_get(&callstate_stat[STAT_FULL_PAUSES]), refused + 1);
    assert_int_equal(stat_get(&callstate_stat[STAT_PAUSED]), PAUSES);
    assert_int_equal(stands("main"), PAUSES); // all of them fit into one reply
    k.w->wall_us += 2 * US_PER_S;
    pauses_round(k.w);
    assert_int_equal(stands("main"), 0);
    assert_int_equal(stat_get(&callstate_stat[STAT_PAUSED]), 0);
    kit_close(&k);
}

static void info(struct kit *k, double at, unsigned n, const char *type, const char *body)
{
    char raw[600];
    size_t len = (size_t)snprintf(
        raw, sizeof raw,
        "INFO sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKi%u\r\nFrom: "
        "<sip:a@x>;tag=f\r\nTo: <sip:b@x>;tag=b\r\nCall-ID: x\r\nCSeq: %u INFO\r\n"
        "Content-Type: application/%s\r\nContent-Length: %zu\r\n\r\n%s",
        n, n, type, strlen(body), body);
    kit_raw(k, 1, KIT_T0 + (int64_t)(at * 1e6), "10.0.0.1:5060", "10.0.0.2:5060",
            span_of(raw, len));
}

static void by_header_and_by_code(void **state)
{
    (void)state;
    struct kit k;
    play(&k, TALK);
    struct call *c = the_call(&k);
    c->live = true;
    kit_play(&k, "4 A>B INFO t=b n=2 x=X-Recording:pause");
    assert_true(pause_is_on(c));
    kit_play(&k, "4.5 A>B INFO t=b n=2 x=X-Recording:pause"); // said again
    kit_play(&k, "5 B>A INFO f=b t=f n=9 x=x-recording:RESUME");
    assert_false(pause_is_on(c));
    assert_int_equal(c->pauses, 1);
    info(&k, 6, 10, "dtmf-relay", "Signal=*\r\nDuration=160\r\n");
    assert_false(pause_is_on(c));
    info(&k, 6, 11, "dtmf-relay", "Signal=9\r\nDuration=160\r\n");
    assert_true(pause_is_on(c));
    assert_string_equal(c->pause[1].by, "code");
    info(&k, 7, 12, "dtmf", "*");
    info(&k, 7, 13, "dtmf", "8");
    assert_false(pause_is_on(c));
    info(&k, 8, 14, "dtmf", "*");
    info(&k, 8, 15, "dtmf", "5");
    info(&k, 8, 16, "dtmf", "9");
    assert_false(pause_is_on(c));
    info(&k, 9, 17, "dtmf-relay", "Signal=\r\n\r\nxx");
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_harvesters_are_told), cmocka_unit_test(it_ends_by_itself),
        cmocka_unit_test(a_restart_keeps_it),       cmocka_unit_test(a_full_table_refuses),
        cmocka_unit_test(by_header_and_by_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
