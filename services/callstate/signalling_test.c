// Calls of other signalling, told by events: the machine, the streams that join, restarts, what is refused. A little over 450 lines:
// the stories are one table.
#include "story_kit.h"
#include "agent_table.h"
#include "signalling.h"

struct say {
    double at;
    int kind;
    const char *key;
    int side;
    uint32_t cause;
    const char *from, *to;
    // Media: who receives, where, which SSRC; 0: none.
    int receives;
    const char *ip;
    uint32_t port, ssrc;
    int protocol; // 0: SCCP
    int pub;      // harvester, 0: the first
};

#define S(a, k, ...)                                                                               \
    {                                                                                              \
        .at = (a), .kind = (k), ##__VA_ARGS__                                                      \
    }

enum {
    NONE,
    SETUP,
    RINGING,
    ANSWERED,
    HELD,
    RESUMED,
    ENDED
};

static ProtobufCBinaryData text(const char *s)
{
    static char keep[8][200];
    static int at;
    char *to = keep[at++ % 8];
    return (ProtobufCBinaryData){(size_t)snprintf(to, sizeof keep[0], "%s", s ? s : ""),
                                 (uint8_t *)to};
}

static void tell(struct kit *k, const struct say *s)
{
    Callmesh__V1__SignallingEvent e = CALLMESH__V1__SIGNALLING_EVENT__INIT;
    struct endpoint src = kit_endpoint("10.0.0.1:52000"), dst = kit_endpoint("10.0.0.2:2000"), at;
    uint8_t sip[4], dip[4], mip[4];
    Callmesh__V1__Endpoint ps = kit_pb(&src, sip), pd = kit_pb(&dst, dip), pm;
    Callmesh__V1__Party from = CALLMESH__V1__PARTY__INIT, to = CALLMESH__V1__PARTY__INIT;
    Callmesh__V1__MediaAddress media = CALLMESH__V1__MEDIA_ADDRESS__INIT, *medias = &media;
    Callmesh__V1__PayloadMap map = CALLMESH__V1__PAYLOAD_MAP__INIT, *maps = &map;
    char codec[] = "pcmu";
    e.at_us = KIT_T0 + (int64_t)(s->at * 1e6);
    e.src = &ps;
    e.dst = &pd;
    e.transport = CALLMESH__V1__TRANSPORT__TRANSPORT_TCP;
    e.protocol = (Callmesh__V1__Protocol)(s->protocol ? s->protocol : 2);
    e.call_key = text(s->key ? s->key : "7@m");
    e.kind = (Callmesh__V1__SignallingKind)s->kind;
    e.side = (Callmesh__V1__Side)s->side;
    e.cause = s->cause;
    from.user = text(s->from);
    to.user = text(s->to);
    e.from = &from;
    e.to = &to;
    if (s->receives) {
        at = kit_endpoint(s->ip);
        at.port = (uint16_t)s->port;
        pm = kit_pb(&at, mip);
        media.side = (Callmesh__V1__Side)s->receives;
        media.at = &pm;
        media.ssrc = s->ssrc;
        map.codec = codec;
        map.clock_rate = 8000;
        media.n_payload_map = 1;
        media.payload_map = &maps;
        e.n_media = 1;
        e.media = &medias;
    }
    Callmesh__V1__SigEvent ev = CALLMESH__V1__SIG_EVENT__INIT;
    ev.event_case = CALLMESH__V1__SIG_EVENT__EVENT_SIGNALLING;
    ev.signalling = &e;
    kit_event(k, s->pub ? s->pub : 1, &ev);
}

