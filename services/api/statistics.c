// /statistics: figures of sites and trunks from the sums that callstate keeps for each quarter of an hour (deploy/schema: statistics). The
// question adds sums up by what was asked for and makes the ratios last; where there is nothing to divide by they are null.
// Limits: ROWS_MAX rows an answer, RANGE_DAYS; an answer is written into a file without a name, so memory does not grow with it.
//
// asr: ITU-T E.411, answers of seizures. ner: ITU-T E.425. acd: mean time from answer to end. ser, seer, isa: RFC 6076 4.6 to 4.8, over SIP only (keys of
// codes that begin with q850 are other protocols). What is neither answered nor over is in none of them.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "base/mono.h"
#include "db.h"
#include "nameless.h"
#include "sql.h"

#define ROWS_MAX   3000
#define RANGE_DAYS 1100
#define DAY_US     (86400 * US_PER_S)
#define KEYS       "k_at, k_site, k_trunk, k_direction"

struct by {
    bool site, trunk, direction;
    const char *begin; // of the step in which an interval lies; NULL: all is one
    const char *step;  // its length
};

struct question {
    struct by by;
    bool trunks, directions; // which rows: of trunks, of one direction each
    bool csv;
    int64_t from_us, to_us;
};

static bool step_of(struct by *by, struct span word)
{
    static const struct {
        const char *word, *begin, *step;
    } steps[] = {{"quarter", "at", "15 min"},
                 {"hour", "date_trunc('hour', at, 'UTC')", "1 hour"},
                 {"day", "date_trunc('day', at, 'UTC')", "1 day"}};
    for (size_t i = 0; i < 3 && !by->begin; i++)
        if (span_eq(word, span_str(steps[i].word))) {
            by->begin = steps[i].begin;
            by->step = steps[i].step;
            return true;
        }
    return false;
}

static bool read_by(struct http_req *q, struct by *by)
{
    const char *v = query_get(q, "by");
    struct span rest = span_str(v ? v : "site"), one;
    while (query_list_next(&rest, &one)) {
        bool *flag = span_eq(one, SPAN_LIT("site"))        ? &by->site
                     : span_eq(one, SPAN_LIT("trunk"))     ? &by->trunk
                     : span_eq(one, SPAN_LIT("direction")) ? &by->direction
                                                           : NULL;
        if (flag)
            *flag = true;
        else if (!step_of(by, one))
            return false;
    }
    return true;
}

static bool time_of(struct http_req *q, const char *name, int64_t otherwise, int64_t *ret)
{
    const char *v = query_get(q, name);
    *ret = otherwise;
    return !v || !v[0] || query_time(span_str(v), ret);
}

static bool given(struct http_req *q, const char *name)
{
    const char *v = query_get(q, name);
    return v && v[0];
}

static bool read_question(struct http_req *q, struct question *ret)
{
    const char *format = query_get(q, "format"), *direction = query_get(q, "direction");
    static const char *const directions[] = {"inbound", "outbound"};
    struct question x = {.csv = format && !strcmp(format, "csv")};
    const char *wrong = NULL;
    if (!read_by(q, &x.by))
        wrong = "by is some of site, trunk, direction and one of quarter, hour, day";
    else if (!time_of(q, "to", wall_now_us(), &x.to_us) ||
             !time_of(q, "from", x.to_us - DAY_US, &x.from_us) || x.from_us >= x.to_us ||
             x.to_us - x.from_us > RANGE_DAYS * DAY_US || x.from_us <= 0)
        wrong = "from and to are times like 2026-11-20T20:00:00Z, from before to, at most three "
                "years apart";
    else if (format && !x.csv && strcmp(format, "json") != 0)
        wrong = "format is json or csv";
    else if (given(q, "direction") && !query_words_known(span_str(direction), directions, 2))
        wrong = "direction is inbound or outbound";
    if (wrong) {
        http_problem(q, 400, "bad_parameter", "%s", wrong);
        return false;
    }
    x.directions = x.by.direction || given(q, "direction");
    x.trunks = x.by.trunk || x.directions || given(q, "trunk");
    *ret = x;
    return true;
}

// ---- the question to PostgreSQL

#define PCT(n, of)      "round((100.0 * (" n ") / nullif(" of ", 0))::numeric, 2)"
#define MEAN(sum, n, d) "round((" sum " / nullif(" n ", 0))::numeric, " d ")"
#define DECIDED         "(attempts - unfinished)"
#define LENGTH          "extract(epoch FROM least(k_to, now()) - k_from)"

