// Over 450 lines: one process, one database and one story a test; the kit is in director_kit.h.
// The real director with a real database and real feeds: rows, mesh, control, recordings; a row that PostgreSQL refuses;
// kill -9 of the director and of PostgreSQL in the middle: the same rows as without.
// (Over 450 lines: one feed and its reference run serve all cases.)
#include "director_kit.h"

#define CALLS 240

static struct director d;

static int setup(void **state)
{
    (void)state;
    if (pg_throwaway_start(&d.pg, __FILE__, 2))
        return -1;
    (void)snprintf(d.top, sizeof d.top, "%s", d.pg.script);
    *strstr(d.top, "/tests/support/") = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    director_finish(&d);
    pg_throwaway_end(&d.pg);
    return 0;
}

// What happens to call i at its step; false after the last. Calls overlap; ports repeat only long after.
static bool step(struct feed_batch *b, int i, int s)
{
    double t = i * 0.2 + s;
    int a = 10000 + 4 * i, c = a + 2;
    const char *end = i % 7 == 3 ? "486" : i % 7 == 5 ? "487" : "200";
    switch (s) {
    case 0:
        if (i % 6 == 2) { // two mirrors: the answers come first
            feed_tell(b, "%f B>A 100 id=call%d", t - 0.02, i);
            feed_tell(b, "%f B>A 180 id=call%d t=b%d", t - 0.01, i, i);
            feed_send(b);
        }
        feed_tell(b, "%f A>B INVITE id=call%d sdp=%d user=49%05d", t, i, a, i);
        return true;
    case 1:
        if (i % 3 == 0)
            feed_tell(b, "%f A>B INVITE id=call%d sdp=%d user=49%05d", t, i, a, i);
        feed_tell(b, "%f B>A 180 id=call%d t=b%d", t + 0.1, i, i);
        if (i % 5 == 0)
            feed_tell(b, "%f B>A 183 id=call%d t=c%d sdp=%d", t + 0.2, i, i, c);
        return true;
    case 2:
        if (i % 7 == 5)
            feed_tell(b, "%f A>B CANCEL id=call%d", t, i);
        feed_tell(b, "%f B>A %s id=call%d t=b%d%s", t + 0.1, end, i, i, "");
        return end[0] == '2' || i % 7 == 3;
    case 3:
        if (end[0] != '2') {
            feed_tell(b, "%f A>B ACK id=call%d t=b%d", t, i, i);
            return false;
        }
        feed_tell(b, "%f A>B ACK id=call%d t=b%d z=ack%d sdp=%d", t, i, i, i, a);
        feed_tell(b, "%f rtp 10.0.0.2:%d>10.0.0.1:%d ssrc=%d", t + 0.1, c, a, 2 * i + 1);
        feed_tell(b, "%f rtp 10.0.0.1:%d>10.0.0.2:%d ssrc=%d", t + 0.1, a, c, 2 * i + 2);
        return true;
    case 4:
        if (i % 4 == 1)
            feed_tell(b, "%f A>B INVITE id=call%d t=b%d n=2 sdp=%d dir=sendonly", t, i, i, a);
        return true;
    case 5:
        if (i % 4 == 1)
            feed_tell(b, "%f B>A 200 id=call%d t=b%d n=2 sdp=%d", t, i, i, c);
        return true;
    case 8:
        feed_tell(b, "%f rtp 10.0.0.2:%d>10.0.0.1:%d ssrc=%d n=250 ended", t - 4.9, c, a,
                  2 * i + 1);
        if (i % 11 != 10)
            feed_tell(b, "%f A>B BYE id=call%d t=b%d n=9", t, i, i);
        return true;
    case 9:
        if (i % 11 != 10)
            feed_tell(b, "%f B>A 200 id=call%d t=b%d n=9 m=BYE", t, i, i);
        feed_tell(b, "%f A>B REGISTER id=reg%d", t + 0.1, i % 20);
        feed_tell(b, "%f B>A 200 id=reg%d m=REGISTER contact=;expires=60", t + 0.2, i % 20);
        return false;
    default:
        return s < 10;
    }
}

