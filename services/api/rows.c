#include "rows.h"

#include <stdio.h>

#include "sql.h"

void row_uuid(struct json *j, const char *key, const struct store_result *r, size_t row, size_t col)
{
    json_key(j, key);
    if (store_null(r, row, col))
        json_null(j);
    else
        json_span(j, store_span(r, row, col));
}

void row_int(struct json *j, const char *key, const struct store_result *r, size_t row, size_t col)
{
    json_key(j, key);
    if (store_null(r, row, col))
        json_null(j);
    else
        json_int(j, store_int(r, row, col));
}

static void row_text_or_null(struct json *j, const char *key, const struct store_result *r,
                             size_t row, size_t col)
{
    row_uuid(j, key, r, row, col);
}

static void row_text(struct json *j, const char *key, const struct store_result *r, size_t row,
                     size_t col)
{
    json_kspan(j, key, store_span(r, row, col));
}

static void row_time(struct json *j, const char *key, const struct store_result *r, size_t row,
                     size_t col)
{
    json_ktime(j, key, store_time(r, row, col));
}

static void array_of(struct span array, struct call_row *row, size_t *keep_n, struct view_list *l)
{
    size_t pos = 0, n = 0;
    while (l->n < VIEW_LIST &&
           store_array_next(array, &pos, row->keep + *keep_n, sizeof(row->keep) - *keep_n, &n)) {
        l->item[l->n++] = span_of(row->keep + *keep_n, n);
        *keep_n += n;
    }
}

void row_call(const struct store_result *r, size_t i, struct call_row *row)
{
    struct call_view *v = &row->view;
    size_t keep_n = 0;
    *v = (struct call_view){.revision = (uint64_t)store_int(r, i, 1)};
    store_uuid(r, i, 0, &v->id);
    v->site = store_span(r, i, 2);
    array_of(store_span(r, i, 3), row, &keep_n, &v->harvesters);
    v->live = store_bool(r, i, 4);
    v->state = store_span(r, i, 5);
    v->result = store_span(r, i, 6);
    v->sip_status = store_int(r, i, 7);
    v->sip_reason = store_span(r, i, 8);
    v->hangup_by = store_span(r, i, 9);
    v->from_uri = store_span(r, i, 10);
    v->from_user = store_span(r, i, 11);
    v->from_name = store_span(r, i, 12);
    v->to_uri = store_span(r, i, 13);
    v->to_user = store_span(r, i, 14);
    v->to_name = store_span(r, i, 15);
    v->started_us = store_time(r, i, 16);
    v->ringing_us = store_time(r, i, 17);
    v->answered_us = store_time(r, i, 18);
    v->ended_us = store_time(r, i, 19);
    v->hold_seconds = store_real(r, i, 20);
    v->hold_count = store_int(r, i, 21);
    array_of(store_span(r, i, 22), row, &keep_n, &v->sip_call_ids);
    v->message_count = store_int(r, i, 23);
    v->recording_state = store_span(r, i, 24);
    array_of(store_span(r, i, 25), row, &keep_n, &v->codecs);
    v->has_quality = store_int(r, i, 26) > 0;
    v->packets = store_int(r, i, 27);
    v->lost = store_int(r, i, 28);
    v->jitter_ms_max = store_real(r, i, 29);
    v->rated = !store_null(r, i, 30);
    v->mos_min = store_real(r, i, 30);
    v->mos_avg = store_real(r, i, 31);
    v->one_way = store_span(r, i, 32);
    v->capture_lost = store_int(r, i, 33);
    v->capture_lost_bound = store_bool(r, i, 34);
    v->end_reason = store_span(r, i, 35);
    v->q850_cause = store_int(r, i, 36);
    v->held_by = store_span(r, i, 37);
    (void)store_uuid(r, i, 38, &v->merged_into);
    v->session_id = store_span(r, i, 39);
    v->diverted_by = store_span(r, i, 40);
    v->transfers = store_span(r, i, 41);
    v->related = store_span(r, i, 42);
    v->conference = store_bool(r, i, 43);
    v->recording_policy = store_span(r, i, 44);
    v->paused = store_span(r, i, 45);
    v->protocol = store_span(r, i, 46);
    v->agents = store_span(r, i, 47);
    v->from_e164 = store_span(r, i, 48);
    v->to_e164 = store_span(r, i, 49);
}