// Name, value. A name with a NULL value is a ratio without a denominator.
static const char *const figures[][2] = {
    {"attempts", "attempts"},
    {"unfinished", "unfinished"},
    {"answered", "answered"},
    {"busy", "busy"},
    {"no_answer", "no_answer"},
    {"canceled", "canceled"},
    {"rejected", "rejected"},
    {"failed", "failed"},
    {"redirected", "redirected"},
    {"asr_pct", PCT("answered", DECIDED)},
    {"ner_pct", PCT("delivered", DECIDED)},
    {"ser_pct", PCT("good", "(finals - redirects)")},
    {"seer_pct", PCT("effective", "(finals - redirects - challenges)")},
    {"isa_pct", PCT("ineffective", "finals")},
    {"acd_seconds", MEAN("talk_seconds", "talks", "3")},
    {"pdd_seconds", MEAN("pdd_seconds", "pdds", "3")},
    {"ring_seconds", MEAN("ring_seconds", "rings", "3")},
    {"talk_seconds", "round(talk_seconds::numeric, 3)"},
    {"mos_min", MEAN("mos_sum", "rated", "2")},
    {"concurrent_max", "concurrent_max"},
    {"erlangs", "round((call_seconds / nullif(greatest(" LENGTH ", 0), 0))::numeric, 3)"},
};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static void add_rows(struct sql *s, const struct question *x)
{
    sql_add(s, "WITH r AS MATERIALIZED (SELECT *, ");
    sql_add(s, x->by.begin ? x->by.begin : "'epoch'::timestamptz");
    sql_add(s, " AS k_at, ");
    sql_add(s, x->by.site ? "site" : "''");
    sql_add(s, " AS k_site, ");
    sql_add(s, x->by.trunk ? "trunk" : "''");
    sql_add(s, " AS k_trunk, ");
    sql_add(s, x->by.direction ? "direction" : "''");
    sql_add(s, " AS k_direction FROM statistics WHERE at >= ? AND at < ?");
    store_arg_time(&s->args, x->from_us);
    store_arg_time(&s->args, x->to_us);
    sql_add(s, x->trunks ? " AND trunk <> ''" : " AND trunk = ''");
    sql_add(s, x->directions ? " AND direction <> ''" : " AND direction = ''");
}

// Of several sites or trunks at once the calls of one moment are not known: the most of each within one quarter is added up, so it is at most so many.
// Codes are collected and added up beside each row of the answer: a join of two sums over all rows was 25 million comparisons for 5,000.
static const char sums[] =
    "), q AS (SELECT " KEYS ", at, sum(attempts) AS attempts, sum(unfinished) AS unfinished, "
    "sum(answered) AS answered, sum(busy) AS busy, sum(no_answer) AS no_answer, sum(canceled) AS "
    "canceled, sum(rejected) AS rejected, sum(failed) AS failed, sum(redirected) AS redirected, "
    "sum(delivered) AS delivered, sum(talks) AS talks, sum(talk_seconds) AS talk_seconds, "
    "sum(pdds) AS pdds, sum(pdd_seconds) AS pdd_seconds, sum(rings) AS rings, sum(ring_seconds) AS "
    "ring_seconds, sum(rated) AS rated, sum(mos_sum) AS mos_sum, sum(concurrent_max) AS most, "
    "sum(call_seconds) AS call_seconds, jsonb_agg(codes) AS codes FROM r GROUP BY " KEYS
    ", at), g AS (SELECT " KEYS ", sum(attempts) AS attempts, sum(unfinished) AS unfinished, "
    "sum(answered) AS answered, sum(busy) AS busy, sum(no_answer) AS no_answer, sum(canceled) AS "
    "canceled, sum(rejected) AS rejected, sum(failed) AS failed, sum(redirected) AS redirected, "
    "sum(delivered) AS delivered, sum(talks) AS talks, sum(talk_seconds) AS talk_seconds, "
    "sum(pdds) AS pdds, sum(pdd_seconds) AS pdd_seconds, sum(rings) AS rings, sum(ring_seconds) AS "
    "ring_seconds, sum(rated) AS rated, sum(mos_sum) AS mos_sum, max(most) AS concurrent_max, "
    "sum(call_seconds) AS call_seconds, jsonb_agg(codes) AS all_codes FROM q GROUP BY " KEYS
    "), t AS (SELECT * FROM g, statistics_codes(all_codes) c), u AS (SELECT *, ";

// A cell of CSV (RFC 4180) that no table program takes for a formula: names are what people gave them.
#define CELL(v)                                                                                    \
    "'\"' || CASE WHEN " v " ~ '^[-=+@|%]' THEN '''' ELSE '' END || replace(" v                    \
    ", '\"', '\"\"') || '\"'"

static void add_json(struct sql *s, const struct by *by)
{
    sql_add(s, "json_build_object(");
    if (by->begin)
        sql_add(s, "'at', rfc3339(k_at), ");
    if (by->site)
        sql_add(s, "'site', k_site, ");
    if (by->trunk)
        sql_add(s, "'trunk', k_trunk, ");
    if (by->direction)
        sql_add(s, "'direction', k_direction, ");
    for (size_t i = 0; i < FIGURES; i++) {
        sql_add(s, "'");
        sql_add(s, figures[i][0]);
        sql_add(s, "', ");
        sql_add(s, figures[i][1]);
        sql_add(s, ", ");
    }
    sql_add(s, "'codes', codes)::text");
}

