// /calls, /calls/{id} and what hangs on a call, but messages and ladder (messages.c), streams (streams.c), timeline and evidence
// (timeline.c) and the export (export.c). Over 450 lines: every filter of the list, one after the other.
#include <stdio.h>

#include "api.h"
#include "db.h"
#include "events.h"
#include "listen.h"
#include "mirror.h"
#include "numbers.h"
#include "rows.h"
#include "sql.h"
#include "timeline.h"

static const char *const states[] = {"started", "ringing", "early", "answered", "held", "ended"};
static const char *const results[] = {"answered", "no_answer", "busy",      "canceled",
                                      "rejected", "failed",    "redirected"};
static const char *const recording_states[] = {"none", "active", "pending", "ready", "failed"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// q=: part of a URI, user or name, or a whole SIP Call-ID. % and _ mean themselves.
static bool where_text(struct http_req *q, struct sql *s)
{
    const char *v = query_get(q, "q");
    char like[300];
    size_t n = 0;
    if (!v || !v[0])
        return true;
    if (strlen(v) < 2 || strlen(v) > 128) {
        http_problem(q, 400, "bad_parameter", "q has 2 to 128 characters");
        return false;
    }
    like[n++] = '%';
    for (const char *p = v; *p; p++) {
        if (*p == '%' || *p == '_' || *p == '\\')
            like[n++] = '\\';
        like[n++] = *p;
    }
    like[n++] = '%';
    const char *l = sql_keep(s, span_of(like, n));
    // The expression of the days' index of words (services/callstate/housekeeping.c).
    sql_add(
        s,
        " AND ((from_uri || E'\\n' || to_uri || E'\\n' || from_name || E'\\n' || to_name) ILIKE ? "
        "OR sip_call_ids @> ARRAY[?])");
    store_arg_str(&s->args, l);
    store_arg_str(&s->args, v);
    return true;
}

// Results other than `answered` have an index of their own, which this condition opens.
static bool where_result(struct http_req *q, struct sql *s)
{
    const char *v = query_get(q, "result");
    struct span rest = span_str(v ? v : ""), one;
    bool answered = !v || !v[0];
    while (query_list_next(&rest, &one))
        answered |= span_eq(one, span_str("answered"));
    if (!answered)
        sql_add(s, " AND result <> 'answered'");
    return sql_where_list(q, s, "result", "result", results, COUNT(results));
}

static bool where_call_id(struct http_req *q, struct sql *s)
{
    const char *v = query_get(q, "sip_call_id");
    if (!v || !v[0])
        return true;
    sql_add(s, " AND sip_call_ids && string_to_array(?, ',')");
    store_arg_str(&s->args, v);
    return true;
}

// mos_min[lt]=3.6: calls of which one stream was worse for 5 s. At most two decimals.
static bool where_mos(struct http_req *q, struct sql *s)
{
    const char *v = query_get(q, "mos_min[lt]");
    uint64_t whole = 0, part = 0;
    if (!v || !v[0])
        return true;
    struct span all = span_str(v);
    size_t dot = span_find(all, '.');
    bool has_part = dot < all.n;
    struct span after = has_part ? span_sub(all, dot + 1, all.n) : (struct span){NULL, 0};
    if (!span_u64(span_sub(all, 0, dot), 5, &whole) ||
        (has_part && (after.n > 2 || !span_u64(after, 99, &part)))) {
        http_problem(q, 400, "bad_parameter", "mos_min[lt] is a number from 0 to 5, like 3.6");
        return false;
    }
    sql_add(s, " AND mos_min < ?::float8 / 100");
    store_arg_int(&s->args, (int64_t)(whole * 100 + (after.n == 1 ? part * 10 : part)));
    return true;
}

// Of the call or of one of its parts.
static bool where_recording(struct http_req *q, struct sql *s)
{
    const char *v = query_get(q, "recording_state");
    if (!v || !v[0])
        return true;
    if (!query_words_known(span_str(v), recording_states, COUNT(recording_states))) {
        http_problem(q, 400, "bad_parameter",
                     "recording_state does not know one of the values of %s", v);
        return false;
    }
    sql_add(s, " AND (recording_state = ANY (string_to_array(?, ',')) OR EXISTS (SELECT FROM calls "
               "k WHERE k.id = ANY (calls.member_ids) AND k.recording_state = ANY "
               "(string_to_array(?, ','))))");
    store_arg_str(&s->args, v);
    store_arg_str(&s->args, v);
    return true;
}

// agent=: ids (comma: or). team=: names of teams, as the list has them now.
static bool where_agents(struct http_req *q, struct sql *s)
{
    const char *agent = query_get(q, "agent"), *team = query_get(q, "team");
    if (agent && agent[0]) {
        struct span rest = span_str(agent), one;
        struct uuid id;
        while (query_list_next(&rest, &one)) {
            if (!uuid_parse(one, &id)) {
                http_problem(q, 400, "bad_parameter", "agent is the id of an agent");
                return false;
            }
        }
        sql_add(s, " AND (from_agent = ANY (string_to_array(?, ',')::uuid[]) OR to_agent = ANY "
                   "(string_to_array(?, ',')::uuid[]))");
        store_arg_str(&s->args, agent);
        store_arg_str(&s->args, agent);
    }
    if (team && team[0]) {
        sql_add(s, " AND (from_agent = ANY (ARRAY(SELECT a.id FROM agents a WHERE a.team = ANY "
                   "(string_to_array(?, ',')))) OR to_agent = ANY (ARRAY(SELECT a.id FROM agents a "
                   "WHERE a.team = ANY (string_to_array(?, ',')))))");
        store_arg_str(&s->args, team);
        store_arg_str(&s->args, team);
    }
    return true;
}

static bool flag_is(struct http_req *q, const char *name)
{
    const char *v = query_get(q, name);
    return v && !strcmp(v, "true");
}

static bool where_calls(struct store *st, struct http_req *q, struct sql *s)
{
    if (!sql_where_time(q, s, "started_at") || !numbers_where(st, q, s, "number", true, true) ||
        !numbers_where(st, q, s, "from", true, false) ||
        !numbers_where(st, q, s, "to", false, true) ||
        !sql_where_list(q, s, "site", "site", NULL, 0) ||
        !sql_where_list(q, s, "state", "state", states, COUNT(states)) || !where_result(q, s) ||
        !where_recording(q, s) || !where_call_id(q, s) || !where_mos(q, s) || !where_text(q, s) ||
        !where_agents(q, s))
        return false;
    if (flag_is(q, "held"))
        sql_add(s, " AND hold_count > 0");
    if (flag_is(q, "transferred"))
        sql_add(s, " AND story->'transfers' <> '[]'");
    return true;
}

static void where_cursor(struct sql *s, const struct page *p)
{
    if (!p->has_cursor)
        return;
    sql_add(s, " AND (started_at, id) < (?, ?)");
    store_arg_time(&s->args, p->at_us);
    store_arg_uuid(&s->args, &p->id);
}

#define NEWEST_FIRST " ORDER BY started_at DESC, id DESC LIMIT ?"

// Two forms. A number, a Call-ID or an agent names few calls, but the planner, seeing the LIMIT, would walk the calls from the newest on and
// look for them one by one (0.8 s in 400,000 calls): so their keys are found first, by their indexes (below 1 ms), and put
// in order then; a part that was found stands for the call it was merged into. Without such a condition the walk from the newest is right.
bool calls_question(struct store *st, struct http_req *q, struct sql *s, struct page *p,
                    const char *more)
{
    bool few = query_get(q, "number") || query_get(q, "from") || query_get(q, "to") ||
               query_get(q, "sip_call_id") || query_get(q, "agent") || query_get(q, "team");
    sql_init(s);
    sql_add(s, "SELECT " ROW_CALL ", c.started_at, c.id");
    sql_add(s, more);
    sql_add(s, " FROM (");
    sql_add(s, few ? "WITH f AS MATERIALIZED (SELECT site, coalesce(merged_into_at, started_at) AS "
                     "started_at, coalesce(merged_into, id) AS id FROM calls WHERE true"
                   : "SELECT * FROM calls WHERE merged_into IS NULL");
    if (!where_calls(st, q, s))
        return false;
    if (few)
        sql_add(s, ") SELECT k.* FROM (SELECT DISTINCT site, started_at, id FROM f WHERE true");
    where_cursor(s, p);
    sql_add(s, few ? NEWEST_FIRST ") t JOIN calls k USING (site, started_at, id)" : NEWEST_FIRST);
    store_arg_int(&s->args, p->limit + 1);
    sql_add(s, ") c " ROW_CALL_JOIN " ORDER BY c.started_at DESC, c.id DESC");
    return true;
}

static void row_call_json(struct json *j, const struct store_result *r, size_t i)
{
    struct call_row row;
    row_call(r, i, &row);
    call_json(j, &row.view, listen_count(&row.view.id));
}

static void job_calls(struct store *st, struct http_req *q)
{
    struct sql s;
    struct page p;
    if (!page_read(q, &p) || !calls_question(st, q, &s, &p, ""))
        return;
    list_rows(st, q, &s, &p, row_call_json, ROW_CALL_COLUMNS);
}

enum http_next on_calls(struct http_req *q)
{
    return db_submit(q, job_calls, NULL);
}

// ---- the live mesh: swept slot by slot into a buffer that is sent and filled again. The cursor was taken before the sweep, so
// whatever changes behind the sweep is told by the events after it (a call may be seen twice, its revision decides).

static size_t more_active(struct http_req *q, char *buf, size_t cap)
{
    struct req *r = req_of(q);
    const char *site = query_get(q, "site");
    char text[MIRROR_TEXT], last[48];
    size_t n = 0, text_n = 0;
    struct uuid id;
    if (r->step == 3)
        return 0;
    if (r->step == 0) {
        events_last_id(last, sizeof(last));
        n = (size_t)snprintf(buf, cap, "{\"stream_cursor\":\"%s\",\"data\":[", last);
        r->step = 1; // 1: no call yet, 2: some
    }
    while (cap - n > MIRROR_TEXT + 128) {
        struct json j;
        if (!mirror_next_active(&r->sweep, span_str(site ? site : ""), &id, text, &text_n)) {
            memcpy(buf + n, "]}", 2);
            r->step = 3;
            return n + 2;
        }
        if (r->step == 2)
            buf[n++] = ',';
        r->step = 2;
        json_init(&j, buf + n, cap - n);
        call_json_close(&j, span_of(text, text_n), listen_count(&id));
        n += j.n;
    }
    return n;
}

enum http_next on_calls_active(struct http_req *q)
{
    char why[128];
    if (!mirror_fresh(why, sizeof(why))) {
        http_problem(q, 503, "mesh_unavailable", "%s", why);
        http_header(q, "Retry-After", "2");
        return HTTP_DONE;
    }
    if (!http_json(q))
        return HTTP_DONE;
    return http_reply_pieces(q, 200, "application/json", more_active);
}

// ---- one call

static bool expand_wanted(struct http_req *q, const char *what)
{
    const char *v = query_get(q, "expand");
    struct span rest = span_str(v ? v : ""), one;
    while (query_list_next(&rest, &one)) {
        if (span_eq(one, span_str(what)))
            return true;
    }
    return false;
}

// Legs, streams or recordings as a member of the call. False: the problem is set.
static bool sub_rows(struct store *st, struct http_req *q, const char *what, const char *sql,
                     void (*row)(struct json *, const struct store_result *, size_t))
{
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    struct store_result *r = db_query(st, q, sql, &a);
    if (!r)
        return false;
    json_key(&q->json, what);
    json_arr(&q->json);
    for (size_t i = 0; i < store_rows(r); i++)
        row(&q->json, r, i);
    json_arr_end(&q->json);
    store_result_free(r);
    return true;
}

static bool expand(struct store *st, struct http_req *q, const char *what, const char *sql,
                   void (*row)(struct json *, const struct store_result *, size_t))
{
    return !expand_wanted(q, what) || sub_rows(st, q, what, sql, row);
}

// The open text of the newer of store and mirror into buf. False: the problem is set. *ret_away: the store is, the text is the
// live mesh's alone.
static bool newest(struct store *st, struct http_req *q, char *buf, size_t cap, size_t *ret_n,
                   bool *ret_away)
{
    struct req *req = req_of(q);
    struct store_args a;
    struct mirror_info info;
    size_t n = 0;
    bool live = mirror_call(&req->id, &info, buf, &n);
    store_args_init(&a);
    store_arg_uuid(&a, &req->id);
    struct store_result *r = db_query(
        st, q,
        "SELECT " ROW_CALL " FROM (SELECT * FROM calls WHERE id = $1 LIMIT 1) c " ROW_CALL_JOIN,
        &a);
    if (!r && !live)
        return false;
    if (!r && !expand_wanted(q, "evidence") && !expand_wanted(q, "legs") &&
        !expand_wanted(q, "streams") && !expand_wanted(q, "recordings"))
        http_reply_drop(q); // the store is away, the live mesh is not
    bool stored = r && store_rows(r), away = !r;
    if (stored && !(live && info.revision > (uint64_t)store_int(r, 0, 1))) {
        struct call_row row;
        struct json j;
        row_call(r, 0, &row);
        json_init(&j, buf, cap);
        call_json_open(&j, &row.view);
        n = j.overflow ? 0 : j.n;
        live = live || !j.overflow;
    }
    store_result_free(r);
    if (http_reply_is_set(q))
        return false;
    if (!live && !stored)
        api_not_found(q, "call");
    else if (n == 0)
        http_problem(q, 500, "response_too_large", "the call does not fit");
    *ret_n = n;
    *ret_away = away;
    return n > 0;
}

static void job_call(struct store *st, struct http_req *q)
{
    char text[8 * MIRROR_TEXT];
    size_t n = 0;
    bool away = false;
    struct req *req = req_of(q);
    if (!newest(st, q, text, sizeof(text), &n, &away))
        return;
    struct json *j = http_json(q);
    if (!j)
        return;
    json_raw(j, span_of(text, n));
    if (!expand(st, q, "legs",
                "SELECT " ROW_LEG
                " FROM legs WHERE call_id " OF_PARTS("$1") " ORDER BY started_at, id LIMIT 200",
                row_leg) ||
        !expand(st, q, "streams",
                "SELECT " ROW_STREAM
                " FROM streams WHERE call_id " OF_PARTS("$1") " ORDER BY first_at, id LIMIT 200",
                row_stream) ||
        !expand(st, q, "recordings",
                "SELECT " ROW_RECORDING " FROM recordings WHERE call_id " OF_PARTS(
                    "$1") " ORDER BY started_at DESC, id DESC LIMIT 200",
                row_recording) ||
        !expand(st, q, "evidence", EVIDENCE_OF_CALL, row_evidence))
        return;
    if (!away && !sub_rows(st, q, "losses", losses_of_call, row_loss))
        return;
    json_kuint(j, "listeners", listen_count(&req->id));
    json_obj_end(j);
    http_reply_json(q, 200);
}

enum http_next on_call(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_call, NULL) : HTTP_DONE;
}