void row_leg(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    row_uuid(j, "id", r, i, 0);
    row_uuid(j, "call_id", r, i, 1);
    row_text(j, "sip_call_id", r, i, 2);
    row_text(j, "from_tag", r, i, 3);
    row_text(j, "to_tag", r, i, 4);
    row_text(j, "from_uri", r, i, 5);
    row_text(j, "to_uri", r, i, 6);
    row_text(j, "state", r, i, 7);
    row_int(j, "sip_status", r, i, 8);
    row_time(j, "started_at", r, i, 9);
    row_time(j, "ringing_at", r, i, 10);
    row_time(j, "answered_at", r, i, 11);
    row_time(j, "ended_at", r, i, 12);
    address_json(j, "src", store_span(r, i, 13), store_int(r, i, 14));
    address_json(j, "dst", store_span(r, i, 15), store_int(r, i, 16));
    row_text(j, "transport", r, i, 17);
    row_text(j, "user_agent", r, i, 18);
    json_obj_end(j);
}

static void stream_counts(struct json *j, const struct store_result *r, size_t i)
{
    int64_t packets = store_int(r, i, 15), lost = store_int(r, i, 17);
    json_kint(j, "packets", packets);
    json_kint(j, "bytes", store_int(r, i, 16));
    json_kint(j, "lost", lost);
    json_kreal(j, "lost_pct", view_pct(lost, packets), 3);
    json_kint(j, "out_of_order", store_int(r, i, 18));
    json_kint(j, "duplicates", store_int(r, i, 19));
    json_key(j, "jitter_ms");
    json_obj(j);
    json_kreal(j, "last", store_real(r, i, 20), 3);
    json_kreal(j, "max", store_real(r, i, 21), 3);
    json_obj_end(j);
    json_kreal(j, "delta_ms_max", store_real(r, i, 22), 3);
    json_kint(j, "dtmf_packets", store_int(r, i, 23));
}

static void row_real_or_null(struct json *j, const char *key, const struct store_result *r,
                             size_t row, size_t col, int decimals)
{
    if (store_null(r, row, col))
        json_knull(j, key);
    else
        json_kreal(j, key, store_real(r, row, col), decimals);
}

static void row_json_or_null(struct json *j, const char *key, const struct store_result *r,
                             size_t row, size_t col)
{
    json_key(j, key);
    if (store_null(r, row, col))
        json_null(j);
    else
        json_raw(j, store_span(r, row, col));
}

static void stream_quality(struct json *j, const struct store_result *r, size_t i)
{
    static const char *const names[] = {"f1", "f2", "adaptive", "min", "avg"};
    json_key(j, "mos");
    if (store_null(r, i, 29)) {
        json_null(j);
    } else {
        json_obj(j);
        for (size_t k = 0; k < 5; k++)
            json_kreal(j, names[k], store_real(r, i, 29 + k), 2);
        json_obj_end(j);
    }
    row_real_or_null(j, "r", r, i, 34, 1);
    row_json_or_null(j, "late", r, i, 35);
    row_json_or_null(j, "burst", r, i, 36);
    row_real_or_null(j, "skew_ppm", r, i, 37, 1);
    json_kint(j, "capture_lost", store_int(r, i, 38));
    json_kbool(j, "capture_lost_bound", store_bool(r, i, 39));
}

void row_stream(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    row_uuid(j, "id", r, i, 0);
    row_uuid(j, "call_id", r, i, 1);
    row_uuid(j, "leg_id", r, i, 2);
    row_text_or_null(j, "side", r, i, 3);
    row_text(j, "site", r, i, 4);
    row_text(j, "harvester", r, i, 5);
    json_kint(j, "ssrc", store_int(r, i, 6));
    address_json(j, "src", store_span(r, i, 7), store_int(r, i, 8));
    address_json(j, "dst", store_span(r, i, 9), store_int(r, i, 10));
    row_text(j, "codec", r, i, 11);
    json_kint(j, "payload_type", store_int(r, i, 12));
    json_kint(j, "clock_rate", store_int(r, i, 13));
    json_kreal(j, "ptime_ms", store_real(r, i, 14), 3);
    stream_counts(j, r, i);
    stream_quality(j, r, i);
    json_kbool(j, "srtp", store_bool(r, i, 24));
    json_key(j, "rtcp");
    json_raw(j, store_span(r, i, 25));
    row_time(j, "first_at", r, i, 26);
    row_time(j, "last_at", r, i, 27);
    json_kbool(j, "ended", store_bool(r, i, 28));
    json_obj_end(j);
}

