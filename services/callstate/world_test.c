// Over 450 lines: each table of the world is filled, passed and drained here, one after the other.
// Every bounded thing of the world: filled, passed, drained, with its counter; and messages that are not calls.
// (Over 450 lines: a list of independent cases.)
#include "blob_v4.h"
#include "control.h"
#include "stats.h"
#include "story_kit.h"

static uint64_t stat(enum callstate_stat s)
{
    return stat_get(&callstate_stat[s]);
}

__attribute__((format(printf, 2, 3))) static void tell(struct kit *k, const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    kit_line(k, line);
}

static size_t used(struct slab *s)
{
    return slab_stat(s).used;
}

// Every table of the world is as empty as at the start.
static void assert_empty(struct kit *k)
{
    assert_int_equal(used(k->w->calls), 0);
    assert_int_equal(used(k->w->legs), 0);
    assert_int_equal(used(k->w->addresses), 0);
    assert_int_equal(used(k->w->streams), 0);
    assert_int_equal(used(k->w->pending), 0);
    assert_int_equal(used(k->w->transfers), 0);
    assert_int_equal(used(k->w->pauses_more), 0);
    for (size_t i = 0; i < k->w->lim.publishers; i++)
        assert_int_equal(k->w->publisher[i].calls, 0);
    for (size_t i = 0; i < k->w->lim.sites; i++)
        assert_int_equal(k->w->site[i].calls, 0);
}

static void drain(struct kit *k, double at)
{
    tell(k, "%f end", at);
    k->w->wall_us += 61 * US_PER_S;
    for (int i = 0; i < 4; i++)
        kit_sweep(k);
    kit_seal(k);
    kit_sweep(k);
}

static void calls_fill_up(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    kit_open(&k, &lim);
    uint64_t refused = stat(STAT_FULL_CALLS), evicted = stat(STAT_EVICTED_CALLS);
    for (size_t i = 0; i < lim.calls; i++)
        tell(&k, "0 A>B INVITE id=c%zu", i);
    assert_int_equal(used(k.w->calls), lim.calls);
    tell(&k, "1 A>B INVITE id=more"); // nothing has ended: refused
    assert_int_equal(stat(STAT_FULL_CALLS), refused + 1);
    tell(&k, "2 B>A 486 id=c7 t=b");
    tell(&k, "3 A>B INVITE id=more2"); // the ended one leaves early
    assert_int_equal(stat(STAT_FULL_CALLS), refused + 1);
    assert_int_equal(stat(STAT_EVICTED_CALLS), evicted + 1);
    const char *all = kit_tell(&k);
    assert_null(strstr(all, "c7 "));
    assert_null(strstr(all, "more "));
    assert_non_null(strstr(all, "more2 "));
    drain(&k, 4);
    assert_empty(&k);
    kit_close(&k);
}

// Long texts have a block while there is one; then they are cut, and the calls go on by what is kept.
static void texts_fill_up(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    kit_open(&k, &lim);
    char pad[401];
    memset(pad, 'z', 400);
    pad[400] = 0;
    uint64_t cut = stat(STAT_FULL_TEXTS);
    size_t blocks = limits_texts(&lim), n = blocks + 4;
    assert_true(n < lim.calls);
    for (size_t i = 0; i < n; i++)
        tell(&k, "0 A>B INVITE id=%zu-%s", i, pad);
    assert_int_equal(used(k.w->texts), blocks);
    assert_true(stat(STAT_FULL_TEXTS) - cut >= 4); // its others find no room either
    for (size_t i = 0; i < n; i++)
        tell(&k, "1 B>A 486 id=%zu-%s t=b", i, pad);
    size_t ended = 0, whole = 0;
    for (size_t i = 0; i < lim.calls; i++) {
        const struct call *c = slab_at(k.w->calls, i);
        ended += c && c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
        whole += c && c->call_id_kept == c->call_id_n;
    }
    assert_int_equal(ended, n);
    assert_int_equal(whole, blocks);
    kit_drop(&k); // and over a restart
    assert_int_equal(used(k.w->calls), n);
    drain(&k, 4);
    assert_empty(&k);
    assert_int_equal(used(k.w->texts), 0);
    kit_close(&k);
}

static void counter_names_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    tell(&k, "0 A>B INVITE");
    struct publisher *p = &k.w->publisher[0];
    uint64_t refused = stat(STAT_FULL_COUNTERS);
    for (int round = 0; round < 2; round++)
        for (int tick = 0; tick < 6; tick++) {
            char name[96][24];
            Callmesh__V1__Counter c[96], *list[96];
            for (int i = 0; i < 96; i++) {
                (void)snprintf(name[i], sizeof name[i], "made_up_%d_total", tick * 96 + i);
                c[i] = (Callmesh__V1__Counter)CALLMESH__V1__COUNTER__INIT;
                c[i].name = name[i];
                c[i].value = (uint64_t)i;
                list[i] = &c[i];
            }
            kit_counters(&k, KIT_T0 + tick, list, 96);
            if (tick == 0)
                assert_int_equal(p->counters_n, 96);
        }
    assert_int_equal(k.w->counter_names, COUNTER_NAMES_MAX);
    assert_int_equal(p->counters_n, 32); // 512 - 5 * 96
    assert_int_equal(stat(STAT_FULL_COUNTERS) - refused, 2 * 64);
    assert_string_equal(k.w->counter_name[p->counter[0].name].s, "made_up_480_total");
    drain(&k, 4);
    kit_close(&k);
}

