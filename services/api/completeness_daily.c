// The report that writes itself: one for each site and day (UTC), in the order of the days, none left out. What is due is asked of the store, so a report that
// was missed while no api ran is written when one runs again; that it is there is one row with the day as its key, so it is written once
// whoever is killed when, and however many apis run. Each report names the one before by its SHA-256, and carries on the calls that were open in it: so every
// answered call comes to one of recorded, skipped, lost in exactly one report.
#include <string.h>

#include "api.h"
#include "audio.h"
#include "base/log.h"
#include "base/stat.h"
#include "completeness.h"

#define ROUND "32" // sites of a look
#define ROUND_MAX                                                                                  \
    32 // so many reports, and what that look began; more are written by the next round

enum {
    M_WRITTEN,
    M_LOST,
    M_FAILED,
    M_DUE,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_WRITTEN] = {"completeness_reports_total", NULL, "daily reports written", STAT_COUNTER},
    [M_LOST] = {"completeness_lost_calls_total", NULL,
                "answered calls that such reports say to be lost", STAT_COUNTER},
    [M_FAILED] = {"completeness_failed_total", NULL,
                  "daily reports that could not be made or stored", STAT_COUNTER},
    [M_DUE] =
        {"completeness_reports_due", NULL,
         "reports that were due at the last look and are not written (at most 32 are counted)",
         STAT_GAUGE},
};
static struct stat_cell stats[M_COUNT]; // keeper thread
static bool told;                       // that there is no key, until there is

void completeness_register(void)
{
    stat_register(stat_defs, stats, M_COUNT);
}

// The first day of a site is that of its first call that is still here, not before the site was known: a capture of other years may have been replayed into it.
// A harvester that has not sent all of the day yet (callstate was away) is waited for.
static const char due_sql[] =
    "SELECT x.site, x.day::text FROM (SELECT s.site, coalesce((SELECT max(day) + 1 FROM "
    "completeness_reports r WHERE r.site = s.site), greatest((SELECT created_at FROM sites t WHERE "
    "t.site = s.site) AT TIME ZONE 'UTC', (SELECT min(started_at) FROM calls c WHERE c.site = "
    "s.site) AT TIME ZONE 'UTC')::date) AS day FROM (SELECT site FROM harvesters WHERE live UNION "
    "SELECT site FROM completeness_reports) s) x CROSS JOIN LATERAL (SELECT (x.day + 1)::timestamp "
    "AT TIME ZONE 'UTC' AS at) o WHERE o.at + $1 * interval '1 s' <= now() AND (o.at + ($1 + $2) * "
    "interval '1 s' <= now() OR NOT EXISTS (SELECT 1 FROM harvesters h WHERE h.site = x.site AND "
    "h.live AND NOT h.ended AND coalesce(h.feed_at < o.at, true))) ORDER BY x.day, x.site "
    "LIMIT " ROUND;

// p: the report of the day before. e: the calls that were open in it. o: those that are open now. v: those that an earlier report has as lost, and whose recording
// came after all (a recorder that was away for too long is back); each is told once, what a report has no room for by the next.
#define OF_EARLIER                                                                                 \
    "c.site = $2 AND c.id IN (SELECT x::uuid FROM p, jsonb_array_elements_text(p.open) x)"
#define CALLS_OF_EARLIER COMPLETENESS_CALLS(OF_EARLIER)
#define OF_LOST                                                                                    \
    "c.site = $2 AND c.id IN (SELECT x::uuid FROM b, jsonb_array_elements_text((b.r->"             \
    "'lost_calls') || coalesce(b.r->'settled'->'lost_calls', '[]')) x EXCEPT SELECT x::uuid FROM " \
    "b, jsonb_array_elements_text(b.r->'recovered_calls') x)"
#define CALLS_LOST COMPLETENESS_CALLS(OF_LOST)
#define PARTS                                                                                      \
    "WITH p AS (SELECT n, encode(sha256(convert_to(report, 'UTF8')), 'hex') AS hash, "             \
    "report::jsonb->'open_calls' AS open FROM completeness_reports WHERE site = $2 AND day = "     \
    "$1::text::date - 1), c AS MATERIALIZED (" COMPLETENESS_CALLS_OF_DAY                           \
    "), a AS (SELECT * FROM c WHERE answered), e AS MATERIALIZED (" CALLS_OF_EARLIER               \
    "), o AS (SELECT id FROM a WHERE class = 'open' UNION SELECT id FROM e WHERE class = "         \
    "'open'), b AS MATERIALIZED (SELECT report::jsonb AS r FROM completeness_reports WHERE site "  \
    "= $2 AND day < $1::text::date AND day >= $1::text::date - 32), v AS (SELECT id FROM "         \
    "(" CALLS_LOST ") y WHERE class = 'recorded' ORDER BY id LIMIT 200), l AS (SELECT place, "     \
    "count(*) AS records, sum(count) AS lost, "                                                    \
    "coalesce(round(sum(extract(epoch FROM to_at - from_at)), 1), 0) AS seconds FROM losses "      \
    "WHERE site = $2 AND to_at >= $1::text::date::timestamp AT TIME ZONE 'UTC' AND to_at < "       \
    "($1::text::date + 1)::timestamp AT TIME ZONE 'UTC' GROUP BY place) "
#define SETTLED                                                                                    \
    ", 'settled', json_build_object('recorded', (SELECT count(*) FROM e WHERE class = "            \
    "'recorded'), 'skipped', (SELECT count(*) FROM e WHERE class = 'skipped'), 'lost', (SELECT "   \
    "count(*) FROM e WHERE class = 'lost'), 'lost_calls', (SELECT coalesce(json_agg(id), '[]') "   \
    "FROM (SELECT id FROM e WHERE class = 'lost' ORDER BY id LIMIT 200) z), 'gone', "              \
    "coalesce((SELECT jsonb_array_length(open) FROM p), 0) - (SELECT count(*) FROM e))"