void row_recording(struct json *j, const struct store_result *r, size_t i)
{
    char url[128];
    bool ready = strcmp(store_str(r, i, 3), "ready") == 0;
    json_obj(j);
    row_uuid(j, "id", r, i, 0);
    row_uuid(j, "call_id", r, i, 1);
    row_text(j, "site", r, i, 2);
    row_text(j, "status", r, i, 3);
    row_text(j, "reason", r, i, 4);
    row_time(j, "started_at", r, i, 5);
    row_time(j, "ended_at", r, i, 6);
    json_kreal(j, "duration_seconds", store_real(r, i, 7), 3);
    row_text(j, "codec", r, i, 8);
    json_kint(j, "sample_rate", store_int(r, i, 9));
    row_text(j, "container", r, i, 10);
    json_kint(j, "size_bytes", store_int(r, i, 11));
    row_text(j, "sha256", r, i, 12);
    json_key(j, "channels");
    json_raw(j, store_span(r, i, 14));
    json_key(j, "gaps");
    json_raw(j, store_span(r, i, 15));
    snprintf(url, sizeof(url), "/api/v1/recordings/%s/audio", store_str(r, i, 0));
    json_kstr(j, "url", ready ? url : NULL);
    snprintf(url, sizeof(url), "/api/v1/recordings/%s/peaks", store_str(r, i, 0));
    json_kstr(j, "peaks_url", ready ? url : NULL);
    row_text(j, "recorder", r, i, 13);
    row_text(j, "sha512", r, i, 16);
    json_kint(j, "stored_bytes", store_int(r, i, 17));
    row_text(j, "encryption", r, i, 18);
    row_text(j, "key_id", r, i, 19);
    json_key(j, "chain");
    if (store_str(r, i, 20)[0]) {
        json_obj(j);
        row_text(j, "hour", r, i, 20);
        json_kint(j, "n", store_int(r, i, 21));
        row_text(j, "hash", r, i, 22);
        json_obj_end(j);
    } else {
        json_null(j);
    }
    json_obj_end(j);
}

// Writes the row, or takes it back when the end of the page would not fit behind it. The first row always stays: alone too
// large is an error that must be seen.
static bool row_fits(struct json *j, const struct store_result *r, size_t i,
                     void (*row)(struct json *, const struct store_result *, size_t))
{
    struct json before = *j;
    row(j, r, i);
    if (i == 0 || (!j->overflow && j->cap - j->n > PAGE_END_ROOM))
        return true;
    *j = before;
    j->buf[j->n] = 0;
    return false;
}

// One row more than the page was asked for: it only says that there is more. A page also ends where the buffer does.
void list_rows(struct store *st, struct http_req *q, struct sql *s, const struct page *p,
               void (*row)(struct json *, const struct store_result *, size_t), size_t key)
{
    struct store_result *r = sql_run(st, q, s);
    struct json *j = r ? page_begin(q) : NULL;
    if (j) {
        char cursor[64] = "";
        size_t rows = store_rows(r), limit = rows < (size_t)p->limit ? rows : (size_t)p->limit,
               n = 0;
        while (n < limit && row_fits(j, r, n, row))
            n++;
        if (rows > n && n > 0) {
            struct uuid id;
            store_uuid(r, n - 1, key + 1, &id);
            page_cursor(cursor, sizeof(cursor), store_time(r, n - 1, key), &id);
        }
        page_end(j, rows > n, cursor);
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

static void json_row(struct json *j, const struct store_result *r, size_t row)
{
    json_raw(j, store_span(r, row, 0));
}

void list_named(struct store *st, struct http_req *q, const char *json, const char *table)
{
    struct sql s;
    struct page p;
    if (!page_read(q, &p))
        return;
    sql_init(&s);
    sql_add(&s, "SELECT ");
    sql_add(&s, json);
    sql_add(&s, ", updated_at, md5(name)::uuid FROM ");
    sql_add(&s, table);
    if (p.has_cursor) {
        sql_add(&s, " WHERE (updated_at, md5(name)::uuid) < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY 2 DESC, 3 DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, json_row, 1);
}
