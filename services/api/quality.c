// /calls/{id}/quality: how it sounded (verdict.h), made when it is asked for: by the stream with the most packets of each side, part and tap.
#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"
#include "verdict.h"

static const char sql[] =
    "SELECT s.side, s.harvester, s.packets, s.lost, s.mos_min, s.jitter_ms_max, "
    "coalesce((s.late->>'adaptive')::float8, 0), s.capture_lost, s.capture_lost_bound, "
    "coalesce((s.rtcp->>'packets')::float8, 0) > 0, coalesce((s.rtcp->>'cumulative_lost')::float8, "
    "0), c.one_way, c.answered_at IS NOT NULL FROM calls c LEFT JOIN LATERAL (SELECT DISTINCT ON "
    "(side, call_id, harvester) * FROM streams WHERE call_id = ANY (c.member_ids || c.id) AND side "
    "IN ('caller', 'callee') ORDER BY side, call_id, harvester, packets DESC LIMIT 64) s ON true "
    "WHERE c.id = $1 ORDER BY s.first_at, s.id";

static void take(const struct store_result *r, size_t i, struct verdict_in *v)
{
    const char *side = store_str(r, i, 0);
    v->one_way = store_null(r, i, 11) ? "" : store_str(r, i, 11);
    v->answered = store_bool(r, i, 12);
    if (!side[0])
        return; // no stream
    v->capture_lost += store_real(r, i, 7);
    v->capture_lost_bound |= store_bool(r, i, 8);
    struct direction *d = &v->said[strcmp(side, "caller") == 0 ? 0 : 1];
    if (d->n == VERDICT_PLACES)
        return;
    struct heard *h = &d->at[d->n++];
    double late = store_real(r, i, 6), by_us = store_real(r, i, 7);
    (void)span_copy(store_span(r, i, 1), h->tap, sizeof(h->tap));
    h->packets = store_real(r, i, 2);
    h->lost = store_real(r, i, 3) > by_us ? store_real(r, i, 3) - by_us : 0;
    h->mos = store_null(r, i, 4) ? 0 : store_real(r, i, 4);
    h->jitter_ms = store_real(r, i, 5);
    h->late_pct = h->packets > 0 ? 100 * late / h->packets : 0;
    h->reported = store_bool(r, i, 9);
    h->far_lost = store_real(r, i, 10);
}

static void direction_json(struct json *j, const struct direction *d, int side)
{
    struct segment s[VERDICT_PLACES + 1];
    double mos = verdict_mos(d);
    json_obj(j);
    json_kstr(j, "said_by", side ? "callee" : "caller");
    json_kstr(j, "heard_by", side ? "caller" : "callee");
    if (mos > 0)
        json_kreal(j, "mos_min", mos, 2);
    else
        json_knull(j, "mos_min");
    json_kreal(j, "lost_pct", verdict_loss_pct(d), 2);
    json_kreal(j, "late_pct", d->n ? d->at[d->n - 1].late_pct : 0, 2);
    json_kreal(j, "jitter_ms_max", d->n ? d->at[d->n - 1].jitter_ms : 0, 2);
    json_key(j, "segments");
    json_arr(j);
    for (size_t i = 0, n = verdict_segments(d, side, s); i < n; i++) {
        json_obj(j);
        json_kstr(j, "from", s[i].from);
        json_kstr(j, "to", s[i].to);
        json_kreal(j, "lost_pct", s[i].lost_pct, 2);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_obj_end(j);
}

static void reply(struct http_req *q, const struct verdict_in *v)
{
    char sentence[1024];
    struct json *j = http_json(q);
    if (!j)
        return;
    verdict_sentence(v, sentence, sizeof(sentence));
    json_obj(j);
    json_kuuid(j, "call_id", &req_of(q)->id);
    json_kstr(j, "sentence", sentence);
    json_kstr(j, "one_way", v->one_way[0] ? v->one_way : NULL);
    json_kint(j, "capture_lost", (int64_t)v->capture_lost);
    json_kbool(j, "capture_lost_bound", v->capture_lost_bound);
    json_key(j, "directions");
    json_arr(j);
    for (int side = 0; side < 2; side++)
        if (v->said[side].n)
            direction_json(j, &v->said[side], side);
    json_arr_end(j);
    json_obj_end(j);
    http_reply_json(q, 200);
}

static void job(struct store *st, struct http_req *q)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    struct store_result *r = db_query(st, q, sql, &a);
    struct verdict_in v = {.one_way = ""};
    for (size_t i = 0; i < store_rows(r); i++)
        take(r, i, &v);
    if (r && store_rows(r))
        reply(q, &v);
    else if (r)
        api_not_found(q, "call");
    store_result_free(r);
}

enum http_next on_call_quality(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job, NULL) : HTTP_DONE;
}