static void add_csv(struct sql *s, const struct by *by)
{
    sql_add(s, "concat_ws(',', ");
    if (by->begin)
        sql_add(s, "rfc3339(k_at), ");
    if (by->site)
        sql_add(s, CELL("k_site") ", ");
    if (by->trunk)
        sql_add(s, CELL("k_trunk") ", ");
    if (by->direction)
        sql_add(s, "k_direction, ");
    for (size_t i = 0; i < FIGURES; i++) { // concat_ws passes over null: an empty cell stays one
        sql_add(s, "coalesce((");
        sql_add(s, figures[i][1]);
        sql_add(s, ")::text, ''), ");
    }
    sql_add(s, "code_list)");
}

static bool build(struct http_req *q, struct sql *s, const struct question *x)
{
    sql_init(s);
    add_rows(s, x);
    if (!sql_where_list(q, s, "site", "site", NULL, 0) ||
        !sql_where_list(q, s, "trunk", "trunk", NULL, 0) ||
        !sql_where_list(q, s, "direction", "direction", NULL, 0))
        return false;
    sql_add(s, sums);
    sql_add(s,
            x->by.begin ? "greatest(k_at, ?) AS k_from, least(k_at + interval '" : "? AS k_from, ");
    store_arg_time(&s->args, x->from_us);
    if (x->by.begin) {
        sql_add(s, x->by.step);
        sql_add(s, "', ?) AS k_to FROM t) SELECT ");
    } else {
        sql_add(s, "? AS k_to FROM t) SELECT ");
    }
    store_arg_time(&s->args, x->to_us);
    if (x->csv)
        add_csv(s, &x->by);
    else
        add_json(s, &x->by);
    sql_add(s, " FROM u ORDER BY " KEYS " LIMIT ?");
    store_arg_int(&s->args, ROWS_MAX + 1);
    return true;
}

// ---- the answer

static bool put(int fd, const char *text)
{
    return nameless_write(fd, text, strlen(text));
}

static bool put_head(int fd, const struct question *x)
{
    char text[256];
    if (x->csv) {
        bool good = put(fd, x->by.begin ? "at," : "") && put(fd, x->by.site ? "site," : "") &&
                    put(fd, x->by.trunk ? "trunk," : "") &&
                    put(fd, x->by.direction ? "direction," : "");
        for (size_t i = 0; i < FIGURES; i++)
            good = good && put(fd, figures[i][0]) && put(fd, ",");
        return good && put(fd, "codes\r\n");
    }
    struct json j;
    json_init(&j, text, sizeof(text) - 1);
    json_obj(&j);
    json_ktime(&j, "from", x->from_us);
    json_ktime(&j, "to", x->to_us);
    json_key(&j, "data");
    json_arr(&j);
    return !j.overflow && nameless_write(fd, j.buf, j.n);
}

static bool put_rows(int fd, const struct question *x, const struct store_result *r)
{
    bool good = put_head(fd, x);
    for (size_t i = 0; i < store_rows(r) && good; i++) {
        struct span row = store_span(r, i, 0);
        good = (x->csv || !i || put(fd, ",\n")) && nameless_write(fd, (const char *)row.p, row.n) &&
               (!x->csv || put(fd, "\r\n"));
    }
    return good && (x->csv || put(fd, "]}\n"));
}

static void job_statistics(struct store *st, struct http_req *q)
{
    struct question x;
    struct sql s;
    if (!read_question(q, &x) || !build(q, &s, &x))
        return;
    struct store_result *r = sql_run(st, q, &s);
    if (!r)
        return;
    if (store_rows(r) > ROWS_MAX) {
        store_result_free(r);
        http_problem(q, 400, "too_many_rows",
                     "more than %d rows: take a shorter time or longer steps", ROWS_MAX);
        return;
    }
    int fd = nameless_open();
    bool good = fd >= 0 && put_rows(fd, &x, r);
    off_t n = good ? lseek(fd, 0, SEEK_CUR) : -1;
    store_result_free(r);
    if (n < 0) {
        if (fd >= 0)
            close(fd);
        http_problem(q, 503, "no_space", "the answer could not be written");
        return;
    }
    if (x.csv)
        http_header(q, "Content-Disposition", "attachment; filename=\"statistics.csv\"");
    (void)http_reply_file(q, 200,
                          x.csv ? "text/csv; charset=utf-8; header=present" : "application/json",
                          fd, 0, (uint64_t)n);
}

enum http_next on_statistics(struct http_req *q)
{
    return db_submit_file(q, job_statistics, NULL);
}