static void emergency(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    kit_open(&k, &lim);
    tell(&k, "0 A>B INVITE id=good");
    tell(&k, "0.1 B>A 180 id=good t=b");
    for (size_t i = 0; i + 1 < lim.calls; i++)
        tell(&k, "0 A>B INVITE id=flood%zu", i);
    tell(&k, "5 tick"); // over 90 % full: who got no answer at all in 4 s goes
    assert_non_null(strstr(kit_tell(&k), "good ringing"));
    int gone = 0;
    for (size_t i = 0; i < lim.calls; i++) {
        const struct call *c = slab_at(k.w->calls, i);
        gone += c && c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
    }
    assert_true(gone > 0);
    kit_close(&k);
}

static void forks_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t refused = stat(STAT_FULL_LEGS);
    tell(&k, "0 A>B INVITE");
    for (int i = 0; i < 20; i++)
        tell(&k, "1 B>A 180 t=b%d", i);
    assert_int_equal(used(k.w->legs), CALL_LEGS_MAX);
    assert_int_equal(stat(STAT_FULL_LEGS), refused + 4);
    tell(&k, "2 B>A 200 t=b19"); // of a fork that had no place: still answered
    assert_non_null(strstr(kit_tell(&k), "x answered"));
    drain(&k, 3);
    assert_empty(&k);
    kit_close(&k);
}

static void addresses_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t refused = stat(STAT_FULL_ADDRESSES);
    tell(&k, "0 A>B INVITE sdp=4000");
    tell(&k, "1 B>A 200 t=b sdp=6000");
    for (int i = 0; i < 40; i++)
        tell(&k, "%d A>B INVITE t=b n=%d sdp=%d", 2 + i, 2 + i, 5000 + 2 * i);
    assert_int_equal(used(k.w->addresses), 32); // of one leg
    assert_int_equal(stat(STAT_FULL_ADDRESSES), refused + 10);
    for (int i = 0; i < 20; i++) { // of the table
        tell(&k, "50 A>B INVITE id=y%d sdp=%d", i, 7000 + 2 * i);
        for (int j = 0; j < 14; j++)
            tell(&k, "50 B>A 183 id=y%d t=%d sdp=%d", i, i, 8000 + 50 * i + 2 * j);
    }
    assert_int_equal(used(k.w->addresses), k.w->lim.addresses);
    drain(&k, 60);
    assert_empty(&k);
    kit_close(&k);
}

static void streams_fill_up(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    kit_open(&k, &lim);
    uint64_t refused = stat(STAT_FULL_STREAMS);
    for (size_t i = 0; i < lim.streams + 5; i++)
        tell(&k, "0 rtp 10.0.1.1:%zu>10.0.1.2:2 ssrc=%zu", i, i + 1);
    assert_int_equal(used(k.w->streams), lim.streams);
    assert_int_equal(stat(STAT_FULL_STREAMS), refused + 5);
    assert_int_equal(media_unjoined(k.w), lim.streams);
    // Each had a row, those without a place too.
    assert_int_equal(table_rows(k.batch->t[ROWS_STREAMS]) + k.w->dirty_stream_count,
                     lim.streams + 5);
    tell(&k, "200 tick"); // long silent
    kit_seal(&k);
    tell(&k, "201 tick");
    assert_empty(&k);
    kit_close(&k);
}

static void streams_of_one_call(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    tell(&k, "0 A>B INVITE sdp=4000");
    for (int i = 0; i < 40; i++)
        tell(&k, "1 rtp 10.0.0.2:%d>10.0.0.1:4000 ssrc=%d", 6000 + i, i + 1);
    struct call *c = slab_at(k.w->calls, 0);
    assert_int_equal(c->stream_count, CALL_STREAMS_MAX);
    assert_int_equal(media_unjoined(k.w), 0); // the rest knows its call by id
    kit_close(&k);
}

// All SSRCs of one address pair wait: one SDP joins a bounded number, the rest at their next report.
static void a_flood_of_ssrcs(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    for (int i = 0; i < 100; i++)
        tell(&k, "1 rtp 10.0.0.2:6000>10.0.0.1:4000 ssrc=%d", i + 1);
    tell(&k, "1.1 A>B INVITE sdp=4000");
    assert_int_equal(media_unjoined(k.w), 100 - 32);
    for (int i = 0; i < 100; i++)
        tell(&k, "1 rtp 10.0.0.2:6000>10.0.0.1:4000 ssrc=%d n=60", i + 1);
    assert_int_equal(media_unjoined(k.w), 0);
    kit_close(&k);
}