// ---- legs, recordings, timeline

bool call_exists(struct store *st, struct http_req *q)
{
    struct req *req = req_of(q);
    struct store_args a;
    struct mirror_info info;
    if (mirror_call(&req->id, &info, NULL, NULL))
        return true;
    store_args_init(&a);
    store_arg_uuid(&a, &req->id);
    struct store_result *r = db_query(st, q, "SELECT 1 FROM calls WHERE id = $1 LIMIT 1", &a);
    bool found = r && store_rows(r);
    if (r && !found)
        api_not_found(q, "call");
    store_result_free(r);
    return found;
}

// A list of a call's rows: key columns are the last two of the select (time, id).
void call_rows(struct store *st, struct http_req *q, const struct call_list *l)
{
    struct sql s;
    struct page p;
    if (!page_read(q, &p) || !call_exists(st, q))
        return;
    sql_init(&s);
    sql_add(&s, l->select);
    store_arg_uuid(&s.args, &req_of(q)->id);
    if (p.has_cursor) {
        sql_add(&s, l->after);
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, l->order);
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, l->row, l->key);
}

static void job_legs(struct store *st, struct http_req *q)
{
    static const struct call_list l = {
        "SELECT " ROW_LEG ", started_at, id FROM legs WHERE call_id " OF_PARTS("?"),
        " AND (started_at, id) > (?, ?)", " ORDER BY started_at, id LIMIT ?", row_leg,
        ROW_LEG_COLUMNS};
    call_rows(st, q, &l);
}

enum http_next on_call_legs(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_legs, NULL) : HTTP_DONE;
}

static void job_recordings(struct store *st, struct http_req *q)
{
    static const struct call_list l = {
        "SELECT " ROW_RECORDING ", started_at, id FROM recordings WHERE call_id " OF_PARTS("?"),
        " AND (started_at, id) < (?, ?)", " ORDER BY started_at DESC, id DESC LIMIT ?",
        row_recording, ROW_RECORDING_COLUMNS};
    call_rows(st, q, &l);
}

enum http_next on_call_recordings(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_recordings, NULL) : HTTP_DONE;
}
