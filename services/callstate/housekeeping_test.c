// A round of housekeeping on a real PostgreSQL: days ahead, words of the days that are over, what was interrupted made again.
#include "housekeeping.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/mono.h"
#include "store/schema.h"
#include "tests/support/pg_throwaway.h"
#include "tests/support/test.h"

#define DAY_US (86400 * US_PER_S)
#define WORDS  "(from_uri || E'\\n' || to_uri || E'\\n' || from_name || E'\\n' || to_name)"

static struct pg_throwaway pg;
static struct store *db;
static int64_t now_us;

static int setup(void **state)
{
    (void)state;
    char folder[512], err[256] = "";
    if (pg_throwaway_start(&pg, __FILE__, 2))
        return -1;
    struct store_opts o = {.dsn = pg.dsn, .app = "housekeeping_test", .timeout_us = 20 * US_PER_S};
    db = store_new(&o);
    // 03:00 of a day: yesterday is over, for more than an hour.
    now_us = wall_now_us() / DAY_US * DAY_US + 3 * 3600 * US_PER_S;
    return db && schema_apply(db, pg_throwaway_schema(&pg, folder, sizeof folder), err,
                              sizeof err) == SCHEMA_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    db = store_free(db);
    pg_throwaway_end(&pg);
    return 0;
}

static int64_t ask(const char *sql)
{
    struct store_result *r = NULL;
    assert_int_equal(store_query(db, sql, NULL, &r), STORE_OK);
    int64_t n = store_int(r, 0, 0);
    store_result_free(r);
    return n;
}

static int64_t indexes(const char *more)
{
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM pg_class c JOIN pg_index x ON x.indexrelid = c.oid"
                   " WHERE relname ~ '^calls_[0-9]{8}_words$' AND indisvalid %s",
                   more);
    return ask(sql);
}

static void a_day_that_is_over_gets_its_words(void **state)
{
    (void)state;
    int made = 0;
    assert_int_equal(partitions_make(db, now_us, -3, 0, &made), STORE_OK);
    assert_int_equal(store_script(db,
                                  "INSERT INTO calls (site, started_at, id, revision, state, "
                                  "from_name) SELECT 's', date_trunc('day', now() AT TIME ZONE "
                                  "'UTC') AT TIME ZONE 'UTC' - interval '30 hours' + i * "
                                  "interval '1 s', gen_random_uuid(), 1, 'ended', 'Caller ' || i"
                                  " FROM generate_series(1, 5000) AS i"),
                     STORE_OK);
    assert_int_equal(indexes(""), 0);
    assert_int_equal(housekeeping_round(db, now_us), STORE_OK);
    assert_int_equal(indexes(""), 3); // not today's
    assert_int_equal(ask("SELECT count(*) FROM pg_class WHERE relname ~ '^calls_[0-9]{8}$'"), 11);
    struct store_result *r = NULL;
    assert_int_equal(
        store_query(db, "EXPLAIN SELECT id FROM calls WHERE " WORDS " ILIKE '%caller 4711%'", NULL,
                    &r),
        STORE_OK);
    bool used = false;
    for (size_t i = 0; i < store_rows(r); i++)
        used |= strstr(store_str(r, i, 0), "_words") != NULL;
    store_result_free(r);
    assert_true(used);
    assert_int_equal(ask("SELECT count(*) FROM calls WHERE " WORDS " ILIKE '%caller 4711%'"), 1);
}

static void an_interrupted_index_is_made_again(void **state)
{
    (void)state;
    assert_int_equal(store_script(db, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
                                      "(SELECT max(oid) FROM pg_class WHERE relname ~ "
                                      "'^calls_[0-9]{8}_words$')"),
                     STORE_OK);
    assert_int_equal(indexes(""), 2);
    assert_int_equal(housekeeping_round(db, now_us), STORE_OK);
    assert_int_equal(indexes(""), 3);
}

static void old_cursors_go(void **state)
{
    (void)state;
    assert_int_equal(
        store_script(db, "INSERT INTO feed_cursors (publisher, incarnation, epoch, seq, updated_at)"
                         " VALUES ('old', '\\x00', 1, 1, now() - interval '91 days'),"
                         " ('new', '\\x00', 1, 1, now() - interval '89 days')"),
        STORE_OK);
    assert_int_equal(housekeeping_round(db, now_us), STORE_OK);
    assert_int_equal(ask("SELECT count(*) FROM feed_cursors"), 1);
}

