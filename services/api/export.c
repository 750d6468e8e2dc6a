// /calls/export: calls as CSV (call detail records), as one JSON array, or as JSON lines. A worker writes page after page of the list into a file without a
// name, which is then sent: memory does not depend on how many there are. Limits: 100,000 calls an answer, then X-Next-Cursor.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "db.h"
#include "nameless.h"
#include "rows.h"
#include "sql.h"

#define EXPORT_MAX  100000
#define EXPORT_PAGE 500
#define ROW_BYTES   16384

// ---- CSV (RFC 4180)

struct csv {
    char buf[ROW_BYTES];
    size_t n;
    bool first;
};

static void put(struct csv *c, char ch)
{
    if (c->n < sizeof(c->buf) - 2) // room for the line's end
        c->buf[c->n++] = ch;
}

// A table program takes a cell that begins like this for a formula. A number with its + is none: nothing in it can be run.
static bool is_formula(struct span s)
{
    if (!s.n || !memchr("=+-@\t\r\n|%", s.p[0], 9))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return true;
    return s.p[0] != '+' || s.n == 1;
}

static void cell(struct csv *c, struct span s)
{
    char clean[2048];
    size_t n = span_utf8(s, clean, sizeof(clean));
    if (!c->first)
        put(c, ',');
    c->first = false;
    put(c, '"');
    if (is_formula(s))
        put(c, '\'');
    for (size_t i = 0; i < n; i++) {
        if (clean[i] == '"')
            put(c, '"');
        put(c, clean[i]);
    }
    put(c, '"');
}

// Our own figures and words: nothing in them needs a quote.
__attribute__((format(printf, 2, 3))) static void plain(struct csv *c, const char *fmt, ...)
{
    char text[64];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!c->first)
        put(c, ',');
    c->first = false;
    for (int i = 0; i < n && i < (int)sizeof(text) - 1; i++)
        put(c, text[i]);
}

static void time_cell(struct csv *c, int64_t us)
{
    char text[40] = "";
    struct json j;
    json_init(&j, text, sizeof(text));
    json_time(&j, us);
    plain(c, "%.*s", us && j.n > 2 ? (int)j.n - 2 : 0, text + 1); // without the quotes
}

static void seconds_cell(struct csv *c, int64_t from_us, int64_t to_us)
{
    if (from_us && to_us >= from_us && to_us)
        plain(c, "%.3f", (double)(to_us - from_us) / 1e6);
    else
        plain(c, "%s", "");
}

static void number_cell(struct csv *c, int64_t v)
{
    if (v)
        plain(c, "%lld", (long long)v);
    else
        plain(c, "%s", "");
}

static void list_cell(struct csv *c, const struct view_list *l)
{
    char text[2048];
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i ? " " : "",
                              (int)(l->item[i].n < 120 ? l->item[i].n : 120),
                              (const char *)l->item[i].p);
    cell(c, span_of(text, n < sizeof(text) ? n : sizeof(text) - 1));
}

// Behind those of a list: who of the director's list was in it, for people and table programs. The column `agents` has all of it.
static const char agent_columns[] =
    ", (SELECT string_agg(a->>'name', '; ' ORDER BY n) FROM "
    "jsonb_array_elements(c.story->'agents') "
    "WITH ORDINALITY x(a, n)), (SELECT string_agg(DISTINCT nullif(a->>'team', ''), '; ') FROM "
    "jsonb_array_elements(c.story->'agents') a)";

static const char head[] =
    "id,site,started_at,ringing_at,answered_at,ended_at,from_user,from_name,from_uri,to_user,to_"
    "name,to_"
    "uri,result,sip_status,sip_reason,q850_cause,hangup_by,end_reason,setup_seconds,ring_seconds,"
    "talk_seconds,hold_seconds,hold_count,duration_seconds,codecs,mos_min,loss_pct,recording_state,"
    "diverted_by,transfers,related,sip_call_ids,agent_names,agent_teams,agents,"
    "from_e164,to_e164\r\n";

static void csv_row(struct csv *c, const struct call_view *v, struct span agent_names,
                    struct span agent_teams)
{
    char id[37];
    c->n = 0;
    c->first = true;
    uuid_format(&v->id, id);
    plain(c, "%s", id);
    cell(c, v->site);
    time_cell(c, v->started_us);
    time_cell(c, v->ringing_us);
    time_cell(c, v->answered_us);
    time_cell(c, v->ended_us);
    cell(c, v->from_user);
    cell(c, v->from_name);
    cell(c, v->from_uri);
    cell(c, v->to_user);
    cell(c, v->to_name);
    cell(c, v->to_uri);
    cell(c, v->result);
    number_cell(c, v->sip_status);
    cell(c, v->sip_reason);
    number_cell(c, v->q850_cause);
    cell(c, v->hangup_by);
    cell(c, v->end_reason);
    seconds_cell(c, v->started_us,
                 v->ringing_us    ? v->ringing_us
                 : v->answered_us ? v->answered_us
                                  : v->ended_us);
    seconds_cell(c, v->ringing_us, v->answered_us ? v->answered_us : v->ended_us);
    seconds_cell(c, v->answered_us, v->ended_us);
    plain(c, "%.3f", v->hold_seconds);
    plain(c, "%lld", (long long)v->hold_count);
    seconds_cell(c, v->started_us, v->ended_us);
    list_cell(c, &v->codecs);
    if (v->rated)
        plain(c, "%.2f", v->mos_min);
    else
        plain(c, "%s", "");
    if (v->has_quality)
        plain(c, "%.3f", view_pct(v->lost, v->packets));
    else
        plain(c, "%s", "");
    cell(c, v->recording_state);
    cell(c, v->diverted_by);
    cell(c, v->transfers);
    cell(c, v->related);
    list_cell(c, &v->sip_call_ids);
    cell(c, agent_names);
    cell(c, agent_teams);
    cell(c, v->agents);
    cell(c, v->from_e164);
    cell(c, v->to_e164);
    memcpy(c->buf + c->n, "\r\n", 2);
    c->n += 2;
}

