// The store against a real PostgreSQL 15: values there and back, arrays, one-transaction pipelines,
// errors by kind, a server that dies and comes back, migrations by two starters, partitions. Over 450 lines: one server for all of them.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mono.h"
#include "store/columns.h"
#include "store/pipe.h"
#include "store/schema.h"
#include "tests/support/pg_throwaway.h"

static struct pg_throwaway pg;
static struct store *db;

static struct store *open_db(const char *dsn)
{
    struct store_opts o = {.dsn = dsn, .app = "store_test", .timeout_us = 20 * US_PER_S};
    return store_new(&o);
}

// Made before any thread of a test runs.
static char schema_folder[512];

static int setup(void **state)
{
    (void)state;
    if (pg_throwaway_start(&pg, __FILE__, 2))
        return -1;
    (void)pg_throwaway_schema(&pg, schema_folder, sizeof schema_folder);
    db = open_db(pg.dsn);
    return db ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    db = store_free(db);
    pg_throwaway_end(&pg);
    return 0;
}

static int64_t one_int(const char *sql)
{
    struct store_result *r = NULL;
    assert_int_equal(store_query(db, sql, NULL, &r), STORE_OK);
    int64_t v = store_int(r, 0, 0);
    store_result_free(r);
    return v;
}

static void values_there_and_back(void **state)
{
    (void)state;
    struct uuid u = uuid_v7_derived(1700000000000000, SPAN_LIT("x"));
    const int64_t at = INT64_C(1700000000123456);
    struct store_args a;
    store_args_init(&a);
    store_arg_str(&a, "it's \"text\" \\ \xc3\xa4");
    store_arg_int(&a, INT64_MIN + 1);
    store_arg_real(&a, -0.1);
    store_arg_bool(&a, true);
    store_arg_uuid(&a, &u);
    store_arg_time(&a, at);
    store_arg_bytes(&a, span_of("\0\xff\n", 3));
    store_arg_null(&a);
    store_arg_time(&a, 0);
    store_arg_str(&a, "2001:db8::1");
    struct store_result *r = NULL;
    assert_int_equal(
        store_query(db, "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::inet", &a, &r), STORE_OK);
    assert_int_equal(store_rows(r), 1);
    assert_string_equal(store_str(r, 0, 0), "it's \"text\" \\ \xc3\xa4");
    assert_true(store_int(r, 0, 1) == INT64_MIN + 1);
    assert_true(store_real(r, 0, 2) == -0.1);
    assert_true(store_bool(r, 0, 3));
    struct uuid back;
    assert_true(store_uuid(r, 0, 4, &back));
    assert_memory_equal(back.b, u.b, 16);
    assert_true(store_time(r, 0, 5) == at); // the server's zone is not UTC
    uint8_t bytes[8];
    assert_int_equal(store_bytes(r, 0, 6, bytes, sizeof bytes), 3);
    assert_memory_equal(bytes, "\0\xff\n", 3);
    assert_true(store_null(r, 0, 7) && store_null(r, 0, 8) && store_time(r, 0, 8) == 0);
    assert_string_equal(store_str(r, 0, 9), "2001:db8::1");
    store_result_free(r);
}

static void times_of_many_years(void **state)
{
    (void)state;
    const int64_t at[] = {1, 951782400000000, 1709164800999999, 4102444800000000,
                          253402300799999999};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        struct store_args a;
        store_args_init(&a);
        store_arg_time(&a, at[i]);
        struct store_result *r = NULL;
        assert_int_equal(store_query(db, "SELECT $1", &a, &r), STORE_OK);
        assert_true(store_time(r, 0, 0) == at[i]);
        store_result_free(r);
    }
}

static void text_arrays(void **state)
{
    (void)state;
    struct store_result *r = NULL;
    assert_int_equal(
        store_query(db, "SELECT ARRAY['a b','c\"d\\e','','x,y}']::text[], '{}'::text[]", NULL, &r),
        0);
    const char *want[] = {"a b", "c\"d\\e", "", "x,y}"};
    size_t pos = 0, n = 0, i = 0;
    char buf[32];
    while (store_array_next(store_span(r, 0, 0), &pos, buf, sizeof buf, &n)) {
        assert_true(i < 4);
        assert_string_equal(buf, want[i++]);
    }
    assert_int_equal(i, 4);
    pos = 0;
    assert_false(store_array_next(store_span(r, 0, 1), &pos, buf, sizeof buf, &n));
    store_result_free(r);
}

