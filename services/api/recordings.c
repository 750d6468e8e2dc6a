// /recordings, their audio and their wave form. Files are opened beneath recordings.dir and nowhere else (openat2).
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "audio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "beneath.h"
#include "db.h"
#include "http/range.h"
#include "peaks.h"
#include "recordings.h"
#include "rows.h"
#include "sql.h"

#define PEAK_CACHE 32

enum {
    M_PLAYED,
    M_MISSING,
    M_PEAKS,
    M_PEAKS_HIT,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_PLAYED] = {"audio_requests_total", NULL, "audio files answered, ranges counted one by one",
                  STAT_COUNTER},
    [M_MISSING] = {"audio_missing_total", NULL, "recordings whose file is not in recordings.dir",
                   STAT_COUNTER},
    [M_PEAKS] = {"peaks_made_total", NULL, "wave forms computed from a file", STAT_COUNTER},
    [M_PEAKS_HIT] = {"peaks_cached_total", NULL, "wave forms answered from the cache",
                     STAT_COUNTER},
};
static struct stat_cell
    stats[M_COUNT]; // played and missing are atomic adds of workers; peaks: file worker

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
    if (access(settings.recordings_dir, X_OK))
        log_warn("recordings.dir is not there: audio is answered 410 until it is",
                 "dir=%s error=\"%s\"", settings.recordings_dir, strerror(errno));
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

static struct store_result *one(struct store *st, struct http_req *q, const char *sql)
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
        one(st, q, "SELECT " ROW_RECORDING " FROM recordings WHERE id = $1 LIMIT 1");
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

// ---- files

#define FROM_DEPOT (-2)

