// Parties of a call that are agents: matched at the INVITE by the list as it is then, kept whatever the list says later, through a restart
// and from a call that the version before has saved; told on the mesh and in the row. No database here: agents_load is asked by tests/system.
#include "story_kit.h"
#include "agent_table.h"
#include "agents.h"
#include "blob_v5.h"
#include "mesh.h"
#include "number/dialplan.h"
#include "stats.h"

static const struct uuid ann = {{0xa1}}, bo = {{0xb0}};

static void add(struct agent_table *t, enum agent_match kind, const char *value, int64_t from_s,
                int64_t to_s, const struct uuid *id, const char *name, const char *team)
{
    struct agent_entry e = {.kind = kind,
                            .value = span_str(value),
                            .from_us = KIT_T0 + from_s * US_PER_S,
                            .to_us = KIT_T0 + to_s * US_PER_S,
                            .id = *id,
                            .name = span_str(name),
                            .team = span_str(team)};
    assert_true(agent_table_add(t, &e));
}

static struct agent_table *list(void)
{
    struct agent_table *t = agent_table_new(16);
    assert_non_null(t);
    add(t, AGENT_BY_USER, "alice", -10, 10, &ann, "Ann Otter", "sales");
    add(t, AGENT_BY_USER, "alice", 10, 99, &bo, "Bo Berg", "");
    add(t, AGENT_BY_ADDRESS, "10.0.0.2", -10, 99, &bo, "Bo Berg", "");
    return t;
}

static struct call *find(struct kit *k, const char *call_id)
{
    for (size_t i = 0; i < k->w->lim.calls; i++) {
        struct call *c = slab_at(k->w->calls, i);
        if (c && span_eq(call_id_span(c), span_str(call_id)))
            return c;
    }
    fail_msg("no call %s", call_id);
    return NULL;
}

// "name/team by user"; "-": nobody
static void is(const struct party *p, const char *want)
{
    char got[160] = "-";
    const struct agent_ref *a = &p->agent;
    if (a->by)
        (void)snprintf(got, sizeof got, "%.*s/%.*s by %s", a->name_n, (const char *)agent_name(a).p,
                       a->team_n, (const char *)agent_team(a).p,
                       a->by == AGENT_BY_USER ? "user" : "address");
    assert_string_equal(got, want);
}

static uint64_t stat(enum callstate_stat s)
{
    return stat_get(&callstate_stat[s]);
}

static uint64_t matched(void)
{
    return stat(STAT_AGENTS_BY_USER) + stat(STAT_AGENTS_BY_ADDRESS);
}

static void matched_at_the_invite(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct agent_table *t = list();
    uint64_t before = matched();
    kit_play(&k, "0 A>C INVITE id=none"); // there is no list yet
    k.w->agents = t;
    kit_play(&k, "1 A>B INVITE id=x\n2 C>D INVITE id=other user=carol to=dan\n"
                 "20 A>C INVITE id=y\n30 B>C INVITE id=z user=bob\n200 A>B INVITE id=late");
    is(&find(&k, "none")->from, "-");
    is(&find(&k, "x")->from, "Ann Otter/sales by user");
    is(&find(&k, "x")->to, "Bo Berg/ by address");
    is(&find(&k, "other")->from, "-");
    is(&find(&k, "other")->to, "-");
    is(&find(&k, "y")->from, "Bo Berg/ by user");
    is(&find(&k, "z")->from, "Bo Berg/ by address");
    is(&find(&k, "late")->from, "-"); // nobody any more
    is(&find(&k, "late")->to, "-");
    assert_int_equal(matched() - before, 4);
    // The list goes; who they were stays, and through a restart too.
    agent_table_clear(t);
    add(t, AGENT_BY_USER, "alice", -10, 999, &bo, "Somebody Else", "night");
    is(&find(&k, "x")->from, "Ann Otter/sales by user");
    k.w->agents = NULL;
    kit_drop(&k);
    is(&find(&k, "x")->from, "Ann Otter/sales by user");
    is(&find(&k, "x")->to, "Bo Berg/ by address");
    assert_memory_equal(find(&k, "x")->from.agent.id.b, ann.b, sizeof ann.b);
    is(&find(&k, "z")->from, "Bo Berg/ by address");
    is(&find(&k, "other")->from, "-");
    agent_table_free(t);
    kit_close(&k);
}