static void pending_fills_up(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    kit_open(&k, &lim);
    uint64_t pushed = stat(STAT_FULL_PENDING);
    for (size_t i = 0; i < lim.pending + 3; i++)
        tell(&k, "0 B>A 180 id=r%zu t=b", i);
    assert_int_equal(used(k.w->pending), lim.pending);
    assert_int_equal(stat(STAT_FULL_PENDING), pushed + 3);
    tell(&k, "0.5 A>B INVITE id=r10");
    assert_string_equal(kit_tell(&k), "r10 ringing - - 180 ring=0.5 msgs=2 legs=b:ringing\n");
    assert_int_equal(used(k.w->pending), lim.pending - 1);
    assert_int_equal(table_rows(k.batch->t[ROWS_ASSIGN]), 1);
    tell(&k, "6 tick");
    assert_int_equal(used(k.w->pending), 0);
    drain(&k, 7);
    assert_empty(&k);
    kit_close(&k);
}

static void other_messages_have_a_rate(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t unstored = stat(STAT_UNSTORED), options = stat(STAT_MSG_OPTIONS);
    for (int i = 0; i < 300; i++)
        tell(&k, "5.%03d A>B OPTIONS id=o%d", i, i);
    assert_int_equal(table_rows(k.batch->t[ROWS_MESSAGES]), 200);
    assert_int_equal(stat(STAT_UNSTORED), unstored + 100);
    assert_int_equal(stat(STAT_MSG_OPTIONS), options + 300);
    tell(&k, "6 A>B OPTIONS id=o1"); // the next second
    assert_int_equal(table_rows(k.batch->t[ROWS_MESSAGES]), 201);
    assert_int_equal(used(k.w->calls), 0);
    assert_int_equal(used(k.w->pending), 0); // OPTIONS waits for no INVITE
    kit_close(&k);
}

static void registrations_are_rows(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    tell(&k, "0 A>B REGISTER id=r");
    assert_int_equal(table_rows(k.batch->t[ROWS_REGISTRATIONS]), 0);
    tell(&k, "0.1 B>A 401 id=r m=REGISTER");
    assert_int_equal(table_rows(k.batch->t[ROWS_REGISTRATIONS]), 0);
    tell(&k, "0.2 B>A 200 id=r m=REGISTER contact=;expires=60");
    struct table *t = k.batch->t[ROWS_REGISTRATIONS];
    assert_int_equal(table_rows(t), 1);
    assert_true(span_eq(table_cell(t, 1, 0), SPAN_LIT("sip:bob@10.0.0.2")));
    assert_true(span_eq(table_cell(t, 2, 0), SPAN_LIT("sip:x@10.0.0.2:5060")));
    kit_close(&k);
}

static void raw(struct kit *k, const char *text)
{
    kit_raw(k, 1, KIT_T0, "10.0.0.1:5060", "10.0.0.2:5060", span_str(text));
}

static void malformed_messages(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t unusable = stat(STAT_MSG_UNUSABLE);
    raw(&k, "hello\r\n\r\n");
    raw(&k,
        "INVITE sip:b@h SIP/2.0\r\nFrom: <sip:a@h>;tag=1\r\nCSeq: 1 INVITE\r\n\r\n"); // no Call-ID
    assert_int_equal(stat(STAT_MSG_UNUSABLE), unusable + 2);
    assert_int_equal(used(k.w->calls), 0);
    assert_int_equal(table_rows(k.batch->t[ROWS_MESSAGES]), 2); // kept all the same
    // No To, no Via, a Content-Length that lies: a call, since Call-ID, CSeq and From can be read.
    raw(&k, "INVITE sip:b@h SIP/2.0\r\nCall-ID: m1\r\nFrom: <sip:a@h>;tag=1\r\nCSeq: 1 "
            "INVITE\r\nContent-Length: 999\r\n\r\nv=0\r\n");
    assert_non_null(strstr(kit_tell(&k), "m1 started"));
    // From without a tag (RFC 2543), bad UTF-8 and a control character in the name.
    raw(&k, "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: m2\r\nFrom: \"\xff\xfe\x01\" "
            "<sip:a@h>\r\nTo: <sip:b@h>\r\nCSeq: 1 INVITE\r\n\r\n");
    raw(&k, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nCall-ID: m2\r\nFrom: \"\xff\xfe\x01\" "
            "<sip:a@h>\r\nTo: <sip:b@h>;tag=x\r\nCSeq: 1 INVITE\r\n\r\n");
    assert_non_null(strstr(kit_tell(&k), "m2 answered"));
    kit_close(&k);
}