static const struct {
    const char *name;
    struct say say[8]; // up to kind NONE without media
    const char *more;  // lines of story_kit, after these
    const char *expect;
} stories[] = {
    {"answered, the callee hangs up",
     {S(0, SETUP), S(1, RINGING), S(3, ANSWERED), S(9, ENDED, .side = SIDE_CALLEE, .cause = 16)},
     "",
     "7@m ended answered callee 200 ring=1 answer=3 end=9 msgs=4 legs=:ended\n"},
    {"two harvesters see the same",
     {S(0, SETUP), S(0, SETUP), S(1, RINGING), S(1, RINGING), S(3, ANSWERED), S(3.1, ANSWERED),
      S(9, ENDED, .side = 1), S(9, ENDED, .side = 1)},
     "",
     "7@m ended answered caller 200 ring=1 answer=3 end=9 msgs=7 legs=:ended\n"},
    {"busy",
     {S(0, SETUP), S(2, ENDED, .cause = 17)},
     "",
     "7@m ended busy callee 486 end=2 msgs=2 legs=:ended\n"},
    {"busy, and the caller puts the phone down",
     {S(0, SETUP), S(2, ENDED, .side = 1, .cause = 17)},
     "",
     "7@m ended busy caller 486 end=2 msgs=2 legs=:ended\n"},
    {"given up by the caller",
     {S(0, SETUP), S(1, RINGING), S(5, ENDED, .side = 1, .cause = 16)},
     "",
     "7@m ended canceled caller 487 ring=1 end=5 msgs=3 legs=:ended\n"},
    {"nobody answered",
     {S(0, SETUP), S(1, RINGING), S(30, ENDED, .cause = 19)},
     "",
     "7@m ended no_answer timeout 480 ring=1 end=30 msgs=3 legs=:ended\n"},
    {"no such number",
     {S(0, SETUP), S(1, ENDED, .cause = 1)},
     "",
     "7@m ended failed callee 404 end=1 msgs=2 legs=:ended\n"},
    {"rejected",
     {S(0, SETUP), S(1, ENDED, .side = 2, .cause = 21)},
     "",
     "7@m ended rejected callee 403 end=1 msgs=2 legs=:ended\n"},
    {"put off, without a cause",
     {S(0, SETUP), S(1, ENDED, .side = 2)},
     "",
     "7@m ended rejected callee 603 end=1 msgs=2 legs=:ended\n"},
    {"over, and nobody says why",
     {S(0, SETUP), S(1, ENDED)},
     "",
     "7@m ended no_answer system 0 end=1 msgs=2 legs=:ended\n"},
    {"held twice",
     {S(0, SETUP), S(1, ANSWERED), S(2, HELD), S(4, RESUMED), S(5, HELD), S(8, ENDED, .side = 1)},
     "",
     "7@m ended answered caller 200 answer=1 end=8 hold=2/5 msgs=6 legs=:ended\n"},
    {"the end alone is no call", {S(0, ENDED)}, "", ""},
    {"known from its middle",
     {S(5, ANSWERED), S(6, ENDED, .side = 1)},
     "",
     "7@m ended answered caller 200 answer=5 end=6 msgs=2 legs=:ended\n"},
    {"the same key again is another call",
     {S(0, SETUP), S(1, ENDED, .cause = 17), S(1.5, RINGING), S(2, SETUP), S(3, RINGING)},
     "",
     "7@m ended busy callee 486 end=1 msgs=2 legs=:ended\n7@m ringing - - 180 ring=3 msgs=2 "
     "legs=:ringing\n"},
    {"the same key of another protocol is another call",
     {S(0, SETUP), S(0.5, SETUP, .protocol = 3)},
     "",
     "7@m started - - 0 msgs=1 legs=:started\n7@m started - - 0 msgs=1 legs=:started\n"},
    {"rings for ever",
     {S(0, SETUP), S(1, RINGING)},
     "202 tick",
     "7@m ended no_answer timeout 180 ring=1 end=201 msgs=2 legs=:ended\n"},
    {"the input ends in the middle of it",
     {S(0, SETUP), S(1, ANSWERED)},
     "5 end",
     "7@m ended answered system 200 answer=1 end=5 msgs=2 legs=:ended\n"},
    {"streams join by the addresses, before and after them",
     {S(0, SETUP), S(1, ANSWERED), S(1, NONE, .receives = 1, .ip = "10.0.0.1", .port = 4000),
      S(1, NONE, .receives = 2, .ip = "10.0.0.2", .port = 6000)},
     "2 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n2 rtp 10.0.0.2:6000>10.0.0.1:4000 ssrc=2",
     "7@m answered - - 200 answer=1 msgs=4 rec=active legs=:answered media=caller@:1,callee@:2\n"},
    {"calls that share a pair of ports are told apart by SSRC",
     {S(0, SETUP, .key = "a", .protocol = 4, .receives = 2, .ip = "10.0.0.2", .port = 4569,
        .ssrc = 1),
      S(0.1, NONE, .key = "a", .protocol = 4, .receives = 1, .ip = "10.0.0.1", .port = 4569,
        .ssrc = 2),
      S(0.2, SETUP, .key = "b", .protocol = 4, .receives = 2, .ip = "10.0.0.2", .port = 4569,
        .ssrc = 3),
      S(0.3, NONE, .key = "b", .protocol = 4, .receives = 1, .ip = "10.0.0.1", .port = 4569,
        .ssrc = 4)},
     "2 rtp 10.0.0.1:4569>10.0.0.2:4569 ssrc=1\n2 rtp 10.0.0.1:4569>10.0.0.2:4569 ssrc=3\n"
     "2 rtp 10.0.0.2:4569>10.0.0.1:4569 ssrc=2\n2 rtp 10.0.0.2:4569>10.0.0.1:4569 ssrc=4\n"
     "2 rtp 10.0.0.1:4569>10.0.0.2:4569 ssrc=5",
     "a started - - 0 msgs=2 rec=active legs=:started media=caller@:1,callee@:2\n"
     "b started - - 0 msgs=2 rec=active legs=:started media=caller@:3,callee@:4\n"},
};