// A call of several parts has the agents of all of them, each once.
static void those_of_all_parts(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct agent_table *t = list();
    k.w->agents = t;
    kit_play(&k,
             "0 D>P INVITE id=x user=dan to=800\n0.1 P>B INVITE id=y user=dan to=200 x=X-CID:x");
    struct part_agent at[AGENTS_SHOWN];
    struct call *head = find(&k, "x"), *part = find(&k, "y");
    assert_true(parts_is_merged(part) && parts_head(part) == head);
    is(&head->from, "-");
    is(&head->to, "-");
    assert_int_equal(parts_agents(head, at), 1);
    assert_ptr_equal(at[0].agent, &part->to.agent);
    assert_int_equal(at[0].side, SIDE_CALLEE);
    kit_play(&k, "0.2 P>B INVITE id=z user=alice to=200 x=X-CID:x");
    assert_int_equal(parts_agents(head, at), 2); // Bo once
    assert_int_equal(at[1].side, SIDE_CALLER);
    assert_int_equal(parts_agents(part, at), 1);
    agent_table_free(t);
    kit_close(&k);
}

// More are in it than are shown: the first four, in order of the parts.
static void more_than_are_shown(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct agent_table *t = agent_table_new(16);
    char user[8];
    for (int i = 0; i < 6; i++) {
        struct uuid id = {{(uint8_t)(i + 1)}};
        (void)snprintf(user, sizeof user, "10%d", i & 7);
        add(t, AGENT_BY_USER, user, -10, 99, &id, user, "");
    }
    k.w->agents = t;
    kit_play(&k, "0 A>P INVITE id=x user=100 to=101\n"
                 "0.1 P>B INVITE id=y user=102 to=103 x=X-CID:x\n"
                 "0.2 P>C INVITE id=z user=104 to=105 x=X-CID:x");
    struct part_agent at[AGENTS_SHOWN];
    const struct call *head = find(&k, "x");
    assert_int_equal(parts_count(head), 3);
    assert_int_equal(parts_agents(head, at), AGENTS_SHOWN);
    for (size_t i = 0; i < AGENTS_SHOWN; i++)
        assert_int_equal(at[i].agent->id.b[0], i + 1);
    assert_int_equal(parts_agents(find(&k, "z"), at), 2);
    agent_table_free(t);
    kit_close(&k);
}

static size_t told_agents(struct kit *k, const struct call *c, Callmesh__V1__CallAgent *ret)
{
    struct arena *a = arena_new(256 << 10);
    assert_non_null(a);
    Callmesh__V1__MeshChange *m = mesh_call(a, k->w, c);
    assert_non_null(m);
    size_t n = m->call->story->n_agents;
    if (n)
        *ret = *m->call->story->agents[0]; // its texts are the world's
    arena_free(a);
    return n;
}

static void add_number(struct agent_table *t, const char *value, const struct dialplans *plans,
                       const struct uuid *id, const char *name)
{
    struct agent_entry e = {.kind = AGENT_BY_USER,
                            .value = span_str(value),
                            .from_us = INT64_MIN,
                            .to_us = INT64_MAX,
                            .id = *id,
                            .name = span_str(name)};
    (void)dialplan_number(dialplans_of(plans, e.site), e.value, DIAL_SHOWN, &e.e164);
    assert_true(agent_table_add(t, &e));
}