static void long_call_ids(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    char id[1001];
    memset(id, 'i', 1000);
    id[1000] = 0;
    tell(&k, "0 A>B INVITE id=%s f=%.300s", id, id);
    id[999] = 'j'; // differs beyond what is kept
    tell(&k, "0 A>B INVITE id=%s f=%.300s", id, id);
    tell(&k, "1 B>A 200 id=%s f=%.300s t=b", id, id);
    assert_int_equal(used(k.w->calls), 2);
    int answered = 0;
    for (size_t i = 0; i < k.w->lim.calls; i++) {
        const struct call *c = slab_at(k.w->calls, i);
        answered += c && c->answered_us;
    }
    assert_int_equal(answered, 1);
    kit_close(&k);
}

static void strange_events(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    Callmesh__V1__SigEvent unknown = CALLMESH__V1__SIG_EVENT__INIT;
    kit_event(&k, 1, &unknown);
    Callmesh__V1__SipMessage m = CALLMESH__V1__SIP_MESSAGE__INIT; // no addresses
    Callmesh__V1__SigEvent e = CALLMESH__V1__SIG_EVENT__INIT;
    e.event_case = CALLMESH__V1__SIG_EVENT__EVENT_SIP;
    e.sip = &m;
    kit_event(&k, 1, &e);
    assert_int_equal(table_rows(k.batch->t[ROWS_QUARANTINE]), 2);
    Callmesh__V1__StreamReport r = CALLMESH__V1__STREAM_REPORT__INIT; // no info
    Callmesh__V1__SigEvent s = CALLMESH__V1__SIG_EVENT__INIT;
    s.event_case = CALLMESH__V1__SIG_EVENT__EVENT_STREAM;
    s.stream = &r;
    kit_event(&k, 1, &s);
    assert_int_equal(used(k.w->streams), 0);
    kit_close(&k);
}

static void an_envelope_over_several_batches(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    lim.calls = 2000;
    lim.legs = 4000;
    kit_open(&k, &lim);
    for (int i = 0; i < 1500; i++)
        tell(&k, "0 A>B INVITE id=%d", i);
    uint32_t before = k.seals;
    assert_true(before >= 3); // a batch takes 500 messages at most
    tell(&k, "1 end");        // ends 1,500 calls: one event, many batches
    assert_true(k.seals >= before + 4);
    for (size_t i = 0; i < lim.calls; i++) {
        const struct call *c = slab_at(k.w->calls, i);
        assert_true(!c || c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED);
    }
    kit_close(&k);
}

// ---- media --------------------------------------------------------------------------------------------------------------

// One side heard alone is told only by a harvester that was seen to see both directions of something.
static void one_side_alone(void **state)
{
    (void)state;
    static const struct {
        const char *what, *story;
        enum side want;
    } rows[] = {
        {"signalling both ways, by the same harvester",
         "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 rtp 10.0.0.1:4000>10.0.0.2:6000 n=400 "
         "until=9\n9 A>B BYE t=b n=2",
         SIDE_CALLER},
        {"the other side",
         "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 rtp 10.0.0.2:6000>10.0.0.1:4000 n=400 "
         "until=9\n9 A>B BYE t=b n=2",
         SIDE_CALLEE},
        {"signalling by another harvester: this one may see one direction of all",
         "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 rtp 10.0.0.1:4000>10.0.0.2:6000 n=400 "
         "until=9 pub=2\n9 A>B BYE t=b n=2",
         SIDE_NONE},
        {"the same, but an earlier call had media both ways",
         "0 A>B INVITE id=y f=g sdp=5000\n0 B>A 200 id=y f=g t=c sdp=7000\n"
         "1 rtp 10.0.0.1:5000>10.0.0.2:7000 ssrc=8 n=400 until=5 pub=2\n1 rtp "
         "10.0.0.2:7000>10.0.0.1:5000 ssrc=9 n=400 until=5 pub=2\n"
         "1 A>B INVITE sdp=4000\n2 B>A 200 t=b sdp=6000\n3 rtp 10.0.0.1:4000>10.0.0.2:6000 n=400 "
         "until=9 pub=2\n9 A>B BYE t=b n=2",
         SIDE_CALLER},
        {"both are heard",
         "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n2 rtp 10.0.0.1:4000>10.0.0.2:6000 n=400 "
         "until=9\n"
         "2 rtp 10.0.0.2:6000>10.0.0.1:4000 ssrc=2 n=4 until=9\n9 A>B BYE t=b n=2",
         SIDE_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        kit_open(&k, NULL);
        kit_play(&k, rows[i].story);
        const struct call *c = NULL;
        for (size_t n = 0; n < k.w->lim.calls; n++) {
            const struct call *o = slab_at(k.w->calls, n);
            if (o && o->call_id_n == 1 && o->call_id[0] == 'x')
                c = o;
        }
        assert_non_null(c);
        if (media_one_way(c) != rows[i].want)
            fail_msg("%s: %d", rows[i].what, media_one_way(c));
        kit_close(&k);
    }
}

// A last report of a stream whose call has left memory, and another call on the same ports since.
static void a_stream_outlives_its_call(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE sdp=4000\n1 B>A 200 t=b sdp=6000\n1.1 rtp "
                 "10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n9 A>B BYE t=b n=2");
    kit_seal(&k);
    k.w->wall_us += 121 * US_PER_S; // no recorder
    recordings_sweep(k.w, 1);
    kit_sweep(&k);
    assert_int_equal(used(k.w->calls), 0);
    kit_play(&k, "20 A>B INVITE id=y f=g sdp=4000\n21 B>A 200 id=y f=g t=c sdp=6000\n"
                 "1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 n=400 until=9 ended");
    assert_string_equal(kit_tell(&k), "y answered - - 200 answer=21 msgs=2 legs=c:answered\n");
    assert_int_equal(media_unjoined(k.w), 0);
    kit_close(&k);
}

