// Which calls are recorded: each thing that a rule can match, the order, the draw, and what a call keeps of it.
#include "agent_table.h"
#include "story_kit.h"

static struct policy_rule rule(const char *name, enum policy_action action)
{
    struct policy_rule r = {.action = (uint8_t)action, .early_media = true, .sides = 3};
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    return r;
}

static struct ip_addr ip(const char *text)
{
    struct ip_addr a = {0};
    assert_true(ip_addr_parse(span_str(text), &a));
    return a;
}

static const struct uuid id = {.b = {1, 2, 3}};

static struct policy_facts facts(void)
{
    struct policy_facts f = {.call_id = &id,
                             .site = SPAN_LIT("par"),
                             .from_user = SPAN_LIT("+4930123456"),
                             .to_user = SPAN_LIT("2001"),
                             .direction = POLICY_INBOUND,
                             .src = ip("192.0.2.77"),
                             .dst = ip("2001:db8::1")};
    policy_digits(f.from_user, f.from_number);
    policy_digits(f.to_user, f.to_number);
    return f;
}

static bool hits(const struct policy_rule *r)
{
    struct policy p = {.rules = 1, .rule = {*r}};
    struct policy_facts f = facts();
    struct decision d;
    policy_decide(&p, &f, &d);
    return d.reason == POLICY_BY_NONE;
}

static void each_condition_matches_and_does_not(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t at;
        const char *good[3], *bad[3];
    } texts[] = {
        {"site", offsetof(struct policy_rule, site), {"par", ""}, {"pa", "lon", "parx"}},
        {"number", offsetof(struct policy_rule, number), {"4930", "20", "2001"}, {"30", "20011"}},
        {"from",
         offsetof(struct policy_rule, from_number),
         {"4930123456"},
         {"2001", "49301234567"}},
        {"to", offsetof(struct policy_rule, to_number), {"2", "2001"}, {"4930", "3"}},
        {"user",
         offsetof(struct policy_rule, sip_user),
         {"2001", "+4930123456"},
         {"200", "4930123456"}},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int k = 0; k < 6; k++) {
            const char *text = k < 3 ? texts[i].good[k] : texts[i].bad[k - 3];
            struct policy_rule r = rule("r", POLICY_NONE);
            if (!text)
                continue;
            (void)snprintf((char *)&r + texts[i].at, POLICY_NUMBER, "%s", text);
            if (hits(&r) != (k < 3))
                fail_msg("%s \"%s\"", texts[i].what, text);
        }
    static const struct {
        const char *net;
        uint8_t bits;
        bool in;
    } nets[] = {{"192.0.2.0", 24, true},     {"192.0.2.77", 32, true},  {"192.0.2.76", 32, false},
                {"192.0.2.64", 27, true},    {"192.0.2.96", 27, false}, {"192.0.3.0", 24, false},
                {"0.0.0.0", 0, true},        {"2001:db8::", 32, true},  {"2001:db8::1", 128, true},
                {"2001:db8::2", 128, false}, {"2001:db9::", 32, false}};
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        struct policy_rule r = rule("r", POLICY_NONE);
        r.peer = ip(nets[i].net);
        r.peer_bits = nets[i].bits;
        if (hits(&r) != nets[i].in)
            fail_msg("%s/%u", nets[i].net, nets[i].bits);
    }
    struct policy_rule r = rule("r", POLICY_NONE);
    r.direction = POLICY_INBOUND;
    assert_true(hits(&r));
    r.direction = POLICY_OUTBOUND;
    assert_false(hits(&r));
}

// A rule for a person, for a team, and for both: of one person.
static void people(void **state)
{
    (void)state;
    static const struct uuid ann = {{1}}, bo = {{2}}, nobody = {{3}};
    static const struct {
        const struct uuid *agent;
        const char *team;
        bool hits;
    } cases[] = {{&ann, "", true},         {&bo, "", true},       {&nobody, "", false},
                 {NULL, "sales", true},    {NULL, "", true},      {NULL, "sale", false},
                 {&ann, "sales", true},    {&bo, "sales", false}, {&bo, "support", true},
                 {&ann, "support", false}, {NULL, "night", false}};
    struct policy_facts f = facts();
    f.agent[0].id = &ann;
    f.agent[0].team = SPAN_LIT("sales");
    f.agent[1].id = &bo;
    f.agent[1].team = SPAN_LIT("support");
    f.agents = 2;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct policy p = {.rules = 1, .rule = {rule("r", POLICY_NONE)}};
        struct decision d;
        p.rule[0].agent = cases[i].agent ? *cases[i].agent : (struct uuid){0};
        (void)snprintf(p.rule[0].team, sizeof p.rule[0].team, "%s", cases[i].team);
        policy_decide(&p, &f, &d);
        if ((d.reason == POLICY_BY_NONE) != cases[i].hits)
            fail_msg("case %zu", i);
    }
    struct policy_rule r = rule("r", POLICY_NONE);
    r.agent = ann;
    assert_false(hits(&r)); // nobody is known
}

