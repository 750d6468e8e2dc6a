#include "store/schema.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mono.h"

#define SCRIPT_MAX (1u << 20)

int schema_version(struct store *s, int *ret_version)
{
    struct store_result *r = NULL;
    int st = store_query(s, "SELECT to_regclass('schema_version') IS NOT NULL", NULL, &r);
    if (st)
        return st;
    bool there = store_bool(r, 0, 0);
    r = store_result_free(r);
    *ret_version = 0;
    if (!there)
        return STORE_OK;
    st = store_query(s, "SELECT coalesce(max(version), 0) FROM schema_version", NULL, &r);
    if (st)
        return st;
    *ret_version = (int)store_int(r, 0, 0);
    store_result_free(r);
    return STORE_OK;
}

static int refuse(struct store *s, int st, char *err, size_t cap)
{
    (void)snprintf(err, cap, "database: %s", store_error(s));
    return st == STORE_E_AWAY || st == STORE_E_RETRY ? SCHEMA_E_AWAY : SCHEMA_E_SQL;
}

int schema_check(struct store *s, char *err, size_t err_cap)
{
    int v = 0;
    int st = schema_version(s, &v);
    if (st)
        return refuse(s, st, err, err_cap);
    if (v == STORE_SCHEMA_VERSION)
        return SCHEMA_OK;
    (void)snprintf(err, err_cap, "the database has schema version %d, this program needs %d", v,
                   STORE_SCHEMA_VERSION);
    return SCHEMA_E_VERSION;
}

// The file of a version: NNNN_something.sql. Its name into path.
static bool find_file(const char *folder, int version, char *path, size_t cap)
{
    char want[16];
    (void)snprintf(want, sizeof want, "%04d_", version);
    DIR *d = opendir(folder);
    if (!d)
        return false;
    bool found = false;
    for (struct dirent *e; !found && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (strncmp(e->d_name, want, strlen(want)) || n < 4 || strcmp(e->d_name + n - 4, ".sql"))
            continue;
        int w = snprintf(path, cap, "%s/%s", folder, e->d_name);
        found = w > 0 && (size_t)w < cap;
    }
    (void)closedir(d);
    return found;
}

static bool append_file(const char *path, char *buf, size_t cap, size_t *n)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    size_t got = fread(buf + *n, 1, cap - *n - 2, f);
    bool whole = feof(f) && !ferror(f);
    (void)fclose(f);
    *n += got;
    buf[(*n)++] = '\n';
    buf[*n] = 0;
    return whole;
}

// One text for one transaction. The guard is a row lock on a table that is made when missing; the
// first line of it waits for another starter. "have" is looked at again inside, by an error that
// takes everything back.
static int build_script(const char *folder, int have, char *buf, size_t cap, char *err,
                        size_t err_cap)
{
    size_t n = (size_t)snprintf(
        buf, cap,
        "BEGIN;\n"
        "LOCK TABLE schema_guard IN ACCESS EXCLUSIVE MODE;\n"
        "DO $guard$ DECLARE v int := 0; BEGIN\n"
        "  IF to_regclass('schema_version') IS NOT NULL THEN\n"
        "    SELECT coalesce(max(version), 0) INTO v FROM schema_version;\n"
        "  END IF;\n"
        "  IF v <> %d THEN RAISE EXCEPTION 'schema moved' USING ERRCODE = '40001'; END IF;\n"
        "END $guard$;\n",
        have);
    for (int v = have + 1; v <= STORE_SCHEMA_VERSION; v++) {
        char path[1024];
        if (!find_file(folder, v, path, sizeof path) || !append_file(path, buf, cap - 16, &n)) {
            (void)snprintf(err, err_cap, "no migration %04d_*.sql (readable, under %u bytes) in %s",
                           v, SCRIPT_MAX, folder);
            return SCHEMA_E_FILES;
        }
    }
    memcpy(buf + n, "COMMIT;\n", 9);
    return SCHEMA_OK;
}

static int apply_from(struct store *s, const char *folder, int have, char *err, size_t err_cap)
{
    char *buf = malloc(SCRIPT_MAX);
    if (!buf) {
        (void)snprintf(err, err_cap, "out of memory");
        return SCHEMA_E_FILES;
    }
    int r = build_script(folder, have, buf, SCRIPT_MAX, err, err_cap);
    if (r == SCHEMA_OK) {
        int st = store_script(s, buf);
        if (st) {
            r = refuse(s, st, err, err_cap);
            if (store_connected(s))
                (void)store_script(s, "ROLLBACK");
        }
    }
    free(buf);
    return r;
}

int schema_apply(struct store *s, const char *folder, char *err, size_t err_cap)
{
    for (int i = 0; i < 5; i++) {
        int have = 0;
        int st = schema_version(s, &have);
        if (st)
            return refuse(s, st, err, err_cap);
        if (have == STORE_SCHEMA_VERSION)
            return SCHEMA_OK;
        if (have > STORE_SCHEMA_VERSION)
            return schema_check(s, err, err_cap);
        // Two at once may both make the guard: one of them gets a duplicate-key error and goes
        // round again.
        st = store_script(s, "CREATE TABLE IF NOT EXISTS schema_guard (guard int)");
        if (st == STORE_E_AWAY)
            return refuse(s, st, err, err_cap);
        int r = apply_from(s, folder, have, err, err_cap);
        if (r == SCHEMA_E_FILES)
            return r;
        if (r == SCHEMA_E_SQL && strcmp(store_sqlstate(s), "42P01") != 0)
            return r;
        if (r == SCHEMA_E_AWAY && !store_connected(s))
            return r;
    }
    return schema_check(s, err, err_cap);
}

static int make_one(struct store *s, const char *table, int64_t day, int *ret_made)
{
    char from[32], to[32], sql[512];
    (void)wall_format(day * 86400 * US_PER_S, from, sizeof from);
    (void)wall_format((day + 1) * 86400 * US_PER_S, to, sizeof to);
    (void)snprintf(sql, sizeof sql, "SELECT to_regclass('%s_%.4s%.2s%.2s') IS NULL", table, from,
                   from + 5, from + 8);
    struct store_result *r = NULL;
    int st = store_query(s, sql, NULL, &r);
    if (st)
        return st;
    bool missing = store_bool(r, 0, 0);
    store_result_free(r);
    if (!missing)
        return STORE_OK;
    (void)snprintf(sql, sizeof sql,
                   "CREATE TABLE IF NOT EXISTS %s_%.4s%.2s%.2s PARTITION OF %s FOR VALUES FROM "
                   "('%s') TO ('%s') WITH (fillfactor = 80)",
                   table, from, from + 5, from + 8, table, from, to);
    st = store_query(s, sql, NULL, NULL);
    if (st == STORE_OK)
        (*ret_made)++;
    // 23514: rows of that day lie in the default partition already; 42P07, 42P17: another starter
    // made it just now.
    const char *state = store_sqlstate(s);
    if (st && (!strcmp(state, "23514") || !strcmp(state, "42P07") || !strcmp(state, "42P17") ||
               !strcmp(state, "23505")))
        return STORE_OK;
    return st;
}

int partitions_make(struct store *s, int64_t now_us, int from_day, int to_day, int *ret_made)
{
    static const char *const tables[] = {"calls",      "legs",        "sip_messages", "streams",
                                         "recordings", "call_events", "call_evidence"};
    int64_t today = now_us / US_PER_S / 86400;
    *ret_made = 0;
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (int d = from_day; d <= to_day; d++) {
            int st = make_one(s, tables[t], today + d, ret_made);
            if (st)
                return st;
        }
    }
    return STORE_OK;
}