// The BYE of x was not seen, y is on the same ports. Read back after a restart in whatever order, the later name of an address wins.
static void the_latest_name_wins_after_a_restart(void **state)
{
    (void)state;
    static uint8_t blob[2][32768];
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE id=x sdp=4000\n1 B>A 200 id=x t=b sdp=6000\n"
                 "20 A>B INVITE id=y f=g sdp=4000\n21 B>A 200 id=y f=g t=c sdp=6000");
    struct limits lim = k.w->lim;
    size_t n[2];
    for (size_t i = 0; i < 2; i++)
        n[i] = blob_write(k.w, slab_at(k.w->calls, i), blob[i], sizeof blob[i]);
    kit_close(&k);
    kit_open(&k, &lim);
    for (size_t i = 2; i-- > 0;) // x last: first in the chain of its address
        assert_non_null(blob_read(k.w, span_of(blob[i], n[i])));
    kit_play(&k, "25 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 n=50 until=25.5");
    const char *told = kit_tell(&k);
    assert_non_null(strstr(told, "media=caller@c:1")); // the leg of y
    assert_null(strstr(told, "@b:1"));
    kit_close(&k);
}

// The harvester of a live line has died for good: its feed time stands still, but not its calls.
static void abandoned_calls(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE\n1 B>A 200 t=b");
    struct publisher *p = kit_publisher(&k, 1);
    p->up = false;
    p->last_seen_wall_us = k.w->wall_us;
    k.w->wall_us += 3599 * US_PER_S;
    kit_sweep(&k);
    assert_non_null(strstr(kit_tell(&k), "x answered"));
    k.w->wall_us += 2 * US_PER_S;
    kit_sweep(&k);
    assert_string_equal(kit_tell(&k),
                        "x ended answered system 200 answer=1 end=1 msgs=2 legs=b:ended\n");
    kit_close(&k);
}

// We were away for longer than that: what the harvester said meanwhile is still to come.
static void nobody_is_abandoned_while_we_sleep(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE\n1 B>A 200 t=b");
    struct publisher *p = kit_publisher(&k, 1);
    p->up = false;
    p->last_seen_wall_us = k.w->wall_us;
    k.w->wall_us += 7200 * US_PER_S;
    k.w->listening_since_wall_us = k.w->wall_us;
    kit_sweep(&k);
    kit_play(&k, "7 A>B BYE t=b n=2");
    assert_non_null(strstr(kit_tell(&k), "x ended answered caller 200 answer=1 end=7"));
    kit_close(&k);
}

// More publishers than places, one after the other (replayed files): the one that ended makes room.
static void publishers_come_and_go(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    for (int i = 1; i <= 12; i++) {
        k.w->wall_us += US_PER_S;
        struct publisher *p = kit_publisher(&k, i);
        p->last_seen_wall_us = k.w->wall_us;
        tell(&k, "0 A>B INVITE id=p%d pub=%d", i, i);
        assert_int_equal(p->calls, 1);
        uint16_t at = (uint16_t)(p - k.w->publisher);
        p->ended = true;
        p->up = false;
        while (!expiry_end_of_input(k.w, at, KIT_T0 + US_PER_S))
            kit_seal(&k);
        kit_seal(&k);
        k.w->wall_us += 61 * US_PER_S;
        kit_sweep(&k);
    }
    assert_int_equal(used(k.w->calls), 0);
    kit_close(&k);
}

static void taps_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t refused = stat(STAT_FULL_TAPS);
    for (int i = 0; i < 6; i++)
        tell(&k, "0 A>B INVITE id=t%d", i);
    for (size_t i = 0; i < 6; i++) {
        struct call *c = slab_at(k.w->calls, i);
        Callmesh__V1__TapRequest q = CALLMESH__V1__TAP_REQUEST__INIT;
        q.call_id = (ProtobufCBinaryData){16, c->id.b};
        q.until_us = k.w->wall_us + US_PER_S;
        bool known = false;
        const char *error = control_tap(k.w, &q, &known);
        assert_true(known);
        assert_true((error != NULL) == (i >= k.w->lim.taps));
        assert_null(i < k.w->lim.taps ? control_tap(k.w, &q, &known)
                                      : NULL); // renewed: no further place
    }
    assert_int_equal(stat(STAT_FULL_TAPS), refused + 2);
    k.w->wall_us += 2 * US_PER_S;
    control_taps_expire(k.w);
    for (size_t i = 0; i < k.w->lim.taps; i++)
        assert_int_equal(k.w->tap[i].until_us, 0);
    kit_close(&k);
}