// The whole feed, always the same. between is called now and then, with the number of the second.
static void play(struct feed_batch *b, void (*between)(int second))
{
    static bool over[CALLS];
    memset(over, 0, sizeof over);
    feed_hello(b);
    for (int second = 0; second < CALLS / 5 + 12; second++) {
        for (int i = 0; i < CALLS; i++) {
            int s = second - i / 5;
            if (s >= 0 && s < 10 && !over[i])
                over[i] = !step(b, i, s);
        }
        feed_tick(b, second);
        if (between)
            between(second);
    }
    feed_end(b, CALLS / 5 + 12);
    assert_true(feed_pub_flush(b->f, 60 * US_PER_S));
}

static char *dump(void)
{
    return director_ask(
        &d,
        "SELECT 'call ' || (to_jsonb(c) - 'revision')::text FROM calls c UNION ALL SELECT 'leg ' "
        "|| to_jsonb(l)::text FROM legs l"
        " UNION ALL SELECT 'msg ' || (to_jsonb(m) - 'raw')::text || md5(raw) FROM sip_messages m"
        " UNION ALL SELECT 'stream ' || to_jsonb(s)::text FROM streams s UNION ALL SELECT 'reg ' "
        "|| to_jsonb(r)::text FROM registrations r"
        " UNION ALL SELECT 'cursor ' || seq || ' ' || done FROM feed_cursors UNION ALL SELECT "
        "'loss ' || to_jsonb(x)::text FROM losses x"
        " UNION ALL SELECT 'quarantine ' || to_jsonb(q)::text FROM quarantine q ORDER BY 1");
}

static char *reference; // the rows of an undisturbed run

static void run(const char *db, void (*between)(int second))
{
    director_begin(&d, db);
    director_wait_schema(&d);
    struct feed_batch *b = calloc(1, sizeof *b);
    b->f = director_feed(&d, "main/cap", CALLMESH__V1__KIND__KIND_SIG);
    play(b, between);
    feed_pub_stop(b->f);
    free(b);
}

static void undisturbed(void **state)
{
    (void)state;
    run("undisturbed", NULL);
    reference = strdup(dump());
    assert_int_equal(director_count(&d, "SELECT count(*) FROM calls"), CALLS);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM calls WHERE state <> 'ended'"), 0);
    int answered = 0, canceled = 0;
    for (int i = 0; i < CALLS; i++) {
        answered += i % 7 != 3 && i % 7 != 5;
        canceled += i % 7 == 5;
    }
    assert_int_equal(director_count(&d, "SELECT count(*) FROM calls WHERE result = 'answered'"),
                     answered);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM calls WHERE result = 'canceled'"),
                     canceled);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM calls WHERE result = 'busy'"),
                     CALLS - answered - canceled);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM streams WHERE call_id IS NOT NULL"),
                     2 * answered);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM sip_messages WHERE retransmission"),
                     CALLS / 3 +
                         CALLS / 6); // the INVITE of each third; the 180 that also came early
    assert_int_equal(
        director_count(
            &d, "SELECT count(*) FROM sip_messages WHERE call_id IS NULL AND method <> 'REGISTER'"),
        0);
    assert_int_equal(
        director_count(
            &d,
            "SELECT count(*) FROM calls WHERE message_count <> (SELECT count(*) FROM sip_messages m"
            " WHERE m.call_id = calls.id)"),
        0);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM registrations"), 1);
    assert_int_equal(
        director_count(&d, "SELECT count(*) FROM harvesters WHERE ended AND name = 'main/cap'"), 1);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM quarantine"), 0);
    int status = director_end(&d, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    director_finish(&d);
}

static void compare(const char *got)
{
    if (strcmp(got, reference) == 0)
        return;
    size_t i = 0;
    while (got[i] && got[i] == reference[i])
        i++;
    while (i > 0 && got[i - 1] != '\n')
        i--;
    fail_msg("rows differ\n--- got:\n%.600s\n--- reference:\n%.600s", got + i, reference + i);
}

static int kills;

