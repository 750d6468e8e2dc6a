// /harvesters and /sites: the live mirror, and what the store still knows of those that are not live.
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "db.h"
#include "mirror.h"
#include "rows.h"
#include "sql.h"

struct found {
    char name[96];
};

static bool named(const struct found *f, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(f[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool site_wanted(const char *sites, const char *site)
{
    struct span rest = span_str(sites ? sites : ""), one;
    if (!rest.n)
        return true;
    while (query_list_next(&rest, &one)) {
        if (span_eq(one, span_str(site)))
            return true;
    }
    return false;
}

// Not in the live mesh: down, with the numbers of its last life sign.
static void stored_harvester(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    json_kspan(j, "name", store_span(r, i, 0));
    json_kspan(j, "site", store_span(r, i, 1));
    json_kspan(j, "version", store_span(r, i, 2));
    json_kspan(j, "input", store_span(r, i, 3));
    json_kbool(j, "live", store_bool(r, i, 4));
    json_kbool(j, "up", false);
    json_kbool(j, "ended", store_bool(r, i, 5));
    json_ktime(j, "started_at", store_time(r, i, 6));
    json_ktime(j, "last_seen_at", store_time(r, i, 7));
    json_ktime(j, "feed_time", store_time(r, i, 8));
    json_kint(j, "packets", store_int(r, i, 9));
    json_kint(j, "sip_messages", store_int(r, i, 10));
    json_kint(j, "rtp_packets", store_int(r, i, 11));
    json_kint(j, "drops", store_int(r, i, 12));
    json_kint(j, "clock_offset_us", 0);
    json_kint(j, "lag_messages", 0); // none that callstate knows of: it is not connected
    json_key(j, "counters");
    json_raw(j, store_span(r, i, 13));
    json_obj_end(j);
}

#define HARVESTER_COLUMNS                                                                          \
    "name, site, version, input, live, ended, started_at, last_seen_at, feed_at, "                 \
    "coalesce((counters->>'capture_packets_total')::numeric::bigint, 0), "                         \
    "coalesce((counters->>'capture_sip_messages_total')::numeric::bigint, 0), "                    \
    "coalesce((counters->>'capture_rtp_packets_total')::numeric::bigint, 0), "                     \
    "(SELECT coalesce(sum(value::numeric), 0)::bigint FROM jsonb_each_text(counters) "             \
    "WHERE key LIKE '%dropped_total%' OR key LIKE '%overwritten%'), counters"

// name NULL: all. Returns how many were written.
static size_t write_live(struct json *j, const char *sites, const char *only, struct found *found,
                         size_t max)
{
    char text[MIRROR_HARVESTER], name[96], site[64];
    size_t n = 0, text_n = 0;
    uint64_t slot = 0;
    bool up;
    while (n < max && mirror_next_harvester(&slot, name, site, &up, text, &text_n)) {
        if (!site_wanted(sites, site) || (only && strcmp(only, name) != 0))
            continue;
        json_raw(j, span_of(text, text_n));
        memcpy(found[n++].name, name, sizeof(name));
    }
    return n;
}

static void job_harvesters(struct store *st, struct http_req *q)
{
    struct found found[128];
    struct sql s;
    const char *sites = query_get(q, "site");
    struct json *j = page_begin(q);
    if (!j)
        return;
    size_t n = write_live(j, sites, NULL, found, 128);
    sql_init(&s);
    sql_add(&s, "SELECT " HARVESTER_COLUMNS " FROM harvesters WHERE true");
    if (!sql_where_list(q, &s, "site", "site", NULL, 0))
        return;
    sql_add(&s, " ORDER BY last_seen_at DESC NULLS LAST, site, name LIMIT 200");
    struct store_result *r = sql_run(st, q, &s);
    if (!r && n) // the store is away: the live ones are known all the same
        http_reply_drop(q);
    else if (!r)
        return;
    for (size_t i = 0; i < store_rows(r) && n + i < 200; i++) {
        if (!named(found, n, store_str(r, i, 0)))
            stored_harvester(j, r, i);
    }
    store_result_free(r);
    page_end(j, false, "");
    http_reply_json(q, 200);
}

enum http_next on_harvesters(struct http_req *q)
{
    return db_submit(q, job_harvesters, NULL);
}

static void job_harvester(struct store *st, struct http_req *q)
{
    struct found found;
    char name[128];
    struct store_args a;
    span_copy(q->param, name, sizeof(name));
    struct json *j = http_json(q);
    if (!j)
        return;
    if (write_live(j, NULL, name, &found, 1)) {
        http_reply_json(q, 200);
        return;
    }
    store_args_init(&a);
    store_arg_span(&a, q->param);
    struct store_result *r =
        db_query(st, q,
                 "SELECT " HARVESTER_COLUMNS " FROM harvesters WHERE name = $1 "
                 "ORDER BY last_seen_at DESC NULLS LAST LIMIT 1",
                 &a);
    if (r && store_rows(r)) {
        stored_harvester(j, r, 0);
        http_reply_json(q, 200);
    } else if (r) {
        api_not_found(q, "harvester");
    }
    store_result_free(r);
}

enum http_next on_harvester(struct http_req *q)
{
    return db_submit(q, job_harvester, NULL);
}

static void job_sites(struct store *st, struct http_req *q)
{
    struct store_args a;
    store_args_init(&a);
    struct store_result *r =
        db_query(st, q,
                 "SELECT s.site, s.name, (SELECT count(*) FROM harvesters h WHERE h.site = s.site) "
                 "FROM sites s ORDER BY s.created_at DESC, s.site LIMIT 200",
                 &a);
    struct json *j = r ? page_begin(q) : NULL;
    for (size_t i = 0; j && i < store_rows(r); i++) {
        struct mirror_site m = mirror_site(store_str(r, i, 0));
        uint64_t stored = (uint64_t)store_int(r, i, 2);
        json_obj(j);
        json_kspan(j, "site", store_span(r, i, 0));
        json_kspan(j, "name", store_span(r, i, 1));
        json_kuint(j, "harvesters", stored > m.harvesters ? stored : m.harvesters);
        json_kuint(j, "harvesters_up", m.up);
        json_kuint(j, "calls_active", m.calls_active);
        json_obj_end(j);
    }
    if (j) {
        page_end(j, false, "");
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

enum http_next on_sites(struct http_req *q)
{
    return db_submit(q, job_sites, NULL);
}