static uint32_t random_next(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

static void a_random_message(struct kit *k, uint32_t *r, double at)
{
    static const char *const methods[] = {"INVITE", "ACK",  "BYE",    "CANCEL",   "UPDATE",
                                          "PRACK",  "INFO", "INVITE", "REGISTER", "OPTIONS"};
    static const char *const statuses[] = {"100", "180", "183", "200", "200", "302",
                                           "401", "407", "486", "487", "500"};
    static const char *const dirs[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    static const char parties[] = "ABCP";
    char line[512], *word[24], text[4096];
    bool response = random_next(r, 2);
    int n = snprintf(line, sizeof line, "%f %c>%c %s id=c%u f=f%u n=%u m=%s z=z%u", at,
                     parties[random_next(r, 4)], parties[random_next(r, 4)],
                     response ? statuses[random_next(r, 11)] : methods[random_next(r, 10)],
                     random_next(r, 80), random_next(r, 3), 1 + random_next(r, 4),
                     methods[random_next(r, 10)], random_next(r, 6));
    if (random_next(r, 3))
        n += snprintf(line + n, sizeof line - (size_t)n, " t=%c%u", random_next(r, 4) ? 't' : 'f',
                      random_next(r, 4));
    if (random_next(r, 2))
        n +=
            snprintf(line + n, sizeof line - (size_t)n, " sdp=10.0.0.%u:%u dir=%s",
                     1 + random_next(r, 3), 4000 + 2 * random_next(r, 30), dirs[random_next(r, 4)]);
    int words = 0;
    for (char *p = line, *w; words < 24 && (w = strsep(&p, " "));)
        word[words++] = w;
    size_t len = kit_sip(text, sizeof text, word, words);
    for (uint32_t i = random_next(r, 3) ? 0 : random_next(r, 8); i > 0; i--)
        text[random_next(r, (uint32_t)len)] = (char)random_next(r, 256);
    if (random_next(r, 20) == 0)
        len = random_next(r, (uint32_t)len);
    kit_raw(k, 1 + (int)random_next(r, 2), KIT_T0 + (int64_t)(at * 1e6), kit_ip(word[1][0]),
            kit_ip(word[1][2]), span_of(text, len));
}

// Nonsense for a day: nothing breaks, nothing leaks, and all of it fits through the batches.
static void nonsense(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint32_t r = 42;
    uint64_t long_rows = stat(STAT_ROWS_TOO_LONG);
    double at = 0;
    for (int i = 0; i < 60000; i++) {
        at += random_next(&r, 1000) / 2000.0;
        uint32_t what = random_next(&r, 12);
        if (what == 0)
            tell(&k, "%f rtp 10.0.0.%u:%u>10.0.0.%u:%u ssrc=%u n=%u until=%f%s", at,
                 1 + random_next(&r, 3), 4000 + 2 * random_next(&r, 30), 1 + random_next(&r, 3),
                 4000 + 2 * random_next(&r, 30), 1 + random_next(&r, 200), random_next(&r, 100),
                 at + 5, random_next(&r, 3) ? "" : " ended");
        else if (what == 1)
            tell(&k, "%f tick", at);
        else
            a_random_message(&k, &r, at);
        k.w->wall_us += 50 * US_PER_MS;
        (void)call_rows_due(k.w, false);
        if (i % 5000 == 4999)
            kit_drop(&k);
    }
    tell(&k, "%f end", at);
    assert_int_equal(stat(STAT_ROWS_TOO_LONG), long_rows);
    struct publisher *other = kit_publisher(&k, 2);
    other->ended = true;
    while (
        !expiry_end_of_input(k.w, (uint16_t)(other - k.w->publisher), KIT_T0 + (int64_t)(at * 1e6)))
        kit_seal(&k);
    for (int i = 0; i < 20; i++) {
        k.w->wall_us += 61 * US_PER_S;
        kit_sweep(&k);
        kit_seal(&k);
    }
    assert_empty(&k);
    kit_close(&k);
}

// An update must not lose the calls that are up: what the version before has saved goes on where it was.
static void a_blob_of_the_version_before(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct call *c = blob_read(k.w, span_of(blob_v4, sizeof blob_v4));
    assert_non_null(c);
    assert_int_equal(c->protocol, PROTOCOL_SIP);
    assert_int_equal(c->legs->address_count, 2);
    for (const struct address *a = c->legs->addresses; a; a = a->next) {
        assert_int_equal(a->ssrc, 0);
        assert_int_equal(a->again_us, a->named_us);
    }
    static uint8_t now[32768];
    size_t n = blob_write(k.w, c, now, sizeof now);
    assert_true(n > sizeof blob_v4 && now[0] == BLOB_VERSION);
    parts_relink(k.w);
    kit_play(&k, "3 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 n=50 until=4\n5 A>B BYE id=x t=b\n"
                 "5.1 B>A 200 id=x t=b m=BYE");
    const char *told = kit_tell(&k);
    if (!strstr(told, "media=caller@b:1") || !strstr(told, "ended"))
        fail_msg("%s", told);
    kit_close(&k);
}

static void blobs_that_lie(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE sdp=4000\n1 B>A 180 t=b\n2 B>A 183 t=c sdp=6000");
    static uint8_t blob[32768], bad[32768];
    size_t n = blob_write(k.w, slab_at(k.w->calls, 0), blob, sizeof blob);
    assert_true(n > 0);
    struct kit other;
    kit_open(&other, NULL);
    for (size_t cut = 0; cut < n; cut++) // one byte shorter at every length
        assert_null(blob_read(other.w, span_of(blob, cut)));
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) { // and bytes changed: never a crash, never a slot lost
        memcpy(bad, blob, n);
        for (int j = 0; j < 3; j++) {
            seed = seed * 1664525 + 1013904223;
            bad[(seed >> 8) % n] = (uint8_t)seed;
        }
        struct call *c = blob_read(other.w, span_of(bad, n));
        if (c)
            call_remove(other.w, c);
        if (world_batch_full(other.w))
            kit_seal(&other);
    }
    assert_int_equal(used(other.w->calls), 0);
    assert_int_equal(used(other.w->legs), 0);
    assert_int_equal(used(other.w->addresses), 0);
    kit_close(&other);
    kit_close(&k);
}

// ---- what a call may have ---------------------------------------------------------------------------------------

static void parts_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t refused = stat(STAT_FULL_PARTS);
    tell(&k, "0 A>P INVITE id=k x=X-CID:same");
    for (int i = 0; i < 9; i++)
        tell(&k, "%d.5 P>B INVITE id=p%d f=g%d x=X-CID:same", i + 1, i, i);
    const struct call *head = slab_at(k.w->calls, 0);
    assert_int_equal(parts_count(head), CALL_PARTS_MAX);
    assert_true(stat(STAT_FULL_PARTS) > refused);
    kit_drop(&k); // and over a restart
    head = slab_at(k.w->calls, 0);
    assert_int_equal(parts_count(head), CALL_PARTS_MAX);
    drain(&k, 20);
    assert_empty(&k);
    kit_close(&k);
}