// Parties in E.164 by the plan of the call's site, matched to an extension however that is written; what a call has stays, whatever the plan
// says later, through a restart too.
static void numbers_by_the_plan(void **state)
{
    (void)state;
    struct kit k;
    struct dialplan_text words = {SPAN_LIT("49"),      SPAN_LIT("30"),  SPAN_LIT("0"),
                                  SPAN_LIT("4930123"), SPAN_LIT("00"),  SPAN_LIT("0"),
                                  SPAN_LIT("112"),     SPAN_LIT("4"),   SPAN_LIT("6,7,8,9,10,11"),
                                  SPAN_LIT("5,6,7,8"), SPAN_LIT("none")};
    static struct dialplans plans;
    struct dialplan p;
    const char *why = "";
    kit_open(&k, NULL);
    kit_play(&k, "0 A>B INVITE id=none user=0301234567 to=+49401234567");
    assert_int_equal(find(&k, "none")->from.e164, 0);
    assert_int_equal(find(&k, "none")->to.e164, UINT64_C(49401234567));
    assert_true(dialplan_read(&words, &p, &why));
    plans.n = 0;
    assert_true(dialplans_add(&plans, SPAN_LIT("*"), &p));
    k.w->plans = &plans;
    struct agent_table *t = agent_table_new(16);
    add_number(t, "4567", &plans, &ann, "Ann Otter");
    add_number(t, "+49 30 1239999", &plans, &bo, "Bo Berg");
    k.w->agents = t;
    uint64_t shorts = stat(STAT_NUMBERS_SHORT), names = stat(STAT_NUMBERS_NAME);
    kit_play(&k,
             "1 A>B INVITE id=x user=01701234567 to=0301234567\n"
             "2 C>D INVITE id=y user=9999 to=000442079460000\n3 C>D INVITE id=z user=carol to=112");
    struct call *x = find(&k, "x"), *y = find(&k, "y");
    assert_int_equal(x->from.e164, UINT64_C(491701234567));
    assert_int_equal(x->to.e164, UINT64_C(49301234567));
    assert_int_equal(x->to.agent.by, AGENT_BY_NUMBER);
    assert_memory_equal(x->to.agent.id.b, ann.b, sizeof ann.b);
    assert_int_equal(y->from.agent.by, AGENT_BY_NUMBER); // 9999, by the base
    assert_memory_equal(y->from.agent.id.b, bo.b, sizeof bo.b);
    assert_int_equal(y->to.e164, UINT64_C(442079460000));
    assert_int_equal(find(&k, "z")->to.e164, 0);
    assert_int_equal(stat(STAT_NUMBERS_SHORT) - shorts, 1);
    assert_int_equal(stat(STAT_NUMBERS_NAME) - names, 1);
    plans.n = 0;
    kit_drop(&k);
    assert_int_equal(find(&k, "x")->to.e164, UINT64_C(49301234567));
    assert_int_equal(find(&k, "x")->to.agent.by, AGENT_BY_NUMBER);
    struct arena *a = arena_new(256 << 10);
    assert_non_null(a);
    Callmesh__V1__MeshChange *m = mesh_call(a, k.w, find(&k, "x"));
    assert_non_null(m);
    assert_true(
        span_eq(span_of(m->call->to->e164.data, m->call->to->e164.len), SPAN_LIT("+49301234567")));
    m = mesh_call(a, k.w, find(&k, "none"));
    assert_int_equal(m->call->from->e164.len, 0);
    arena_free(a);
    agent_table_free(t);
    kit_close(&k);
}

static void told_on_the_mesh(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct agent_table *t = list();
    Callmesh__V1__CallAgent a;
    k.w->agents = t;
    kit_play(&k, "0 A>B INVITE id=x\n1 C>D INVITE id=y user=carol");
    assert_int_equal(told_agents(&k, find(&k, "y"), &a), 0);
    assert_int_equal(told_agents(&k, find(&k, "x"), &a), 2);
    assert_true(span_eq(span_of(a.name.data, a.name.len), SPAN_LIT("Ann Otter")));
    assert_true(span_eq(span_of(a.team.data, a.team.len), SPAN_LIT("sales")));
    assert_memory_equal(a.id.data, ann.b, sizeof ann.b);
    assert_int_equal(a.matched_by, CALLMESH__V1__AGENT_MATCH__AGENT_MATCH_USER);
    assert_int_equal(a.side, CALLMESH__V1__SIDE__SIDE_CALLER);
    agent_table_free(t);
    kit_close(&k);
}