static void kill_director(int second)
{
    if (second % 6 != 4)
        return;
    usleep((useconds_t)(second * 997 % 40000)); // in the middle of whatever it does
    (void)director_end(&d, SIGKILL);
    director_spawn(&d);
    kills++;
}

static void killed_in_the_middle(void **state)
{
    (void)state;
    kills = 0;
    run("killed", kill_director);
    assert_true(kills >= 8);
    compare(dump());
    director_sums_agree(&d);
    director_finish(&d);
}

static void kill_postgres(int second)
{
    if (second != 10 && second != 30)
        return;
    assert_int_equal(pg_throwaway_do(&d.pg, "kill"), 0);
    usleep(300000);
    assert_int_equal(pg_throwaway_do(&d.pg, "start"), 0);
}

static void database_dies(void **state)
{
    (void)state;
    run("db_dies", kill_postgres);
    compare(dump());
    director_sums_agree(&d);
    director_finish(&d);
}

static void stop_in_the_middle(int second)
{
    static int64_t seen;
    if (second != 12 && second != 25)
        return;
    int64_t until = mono_now_us() + 20 * US_PER_S; // it is at work, not still starting
    while (director_count(&d, "SELECT coalesce(max(seq), 0) FROM feed_cursors") <= seen &&
           mono_now_us() < until)
        usleep(1000);
    int status = director_end(&d, SIGTERM);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fail_msg("SIGTERM in the middle: status %x", (unsigned)status);
    seen = director_count(&d, "SELECT coalesce(max(seq), 0) FROM feed_cursors");
    director_spawn(&d);
}

static void stopped_and_started(void **state)
{
    (void)state;
    run("stopped", stop_in_the_middle);
    compare(dump());
    director_finish(&d);
}

static void refused_rows(void **state)
{
    (void)state;
    director_begin(&d, "refused");
    director_wait_schema(&d);
    assert_int_equal(store_script(d.store, "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql "
                                           "AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$;"
                                           "CREATE TRIGGER no BEFORE INSERT ON sip_messages FOR "
                                           "EACH ROW WHEN (NEW.method = 'INFO')"
                                           " EXECUTE FUNCTION no()"),
                     STORE_OK);
    struct feed_batch *b = calloc(1, sizeof *b);
    b->f = director_feed(&d, "main/cap", CALLMESH__V1__KIND__KIND_SIG);
    feed_hello(b);
    for (int i = 0; i < 50; i++) {
        feed_tell(b, "%d A>B INVITE id=p%d", i, i);
        if (i % 10 == 3)
            feed_tell(b, "%d.5 A>B INFO id=p%d n=2", i, i);
    }
    feed_end(b, 60);
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    assert_int_equal(director_count(&d, "SELECT count(*) FROM sip_messages"), 50);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM calls"), 50);
    assert_int_equal(
        director_count(
            &d,
            "SELECT count(*) FROM quarantine WHERE reason LIKE '%poison%' AND length(body) > 60"),
        5);
    // The reason stays: they stay. It is taken away: they are driven again, and each is in one place only.
    assert_int_equal(director_count(&d, "SELECT refused FROM quarantine_retry(NULL, NULL, NULL)"),
                     5);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM quarantine"), 5);
    assert_int_equal(store_script(d.store, "DROP TRIGGER no ON sip_messages"), STORE_OK);
    assert_int_equal(director_count(&d, "SELECT stored FROM quarantine_retry('main/cap', NULL, "
                                        "NULL)"),
                     5);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM quarantine"), 0);
    assert_int_equal(director_count(&d, "SELECT count(*) FROM sip_messages m JOIN calls c ON c.id "
                                        "= m.call_id WHERE m.method = 'INFO' AND m.raw_form "
                                        "= 1 AND NOT m.sdp AND host(m.src_ip) <> ''"),
                     5);
    feed_pub_stop(b->f);
    free(b);
    director_finish(&d);
}

// ---- mesh, control, recordings ------------------------------------------------------------------------------------

static struct uuid first_call;