static void looks_are_bounded(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t cut = stat(STAT_JOIN_LOOKS_CUT);
    for (int i = 0; i < 40; i++) // all the same numbers at the same moment, from as many places
        tell(&k, "0 A>P INVITE id=c%d f=f%d user=100 to=200", i, i);
    assert_true(stat(STAT_JOIN_LOOKS_CUT) > cut);
    drain(&k, 9);
    assert_empty(&k);
    kit_close(&k);
}

static void messages_of_a_call_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t unstored = stat(STAT_UNSTORED);
    tell(&k, "0 A>B INVITE");
    for (int i = 1; i < 2000; i++)
        tell(&k, "1 A>B INFO t=b n=%d", i + 1);
    assert_int_equal(stat(STAT_UNSTORED), unstored);
    for (int i = 0; i < 3; i++)
        tell(&k, "2 A>B INFO t=b n=%d", i + 3000);
    assert_int_equal(stat(STAT_UNSTORED), unstored + 3);
    const struct call *c = slab_at(k.w->calls, 0);
    assert_int_equal(c->message_count, 2003); // all of them, kept or not
    drain(&k, 9);
    assert_empty(&k);
    kit_close(&k);
}

static void diverting_numbers_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t refused = stat(STAT_FULL_DIVERTED);
    tell(&k,
         "0 A>B INVITE x=Diversion:<sip:301@h>,<sip:302@h>,<sip:303@h>,<sip:304@h>,<sip:301@h>");
    const struct call *c = slab_at(k.w->calls, 0);
    assert_int_equal(c->diverted_n, DIVERTED_MAX);
    assert_memory_equal(c->diverted[0].user, "301", 3);
    assert_memory_equal(c->diverted[2].user, "303", 3);
    assert_int_equal(stat(STAT_FULL_DIVERTED), refused + 1); // not the one that is there
    drain(&k, 9);
    assert_empty(&k);
    kit_close(&k);
}