// An update must not lose the calls that are up: what the version before has saved goes on, and nobody is in it.
static void a_blob_of_the_version_before(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct agent_table *t = list();
    k.w->agents = t;
    assert_int_equal(blob_v5[0], 5);
    struct call *c = blob_read(k.w, span_of(blob_v5, sizeof blob_v5));
    assert_non_null(c);
    is(&c->from, "-");
    is(&c->to, "-");
    assert_int_equal(c->legs->address_count, 2);
    static uint8_t now[32768];
    size_t n = blob_write(k.w, c, now, sizeof now);
    assert_int_equal(now[0], BLOB_VERSION);
    assert_int_equal(n, sizeof blob_v5 + 2 + 16); // that there is no agent, and no number, twice
    assert_memory_equal(now + 1, blob_v5 + 1, sizeof blob_v5 - 1);
    kit_play(&k, "3 rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=1 n=50 until=4\n5 A>B BYE id=x t=b\n"
                 "5.1 B>A 200 id=x t=b m=BYE");
    const char *told = kit_tell(&k);
    if (!strstr(told, "media=caller@b:1") || !strstr(told, "ended"))
        fail_msg("%s", told);
    agent_table_free(t);
    kit_close(&k);
}

static void blobs_that_lie(void **state)
{
    (void)state;
    struct kit k, other;
    kit_open(&k, NULL);
    kit_open(&other, NULL);
    struct agent_table *t = list();
    k.w->agents = t;
    kit_play(&k, "0 A>B INVITE id=x sdp=4000");
    static uint8_t blob[32768], bad[32768];
    size_t n = blob_write(k.w, find(&k, "x"), blob, sizeof blob);
    assert_true(n > 0 && n <= blob_bound(find(&k, "x")));
    for (size_t cut = n - 100; cut < n; cut++) // one byte shorter at every length
        assert_null(blob_read(other.w, span_of(blob, cut)));
    for (size_t at = n - 100; at < n;
         at++) { // each byte of the agents made large: refused, or cut to its bounds
        memcpy(bad, blob, n);
        bad[at] = 0xff;
        struct call *c = blob_read(other.w, span_of(bad, n));
        if (!c)
            continue;
        assert_true(c->from.agent.name_n <= AGENT_NAME_MAX && c->to.agent.team_n <= AGENT_TEAM_MAX);
        call_remove(other.w, c);
        kit_seal(&other);
    }
    assert_int_equal(slab_stat(other.w->calls).used, 0);
    agent_table_free(t);
    kit_close(&other);
    kit_close(&k);
}

// The texts of a call and all blocks are used up: the agent stays, by id; its name is cut.
static void texts_fill_up(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct agent_table *t = list();
    uint64_t refused = stat(STAT_FULL_TEXTS);
    while (slab_take(k.w->texts))
        ;
    k.w->agents = t;
    char id[280], line[400];
    memset(id, 'i', sizeof id);
    id[sizeof id - 1] = 0;
    (void)snprintf(line, sizeof line, "0 A>C INVITE id=%s", id); // no room for the user itself
    kit_play(&k, line);
    is(&find(&k, id)->from, "-"); // part of it may be another's
    id[240] = 0;
    (void)snprintf(line, sizeof line, "0 A>B INVITE id=%s", id);
    kit_play(&k, line);
    struct call *c = find(&k, id);
    assert_int_equal(c->from.agent.by, AGENT_BY_USER);
    assert_memory_equal(c->from.agent.id.b, ann.b, sizeof ann.b);
    assert_true(c->from.agent.name_n < 9 && c->from.agent.team_n == 0);
    assert_true(stat(STAT_FULL_TEXTS) > refused);
    agent_table_free(t);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matched_at_the_invite), cmocka_unit_test(those_of_all_parts),
        cmocka_unit_test(more_than_are_shown),   cmocka_unit_test(numbers_by_the_plan),
        cmocka_unit_test(told_on_the_mesh),      cmocka_unit_test(a_blob_of_the_version_before),
        cmocka_unit_test(blobs_that_lie),        cmocka_unit_test(texts_fill_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