static Callmesh__V1__ControlReply *ask_part(struct ask *a, uint32_t part, uint64_t token)
{
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    Callmesh__V1__SnapshotRequest s = CALLMESH__V1__SNAPSHOT_REQUEST__INIT;
    s.part = part;
    s.token = token;
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_SNAPSHOT;
    q.snapshot = &s;
    Callmesh__V1__ControlReply *r = ask_call(a, &q, 5 * US_PER_S);
    assert_non_null(r);
    assert_string_equal(r->error, "");
    assert_int_equal(r->reply_case, CALLMESH__V1__CONTROL_REPLY__REPLY_SNAPSHOT);
    return r;
}

static int snapshot_calls(struct ask *a, int *ret_parts)
{
    int calls = 0;
    uint32_t part = 0;
    uint64_t token = 0;
    *ret_parts = 0;
    do {
        const Callmesh__V1__SnapshotReply *s = ask_part(a, part, token)->snapshot;
        assert_int_equal(s->incarnation.len, 16);
        for (size_t i = 0; i < s->n_changes; i++)
            if (s->changes[i]->change_case == CALLMESH__V1__MESH_CHANGE__CHANGE_CALL) {
                calls++;
                memcpy(first_call.b, s->changes[i]->call->id.data, 16);
                assert_int_equal(s->changes[i]->call->n_legs, 1);
            }
        token = s->token;
        part = s->next_part;
        (*ret_parts)++;
    } while (part);
    return calls;
}

static bool ask_tap(struct ask *a, const struct uuid *id, int64_t until_us)
{
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    Callmesh__V1__TapRequest t = CALLMESH__V1__TAP_REQUEST__INIT;
    uint8_t copy[16];
    memcpy(copy, id->b, 16);
    t.call_id = (ProtobufCBinaryData){16, copy};
    t.until_us = until_us;
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_TAP;
    q.tap = &t;
    const Callmesh__V1__ControlReply *r = ask_call(a, &q, 5 * US_PER_S);
    assert_non_null(r);
    assert_string_equal(r->error, "");
    return r->tap->known;
}

// Counts changes of each kind until quiet.
static void mesh_count(struct cast_sub *sub, int ret[32], uint64_t *ret_last_seq)
{
    struct span bytes;
    while (cast_sub_next(sub, 600 * US_PER_MS, &bytes) == 1) {
        const Callmesh__V1__Envelope *e =
            cast_sub_unpack(sub, &callmesh__v1__envelope__descriptor, bytes);
        assert_non_null(e);
        assert_true(*ret_last_seq == 0 || e->seq == *ret_last_seq + 1);
        *ret_last_seq = e->seq;
        const Callmesh__V1__MeshBatch *m = cast_sub_unpack(
            sub, &callmesh__v1__mesh_batch__descriptor, span_of(e->payload.data, e->payload.len));
        assert_non_null(m);
        for (size_t i = 0; i < m->n_changes; i++)
            ret[m->changes[i]->change_case]++;
    }
}

static void send_recording(struct feed_pub *f, const struct uuid *call)
{
    Callmesh__V1__ReportBatch b = CALLMESH__V1__REPORT_BATCH__INIT;
    Callmesh__V1__ReportEvent e = CALLMESH__V1__REPORT_EVENT__INIT, *list = &e;
    Callmesh__V1__Recording r = CALLMESH__V1__RECORDING__INIT;
    uint8_t id[16], call_id[16], sha[32] = {0xab};
    char codec[] = "PCMU", path[] = "main/x.wav", container[] = "wav", site[] = "main";
    struct uuid rec = uuid_v7_derived(KIT_T0, span_of(call->b, 16));
    memcpy(id, rec.b, 16);
    memcpy(call_id, call->b, 16);
    r.id = (ProtobufCBinaryData){16, id};
    r.call_id = (ProtobufCBinaryData){16, call_id};
    r.sha256 = (ProtobufCBinaryData){32, sha};
    r.status = CALLMESH__V1__RECORDING_STATUS__RECORDING_STATUS_READY;
    r.site = site;
    r.codec = codec;
    r.path = path;
    r.container = container;
    r.started_at_us = KIT_T0 + 5;
    r.duration_seconds = 7.5;
    r.size_bytes = 120044;
    e.event_case = CALLMESH__V1__REPORT_EVENT__EVENT_RECORDING;
    e.recording = &r;
    b.n_events = 1;
    b.events = &list;
    assert_int_equal(feed_pub_send(f, &b.base), 0);
    assert_true(feed_pub_flush(f, 30 * US_PER_S));
}