#define RECOVERED                                                                                  \
    ", 'recovered', (SELECT count(*) FROM v), 'recovered_calls', (SELECT coalesce(json_agg(id "    \
    "ORDER BY id), '[]') FROM v)"
#define LOSSES                                                                                     \
    ", 'losses', (SELECT coalesce(json_agg(json_build_object('place', place, 'records', "          \
    "records, 'lost', lost, 'seconds', seconds) ORDER BY place), '[]') FROM l)"
#define BEHIND                                                                                     \
    ", 'behind', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM (SELECT name FROM "     \
    "harvesters h WHERE h.site = $2 AND h.live AND NOT h.ended AND coalesce(h.feed_at < "          \
    "($1::text::date + 1)::timestamp AT TIME ZONE 'UTC', true) ORDER BY name LIMIT 64) z)"

static const char report_sql[] = PARTS
    "SELECT json_build_object('n', coalesce((SELECT n FROM p), 0) + 1, 'prev', (SELECT hash "
    "FROM p), " COMPLETENESS_WORDS ", 'sealed', (SELECT count(*) FROM a WHERE sealed), "
    "'open_calls', (SELECT coalesce(json_agg(id), '[]') FROM (SELECT id FROM o ORDER BY id "
    "LIMIT 500) z), 'open_not_named', greatest((SELECT count(*) FROM o) - 500, 0)" SETTLED RECOVERED
        LOSSES BEHIND ")::text";

static const char store_sql[] =
    "INSERT INTO completeness_reports (site, day, n, calls_seen, answered, recorded, skipped, "
    "lost, "
    "open, report) SELECT r->>'site', (r->>'day')::date, (r->>'n')::bigint, "
    "(r->>'calls_seen')::bigint, (r->>'answered')::bigint, (r->>'recorded')::bigint, "
    "(r->>'skipped')::bigint, (r->>'lost')::bigint, (r->>'open')::bigint, $1 FROM (SELECT "
    "$1::jsonb "
    "AS r) x ON CONFLICT DO NOTHING RETURNING lost + (report::jsonb->'settled'->>'lost')::bigint";

static struct store_result *ask_store(struct store *s, const char *sql, const struct store_args *a)
{
    struct store_result *r = NULL;
    int e = store_query(s, sql, a, &r);
    if (e == STORE_OK)
        return r;
    if (e != STORE_E_AWAY) {
        stat_add(&stats[M_FAILED], 1);
        log_error("a daily report cannot be made", "error=\"%s\"", store_error(s));
    }
    return NULL;
}

static bool make(struct store *s, const char *site, const char *day, struct json *j)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_str(&a, day);
    store_arg_str(&a, site);
    struct store_result *r = ask_store(s, report_sql, &a);
    struct span text = r && store_rows(r) ? store_span(r, 0, 0) : (struct span){NULL, 0};
    if (text.n > 1) {
        json_raw(j, span_sub(text, 0, text.n - 1)); // without its last brace
        (void)completeness_sign(j);
        if (j->overflow) {
            stat_add(&stats[M_FAILED], 1);
            log_error("a daily report is larger than there is room for", "site=%s day=%s", site,
                      day);
        }
    }
    store_result_free(r);
    return text.n > 1 && !j->overflow;
}

// 1: written. 0: another api was quicker. -1: not stored.
static int put(struct store *s, const char *site, const char *day)
{
    static char text[COMPLETENESS_BYTES]; // one keeper
    struct json j;
    struct store_args a;
    json_init(&j, text, sizeof(text));
    if (!make(s, site, day, &j))
        return -1;
    store_args_init(&a);
    store_arg_span(&a, span_of(j.buf, j.n));
    struct store_result *r = ask_store(s, store_sql, &a);
    int n = !r ? -1 : store_rows(r) > 0;
    if (n > 0) {
        stat_add(&stats[M_WRITTEN], 1);
        stat_add(&stats[M_LOST], (uint64_t)store_int(r, 0, 0));
        log_info("daily report", "site=%s day=%s lost_calls=%lld", site, day,
                 (long long)store_int(r, 0, 0));
    }
    store_result_free(r);
    return n;
}

static bool can_sign(size_t due)
{
    struct keyring *k = audio_keys();
    bool can = k && keyring_can_sign(k);
    if (!can && !told && due)
        log_warn("daily reports of completeness are due and this api has no key to sign them",
                 "keys.dir=%s", "signing.key is not there");
    told = !can && (told || due);
    return can;
}

// The next day of each site.
static int look(struct store *s)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_real(&a, (double)settings.completeness_at_us / 1e6);
    store_arg_real(&a, (double)settings.completeness_wait_us / 1e6);
    struct store_result *r = store_connect(s) == STORE_OK ? ask_store(s, due_sql, &a) : NULL;
    if (!r)
        return -1;
    size_t due = store_rows(r);
    int written = 0;
    for (size_t i = 0; i < due && can_sign(due); i++) {
        if (put(s, store_str(r, i, 0), store_str(r, i, 1)) < 0)
            break;
        written++;
    }
    stat_set(&stats[M_DUE], due - (size_t)written);
    store_result_free(r);
    return written;
}

int completeness_round(struct store *s)
{
    int all = 0, n;
    do {
        n = look(s);
        all += n > 0 ? n : 0;
    } while (n > 0 && all < ROUND_MAX);
    return n < 0 && all == 0 ? -1 : all;
}