// Rules as the state thread gets them: when they have changed, in their order, all of what a rule can say.
static void rules_are_read_when_they_have_changed(void **state)
{
    (void)state;
    static struct policy_board b;
    policy_board_init(&b);
    assert_int_equal(policy_refresh(&b, db), STORE_OK);
    assert_int_equal(policy_current(&b)->rules, 0);
    assert_int_equal(
        store_script(db, "INSERT INTO agents (id, name) VALUES "
                         "('00010203-0405-4607-8809-0a0b0c0d0e0f', 'Ann'); "
                         "INSERT INTO recording_rules (position, name, action, percent, site, "
                         "direction, number, from_number, "
                         "to_number, sip_user, agent, team, peer, after_answer, early_media, "
                         "sides, pause_code, resume_code, pause_seconds) VALUES "
                         "(20, 'some', 'percent', 12.25, 'par', 'outbound', '49', '1', '2', "
                         "'2001', '00010203-0405-4607-8809-0a0b0c0d0e0f', 'sales', "
                         "'2001:db8::/33', true, "
                         "false, 'callee', '*9', '*8', 90), (10, 'ask', 'on_demand', NULL, '', '', "
                         "'', '', '', '', "
                         "NULL, '', NULL, false, true, 'both', '', '', NULL)"),
        STORE_OK);
    assert_int_equal(policy_refresh(&b, db), STORE_OK);
    assert_int_equal(policy_current(&b)->rules, 0); // no line of the journal: nobody changed them
    const char *change =
        "INSERT INTO recording_rule_changes (actor, rule_id) VALUES ('t', gen_random_uuid())";
    assert_int_equal(store_script(db, change), STORE_OK);
    assert_int_equal(policy_refresh(&b, db), STORE_OK);
    const struct policy *p = policy_current(&b);
    assert_int_equal(p->rules, 2);
    assert_string_equal(p->rule[0].name, "ask");
    assert_int_equal(p->rule[0].action, POLICY_ON_DEMAND);
    assert_int_equal(p->rule[0].sides, 3);
    assert_int_equal(p->rule[0].peer.family, 0);
    const struct policy_rule *r = &p->rule[1];
    assert_int_equal(r->action, POLICY_PERCENT);
    assert_int_equal(r->hundredths, 1225);
    assert_int_equal(r->direction, POLICY_OUTBOUND);
    assert_int_equal(r->peer.family, 6);
    assert_int_equal(r->peer_bits, 33);
    assert_int_equal(r->sides, 2);
    assert_true(r->after_answer && !r->early_media);
    assert_string_equal(r->site, "par");
    assert_string_equal(r->number, "49");
    assert_string_equal(r->from_number, "1");
    assert_string_equal(r->to_number, "2");
    assert_string_equal(r->sip_user, "2001");
    assert_string_equal(r->team, "sales");
    assert_int_equal(r->agent.b[1], 1);
    assert_int_equal(r->agent.b[15], 15);
    assert_true(uuid_is_zero(&p->rule[0].agent) && !p->rule[0].team[0]);
    assert_string_equal(r->pause_code, "*9");
    assert_string_equal(r->resume_code, "*8");
    assert_int_equal(r->pause_seconds, 90);
    assert_int_equal(p->rule[0].pause_seconds, 0);
    // Many changes that nobody fetches between: the last one counts, and no place is lost.
    for (int i = 0; i < 5; i++) {
        assert_int_equal(store_script(db, change), STORE_OK);
        assert_int_equal(policy_refresh(&b, db), STORE_OK);
    }
    assert_int_equal(policy_current(&b)->version, ask("SELECT max(n) FROM recording_rule_changes"));
    assert_ptr_equal(policy_current(&b), b.now);
    // The table is full: those that fit are kept, in order.
    assert_int_equal(
        store_script(
            db, "INSERT INTO recording_rules (position, name, action) SELECT 1000 + i, 'r' || i, "
                "'all' FROM generate_series(1, 200) i"),
        STORE_OK);
    assert_int_equal(store_script(db, change), STORE_OK);
    assert_int_equal(policy_refresh(&b, db), STORE_OK);
    p = policy_current(&b);
    assert_int_equal(p->rules, POLICY_RULES);
    assert_string_equal(p->rule[POLICY_RULES - 1].name, "r126");
}

// A question of minutes does not hold up a stop.
static void a_stop_interrupts(void **state)
{
    (void)state;
    static _Atomic bool stop;
    store_set_give_up(db, &stop);
    assert_int_equal(ask("SELECT 1"), 1);
    stop = true;
    int64_t t0 = mono_now_us();
    assert_int_equal(store_query(db, "SELECT pg_sleep(30)", NULL, NULL), STORE_E_AWAY);
    assert_true(mono_now_us() - t0 < 5 * US_PER_S);
    store_set_give_up(db, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_that_is_over_gets_its_words),
        cmocka_unit_test(an_interrupted_index_is_made_again),
        cmocka_unit_test(old_cursors_go),
        cmocka_unit_test(rules_are_read_when_they_have_changed),
        cmocka_unit_test(a_stop_interrupts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