// The file of the row (path, sha256, status); FROM_DEPOT: not here, the object store may have it; or -1 with the problem set.
static int open_file(struct http_req *q, const struct store_result *r, struct stat *ret_st)
{
    if (strcmp(store_str(r, 0, 2), "ready") != 0) {
        http_problem(q, 404, "not_found", "this recording has no audio: %s", store_str(r, 0, 2));
        return -1;
    }
    int dir = open(settings.recordings_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : beneath_open(dir, store_str(r, 0, 0));
    int e = errno;
    if (dir >= 0)
        close(dir);
    errno = e;
    if (fd >= 0 && (fstat(fd, ret_st) || !S_ISREG(ret_st->st_mode))) {
        close(fd);
        fd = -1;
    }
    if (fd < 0 && e == ENOENT && audio_has_depot())
        return FROM_DEPOT;
    if (fd < 0) {
        count(M_MISSING);
        log_warn("the file of a recording is not there", "path=%s error=\"%s\"", store_str(r, 0, 0),
                 strerror(errno));
        http_problem(q, 410, "gone", "the file of this recording is not there");
    }
    return fd;
}

static void name_file(struct http_req *q, const char *etag)
{
    char id[37];
    uuid_format(&req_of(q)->id, id);
    http_header(q, "ETag", "%s", etag);
    http_header(q, "Accept-Ranges", "bytes");
    http_header(q, "Cache-Control", "private, no-cache");
    http_header(q, "Content-Disposition", "inline; filename=\"%s.wav\"", id);
}

// What is sent: a plain file by the kernel, an encrypted one through a reader.
struct sound {
    int fd;
    struct audio_slot *slot;
    uint64_t size;
};

static void sound_give(struct sound *s)
{
    if (s->slot)
        audio_give(s->slot);
    else if (s->fd >= 0)
        close(s->fd);
    s->slot = NULL;
    s->fd = -1;
}

static void send_part(struct http_req *q, struct sound *s, unsigned status, uint64_t first,
                      uint64_t n)
{
    if (s->slot)
        audio_reply(q, s->slot, status, "audio/wav", first, n);
    else
        http_reply_file(q, status, "audio/wav", s->fd, first, n);
}

// RFC 9110 13 and 14: If-None-Match first, then Range unless If-Range names another file.
static void reply_audio(struct http_req *q, struct sound *s, const char *etag)
{
    const char *none = http_header_in(q, "If-None-Match"), *range = http_header_in(q, "Range");
    const char *if_range = http_header_in(q, "If-Range");
    uint64_t first = 0, last = 0, size = s->size;
    enum range_kind kind = RANGE_WHOLE;
    if (none && query_etag_match(span_str(none), span_str(etag), true)) {
        sound_give(s);
        name_file(q, etag);
        http_reply_empty(q, 304);
        return;
    }
    if (range && (!if_range || query_etag_match(span_str(if_range), span_str(etag), false)))
        kind = range_parse(span_str(range), size, &first, &last);
    if (kind == RANGE_NONE) {
        sound_give(s);
        http_problem(q, 416, "range_not_satisfiable", "the file has %llu bytes",
                     (unsigned long long)size);
        http_header(q, "Content-Range", "bytes */%llu", (unsigned long long)size);
        http_header(q, "Accept-Ranges", "bytes");
        return;
    }
    count(M_PLAYED);
    if (kind == RANGE_PART) {
        send_part(q, s, 206, first, last - first + 1);
        http_header(q, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                    (unsigned long long)last, (unsigned long long)size);
    } else {
        send_part(q, s, 200, 0, size);
    }
    name_file(q, etag);
}

static bool sealed(const char *path)
{
    size_t n = strlen(path), k = sizeof(SEAL_SUFFIX) - 1;
    return n > k && strcmp(path + n - k, SEAL_SUFFIX) == 0;
}

// The sound of the row; false: the problem is set.
static bool open_sound(struct http_req *q, const struct store_result *r, struct sound *ret,
                       struct stat *ret_st)
{
    memset(ret_st, 0, sizeof(*ret_st));
    *ret = (struct sound){.fd = open_file(q, r, ret_st)};
    if (ret->fd == -1)
        return false;
    ret->size = (uint64_t)ret_st->st_size;
    if (ret->fd >= 0 && !sealed(store_str(r, 0, 0)))
        return true;
    ret->slot = audio_open(q, ret->fd >= 0 ? ret->fd : -1, store_str(r, 0, 0));
    if (!ret->slot)
        return false;
    ret->size = audio_content(ret->slot);
    return true;
}

static void job_audio(struct store *st, struct http_req *q)
{
    char id[37], etag[80];
    struct stat s;
    struct sound sound;
    const char *range = http_header_in(q, "Range");
    uuid_format(&req_of(q)->id, id);
    struct store_result *r =
        one(st, q, "SELECT path, sha256, status FROM recordings WHERE id = $1 LIMIT 1");
    bool open = r && open_sound(q, r, &sound, &s);
    // A player asks for many ranges of one hearing; the one from the start stands for it in the audit.
    bool first = q->method == HTTP_GET && (!range || strncmp(range, "bytes=0-", 8) == 0);
    if (open && first && !db_audit(st, q, "audio", id, "sent")) {
        sound_give(&sound);
        open = false;
    }
    if (open) {
        if (store_str(r, 0, 1)[0])
            snprintf(etag, sizeof(etag), "\"%s\"", store_str(r, 0, 1));
        else
            snprintf(etag, sizeof(etag), "\"%llx-%llx\"", (unsigned long long)s.st_size,
                     (unsigned long long)s.st_mtime);
        reply_audio(q, &sound, etag);
    }
    store_result_free(r);
}

enum http_next on_recording_audio(struct http_req *q)
{
    const char *format = query_get(q, "format");
    if (format && strcmp(format, "wav") != 0)
        return http_problem(q, 400, "bad_parameter", "format is wav");
    return api_path_id(q) ? db_submit(q, job_audio, NULL) : HTTP_DONE;
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
    int fd = open_file(q, r, &st);
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
        one(st, q, "SELECT path, sha256, status FROM recordings WHERE id = $1 LIMIT 1");
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