static void error_kinds(void **state)
{
    (void)state;
    assert_int_equal(store_query(db, "SELECT 1/0", NULL, NULL), STORE_E_DATA);
    assert_string_equal(store_sqlstate(db), "22012");
    assert_int_equal(store_query(db, "SELECT nope", NULL, NULL), STORE_E_SQL);
    assert_int_equal(store_query(db, "SELECT 1", NULL, NULL), STORE_OK);
    store_set_timeout(db, 200 * US_PER_MS);
    int64_t t0 = mono_now_us();
    assert_int_equal(store_query(db, "SELECT pg_sleep(30)", NULL, NULL), STORE_E_AWAY);
    assert_true(mono_now_us() - t0 < 5 * US_PER_S);
    assert_int_equal(store_connect(db), STORE_E_AWAY); // the back-off runs
    store_set_timeout(db, 20 * US_PER_S);
    usleep((useconds_t)store_backoff_us(db) + 1000);
    assert_int_equal(store_connect(db), STORE_OK);
}

static const struct table_def thing = {
    .name = "thing",
    .sql = "INSERT INTO thing SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    .columns = 9,
    .text_max = 64,
    .kind = {COL_TEXT, COL_BYTES, COL_INT4, COL_INT8, COL_REAL, COL_BOOL, COL_TIME, COL_UUID,
             COL_INET},
};