static void play(struct kit *k, size_t i, bool drop)
{
    for (size_t n = 0;
         n < 8 && stories[i].say[n].at + stories[i].say[n].kind + stories[i].say[n].receives > 0;
         n++) {
        tell(k, &stories[i].say[n]);
        if (drop)
            kit_drop(k);
    }
    kit_play(k, stories[i].more);
}

static void each_story(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct kit k;
        kit_open(&k, NULL);
        play(&k, i, false);
        const char *got = kit_tell(&k);
        if (strcmp(got, stories[i].expect) != 0)
            fail_msg("%s\n got: %swant: %s", stories[i].name, got, stories[i].expect);
        kit_close(&k);
    }
}

// Killed after each event, and read back: the same calls.
static void each_story_with_restarts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct kit k;
        kit_open(&k, NULL);
        play(&k, i, true);
        const char *got = kit_tell(&k);
        if (strcmp(got, stories[i].expect) != 0)
            fail_msg("%s\n got: %swant: %s", stories[i].name, got, stories[i].expect);
        kit_close(&k);
    }
}

static void parties_become_known_later(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    tell(&k, &(struct say)S(0, SETUP));
    tell(&k, &(struct say)S(1, NONE, .from = "8003", .to = "8001"));
    tell(&k, &(struct say)S(2, ANSWERED));
    const struct call *c = slab_at(k.w->calls, 0);
    assert_int_equal(c->from.user_n, 4);
    assert_memory_equal(c->to.user, "8001", 4);
    struct format f;
    tell(&k, &(struct say)S(2, NONE, .receives = 2, .ip = "10.0.0.2", .port = 6000));
    kit_play(&k, "3 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1");
    assert_true(media_format(c->streams, 0, &f));
    assert_string_equal(f.codec, "PCMU"); // as it is registered
    kit_close(&k);
}

