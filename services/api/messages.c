// The SIP messages of a call, as text and as a ladder.
#include <stdio.h>

#include "api.h"
#include "db.h"
#include "ladder.h"
#include "rows.h"
#include "sdes.h"
#include "sip_text.h"
#include "sql.h"

#define RAW_MAX    65535
#define ARROWS_MAX 700 // 500 messages and 200 streams

// Numbered from 1 over the whole call. A page is at most $3 messages and about 256 KiB of them, and at least one.
static const char messages_sql[] =
    "SELECT number, at, method, status, reason, host(src_ip), "
    "src_port, host(dst_ip), dst_port, transport, leg_id, "
    "retransmission, raw, total, raw_form FROM (SELECT *, "
    "sum(octet_length(raw)) OVER (ORDER BY number) AS upto FROM ("
    "SELECT *, row_number() OVER (ORDER BY at, publisher, seq, n) "
    "AS number, count(*) OVER () AS total FROM sip_messages "
    "WHERE call_id " OF_PARTS("$1") ") m WHERE number > $2 ORDER BY number LIMIT "
                                    "$3) p WHERE upto <= 262144 OR number = $2 + 1 "
                                    "ORDER BY number";

static void message_json(struct json *j, const struct store_result *r, size_t i, uint8_t *raw)
{
    size_t n = sip_text(r, i, 12, 14, raw, RAW_MAX + 1);
    sdes_blot(raw, n);
    json_obj(j);
    json_kint(j, "n", store_int(r, i, 0));
    json_ktime(j, "at", store_time(r, i, 1));
    json_kspan(j, "method", store_span(r, i, 2));
    row_int(j, "status", r, i, 3);
    json_kspan(j, "reason", store_span(r, i, 4));
    address_json(j, "src", store_span(r, i, 5), store_int(r, i, 6));
    address_json(j, "dst", store_span(r, i, 7), store_int(r, i, 8));
    json_kspan(j, "transport", store_span(r, i, 9));
    row_uuid(j, "leg_id", r, i, 10);
    json_kbool(j, "retransmission", store_bool(r, i, 11));
    json_kspan(j, "raw", span_of(raw, n));
    json_obj_end(j);
}

static void write_messages(struct http_req *q, const struct store_result *r)
{
    uint8_t raw[RAW_MAX + 1];
    char cursor[24] = "";
    size_t n = 0, rows = store_rows(r);
    struct json *j = page_begin(q);
    if (!j)
        return;
    for (; n < rows; n++) {
        struct json before = *j;
        message_json(j, r, n, raw);
        if (n > 0 && (j->overflow || j->cap - j->n <= PAGE_END_ROOM)) {
            *j = before; // full of bytes that need escapes: it opens the next page
            break;
        }
    }
    int64_t last = n ? store_int(r, n - 1, 0) : 0;
    snprintf(cursor, sizeof(cursor), "%lld", (long long)last);
    page_end(j, n && last < store_int(r, n - 1, 13), cursor);
    http_reply_json(q, 200);
}

static void job_messages(struct store *st, struct http_req *q)
{
    const char *limit = query_get(q, "limit"), *cursor = query_get(q, "cursor");
    uint64_t max = 50, after = 0;
    struct store_args a;
    if (limit && (!span_u64(span_str(limit), 200, &max) || max < 1)) {
        http_problem(q, 400, "bad_parameter", "limit is 1 to 200");
        return;
    }
    if (cursor && !span_u64(span_str(cursor), INT32_MAX, &after)) {
        http_problem(q, 400, "bad_parameter", "cursor is the next_cursor of a page before");
        return;
    }
    if (!call_exists(st, q))
        return;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    store_arg_int(&a, (int64_t)after);
    store_arg_int(&a, (int64_t)max);
    struct store_result *r = db_query(st, q, messages_sql, &a);
    if (r)
        write_messages(q, r);
    store_result_free(r);
}

enum http_next on_call_messages(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_messages, NULL) : HTTP_DONE;
}

// ---- the ladder

// The first 500 messages and 200 streams in order of time. An SDP body begins with its version line (RFC 8866 5.1).
static const char ladder_sql[] =
    "SELECT at, ip_a, port_a, ip_b, port_b, kind, label, number FROM ("
    "(SELECT at, host(src_ip) AS ip_a, src_port AS port_a, host(dst_ip) AS ip_b, dst_port AS "
    "port_b, "
    "CASE WHEN status IS NULL THEN 'request' ELSE 'response' END AS kind, "
    "CASE WHEN status IS NULL THEN method ELSE status || ' ' || reason END || "
    "CASE WHEN coalesce(sdp, position('\\x0d0a763d300d0a'::bytea IN raw) > 0) THEN ' (SDP)' ELSE "
    "'' "
    "END || "
    "CASE WHEN retransmission THEN ' (again)' ELSE '' END AS label, "
    "row_number() OVER (ORDER BY at, publisher, seq, n) AS number FROM sip_messages WHERE "
    "call_id " OF_PARTS(
        "$1") " "
              "ORDER BY at, publisher, seq, n LIMIT 500) "
              "UNION ALL (SELECT first_at, host(src_ip), src_port, host(dst_ip), dst_port, 'rtp', "
              "concat_ws(' ', 'RTP', nullif(codec, ''), packets || ' packets'), NULL FROM streams "
              "WHERE "
              "call_id " OF_PARTS(
                  "$1") " "
                        "ORDER BY first_at, id LIMIT 200)) t ORDER BY at, number NULLS LAST";

struct arrow_ends {
    uint8_t from, to;
};

static void ladder_json(struct http_req *q, const struct store_result *r)
{
    struct ladder l = {.n = 0};
    struct arrow_ends ends[ARROWS_MAX];
    size_t rows = store_rows(r) < ARROWS_MAX ? store_rows(r) : ARROWS_MAX;
    for (int media = 0; media < 2; media++) { // signalling names the columns, media finds them
        for (size_t i = 0; i < rows; i++) {
            if (strcmp(store_str(r, i, 5), "rtp") == 0 ? !media : media)
                continue;
            ends[i].from =
                (uint8_t)ladder_endpoint(&l, store_span(r, i, 1), store_int(r, i, 2), media);
            ends[i].to =
                (uint8_t)ladder_endpoint(&l, store_span(r, i, 3), store_int(r, i, 4), media);
        }
    }
    struct json *j = http_json(q);
    if (!j)
        return;
    json_obj(j);
    ladder_endpoints_json(j, &l);
    json_key(j, "arrows");
    json_arr(j);
    for (size_t i = 0; i < rows; i++) {
        json_obj(j);
        json_ktime(j, "at", store_time(r, i, 0));
        json_kuint(j, "from", ends[i].from);
        json_kuint(j, "to", ends[i].to);
        json_kspan(j, "label", store_span(r, i, 6));
        json_kspan(j, "kind", store_span(r, i, 5));
        row_int(j, "message", r, i, 7);
        json_obj_end(j);
    }
    json_arr_end(j);
    json_obj_end(j);
    http_reply_json(q, 200);
}

static void job_ladder(struct store *st, struct http_req *q)
{
    struct store_args a;
    if (!call_exists(st, q))
        return;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    struct store_result *r = db_query(st, q, ladder_sql, &a);
    if (r)
        ladder_json(q, r);
    store_result_free(r);
}

enum http_next on_call_ladder(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_ladder, NULL) : HTTP_DONE;
}
