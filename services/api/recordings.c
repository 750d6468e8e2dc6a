// /recordings and their wave form.
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "audio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "db.h"
#include "peaks.h"
#include "recordings.h"
#include "rows.h"
#include "sql.h"

#define PEAK_CACHE 32

enum {
    M_PEAKS,
    M_PEAKS_HIT,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_PEAKS] = {"peaks_made_total", NULL, "wave forms computed from a file", STAT_COUNTER},
    [M_PEAKS_HIT] = {"peaks_cached_total", NULL, "wave forms answered from the cache",
                     STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT]; // file worker

struct cached_peaks {
    struct uuid id;
    char sha256[65];
    unsigned pps;
    bool used;
    struct peaks peaks;
};

static struct {
    struct cached_peaks *cache; // file worker alone
    unsigned next;
} rec;

static void count(unsigned which)
{
    atomic_fetch_add_explicit(&stats[which].v, 1, memory_order_relaxed);
}

int recordings_init(void)
{
    stat_register(stat_defs, stats, M_COUNT);
    rec.cache = mem_take(PEAK_CACHE * sizeof(*rec.cache));
    return rec.cache ? 0 : -1;
}

// ---- lists

static void job_recordings(struct store *st, struct http_req *q)
{
    static const char *const words[] = {"ready", "failed", "empty"};
    struct sql s;
    struct page p;
    struct uuid call;
    const char *c = query_get(q, "call_id");
    if (!page_read(q, &p))
        return;
    sql_init(&s);
    sql_add(&s, "SELECT " ROW_RECORDING ", started_at, id FROM recordings WHERE true");
    if (!sql_where_time(q, &s, "started_at") || !sql_where_list(q, &s, "site", "site", NULL, 0) ||
        !sql_where_list(q, &s, "status", "status", words, 3))
        return;
    if (c && c[0]) {
        if (!uuid_parse(span_str(c), &call)) {
            http_problem(q, 400, "bad_parameter", "call_id is a UUID");
            return;
        }
        sql_add(&s, " AND call_id = ?");
        store_arg_uuid(&s.args, &call);
    }
    if (p.has_cursor) {
        sql_add(&s, " AND (started_at, id) < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY started_at DESC, id DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, row_recording, ROW_RECORDING_COLUMNS);
}

enum http_next on_recordings(struct http_req *q)
{
    return db_submit(q, job_recordings, NULL);
}

struct store_result *recordings_one(struct store *st, struct http_req *q, const char *sql)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    struct store_result *r = db_query(st, q, sql, &a);
    if (r && store_rows(r) == 0) {
        api_not_found(q, "recording");
        return store_result_free(r);
    }
    return r;
}

static void job_recording(struct store *st, struct http_req *q)
{
    struct store_result *r =
        recordings_one(st, q, "SELECT " ROW_RECORDING " FROM recordings WHERE id = $1 LIMIT 1");
    struct json *j = r ? http_json(q) : NULL;
    if (j) {
        row_recording(j, r, 0);
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

enum http_next on_recording(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_recording, NULL) : HTTP_DONE;
}

// ---- wave form (file worker)

static struct cached_peaks *cached(const struct uuid *id, const char *sha256, unsigned pps)
{
    for (size_t i = 0; i < PEAK_CACHE; i++) {
        struct cached_peaks *c = &rec.cache[i];
        if (c->used && c->pps == pps && memcmp(c->id.b, id->b, sizeof(id->b)) == 0 &&
            strcmp(c->sha256, sha256) == 0)
            return c;
    }
    return NULL;
}

static struct cached_peaks *make_peaks(struct http_req *q, const struct store_result *r)
{
    struct req *req = req_of(q);
    struct stat st;
    struct cached_peaks *c = cached(&req->id, store_str(r, 0, 1), req->pps);
    if (c) {
        count(M_PEAKS_HIT);
        return c;
    }
    int fd = recordings_open_file(q, r, &st);
    if (fd == -1)
        return NULL;
    struct audio_slot *slot = audio_open(q, fd >= 0 ? fd : -1, store_str(r, 0, 0));
    if (!slot)
        return NULL;
    c = &rec.cache[rec.next++ % PEAK_CACHE];
    c->used = false;
    int e = peaks_make(audio_reader(slot), req->pps, &c->peaks);
    audio_give(slot);
    if (e == -EBADMSG || e == -EIO || e == -ENOENT) {
        audio_problem(q, store_str(r, 0, 0), e);
        return NULL;
    }
    if (e) {
        http_problem(q, 500, "internal", "the file cannot be read as WAV: %s", strerror(-e));
        return NULL;
    }
    count(M_PEAKS);
    c->used =
        store_str(r, 0, 1)[0] != 0; // without a hash nobody can say that the file is still the same
    c->id = req->id;
    c->pps = req->pps;
    snprintf(c->sha256, sizeof(c->sha256), "%s", store_str(r, 0, 1));
    return c;
}

static void job_peaks(struct store *st, struct http_req *q)
{
    struct store_result *r =
        recordings_one(st, q, "SELECT path, sha256, status FROM recordings WHERE id = $1 LIMIT 1");
    struct cached_peaks *c = r ? make_peaks(q, r) : NULL;
    struct json *j = c ? http_json(q) : NULL;
    if (j) {
        const struct peaks *p = &c->peaks;
        json_obj(j);
        json_kint(j, "version", 2);
        json_kuint(j, "channels", p->channels);
        json_kuint(j, "sample_rate", p->rate);
        json_kuint(j, "samples_per_pixel", p->samples_per_pixel);
        json_kint(j, "bits", 8);
        json_kuint(j, "length", p->length);
        json_key(j, "data");
        json_arr(j);
        for (size_t i = 0; i < (size_t)p->length * p->channels * 2; i++)
            json_int(j, p->data[i]);
        json_arr_end(j);
        json_obj_end(j);
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

enum http_next on_recording_peaks(struct http_req *q)
{
    struct req *r = req_of(q);
    const char *pps = query_get(q, "pps");
    uint32_t v = 20;
    if (pps && (!span_u32(span_str(pps), 200, &v) || v < 1))
        return http_problem(q, 400, "bad_parameter", "pps is 1 to 200");
    r->pps = v;
    return api_path_id(q) ? db_submit_file(q, job_peaks, NULL) : HTTP_DONE;
}
