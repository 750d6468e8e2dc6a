// /agents, /teams: the director's list. An agent is named by its name; its extensions say, each for a time, which SIP user or address
// is that person. Each write raises the revision that callstate looks at, and is audited, in its own statement. Bodies are read by
// PostgreSQL (jsonb). A CSV comes in pieces of a request's body; each piece is one transaction, and the same again changes nothing.
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "csv_read.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

// A bound of the list that a reader sees of one agent; more stay in the store.
#define EXTENSIONS_OF(a)                                                                           \
    "coalesce((SELECT json_agg(json_build_object('site', x.site, 'kind', x.kind, 'value', "        \
    "x.value, 'valid_from', CASE WHEN isfinite(x.valid_from) THEN rfc3339(x.valid_from) END, "     \
    "'valid_to', CASE WHEN isfinite(x.valid_to) THEN rfc3339(x.valid_to) END) ORDER BY x.site, "   \
    "x.kind, x.value, x.valid_from) FROM (SELECT * FROM extensions e WHERE e.agent_id = " a ".id " \
    "ORDER BY e.valid_to DESC LIMIT 100) x), '[]'::json)"
#define AGENT_JSON(a, extensions)                                                                  \
    "json_build_object('id', " a ".id, 'name', " a ".name, 'team', " a ".team, 'created_at', "     \
    "rfc3339(" a ".created_at), 'removed_at', rfc3339(" a                                          \
    ".removed_at), 'extensions', " extensions ")::text"
#define AUDIT(action, object, result)                                                              \
    "u AS (INSERT INTO audit (actor, action, object, address, result) SELECT $2, '" action         \
    "', " object ", $3, " result " FROM n LIMIT 1), r AS (UPDATE director SET revision = "         \
    "revision + 1 WHERE EXISTS (SELECT FROM n)) "

static void row_json(struct json *j, const struct store_result *r, size_t row)
{
    json_raw(j, store_span(r, row, 0));
}

