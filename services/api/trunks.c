// /trunks: where a site's calls come from and go to, by the addresses of the other side. A trunk is known by its name: writing it again
// replaces it. Whoever changes one has the sums of the last month made anew (a trigger of the schema tells callstate). Bodies are read by
// PostgreSQL (jsonb), each write is audited in its own statement.
#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

#define TRUNKS_MAX "256"
#define TRUNK_JSON                                                                                 \
    "json_build_object('name', name, 'site', site, 'addresses', addresses, 'updated_at', "         \
    "rfc3339(updated_at), 'updated_by', updated_by)::text"

static void job_trunks(struct store *st, struct http_req *q)
{
    list_named(st, q, TRUNK_JSON, "trunks");
}

static void job_write(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), v AS (SELECT btrim(b->>'name') AS name, "
        "coalesce(b->>'site', '') AS site, ARRAY(SELECT x::cidr FROM "
        "jsonb_array_elements_text(b->'addresses') x) AS addresses FROM b), n AS (INSERT INTO "
        "trunks (name, site, addresses, updated_by) SELECT v.*, $2 FROM v WHERE $4::uuid IS NOT "
        "NULL AND ((SELECT count(*) FROM trunks) < " TRUNKS_MAX " OR EXISTS (SELECT FROM trunks x "
        "WHERE x.name = v.name)) ON CONFLICT (name) DO UPDATE SET site = excluded.site, addresses "
        "= excluded.addresses, updated_at = now(), updated_by = excluded.updated_by RETURNING *), "
        "a AS (INSERT INTO audit (actor, action, object, address, result) SELECT $2, "
        "'trunk.write', name, $3, 'ok' FROM n) SELECT " TRUNK_JSON " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        http_problem(q, 409, "too_many_trunks", "there are " TRUNKS_MAX " trunks: remove one");
}

static void job_remove(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (DELETE FROM trunks WHERE name = $1 RETURNING *), a AS (INSERT INTO audit "
        "(actor, action, object, address, result) SELECT $2, 'trunk.remove', name, $3, 'ok' FROM "
        "n) SELECT " TRUNK_JSON " FROM n";
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, q->param);
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    if (!db_reply_row(q, db_query(st, q, sql, &a), 200))
        api_not_found(q, "trunk");
}

enum http_next on_trunks(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_write : job_trunks, NULL);
}

enum http_next on_trunk_remove(struct http_req *q)
{
    return db_submit(q, job_remove, NULL);
}