// Digits come one by one: who they are so far, and in the end; a number in E.164 when there is one.
static void agents_of_other_signalling(void **state)
{
    (void)state;
    struct kit k;
    static const struct uuid ann = {{0xa1}}, bo = {{0xb0}};
    struct agent_table *t = agent_table_new(16);
    assert_non_null(t);
    struct agent_entry e = {.kind = AGENT_BY_USER,
                            .value = SPAN_LIT("80"),
                            .from_us = INT64_MIN,
                            .to_us = INT64_MAX,
                            .id = ann,
                            .name = SPAN_LIT("Ann")};
    assert_true(agent_table_add(t, &e));
    e.value = SPAN_LIT("8001");
    e.id = bo;
    assert_true(agent_table_add(t, &e));
    e.kind = AGENT_BY_ADDRESS;
    e.value = SPAN_LIT("10.0.0.1");
    assert_true(agent_table_add(t, &e));
    kit_open(&k, NULL);
    k.w->agents = t;
    tell(&k, &(struct say)S(0, SETUP));
    const struct call *c = slab_at(k.w->calls, 0);
    assert_int_equal(c->from.agent.by, AGENT_BY_ADDRESS); // nobody has said a name
    tell(&k, &(struct say)S(1, NONE, .from = "8001", .to = "80"));
    assert_int_equal(c->from.agent.by, AGENT_BY_USER);
    assert_memory_equal(c->from.agent.id.b, bo.b, sizeof bo.b);
    assert_memory_equal(c->to.agent.id.b, ann.b, sizeof ann.b);
    tell(&k, &(struct say)S(2, NONE, .to = "800"));
    assert_int_equal(c->to.agent.by, AGENT_NONE);
    tell(&k, &(struct say)S(3, NONE, .to = "8001"));
    assert_int_equal(c->to.agent.by, AGENT_BY_USER);
    assert_memory_equal(c->to.agent.id.b, bo.b, sizeof bo.b);
    tell(&k, &(struct say)S(4, NONE, .to = "+49301234567"));
    assert_int_equal(c->to.agent.by, AGENT_NONE);
    assert_int_equal(c->to.e164, UINT64_C(49301234567));
    kit_drop(&k);
    c = slab_at(k.w->calls, 0);
    assert_int_equal(c->to.e164, UINT64_C(49301234567));
    assert_memory_equal(c->from.agent.id.b, bo.b, sizeof bo.b);
    agent_table_free(t);
    kit_close(&k);
}

static void what_cannot_be_used(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    char longest[140];
    memset(longest, 'x', sizeof longest - 1);
    longest[139] = 0;
    const struct say bad[] = {
        S(0, 7),          S(0, SETUP, .protocol = 1), S(0, SETUP, .protocol = 6),
        S(-1.8e9, SETUP), S(0, SETUP, .key = ""),     S(0, SETUP, .key = longest)};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        tell(&k, &bad[i]);
    assert_string_equal(kit_tell(&k), "");
    assert_int_equal(table_rows(k.batch->t[ROWS_QUARANTINE]), sizeof bad / sizeof bad[0]);
    kit_close(&k);
}

// The table is full of calls that go on: a new one is refused, counted, and its events are strays.
static void a_full_table(void **state)
{
    (void)state;
    struct kit k;
    struct limits lim = kit_limits();
    lim.calls = 2;
    kit_open(&k, &lim);
    tell(&k, &(struct say)S(0, SETUP, .key = "a"));
    tell(&k, &(struct say)S(0, SETUP, .key = "b"));
    tell(&k, &(struct say)S(0, SETUP, .key = "c"));
    tell(&k, &(struct say)S(1, ANSWERED, .key = "c"));
    assert_int_equal(slab_stat(k.w->calls).used, 2);
    tell(&k, &(struct say)S(2, ENDED, .key = "a")); // an ended one makes room
    tell(&k, &(struct say)S(3, SETUP, .key = "c"));
    assert_string_equal(
        kit_tell(&k),
        "b started - - 0 msgs=1 legs=:started\nc started - - 0 msgs=1 legs=:started\n");
    kit_close(&k);
}

static void shared(struct span site, char ret[64])
{
    // tokyo has a plan of its own; the others have one together
    (void)span_copy(span_eq(site, SPAN_LIT("tokyo")) ? site : SPAN_LIT("europe"), ret, 64);
}

static void place(struct kit *k, int n, const char *site, int64_t offset_us)
{
    char name[24];
    uint16_t at;
    (void)snprintf(name, sizeof name, "main/cap%d", n);
    struct publisher *p = publisher_intern(k->w, span_str(name), span_str(site), &at);
    assert_non_null(p);
    p->live = true;
    p->clock_offset_us = offset_us;
}