static void mesh_and_control(void **state)
{
    (void)state;
    char err[256];
    int changes[32] = {0}, parts = 0; // by the field of MeshChange
    uint64_t seq = 0;
    director_begin(&d, "mesh");
    director_wait_schema(&d);
    struct cast_sub *sub = NULL;
    assert_int_equal(cast_sub_open(&sub, d.url[2], false, err, sizeof err), 0);
    struct ask *a = NULL;
    assert_int_equal(ask_open(&a, d.url[3], err, sizeof err), 0);
    struct feed_batch *b = calloc(1, sizeof *b);
    b->f = director_feed(&d, "main/cap", CALLMESH__V1__KIND__KIND_SIG);
    feed_hello(b);
    for (int i = 0; i < 60 && !changes[CALLMESH__V1__MESH_CHANGE__CHANGE_HARVESTER]; i++) {
        feed_tick(b, 0); // until the subscriber is connected and hears us
        assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
        mesh_count(sub, changes, &seq);
    }
    for (int i = 0; i < 60; i++)
        feed_tell(b, "%d A>B INVITE id=m%d sdp=%d", i / 10, i, 20000 + 2 * i);
    feed_tick(b, 6);
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    mesh_count(sub, changes, &seq);
    assert_int_equal(changes[CALLMESH__V1__MESH_CHANGE__CHANGE_CALL],
                     60); // one each: nothing changed after
    assert_true(changes[CALLMESH__V1__MESH_CHANGE__CHANGE_HARVESTER] >= 1);
    assert_int_equal(snapshot_calls(a, &parts), 60);
    assert_true(parts >= 3);
    assert_true(ask_tap(a, &first_call, wall_now_us() + US_PER_S));
    struct uuid nobody = {{1}};
    assert_false(ask_tap(a, &nobody, wall_now_us() + US_PER_S));
    usleep(1200000); // the lease runs out by itself
    mesh_count(sub, changes, &seq);
    assert_int_equal(changes[CALLMESH__V1__MESH_CHANGE__CHANGE_TAP], 2);
    feed_end(b, 60);
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    struct feed_pub *report = director_feed(&d, "main/recorder", CALLMESH__V1__KIND__KIND_REPORT);
    send_recording(report, &first_call);
    mesh_count(sub, changes, &seq);
    assert_int_equal(changes[CALLMESH__V1__MESH_CHANGE__CHANGE_RECORDING], 1);
    assert_int_equal(
        director_count(
            &d, "SELECT count(*) FROM recordings WHERE status = 'ready' AND path = 'main/x.wav'"
                " AND sha256 LIKE 'ab00%' AND length(sha256) = 64 AND duration_seconds = 7.5"),
        1);
    assert_int_equal(
        director_count(&d, "SELECT count(*) FROM calls WHERE recording_state = 'ready'"), 1);
    feed_pub_stop(report);
    feed_pub_stop(b->f);
    free(b);
    director_finish(&d);
}

// A recorder's report that runs ahead of its call, as after a return to older cursors; killed before the call and in it.
static void a_report_before_its_call(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE sdp=4000");
    struct uuid id = ((struct call *)slab_at(k.w->calls, 0))->id;
    kit_close(&k);
    director_begin(&d, "early");
    director_wait_schema(&d);
    struct feed_batch *b = calloc(1, sizeof *b);
    b->f = director_feed(&d, "main/cap1", CALLMESH__V1__KIND__KIND_SIG);
    feed_hello(b);
    feed_tick(b, 0);
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    struct feed_pub *f = director_feed(&d, "main/recorder", CALLMESH__V1__KIND__KIND_REPORT);
    send_recording(f, &id);
    for (int life = 0; life < 2; life++) {
        (void)director_end(&d, SIGKILL);
        director_spawn(&d);
        if (life == 0)
            feed_tell(b, "0 A>B INVITE sdp=4000");
        else
            feed_tell(b, "1 B>A 200 t=b sdp=6000");
        feed_send(b);
        assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    }
    assert_int_equal(director_count(&d, "SELECT count(*) FROM open_calls"), 1);
    feed_tell(b, "1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 ended");
    feed_tell(b, "9 A>B BYE t=b n=2");
    feed_end(b, 60);
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    assert_string_equal(
        director_ask(&d, "SELECT c.state || ' ' || c.recording_state FROM calls c JOIN recordings "
                         "r ON r.call_id = c.id"),
        "ended ready\n");
    feed_pub_stop(f);
    feed_pub_stop(b->f);
    free(b);
    director_finish(&d);
}

