// Pauses: what harvesters are told to drop, for how long, and what a call keeps of it.
// Over 450 lines: one case after the other, all on the same call.
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
    (void)snprintf(k->w->pause_word[0], sizeof k->w->pause_word[0], "pause");
    (void)snprintf(k->w->pause_word[1], sizeof k->w->pause_word[1], "resume");
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
    assert_true(c->pause.to_us > c->pause.from_us);
    assert_string_equal(c->pause.by, "user:ann");
    assert_string_equal(c->pause.reason, "card");
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
    assert_int_equal(call_pause_at(c, 3)->from_us, KIT_T0 + 7 * US_PER_S);
    assert_int_equal(call_pause_at(c, 3)->to_us, KIT_T0 + 12 * US_PER_S);
    assert_int_equal(slab_stat(k.w->pauses_more).used, 1);
    kit_close(&k);
    // Nor a second one when too many calls have had several: the first gets wider, here and when it is read back.
    play(&k, TALK);
    c = the_call(&k);
    size_t places = slab_stat(k.w->pauses_more).slots;
    void *taken[64];
    assert_true(places <= sizeof taken / sizeof taken[0]);
    for (size_t i = 0; i < places; i++)
        taken[i] = slab_take(k.w->pauses_more);
    uint64_t refused = stat_get(&callstate_stat[STAT_FULL_PAUSES_MORE]);
    for (int i = 0; i < 2; i++) {
        k.w->wall_us += US_PER_S;
        assert_true(pause_start(k.w, c, k.w->wall_us + 9 * US_PER_S, SPAN_LIT("a"), SPAN_LIT("")));
        k.w->wall_us += US_PER_S;
        pause_stop(k.w, c, SPAN_LIT("a"));
    }
    assert_int_equal(c->pauses, 1);
    assert_true(c->pause.to_us - c->pause.from_us == 3 * US_PER_S);
    assert_int_equal(stat_get(&callstate_stat[STAT_FULL_PAUSES_MORE]), refused + 1);
    for (size_t i = 0; i < places; i++)
        slab_give(k.w->pauses_more, taken[i]);
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

