// The table of publishers, driven with a time of its own: who keeps a place, who gives it on, and that nothing is lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "account.h"
#include "base/mono.h"
#include "bus.h"
#include "count.h"

struct table {
    struct accounts *t;
    struct queue *q;
    const char *error;
};

static struct table table_of(uint32_t places)
{
    struct table r = {0};
    struct stat_cell *cells = count_in_cells();
    r.q = queue_new(2 * BUS_MESSAGE_MAX, 16);
    assert_non_null(r.q);
    r.t = accounts_new(places, 8, r.q, cells);
    assert_non_null(r.t);
    return r;
}

static void table_end(struct table *r)
{
    accounts_free(r->t);
    queue_free(r->q);
}

// The Ask of the publisher `name`, whose journal holds 1 to head.
static struct account *ask(struct table *r, const char *name, uint64_t head, int64_t at_s)
{
    uint8_t birth[ENVELOPE_BIRTH] = {(uint8_t)name[0]};
    struct ask_msg a = {.version = BUS_PROTOCOL_VERSION,
                        .publisher = span_str(name),
                        .incarnation = span_of(birth, sizeof(birth)),
                        .epoch = 1,
                        .first_seq = 1,
                        .head_seq = head,
                        .site = span_str("main"),
                        .kind = CALLMESH__V1__KIND__KIND_SIG};
    r->error = NULL;
    return accounts_on_ask(r->t, &a, at_s * US_PER_S, 0, &r->error);
}

static void quiet_place_is_given_on(void **state)
{
    (void)state;
    struct table r = table_of(2);
    struct account *a = ask(&r, "a", 0, 100);
    struct account *b = ask(&r, "b", 0, 100);
    assert_non_null(a);
    assert_non_null(b);
    uint32_t slot = a->slot;
    assert_null(ask(&r, "c", 0, 109)); // both were heard less than 10 s ago
    assert_string_equal(r.error, "too many publishers");
    assert_ptr_equal(ask(&r, "b", 0, 109), b);
    assert_null(ask(&r, "c", 0, 110)); // 10 s is not yet more than 10 s
    struct account *c = ask(&r, "c", 0, 111);
    assert_ptr_equal(c, a); // a's place, b has spoken since
    assert_int_equal(BUS_SLOT_INDEX(c->slot), BUS_SLOT_INDEX(slot));
    assert_int_not_equal(c->slot, slot);
    assert_null(accounts_by_slot(r.t, slot)); // a late commit for a finds nobody
    assert_ptr_equal(accounts_by_slot(r.t, c->slot), c);
    assert_null(ask(&r, "a", 0, 112)); // and a, back, waits as c did
    table_end(&r);
}

static void who_owes_keeps_its_place(void **state)
{
    (void)state;
    struct table r = table_of(1);
    struct account *a = ask(&r, "a", 3, 100);
    assert_non_null(a);
    a->next_seq = 4; // three were taken
    assert_true(account_commit(a, 2));
    assert_null(ask(&r, "b", 0, 500)); // one is not committed, however long a is quiet
    assert_true(account_commit(a, 3));
    assert_non_null(ask(&r, "b", 0, 501));
    // Back after b has been quiet, a goes on where it was: nothing twice, nothing lost.
    a = ask(&r, "a", 5, 600);
    assert_non_null(a);
    assert_int_equal(a->next_seq, 4);
    assert_int_equal(a->committed_seq, 3);
    assert_int_equal(a->lost, 0);
    table_end(&r);
}

// A table that is full of quiet ones: the one that has been quiet longest goes.
static void longest_quiet_goes_first(void **state)
{
    (void)state;
    struct table r = table_of(3);
    assert_non_null(ask(&r, "a", 0, 102));
    struct account *b = ask(&r, "b", 0, 100);
    assert_non_null(b);
    assert_non_null(ask(&r, "c", 0, 101));
    assert_ptr_equal(ask(&r, "d", 0, 200), b);
    table_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_place_is_given_on),
        cmocka_unit_test(who_owes_keeps_its_place),
        cmocka_unit_test(longest_quiet_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