// It takes the lease, reads the state and loses the lease before it has told: another led meanwhile, and ended a call. What it had
// read is the past: when it leads at last, the call is not there.
static void a_try_to_lead_that_failed(void **state)
{
    (void)state;
    char err[256];
    int parts;
    director_begin(&d, "stale");
    director_wait_schema(&d);
    struct feed_batch *b = calloc(1, sizeof *b);
    b->f = director_feed(&d, "main/cap", CALLMESH__V1__KIND__KIND_SIG);
    feed_hello(b);
    for (int i = 0; i < 3; i++)
        feed_tell(b, "%d A>B INVITE id=s%d sdp=%d", i, i, 20000 + 2 * i);
    feed_tick(b, 6);
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    assert_int_equal(director_count(&d, "SELECT count(*) FROM open_calls"), 3);
    (void)director_end(&d, SIGTERM);
    assert_int_equal(
        store_script(d.store,
                     "CREATE SEQUENCE tries; CREATE FUNCTION lost() RETURNS trigger LANGUAGE "
                     "plpgsql AS $$ BEGIN PERFORM nextval('tries'); RETURN NULL; END $$;"
                     "CREATE TRIGGER lost BEFORE UPDATE ON lease FOR EACH ROW WHEN (NEW.fence = "
                     "OLD.fence) EXECUTE FUNCTION lost()"),
        STORE_OK);
    director_spawn(&d);
    int64_t until = mono_now_us() + 30 * US_PER_S;
    while (director_count(&d, "SELECT last_value FROM tries") < 2 && mono_now_us() < until)
        usleep(10000);
    assert_int_equal(store_script(d.store, "DELETE FROM open_calls WHERE id = (SELECT id FROM "
                                           "calls ORDER BY started_at LIMIT 1);"
                                           "DROP TRIGGER lost ON lease"),
                     STORE_OK);
    struct ask *a = NULL;
    assert_int_equal(ask_open(&a, d.url[3], err, sizeof err), 0);
    feed_tick(b, 7); // taken by who leads
    assert_true(feed_pub_flush(b->f, 30 * US_PER_S));
    assert_int_equal(snapshot_calls(a, &parts), 2);
    feed_pub_stop(b->f);
    free(b);
    director_finish(&d);
}

static void wrong_schema_is_refused(void **state)
{
    (void)state;
    director_begin(&d, "newer");
    director_wait_schema(&d);
    (void)director_end(&d, SIGTERM);
    assert_int_equal(
        store_query(d.store, "INSERT INTO schema_version (version) VALUES (77)", NULL, NULL),
        STORE_OK);
    director_spawn(&d);
    int status = 0;
    assert_int_equal(waitpid(d.pid, &status, 0), d.pid);
    d.pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 76);
    director_finish(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undisturbed),
        cmocka_unit_test(killed_in_the_middle),
        cmocka_unit_test(database_dies),
        cmocka_unit_test(stopped_and_started),
        cmocka_unit_test(refused_rows),
        cmocka_unit_test(mesh_and_control),
        cmocka_unit_test(a_report_before_its_call),
        cmocka_unit_test(a_try_to_lead_that_failed),
        cmocka_unit_test(wrong_schema_is_refused),
    };
    (void)setenv("CALLMESH_STATISTICS_EVERY", "50ms", 1); // so that a kill finds it at its work
    return cmocka_run_group_tests(tests, setup, teardown);
}