// ---- the file

enum format {
    FORMAT_CSV,
    FORMAT_JSON,
    FORMAT_JSON_LINES,
};

static bool put_call(int fd, enum format f, bool first, const struct store_result *r, size_t i)
{
    struct call_row row; // of one worker's stack: 11 KiB, and 16 for the line
    row_call(r, i, &row);
    if (f == FORMAT_CSV) {
        struct csv c;
        csv_row(&c, &row.view, store_span(r, i, ROW_CALL_COLUMNS + 2),
                store_span(r, i, ROW_CALL_COLUMNS + 3));
        return nameless_write(fd, c.buf, c.n);
    }
    char text[ROW_BYTES];
    struct json j;
    json_init(&j, text, sizeof(text));
    call_json(&j, &row.view, 0);
    if (j.overflow)
        return false;
    if (f == FORMAT_JSON_LINES)
        return nameless_write(fd, j.buf, j.n) && nameless_write(fd, "\n", 1);
    return (first || nameless_write(fd, ",\n", 2)) && nameless_write(fd, j.buf, j.n);
}

// All pages. False: the problem is set.
static bool fill(struct store *st, struct http_req *q, int fd, enum format f, struct page *p,
                 bool *ret_more)
{
    size_t rows = 0;
    for (bool more = true; more && rows < EXPORT_MAX;) {
        struct sql s;
        p->limit = EXPORT_PAGE;
        if (!calls_question(st, q, &s, p, f == FORMAT_CSV ? agent_columns : ""))
            return false;
        struct store_result *r = sql_run(st, q, &s);
        if (!r)
            return false;
        size_t n = store_rows(r) < EXPORT_PAGE ? store_rows(r) : EXPORT_PAGE;
        bool good = true;
        more = store_rows(r) > EXPORT_PAGE;
        for (size_t i = 0; i < n && good; i++)
            good = put_call(fd, f, rows + i == 0, r, i);
        if (n) {
            p->has_cursor = true;
            p->at_us = store_time(r, n - 1, ROW_CALL_COLUMNS);
            store_uuid(r, n - 1, ROW_CALL_COLUMNS + 1, &p->id);
        }
        store_result_free(r);
        if (!good) {
            http_problem(q, 503, "no_space", "the export could not be written");
            return false;
        }
        rows += n;
        *ret_more = more;
    }
    return true;
}

// False: the problem is set.
static bool format_of(struct http_req *q, enum format *ret)
{
    static const char *const names[] = {"csv", "json", "jsonl"};
    const char *v = query_get(q, "format");
    *ret = FORMAT_CSV;
    for (size_t i = 0; v && i < 3; i++) {
        if (!strcmp(v, names[i])) {
            *ret = (enum format)i;
            return true;
        }
    }
    if (v)
        http_problem(q, 400, "bad_parameter", "format is csv, json or jsonl");
    return !v;
}

static const char *const format_begin[] = {head, "[", ""};
static const char *const format_end[] = {"", "]\n", ""};
static const char *const format_type[] = {"text/csv; charset=utf-8; header=present",
                                          "application/json", "application/x-ndjson"};
static const char *const format_file[] = {"csv", "json", "jsonl"};

static void job_export(struct store *st, struct http_req *q)
{
    bool more = false;
    enum format f;
    struct page p;
    if (!format_of(q, &f))
        return;
    if (!page_read(q, &p))
        return;
    int fd = nameless_open();
    bool good = fd >= 0 && nameless_write(fd, format_begin[f], strlen(format_begin[f]));
    if (!good)
        http_problem(q, 503, "no_space", "the export could not be written");
    good = good && fill(st, q, fd, f, &p, &more) &&
           nameless_write(fd, format_end[f], strlen(format_end[f]));
    off_t n = good ? lseek(fd, 0, SEEK_CUR) : -1;
    if (n < 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (more) {
        char cursor[64];
        page_cursor(cursor, sizeof(cursor), p.at_us, &p.id);
        http_header(q, "X-Next-Cursor", "%s", cursor);
    }
    http_header(q, "Content-Disposition", "attachment; filename=\"calls.%s\"", format_file[f]);
    (void)http_reply_file(q, 200, format_type[f], fd, 0, (uint64_t)n);
}

enum http_next on_calls_export(struct http_req *q)
{
    return db_submit_file(q, job_export, NULL);
}