// A part keeps four pauses; from the fifth on the last one grows, so that nothing that was paused counts as open.
static void the_last_pause_is_stretched(void **state)
{
    (void)state;
    struct kit k;
    play(&k, TALK);
    struct call *c = the_call(&k);
    c->live = true;
    uint64_t stretched = stat_get(&callstate_stat[STAT_PAUSES_STRETCHED]);
    int64_t from_us[6] = {0};
    for (int i = 0; i < 6; i++) {
        k.w->wall_us += US_PER_S;
        from_us[i] = k.w->wall_us;
        assert_true(pause_start(k.w, c, from_us[i] + 60 * US_PER_S, SPAN_LIT("a"), SPAN_LIT("")));
        k.w->wall_us += US_PER_S;
        pause_stop(k.w, c, SPAN_LIT("a"));
        assert_int_equal(c->pauses, i < CALL_PAUSES ? i + 1 : CALL_PAUSES);
    }
    assert_int_equal(stat_get(&callstate_stat[STAT_PAUSES_STRETCHED]), stretched + 2);
    assert_int_equal(call_pause_at(c, 2)->from_us, from_us[2]);
    assert_int_equal(call_pause_at(c, 2)->to_us, from_us[2] + US_PER_S);
    assert_int_equal(call_pause_at(c, 3)->from_us, from_us[3]);
    assert_int_equal(call_pause_at(c, 3)->to_us, from_us[5] + US_PER_S);
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
    assert_string_equal(call_pause_at(c, 1)->by, "code");
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

static size_t codes_told(char ret[PAUSE_CODES][POLICY_CODE], uint64_t *ret_version)
{
    Callmesh__V1__Orders *o = orders("anywhere", 0, ret_version);
    assert_non_null(o);
    size_t n = o->n_codes;
    for (size_t i = 0; i < n && i < PAUSE_CODES; i++)
        (void)span_copy(span_str(o->codes[i]), ret[i], POLICY_CODE);
    callmesh__v1__orders__free_unpacked(o, NULL);
    return n;
}

static struct policy_rule rule(const char *name, const char *pause, const char *resume,
                               uint32_t seconds)
{
    struct policy_rule r = {.sides = 3, .early_media = true, .pause_seconds = seconds};
    (void)span_copy(span_str(name), r.name, sizeof r.name);
    (void)span_copy(span_str(pause), r.pause_code, sizeof r.pause_code);
    (void)span_copy(span_str(resume), r.resume_code, sizeof r.resume_code);
    return r;
}

// What harvesters look for: the settings', then the rules', each once, sixteen at most; told anew when the rules change.
static void codes_of_settings_and_rules(void **state)
{
    (void)state;
    static struct policy_board rules;
    char code[PAUSE_CODES][POLICY_CODE];
    uint64_t v1, v2;
    struct kit k;
    play(&k, TALK);
    policy_board_init(&rules);
    k.w->policy = &rules;
    pauses_round(k.w);
    assert_int_equal(codes_told(code, &v1), 2);
    assert_string_equal(code[0], "*9");
    assert_string_equal(code[1], "*8");
    pauses_round(k.w);
    assert_int_equal(codes_told(code, &v2), 2);
    assert_true(v1 == v2);
    rules.now->rule[0] = rule("cards", "##", "*8", 30);
    rules.now->rules = 1;
    rules.now->version = 7;
    pauses_round(k.w);
    assert_int_equal(codes_told(code, &v2), 3);
    assert_true(v2 > v1);
    assert_string_equal(code[2], "##");
    for (uint32_t i = 0; i < 20; i++) {
        char one[POLICY_CODE];
        (void)snprintf(one, sizeof one, "*7%u", i);
        rules.now->rule[i] = rule("x", one, "*0", 0);
    }
    rules.now->rules = 20;
    rules.now->version = 8;
    pauses_round(k.w);
    assert_int_equal(codes_told(code, &v1), PAUSE_CODES);
    assert_true(v1 > v2);
    assert_int_equal(stat_get(&callstate_stat[STAT_CODES_LEFT_OUT]), 2 + 1 + 20 - PAUSE_CODES);
    rules.now->rules = 0;
    rules.now->version = 9;
    pauses_round(k.w);
    assert_int_equal(codes_told(code, &v1), 2);
    assert_int_equal(stat_get(&callstate_stat[STAT_CODES_LEFT_OUT]), 0);
    kit_close(&k);
}

static void tell_code(struct kit *k, double at, const char *code, const struct uuid *stream,
                      const char *call_id)
{
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    Callmesh__V1__DigitCode d = CALLMESH__V1__DIGIT_CODE__INIT;
    char text[POLICY_CODE], id[64];
    uint8_t uuid[16];
    (void)span_copy(span_str(code), text, sizeof text);
    d.code = text;
    d.at_us = KIT_T0 + (int64_t)(at * 1e6);
    if (stream) {
        memcpy(uuid, stream->b, 16);
        d.stream_id = (ProtobufCBinaryData){16, uuid};
    }
    if (call_id)
        d.sip_call_id =
            (ProtobufCBinaryData){span_copy(span_str(call_id), id, sizeof id), (uint8_t *)id};
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_CODE;
    e.code = &d;
    kit_event(k, 1, &e);
}

// Told by harvesters: by stream and by Call-ID, twice by two taps, of a rule's own codes and time, of nobody.
static void by_a_code_that_a_harvester_heard(void **state)
{
    (void)state;
    static struct policy_board rules;
    struct kit k;
    play(&k, TALK);
    struct call *c = the_call(&k);
    c->live = true;
    uint64_t unplaced = stat_get(&callstate_stat[STAT_CODES_UNPLACED]);
    assert_non_null(c->streams);
    struct uuid of = c->streams->id;
    tell_code(&k, 4, "*9", &of, NULL);
    assert_true(pause_is_on(c));
    assert_string_equal(c->pause.by, "code");
    assert_int_equal(c->pause.until_us, k.w->wall_us + 600 * US_PER_S);
    tell_code(&k, 5, "*8", NULL, "x");
    assert_false(pause_is_on(c));
    tell_code(&k, 6, "77", NULL, "x");
    tell_code(&k, 7, "*9", NULL, "y");
    tell_code(&k, 7, "*9", &(struct uuid){{1}}, NULL);
    tell_code(&k, 7, "*9", NULL, NULL);
    assert_false(pause_is_on(c));
    assert_int_equal(stat_get(&callstate_stat[STAT_CODES_UNPLACED]), unplaced + 3);
    // The rule that decided of the call has codes of its own, one for both, and a time.
    policy_board_init(&rules);
    k.w->policy = &rules;
    rules.now->rule[0] = rule("cards", "##", "##", 30);
    rules.now->rules = 1;
    (void)snprintf(c->decision.rule, sizeof c->decision.rule, "cards");
    tell_code(&k, 10, "*9", &of, NULL);
    assert_false(pause_is_on(c));
    tell_code(&k, 11, "##", &of, NULL);
    assert_true(pause_is_on(c));
    assert_int_equal(call_pause_at(c, 1)->until_us, k.w->wall_us + 30 * US_PER_S);
    tell_code(&k, 11.3, "##", NULL, "x"); // the other tap, or the same digit as INFO
    assert_true(pause_is_on(c));
    tell_code(&k, 14, "##", &of, NULL);
    assert_false(pause_is_on(c));
    // INFO of a harvester that looks for codes itself says nothing here: its digits are stars.
    rules.now->rules = 0;
    (void)snprintf(k.w->pause_code, sizeof k.w->pause_code, "**");
    k.w->publisher[0].digit_codes = true;
    info(&k, 20, 30, "dtmf", "*");
    info(&k, 20, 31, "dtmf", "*");
    assert_false(pause_is_on(c));
    k.w->publisher[0].digit_codes = false;
    info(&k, 21, 32, "dtmf", "*");
    info(&k, 21, 33, "dtmf", "*");
    assert_true(pause_is_on(c));
    kit_close(&k);
}

static void its_words_are_settings(void **state)
{
    (void)state;
    struct kit k;
    play(&k, TALK);
    struct call *c = the_call(&k);
    c->live = true;
    static const char *const words[4] = {"stop", "", "on", "off"};
    for (int i = 0; i < 4; i++)
        (void)snprintf(k.w->pause_word[i], sizeof k.w->pause_word[i], "%s", words[i]);
    kit_play(&k, "4 A>B INFO t=b n=2 x=X-Recording:pause");
    assert_false(pause_is_on(c));
    kit_play(&k, "5 A>B INFO t=b n=3 x=X-Recording:~Stop~");
    assert_true(pause_is_on(c));
    kit_play(&k, "6 A>B INFO t=b n=4 x=X-Recording:"); // a word that is empty is none
    assert_true(pause_is_on(c));
    pause_stop(k.w, c, SPAN_LIT("a"));
    kit_play(&k, "7 A>B INFO t=b n=5 x=X-Recording:OFF");
    assert_false(c->decision.record);
    assert_int_equal(c->decision.reason, POLICY_ASKED);
    assert_string_equal(c->decision.by, "header");
    kit_play(&k, "8 A>B INFO t=b n=6 x=X-Recording:on");
    assert_true(c->decision.record);
    kit_play(
        &k,
        "9 A>B INFO t=b n=7 x=X-Recording:off\n10 A>B BYE t=b n=8\n10.1 B>A 200 t=b n=8 m=BYE\n");
    assert_false(c->decision.record);
    assert_int_equal(c->recording_state, CALLMESH__V1__RECORDING_STATE__RECORDING_STATE_NONE);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_harvesters_are_told),
        cmocka_unit_test(it_ends_by_itself),
        cmocka_unit_test(a_restart_keeps_it),
        cmocka_unit_test(a_full_table_refuses),
        cmocka_unit_test(the_last_pause_is_stretched),
        cmocka_unit_test(by_header_and_by_code),
        cmocka_unit_test(codes_of_settings_and_rules),
        cmocka_unit_test(by_a_code_that_a_harvester_heard),
        cmocka_unit_test(its_words_are_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
