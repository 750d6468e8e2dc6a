// The world read back from a PostgreSQL that knows nothing of its tables (it forgets their figures when it is killed): open calls by the
// thousand must not be compared with each stream of the day.
#include "restore.h"
#include <stdio.h>
#include <string.h>
#include "store/schema.h"
#include "story_kit.h"
#include "tests/support/pg_throwaway.h"

#include "tests/support/test.h"

static struct pg_throwaway pg;

static int setup(void **state)
{
    (void)state;
    return pg_throwaway_start(&pg, __FILE__, 2) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    pg_throwaway_end(&pg);
    return 0;
}

// 3,000 open calls with two streams each of 60,000, and 200 streams without a call, half of them a day old.
static const char rows[] =
    "INSERT INTO harvesters (site, name, feed_at) VALUES ('s', 's/h', now());"
    "INSERT INTO open_calls (id, site, started_at, revision, state) SELECT "
    "md5('c' || i)::uuid, 's', now(), 1, '' FROM generate_series(1, 3000) i;"
    "INSERT INTO streams (site, first_at, id, call_id, harvester, ssrc, src_ip, src_port, dst_ip, "
    "dst_port, payload_type, last_at)"
    " SELECT 's', now(), md5('s' || i)::uuid, md5('c' || i / 2)::uuid, 's/h', i, '192.0.2.1', "
    "4000, '192.0.2.2', 4000, 0, now()"
    " FROM generate_series(2, 60001) i;"
    "INSERT INTO streams (site, first_at, id, harvester, ssrc, src_ip, src_port, dst_ip, dst_port, "
    "payload_type, last_at)"
    " SELECT 's', now(), md5('f' || i)::uuid, 's/h', i, '192.0.2.1', 4000, '192.0.2.2', 4000, 0, "
    "now() - i % 2 * interval '1 day'"
    " FROM generate_series(1, 200) i;";

static void without_figures_of_the_tables(void **state)
{
    (void)state;
    char folder[512], dsn[512], err[256] = "";
    // So little memory that a list of ids is not hashed: what a table that looks large gets with the usual 4 MB.
    (void)snprintf(dsn, sizeof dsn, "%s options='-c work_mem=64kB'", pg.dsn);
    struct store_opts o = {.dsn = dsn, .app = "restore_test", .timeout_us = 10 * US_PER_S};
    struct store *db = store_new(&o);
    assert_non_null(db);
    assert_int_equal(
        schema_apply(db, pg_throwaway_schema(&pg, folder, sizeof folder), err, sizeof err),
        SCHEMA_OK);
    if (store_script(db, rows) != STORE_OK)
        fail_msg("%s", store_error(db));
    struct kit k;
    struct limits l = kit_limits();
    l.streams = 8000;
    kit_open(&k, &l);
    struct known_cursor known[4];
    size_t n;
    int r = restore_world(db, k.w, known, 4, &n);
    if (r != STORE_OK)
        fail_msg("%s", store_error(db));
    assert_int_equal(slab_stat(k.w->streams).used, 6100);
    kit_close(&k);
    store_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_figures_of_the_tables)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