static void directions(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        enum policy_direction want;
    } cases[] = {
        {"2001", "2002", POLICY_INTERNAL},          {"ann", "bob", POLICY_INTERNAL},
        {"2001", "0049301234567", POLICY_OUTBOUND}, {"+49301234", "2001", POLICY_INBOUND},
        {"anonymous", "2001", POLICY_INBOUND},      {"", "2001", POLICY_INBOUND},
        {"+4930", "+4940", POLICY_TRANSIT},         {"4930123456", "4940123456", POLICY_TRANSIT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (policy_direction_of(span_str(cases[i].from), span_str(cases[i].to), 6) != cases[i].want)
            fail_msg("%s -> %s", cases[i].from, cases[i].to);
}

static void the_first_that_matches_decides(void **state)
{
    (void)state;
    struct policy p = {.rules = 3,
                       .rule = {rule("lon", POLICY_NONE), rule("mine", POLICY_ON_DEMAND),
                                rule("rest", POLICY_ALL)}};
    struct policy_facts f = facts();
    struct decision d;
    (void)snprintf(p.rule[0].site, sizeof p.rule[0].site, "lon");
    (void)snprintf(p.rule[1].to_number, sizeof p.rule[1].to_number, "200");
    p.rule[2].sides = 1;
    p.rule[2].early_media = false;
    policy_decide(&p, &f, &d);
    assert_string_equal(d.rule, "mine");
    assert_false(d.record);
    assert_int_equal(d.reason, POLICY_BY_ON_DEMAND);
    (void)snprintf(p.rule[1].to_number, sizeof p.rule[1].to_number, "3");
    policy_decide(&p, &f, &d);
    assert_true(d.record && d.from_answer && d.sides == 1 && !d.after_answer);
    p.rules = 1;
    policy_decide(&p, &f, &d);
    assert_true(d.record && d.sides == 3 && d.reason == POLICY_NO_RULE && !d.rule[0]);
    policy_decide(NULL, &f, &d);
    assert_true(d.record);
}

// The share that was asked for, of ids as they are made, and the same lot for the same call.
static void a_percentage_is_that_of_the_calls(void **state)
{
    (void)state;
    struct policy p = {.rules = 1, .rule = {rule("some", POLICY_PERCENT)}};
    static const uint16_t shares[] = {0, 50, 1000, 2500, 9000, 10000};
    for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++) {
        struct policy_facts f = facts();
        size_t in = 0;
        p.rule[0].hundredths = shares[s];
        for (uint32_t i = 0; i < 20000; i++) {
            struct uuid u = uuid_v7_derived(KIT_T0 + i * 1000, span_of(&i, sizeof i));
            struct decision a, b;
            f.call_id = &u;
            policy_decide(&p, &f, &a);
            policy_decide(&p, &f, &b);
            assert_int_equal(a.record, b.record);
            in += a.record;
        }
        size_t want = 2u * shares[s];
        if (in + 250 < want || in > want + 250 || (shares[s] == 10000 && in != 20000))
            fail_msg("%u of 10000: %zu of 20000", shares[s], in);
    }
}

// ---- a call and its rules -----------------------------------------------------------------------------------------

static struct policy_board board;