static bool put_thing(struct table *t, int i)
{
    char text[32];
    (void)snprintf(text, sizeof text, "row %d\xff", i);
    struct uuid u = uuid_v7_derived(1700000000000000 + i, span_str(text));
    row_begin(t);
    row_str(t, i % 7 == 3 ? NULL : text);
    row_bytes(t, span_of("\0\1\2\3", (size_t)i % 5));
    row_int(t, INT64_C(3000000000)); // clamped
    row_int(t, i);
    row_real(t, i / 2.0);
    row_bool(t, i % 2 == 0);
    row_time(t, i % 3 ? 1700000000000000 + i : 0);
    row_uuid(t, i % 4 ? &u : NULL);
    row_inet(t, i % 3 == 0   ? span_of("\x0a\0\0\1", 4)
                : i % 3 == 1 ? span_of("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16)
                             : span_of("", 0));
    return row_end(t);
}

static void make_thing(void)
{
    assert_int_equal(
        store_script(
            db, "DROP TABLE IF EXISTS thing; CREATE TABLE thing (a text, b bytea, c int, d bigint,"
                " e double precision, f boolean, g timestamptz, h uuid, i inet)"),
        STORE_OK);
}

static void rows_as_columns(void **state)
{
    (void)state;
    make_thing();
    struct table *t = table_new(&thing, 100, 4096, 1024);
    assert_non_null(t);
    for (int i = 0; i < 100; i++)
        assert_true(put_thing(t, i));
    assert_false(table_fits(t, 0));
    assert_false(put_thing(t, 100)); // full: taken back, the others stay
    assert_int_equal(table_rows(t), 100);
    struct store_args a;
    store_args_init(&a);
    table_args(t, &a);
    assert_int_equal(store_query(db, thing.sql, &a, NULL), STORE_OK);
    assert_int_equal(one_int("SELECT count(*) FROM thing"), 100);
    assert_int_equal(one_int("SELECT count(*) FROM thing WHERE a IS NULL"), 14);
    assert_int_equal(one_int("SELECT count(*) FROM thing WHERE a = 'row ' || d || U&'\\FFFD'"), 86);
    assert_int_equal(one_int("SELECT count(*) FROM thing WHERE length(b) = d % 5 AND c = "
                             "2147483647 AND e = d / 2.0"),
                     100);
    assert_int_equal(
        one_int(
            "SELECT count(*) FROM thing WHERE g IS NULL = (d % 3 = 0) AND h IS NULL = (d % 4 = 0)"),
        100);
    assert_int_equal(one_int("SELECT count(*) FROM thing WHERE i = '10.0.0.1'"), 34);
    assert_int_equal(one_int("SELECT count(*) FROM thing WHERE i = '2001:db8::1'"), 33);
    // A part of it.
    store_args_init(&a);
    table_part_args(t, 40, 3, &a);
    assert_int_equal(store_query(db, thing.sql, &a, NULL), STORE_OK);
    table_part_end(t);
    assert_int_equal(one_int("SELECT count(*) FROM thing WHERE d BETWEEN 40 AND 42"), 6);
    assert_int_equal(one_int("SELECT count(*) FROM thing"), 103);
    // The others stand as they stood.
    store_args_init(&a);
    table_part_args(t, 0, 100, &a);
    assert_int_equal(store_query(db, thing.sql, &a, NULL), STORE_OK);
    table_part_end(t);
    assert_int_equal(one_int("SELECT count(*) FROM (SELECT d FROM thing GROUP BY d, a, c, e, f, g, "
                             "h, i HAVING count(*) = CASE WHEN d BETWEEN 40 AND 42 THEN 3 ELSE 2 "
                             "END) x"),
                     100);
    struct span cell = table_cell(t, 3, 41);
    assert_int_equal(cell.n, 8);
    assert_int_equal(cell.p[7], 41);
    assert_null(table_cell(t, 0, 3).p);
    table_free(t);
}

static void a_full_table_by_bytes(void **state)
{
    (void)state;
    struct table *t = table_new(&thing, 1000, 300, 64);
    int n = 0;
    while (table_fits(t, (size_t)n % 5)) {
        assert_true(put_thing(t, n));
        n++;
    }
    assert_true(n > 3 && n < 1000);
    assert_int_equal(table_rows(t), n);
    table_reset(t);
    assert_true(put_thing(t, 0));
    assert_int_equal(table_rows(t), 1);
    table_free(t);
}

static const struct table_def texts = {
    .name = "texts",
    .sql = "INSERT INTO texts SELECT * FROM unnest($1, $2, $3)",
    .columns = 3,
    .kind = {COL_WORD, COL_NAME, COL_LINE},
};

// Each row has room for the longest text of its width, of good bytes and of bad ones.
static void texts_of_a_width(void **state)
{
    (void)state;
    assert_int_equal(store_script(db, "DROP TABLE IF EXISTS texts; CREATE TABLE texts (a text, b "
                                      "text, c text)"),
                     STORE_OK);
    struct table *t = table_new(&texts, 8, 0, 0);
    char good[400], bad[400];
    memset(good, 'x', sizeof good);
    memset(bad, 0xff, sizeof bad);
    for (int i = 0; i < 8; i++) {
        assert_true(table_fits(t, 0));
        row_begin(t);
        for (int k = 0; k < 3; k++)
            row_text(t, span_of(i % 2 ? bad : good, sizeof good));
        assert_true(row_end(t));
    }
    assert_false(table_fits(t, 0));
    struct store_args a;
    store_args_init(&a);
    table_args(t, &a);
    assert_int_equal(store_query(db, texts.sql, &a, NULL), STORE_OK);
    assert_int_equal(one_int("SELECT count(*) FROM texts WHERE octet_length(a) = 24 AND "
                             "octet_length(b) IN (128, 126) AND octet_length(c) IN (256, 255)"),
                     8);
    table_free(t);
}

// As many columns as a table may have: each value in its own column, none mixed up.
static void the_widest_table(void **state)
{
    (void)state;
    static struct table_def wide = {.name = "wide", .columns = TABLE_COLUMNS_MAX};
    char sql[1024], make[1024];
    size_t n = (size_t)snprintf(sql, sizeof sql, "INSERT INTO wide SELECT * FROM unnest("),
           m = (size_t)snprintf(make, sizeof make,
                                "DROP TABLE IF EXISTS wide; CREATE TABLE wide (");
    for (int i = 0; i < TABLE_COLUMNS_MAX; i++) {
        wide.kind[i] = COL_INT8;
        n += (size_t)snprintf(sql + n, sizeof sql - n, "%s$%d", i ? ", " : "", i + 1);
        m += (size_t)snprintf(make + m, sizeof make - m, "%sc%d bigint", i ? ", " : "", i);
    }
    (void)snprintf(sql + n, sizeof sql - n, ")");
    (void)snprintf(make + m, sizeof make - m, ")");
    wide.sql = sql;
    assert_int_equal(store_script(db, make), STORE_OK);
    struct table *t = table_new(&wide, 3, 0, 0);
    for (int row = 0; row < 3; row++) {
        row_begin(t);
        for (int i = 0; i < TABLE_COLUMNS_MAX; i++)
            row_int(t, row * 1000 + i);
        assert_true(row_end(t));
    }
    struct store_args a;
    store_args_init(&a);
    table_args(t, &a);
    assert_int_equal(store_query(db, wide.sql, &a, NULL), STORE_OK);
    (void)snprintf(sql, sizeof sql, "SELECT sum(c0 * 7 + c%d) FROM wide", TABLE_COLUMNS_MAX - 1);
    assert_int_equal(one_int(sql), 3000 * 8 + 3 * (TABLE_COLUMNS_MAX - 1));
    table_free(t);
}

static void one_transaction(void **state)
{
    (void)state;
    make_thing();
    struct pipe p;
    int failed = -1;
    assert_int_equal(pipe_begin(&p, db), STORE_OK);
    pipe_add(&p, "INSERT INTO thing (d) VALUES (1)", NULL);
    pipe_add(&p, "INSERT INTO thing (d) VALUES (2)", NULL);
    assert_int_equal(pipe_end(&p, &failed), STORE_OK);
    assert_int_equal(one_int("SELECT count(*) FROM thing"), 2);
    assert_int_equal(pipe_begin(&p, db), STORE_OK);
    pipe_add(&p, "INSERT INTO thing (d) VALUES (3)", NULL);
    pipe_add(&p, "SELECT 1 / 0", NULL);
    pipe_add(&p, "INSERT INTO thing (d) VALUES (4)", NULL);
    assert_int_equal(pipe_end(&p, &failed), STORE_E_DATA);
    assert_int_equal(failed, 1);
    assert_int_equal(one_int("SELECT count(*) FROM thing"), 2);
    assert_int_equal(pipe_begin(&p, db), STORE_OK); // nothing at all
    assert_int_equal(pipe_end(&p, NULL), STORE_OK);
}

static void much_in_one_transaction(void **state)
{
    (void)state;
    make_thing();
    struct table *t = table_new(&thing, 20000, 1 << 20, 1 << 20);
    for (int i = 0; i < 20000; i++)
        assert_true(put_thing(t, i));
    struct pipe p;
    assert_int_equal(pipe_begin(&p, db), STORE_OK);
    struct store_args a;
    for (int i = 0; i < 5; i++) {
        store_args_init(&a);
        table_args(t, &a);
        pipe_add(&p, thing.sql, &a);
    }
    assert_int_equal(pipe_end(&p, NULL), STORE_OK);
    assert_int_equal(one_int("SELECT count(*) FROM thing"), 100000);
    table_free(t);
}

static void server_dies_and_returns(void **state)
{
    (void)state;
    make_thing();
    assert_int_equal(pg_throwaway_do(&pg, "kill"), 0);
    struct pipe p;
    int r = pipe_begin(&p, db);
    if (r == STORE_OK) {
        pipe_add(&p, "INSERT INTO thing (d) VALUES (1)", NULL);
        r = pipe_end(&p, NULL);
    }
    assert_int_equal(r, STORE_E_AWAY);
    assert_true(store_error(db)[0]);
    assert_int_equal(store_query(db, "SELECT 1", NULL, NULL), STORE_E_AWAY);
    assert_int_equal(pg_throwaway_do(&pg, "start"), 0);
    int64_t until = mono_now_us() + 20 * US_PER_S;
    while (store_connect(db) && mono_now_us() < until)
        usleep(20000);
    assert_int_equal(one_int("SELECT 7"), 7);
}

static void *starter(void *arg)
{
    struct store *s = open_db(arg);
    char err[256] = "";
    int r = s ? schema_apply(s, schema_folder, err, sizeof err) : -1;
    if (r)
        (void)fprintf(stderr, "schema_apply: %d %s\n", r, err);
    store_free(s);
    return r == SCHEMA_OK ? arg : NULL;
}

static void migration_by_two(void **state)
{
    (void)state;
    char dsn[300], err[256] = "";
    assert_int_equal(store_query(db, "CREATE DATABASE mesh", NULL, NULL), STORE_OK);
    (void)snprintf(dsn, sizeof dsn, "%.*s dbname=mesh", 200, pg.dsn);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, starter, dsn), 0);
    for (int i = 0; i < 4; i++) {
        void *good = NULL;
        (void)pthread_join(t[i], &good);
        assert_non_null(good);
    }
    struct store *s = open_db(dsn);
    assert_int_equal(schema_check(s, err, sizeof err), SCHEMA_OK);
    assert_int_equal(schema_apply(s, "/nonexistent", err, sizeof err), SCHEMA_OK); // nothing to do
    int made = 0;
    const int64_t now = INT64_C(1700000000000000);
    assert_int_equal(partitions_make(s, now, -1, 7, &made), STORE_OK);
    assert_int_equal(made, 63);
    assert_int_equal(partitions_make(s, now + 86400 * US_PER_S, -1, 7, &made), STORE_OK);
    assert_int_equal(made, 7);
    assert_int_equal(
        store_query(s, "INSERT INTO schema_version (version) VALUES (9999)", NULL, NULL), STORE_OK);
    assert_int_equal(schema_apply(s, schema_folder, err, sizeof err), SCHEMA_E_VERSION);
    char ours[16];
    (void)snprintf(ours, sizeof ours, "%d", STORE_SCHEMA_VERSION);
    assert_non_null(strstr(err, "9999"));
    assert_non_null(strstr(err, ours));
    store_free(s);
}