static void transfers_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t refused = stat(STAT_FULL_TRANSFERS);
    tell(&k, "0 A>B INVITE");
    tell(&k, "1 B>A 200 t=b");
    for (int i = 0; i < 3; i++)
        tell(&k, "%d B>A REFER f=b t=f n=%d x=Refer-To:<sip:30%d@h>", 2 + i, 5 + i, i);
    assert_int_equal(stat(STAT_FULL_TRANSFERS), refused + 1); // the first was still open
    tell(&k, "9 A>B 202 f=b t=f n=7 m=REFER");
    tell(&k, "9 A>B NOTIFY t=b n=4 x=Event:refer;id=7 frag=200");
    assert_non_null(strstr(k.events, "9 x transferred callee 200 blind: bob sends alice to 302"));
    drain(&k, 20);
    assert_empty(&k);
    assert_int_equal(slab_stat(k.w->transfers).used, 0);
    kit_close(&k);
    // The table of all calls: who has one gives it up for the next, who has none gets none.
    kit_open(&k, NULL);
    tell(&k, "0 A>B INVITE id=c1");
    tell(&k, "1 B>A 200 id=c1 t=b");
    tell(&k, "2 B>A REFER id=c1 f=b t=f n=5 x=Refer-To:<sip:301@h>");
    refused = stat(STAT_FULL_TRANSFERS);
    size_t places = slab_stat(k.w->transfers).slots - 1;
    struct transfer *other[64];
    assert_true(places <= sizeof other / sizeof other[0]);
    for (size_t i = 0; i < places; i++)
        other[i] = slab_take(k.w->transfers);
    tell(&k, "3 B>A REFER id=c1 f=b t=f n=6 x=Refer-To:<sip:302@h>");
    assert_int_equal(stat(STAT_FULL_TRANSFERS), refused + 1);
    tell(&k, "4 A>B NOTIFY id=c1 t=b n=4 x=Event:refer;id=6 frag=200");
    assert_non_null(strstr(k.events, "4 c1 transferred callee 200 blind: bob sends alice to 302"));
    tell(&k, "5 A>B INVITE id=c2 f=g");
    tell(&k, "6 B>A 200 id=c2 f=g t=h");
    tell(&k, "7 B>A REFER id=c2 f=h t=g n=5 x=Refer-To:<sip:303@h>");
    tell(&k, "8 A>B NOTIFY id=c2 f=g t=h n=4 x=Event:refer;id=5 frag=200");
    assert_int_equal(stat(STAT_FULL_TRANSFERS), refused + 2);
    assert_null(strstr(k.events, "sends alice to 303"));
    for (size_t i = 0; i < places; i++)
        slab_give(k.w->transfers, other[i]);
    drain(&k, 20);
    assert_empty(&k);
    assert_int_equal(slab_stat(k.w->transfers).used, 0);
    kit_close(&k);
}

static void events_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t unstored = stat(STAT_FULL_EVENTS);
    tell(&k, "0 A>B INVITE sdp=4000");
    tell(&k, "1 B>A 200 t=b sdp=6000");
    for (int i = 0; i < 510; i++) {
        tell(&k, "%d A>B INVITE t=b n=%d sdp=4000 dir=%s", 2 + i, 2 + i,
             i % 2 ? "sendrecv" : "sendonly");
        tell(&k, "%d.1 B>A 200 t=b n=%d sdp=6000 dir=recvonly", 2 + i, 2 + i);
        kit_seal(&k);
    }
    assert_int_equal(stat(STAT_FULL_EVENTS), unstored + 10);
    drain(&k, 600);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_fill_up),
        cmocka_unit_test(looks_are_bounded),
        cmocka_unit_test(transfers_fill_up),
        cmocka_unit_test(messages_of_a_call_fill_up),
        cmocka_unit_test(diverting_numbers_fill_up),
        cmocka_unit_test(events_fill_up),
        cmocka_unit_test(calls_fill_up),
        cmocka_unit_test(texts_fill_up),
        cmocka_unit_test(counter_names_fill_up),
        cmocka_unit_test(emergency),
        cmocka_unit_test(forks_fill_up),
        cmocka_unit_test(addresses_fill_up),
        cmocka_unit_test(streams_fill_up),
        cmocka_unit_test(streams_of_one_call),
        cmocka_unit_test(a_flood_of_ssrcs),
        cmocka_unit_test(pending_fills_up),
        cmocka_unit_test(other_messages_have_a_rate),
        cmocka_unit_test(registrations_are_rows),
        cmocka_unit_test(malformed_messages),
        cmocka_unit_test(long_call_ids),
        cmocka_unit_test(strange_events),
        cmocka_unit_test(an_envelope_over_several_batches),
        cmocka_unit_test(one_side_alone),
        cmocka_unit_test(a_stream_outlives_its_call),
        cmocka_unit_test(the_latest_name_wins_after_a_restart),
        cmocka_unit_test(abandoned_calls),
        cmocka_unit_test(nobody_is_abandoned_while_we_sleep),
        cmocka_unit_test(publishers_come_and_go),
        cmocka_unit_test(taps_fill_up),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(a_blob_of_the_version_before),
        cmocka_unit_test(blobs_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