static void job_list(struct store *st, struct http_req *q)
{
    struct sql s;
    struct page p;
    const char *name = query_get(q, "name"), *removed = query_get(q, "removed");
    if (!page_read(q, &p))
        return;
    sql_init(&s);
    sql_add(&s, "SELECT " AGENT_JSON("a", EXTENSIONS_OF("a")) ", a.created_at, a.id FROM agents a "
                                                              "WHERE ");
    sql_add(&s, removed && !strcmp(removed, "true") ? "true" : "a.removed_at IS NULL");
    if (!sql_where_list(q, &s, "team", "a.team", NULL, 0))
        return;
    if (name && name[0]) {
        sql_add(&s, " AND position(lower(?) IN lower(a.name)) > 0");
        store_arg_str(&s.args, name);
    }
    if (p.has_cursor) {
        sql_add(&s, " AND (a.created_at, a.id) < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY a.created_at DESC, a.id DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, row_json, 1);
}

static void job_one(struct store *st, struct http_req *q)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    struct store_result *r = db_query(
        st, q, "SELECT " AGENT_JSON("a", EXTENSIONS_OF("a")) " FROM agents a WHERE a.id = $1", &a);
    struct json *j = r && store_rows(r) ? http_json(q) : NULL;
    if (j) {
        json_raw(j, store_span(r, 0, 0));
        http_reply_json(q, 200);
    } else if (r && !store_rows(r)) {
        api_not_found(q, "agent");
    }
    store_result_free(r);
}

static void job_teams(struct store *st, struct http_req *q)
{
    struct store_result *r = db_query(
        st, q,
        "SELECT json_build_object('name', team, 'agents', count(*))::text FROM agents WHERE "
        "removed_at IS NULL AND team <> '' GROUP BY team ORDER BY team LIMIT 1000",
        NULL);
    struct json *j = r ? page_begin(q) : NULL;
    for (size_t i = 0; j && i < store_rows(r); i++)
        row_json(j, r, i);
    if (j) {
        page_end(j, false, "");
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

// $1 rows, $2 actor, $3 address. An agent that is not there is made; a team that is told replaces the one before; an extension with the
// same begin gets the new end.
static const char import_sql[] =
    "WITH b AS (SELECT trim(name) AS name, coalesce(trim(team), '') AS team, coalesce(site, '') AS "
    "site, coalesce(nullif(kind, ''), 'user') AS kind, coalesce(value, '') AS value, "
    "coalesce(nullif(valid_from, '')::timestamptz, '-infinity') AS valid_from, "
    "coalesce(nullif(valid_to, '')::timestamptz, 'infinity') AS valid_to FROM "
    "jsonb_to_recordset($1::jsonb) AS x(name text, team text, site text, kind text, value text, "
    "valid_from text, valid_to text)),"
    " n AS (INSERT INTO agents AS a (name, team) SELECT name, max(team) FROM b GROUP BY name ON "
    "CONFLICT (name) WHERE removed_at IS NULL DO UPDATE SET team = CASE WHEN excluded.team = '' "
    "THEN a.team ELSE excluded.team END RETURNING *),"
    " e AS (INSERT INTO extensions AS x (agent_id, site, kind, value, valid_from, valid_to) SELECT "
    "n.id, b.site, b.kind, b.value, b.valid_from, max(b.valid_to) FROM b JOIN n USING (name) WHERE "
    "b.value <> '' GROUP BY 1, 2, 3, 4, 5 ON CONFLICT (agent_id, site, kind, value, valid_from) DO "
    "UPDATE SET valid_to = excluded.valid_to RETURNING *), " AUDIT(
        "agents.import", "(SELECT count(*) FROM n) || ' agents'", "'ok'");

static struct store_result *write_rows(struct store *st, struct http_req *q, const char *sql,
                                       struct span rows)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, rows);
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    return db_query(st, q, sql, &a);
}

static void job_import(struct store *st, struct http_req *q)
{
    static const char *const columns[] = {"name",  "team",       "site",    "kind",
                                          "value", "valid_from", "valid_to"};
    char text[4 * HTTP_BODY_MAX], sql[sizeof(import_sql) + 160];
    size_t rows = 0, line = 0;
    const char *why = "";
    struct json j;
    json_init(&j, text, sizeof(text));
    if (!csv_read(span_of(q->body, q->body_n), columns, sizeof(columns) / sizeof(columns[0]), &j,
                  &rows, &line, &why)) {
        http_problem(q, 400, "bad_csv", "line %zu: %s", line, why);
        return;
    }
    if (!rows) {
        http_problem(q, 400, "bad_csv", "there is no line below the header");
        return;
    }
    (void)snprintf(sql, sizeof(sql),
                   "%sSELECT json_build_object('agents', (SELECT count(*) FROM n), 'extensions', "
                   "(SELECT count(*) FROM e))::text",
                   import_sql);
    (void)db_reply_row(q, write_rows(st, q, sql, span_of(j.buf, j.n)), 200);
}

// {name, team, extensions:[{site, kind, value, valid_from, valid_to}]}, with n: the agent that is made or changed.
#define PUT_SQL(n)                                                                                 \
    "WITH b AS (SELECT $1::jsonb AS b), n AS (" n " RETURNING agents.*),"                          \
    " w AS (SELECT DISTINCT ON (1, 2, 3, 4) coalesce(site, '') AS site, coalesce(kind, 'user') "   \
    "AS kind, value, coalesce(valid_from::timestamptz, '-infinity') AS valid_from, "               \
    "coalesce(valid_to::timestamptz, 'infinity') AS valid_to FROM b, "                             \
    "jsonb_to_recordset(coalesce(b->'extensions', '[]')) AS x(site text, kind text, value "        \
    "text, valid_from text, valid_to text)),"                                                      \
    " d AS (DELETE FROM extensions x USING n WHERE x.agent_id = n.id AND NOT EXISTS (SELECT "      \
    "FROM w WHERE (w.site, w.kind, w.value, w.valid_from) = (x.site, x.kind, x.value, "            \
    "x.valid_from))),"                                                                             \
    " e AS (INSERT INTO extensions (agent_id, site, kind, value, valid_from, valid_to) SELECT "    \
    "n.id, w.site, w.kind, w.value, w.valid_from, w.valid_to FROM w, n ON CONFLICT (agent_id, "    \
    "site, kind, value, valid_from) DO UPDATE SET valid_to = excluded.valid_to RETURNING "         \
    "*), " AUDIT("agent.put", "n.id::text", "'ok'") "SELECT " AGENT_JSON(                          \
        "n", "coalesce((SELECT json_agg(json_build_object('site', site, 'kind', kind, 'value', "   \
             "value, 'valid_from', CASE WHEN isfinite(valid_from) THEN rfc3339(valid_from) END, "  \
             "'valid_to', CASE WHEN isfinite(valid_to) THEN rfc3339(valid_to) END) ORDER BY "      \
             "site, kind, value, valid_from) FROM e), '[]'::json)") " FROM n"

// By name: made, or replaced with all its extensions.
static void job_put(struct store *st, struct http_req *q)
{
    static const char sql[] = PUT_SQL(
        "INSERT INTO agents (name, team) SELECT trim(b->>'name'), coalesce(trim(b->>'team'), '') "
        "FROM b ON CONFLICT (name) WHERE removed_at IS NULL DO UPDATE SET team = excluded.team");
    (void)db_reply_row(q, db_write(st, q, sql), 200);
}

// By id: its name may change too.
static void job_replace(struct store *st, struct http_req *q)
{
    static const char sql[] = PUT_SQL(
        "UPDATE agents SET name = trim(b->>'name'), team = coalesce(trim(b->>'team'), '') FROM b "
        "WHERE agents.id = $4 AND removed_at IS NULL");
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        api_not_found(q, "agent");
}

// Stays for the calls that name it; its extensions end now, those to come never begin.
static void job_remove(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (UPDATE agents SET removed_at = now() WHERE id = $4 AND removed_at IS NULL "
        "RETURNING *), e AS (UPDATE extensions x SET valid_to = greatest(now(), x.valid_from) FROM "
        "n WHERE x.agent_id = n.id AND x.valid_to > now()), " AUDIT(
            "agent.remove", "n.id::text", "'ok'") "SELECT " AGENT_JSON("n", "'[]'::json") " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        api_not_found(q, "agent");
}

enum http_next on_agents(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_put : job_list, NULL);
}

enum http_next on_agents_import(struct http_req *q)
{
    return db_submit(q, job_import, NULL);
}

enum http_next on_agent(struct http_req *q)
{
    if (!api_path_id(q))
        return HTTP_DONE;
    return db_submit(q,
                     q->method == HTTP_PUT      ? job_replace
                     : q->method == HTTP_DELETE ? job_remove
                                                : job_one,
                     NULL);
}

enum http_next on_teams(struct http_req *q)
{
    return db_submit(q, job_teams, NULL);
}