// A database of version 1 with rows in it becomes one of today; the rows stay, their new columns are null.
static void an_old_database(void **state)
{
    (void)state;
    static char script[1 << 16];
    char dsn[300], err[256] = "", path[600];
    assert_int_equal(store_query(db, "CREATE DATABASE old", NULL, NULL), STORE_OK);
    (void)snprintf(dsn, sizeof dsn, "%.*s dbname=old", 200, pg.dsn);
    struct store *s = open_db(dsn);
    (void)snprintf(path, sizeof path, "%s/0001_mesh.sql", schema_folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    script[fread(script, 1, sizeof script - 1, f)] = 0;
    (void)fclose(f);
    assert_int_equal(store_script(s, script), STORE_OK);
    assert_int_equal(
        store_script(s, "INSERT INTO calls (site, started_at, id, revision, state) VALUES ('main', "
                        "now(), gen_random_uuid(), 1, 'ended')"),
        STORE_OK);
    assert_int_equal(schema_check(s, err, sizeof err), SCHEMA_E_VERSION);
    assert_int_equal(schema_apply(s, schema_folder, err, sizeof err), SCHEMA_OK);
    assert_int_equal(schema_check(s, err, sizeof err), SCHEMA_OK);
    struct store_result *r = NULL;
    assert_int_equal(store_query(s,
                                 "SELECT count(*) FROM calls WHERE mos_min IS NULL AND one_way IS "
                                 "NULL AND protocol = 'sip'",
                                 NULL, &r),
                     STORE_OK);
    assert_int_equal(store_int(r, 0, 0), 1);
    store_result_free(r);
    store_free(s);
}

static void a_missing_migration(void **state)
{
    (void)state;
    char dsn[300], err[256] = "";
    assert_int_equal(store_query(db, "CREATE DATABASE bare", NULL, NULL), STORE_OK);
    (void)snprintf(dsn, sizeof dsn, "%.*s dbname=bare", 200, pg.dsn);
    struct store *s = open_db(dsn);
    assert_int_equal(schema_apply(s, "/nonexistent", err, sizeof err), SCHEMA_E_FILES);
    assert_non_null(strstr(err, "0001_"));
    assert_int_equal(schema_check(s, err, sizeof err), SCHEMA_E_VERSION);
    store_free(s);
}

// The first of two hosts takes connections and never says a word: the second attempt begins with the other one.
static void a_silent_host_is_passed_over(void **state)
{
    (void)state;
    char dir[] = "/tmp/callmesh-silent-XXXXXX", dsn[400];
    assert_non_null(mkdtemp(dir));
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/.s.PGSQL.5432", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    (void)snprintf(dsn, sizeof dsn,
                   "host=%s,%s user=callmesh dbname=postgres target_session_attrs=read-write", dir,
                   pg.dir);
    struct store_opts o = {.dsn = dsn, .app = "store_test", .connect_timeout_us = 300000};
    struct store *s = store_new(&o);
    assert_int_equal(store_connect(s), STORE_E_AWAY);
    assert_string_equal(store_error(s), "no connection in time");
    usleep((useconds_t)store_backoff_us(s) + 1000);
    assert_int_equal(store_connect(s), STORE_OK);
    store_free(s);
    close(fd);
    assert_int_equal(unlink(a.sun_path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_there_and_back),
        cmocka_unit_test(times_of_many_years),
        cmocka_unit_test(text_arrays),
        cmocka_unit_test(error_kinds),
        cmocka_unit_test(rows_as_columns),
        cmocka_unit_test(texts_of_a_width),
        cmocka_unit_test(the_widest_table),
        cmocka_unit_test(a_full_table_by_bytes),
        cmocka_unit_test(one_transaction),
        cmocka_unit_test(much_in_one_transaction),
        cmocka_unit_test(server_dies_and_returns),
        cmocka_unit_test(migration_by_two),
        cmocka_unit_test(an_old_database),
        cmocka_unit_test(a_missing_migration),
        cmocka_unit_test(a_silent_host_is_passed_over),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