// Begun at berlin, answered and heard at paris, whose clock is an hour ahead: one call, with times as berlin has them.
static void a_realm_is_one_network(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    k.w->realm = shared;
    place(&k, 1, "berlin", 2000);
    place(&k, 2, "paris", 3600 * US_PER_S + 2000);
    tell(&k, &(struct say)S(0, SETUP));
    tell(&k, &(struct say)S(3601, RINGING, .pub = 2));
    tell(&k, &(struct say)S(3603, ANSWERED, .pub = 2));
    tell(&k, &(struct say)S(3, NONE, .receives = 2, .ip = "10.0.0.2", .port = 6000));
    kit_play(&k, "3604 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 pub=2 until=3608\n");
    const struct call *c = slab_at(k.w->calls, 0);
    assert_non_null(c);
    assert_int_equal(c->publishers, 2);
    assert_int_equal(c->stream_count, 1);
    tell(&k, &(struct say)S(9, ENDED, .side = 1, .cause = 16));
    // Late word of the same call by paris' clock, and a call that begins anew by it.
    tell(&k, &(struct say)S(3608, SETUP, .pub = 2));
    assert_int_equal(slab_stat(k.w->calls).used, 1);
    tell(&k, &(struct say)S(3611, SETUP, .pub = 2));
    assert_int_equal(slab_stat(k.w->calls).used, 2);
    assert_string_equal(
        kit_tell(&k),
        "7@m ended answered caller 200 ring=1 answer=3 end=9 msgs=5 rec=pending legs=:ended "
        "media=caller@:1\n"
        "7@m started - - 0 msgs=1 legs=:started\n");
    kit_close(&k);
}

// The same key at a site with a plan of its own is another call.
static void another_realm_is_another_network(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    k.w->realm = shared;
    place(&k, 1, "berlin", 0);
    place(&k, 2, "tokyo", 0);
    tell(&k, &(struct say)S(0, SETUP));
    tell(&k, &(struct say)S(0, SETUP, .pub = 2));
    tell(&k, &(struct say)S(1, NONE, .receives = 2, .ip = "10.0.0.2", .port = 6000));
    kit_play(&k, "2 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 pub=2 until=5\n");
    assert_int_equal(slab_stat(k.w->calls).used, 2);
    assert_int_equal(media_unjoined(k.w), 1);
    kit_play(&k, "2 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 pub=1 until=5\n");
    assert_int_equal(media_unjoined(k.w), 1);
    kit_close(&k);
}

static void assert_user(struct kit *k, const char *user)
{
    const struct party *p = &((struct call *)slab_at(k->w->calls, 0))->from;
    assert_int_equal(p->user_n, strlen(user));
    assert_memory_equal(p->user, user, p->user_n);
}

// A name that grows from event to event has a new place each time, until the texts of its call are full: then the last one stays.
static void a_party_named_again_and_again(void **state)
{
    (void)state;
    struct kit k;
    char name[PARTY_USER_MAX + 1], kept[PARTY_USER_MAX + 1] = "";
    int taken = 0;
    kit_open(&k, NULL);
    tell(&k, &(struct say)S(0, SETUP));
    for (int n = 1; n <= PARTY_USER_MAX; n++) {
        memset(name, 'a' + n % 26, (size_t)n);
        name[n] = 0;
        tell(&k, &(struct say)S(n / 10.0, NONE, .from = name));
        const struct party *p = &((struct call *)slab_at(k.w->calls, 0))->from;
        if (p->user_n == n) {
            memcpy(kept, name, sizeof kept);
            taken++;
        }
        assert_user(&k, kept);
    }
    assert_in_range(taken, 20, PARTY_USER_MAX - 1);    // room for some, never for all
    tell(&k, &(struct say)S(20, NONE, .from = "bob")); // a shorter one needs none
    assert_user(&k, "bob");
    assert_int_equal(slab_stat(k.w->texts).used, 1);
    kit_drop(&k);
    assert_user(&k, "bob");
    kit_close(&k);
}

static void causes(void **state)
{
    (void)state;
    assert_int_equal(signalling_status_of(17), 486);
    assert_int_equal(signalling_status_of(0), 0);
    assert_int_equal(signalling_status_of(4000000000), 0);
    assert_string_equal(protocol_name(5), "h323");
    assert_string_equal(protocol_name(99), "sip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story),
        cmocka_unit_test(each_story_with_restarts),
        cmocka_unit_test(parties_become_known_later),
        cmocka_unit_test(agents_of_other_signalling),
        cmocka_unit_test(what_cannot_be_used),
        cmocka_unit_test(a_full_table),
        cmocka_unit_test(a_realm_is_one_network),
        cmocka_unit_test(another_realm_is_another_network),
        cmocka_unit_test(a_party_named_again_and_again),
        cmocka_unit_test(causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