static void play(struct kit *k, const char *text, const struct policy_rule *r)
{
    kit_open(k, NULL);
    policy_board_init(&board);
    if (r)
        board.now->rule[board.now->rules++] = *r;
    k->w->policy = &board;
    k->w->lim.inside_digits = 6;
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

#define TALK                                                                                       \
    "0 A>B INVITE sdp=4000\n1 B>A 183 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n"  \
    "3 B>A 200 t=b sdp=6000\n3.1 A>B ACK t=b z=ack\n"
#define BYE "9 A>B BYE t=b n=2\n9.1 B>A 200 t=b n=2 m=BYE"
#define MISSED                                                                                     \
    "0 A>B INVITE sdp=4000\n1 B>A 183 t=b sdp=6000\n1.1 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1\n"  \
    "5 B>A 480 t=b"

static void check(const struct call *c, enum policy_reason reason, bool record, int state)
{
    assert_int_equal(c->decision.reason, reason);
    assert_int_equal(c->decision.record, record);
    assert_int_equal(c->recording_state, state);
}

static void what_a_call_becomes(void **state)
{
    (void)state;
    struct policy_rule late = rule("late", POLICY_ALL), none = rule("none", POLICY_NONE);
    struct policy_rule begin = rule("begin", POLICY_ALL);
    late.after_answer = true;
    begin.early_media = false;
    const struct {
        const char *name, *text;
        const struct policy_rule *rule;
        enum policy_reason reason;
        bool record;
        int state;
    } cases[] = {
        {"no rule, going on", TALK, NULL, POLICY_NO_RULE, true, 1},
        {"no rule, over", TALK BYE, NULL, POLICY_NO_RULE, true, 2},
        {"none, going on", TALK, &none, POLICY_BY_NONE, false, 0},
        {"none, over", TALK BYE, &none, POLICY_BY_NONE, false, 0},
        {"none, not a word said", "0 A>B INVITE\n3 B>A 200 t=b\n3.1 A>B ACK t=b z=ack\n" BYE, &none,
         POLICY_BY_NONE, false, 0},
        {"after the answer, answered", TALK BYE, &late, POLICY_BY_ALL, true, 2},
        {"after the answer, missed", MISSED, &late, POLICY_NOT_ANSWERED, false, 0},
        {"from the answer, missed", MISSED, &begin, POLICY_NOT_ANSWERED, false, 0},
        {"no rule, missed", MISSED, NULL, POLICY_NO_RULE, true, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kit k;
        print_message("  %s\n", cases[i].name);
        play(&k, cases[i].text, cases[i].rule);
        check(the_call(&k), cases[i].reason, cases[i].record, cases[i].state);
        kit_close(&k);
    }
}

// The agent is behind the box: both parts of the call are decided by who is in it.
static void an_agent_of_another_part(void **state)
{
    (void)state;
    struct policy_rule sales = rule("sales", POLICY_NONE);
    (void)snprintf(sales.team, sizeof sales.team, "sales");
    struct kit k;
    struct agent_table *t = agent_table_new(4);
    struct agent_entry ann = {.kind = AGENT_BY_USER,
                              .value = SPAN_LIT("200"),
                              .from_us = INT64_MIN,
                              .to_us = INT64_MAX,
                              .id = {{1}},
                              .name = SPAN_LIT("Ann"),
                              .team = SPAN_LIT("sales")};
    assert_true(agent_table_add(t, &ann));
    kit_open(&k, NULL);
    k.w->agents = t;
    policy_board_init(&board);
    board.now->rule[board.now->rules++] = sales;
    k.w->policy = &board;
    kit_play(&k, "0 D>P INVITE id=x user=dan to=800 sdp=4000\n"
                 "0.1 P>B INVITE id=y user=dan to=200 x=X-CID:x sdp=5000\n"
                 "2 P>D 200 id=x t=b sdp=4100\n2.1 rtp 10.0.0.4:4000>10.0.0.9:4100 ssrc=1\n"
                 "3 D>P INVITE id=z f=h user=dan to=800 sdp=4200\n"
                 "4 P>D 200 id=z f=h t=i sdp=4300\n4.1 rtp 10.0.0.4:4200>10.0.0.9:4300 ssrc=2");
    for (size_t i = 0; i < k.w->lim.calls; i++) {
        const struct call *c = slab_at(k.w->calls, i);
        if (c && span_eq(call_id_span(c), SPAN_LIT("x")))
            check(c, POLICY_BY_NONE, false, 0);
        if (c && span_eq(call_id_span(c), SPAN_LIT("z"))) // no agent in it
            check(c, POLICY_NO_RULE, true, 1);
    }
    agent_table_free(t);
    kit_close(&k);
}

static void asked_for_while_it_goes_on_and_when_it_is_over(void **state)
{
    (void)state;
    struct policy_rule r = rule("ask", POLICY_ON_DEMAND);
    r.sides = 2;
    r.early_media = false;
    for (int over = 0; over < 2; over++) {
        struct kit k;
        play(&k, over ? TALK BYE : TALK, &r);
        struct call *c = the_call(&k);
        check(c, POLICY_BY_ON_DEMAND, false, 0);
        recordings_ask(k.w, c, SPAN_LIT("user:ann"));
        check(c, POLICY_ASKED, true, over ? 2 : 1);
        assert_string_equal(c->decision.by, "user:ann");
        assert_false(c->decision.from_answer); // from its first packet
        assert_int_equal(recordings_awaited(k.w, &c->id), over);
        recordings_ask(k.w, c, SPAN_LIT("user:bob"));
        assert_string_equal(c->decision.by, "user:ann");
        kit_close(&k);
    }
}

// What was decided is not decided again by another process with other rules.
static void a_restart_keeps_it(void **state)
{
    (void)state;
    struct policy_rule r = rule("none", POLICY_NONE);
    struct kit k;
    play(&k, TALK "4 drop", &r);
    k.w->policy = NULL;
    kit_play(&k, BYE);
    check(the_call(&k), POLICY_BY_NONE, false, 0);
    assert_string_equal(the_call(&k)->decision.rule, "none");
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_condition_matches_and_does_not),
        cmocka_unit_test(people),
        cmocka_unit_test(directions),
        cmocka_unit_test(an_agent_of_another_part),
        cmocka_unit_test(the_first_that_matches_decides),
        cmocka_unit_test(a_percentage_is_that_of_the_calls),
        cmocka_unit_test(what_a_call_becomes),
        cmocka_unit_test(asked_for_while_it_goes_on_and_when_it_is_over),
        cmocka_unit_test(a_restart_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
