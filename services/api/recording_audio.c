// The audio of a recording, as stored or in another format. Files are opened beneath recordings.dir and nowhere else (openat2).
#include "recordings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "audio.h"
#include "base/log.h"
#include "base/stat.h"
#include "beneath.h"
#include "db.h"
#include "formats.h"
#include "http/range.h"

#define ROUNDS 3 // of making a format that others pushed out before it was sent

enum {
    M_PLAYED,
    M_MISSING,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_PLAYED] = {"audio_requests_total", NULL, "audio files answered, ranges counted one by one",
                  STAT_COUNTER},
    [M_MISSING] = {"audio_missing_total", NULL, "recordings whose file is not in recordings.dir",
                   STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT]; // atomic adds of workers

static void count(unsigned which)
{
    atomic_fetch_add_explicit(&stats[which].v, 1, memory_order_relaxed);
}

int recording_audio_init(void)
{
    stat_register(stat_defs, stats, M_COUNT);
    if (access(settings.recordings_dir, X_OK))
        log_warn("recordings.dir is not there: audio is answered 410 until it is",
                 "dir=%s error=\"%s\"", settings.recordings_dir, strerror(errno));
    return 0;
}

int recordings_beneath(const char *path)
{
    int dir = open(settings.recordings_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : beneath_open(dir, path);
    int e = errno;
    if (dir >= 0)
        close(dir);
    errno = e;
    return fd;
}

int recordings_open_file(struct http_req *q, const struct store_result *r, struct stat *ret_st)
{
    if (strcmp(store_str(r, 0, 2), "ready") != 0) {
        http_problem(q, 404, "not_found", "this recording has no audio: %s", store_str(r, 0, 2));
        return -1;
    }
    int fd = recordings_beneath(store_str(r, 0, 0)), e = errno;
    if (fd >= 0 && (fstat(fd, ret_st) || !S_ISREG(ret_st->st_mode))) {
        close(fd);
        fd = -1;
    }
    if (fd < 0 && e == ENOENT && audio_has_depot())
        return RECORDINGS_FROM_DEPOT;
    if (fd < 0) {
        count(M_MISSING);
        log_warn("the file of a recording is not there", "path=%s error=\"%s\"", store_str(r, 0, 0),
                 strerror(errno));
        http_problem(q, 410, "gone", "the file of this recording is not there");
    }
    return fd;
}

static const char *extension(struct http_req *q)
{
    int f = req_of(q)->format;
    return f == FORMAT_STORED ? "wav" : encode_name((enum encode_format)f);
}

static const char *media_type(struct http_req *q)
{
    int f = req_of(q)->format;
    return f == FORMAT_STORED ? "audio/wav" : encode_type((enum encode_format)f);
}

static void name_file(struct http_req *q, const char *etag)
{
    char id[37];
    uuid_format(&req_of(q)->id, id);
    http_header(q, "ETag", "%s", etag);
    http_header(q, "Accept-Ranges", "bytes");
    http_header(q, "Cache-Control", "private, no-cache");
    http_header(q, "Content-Disposition", "inline; filename=\"%s.%s\"", id, extension(q));
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
        audio_reply(q, s->slot, status, media_type(q), first, n);
    else
        http_reply_file(q, status, media_type(q), s->fd, first, n);
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
    *ret = (struct sound){.fd = recordings_open_file(q, r, ret_st)};
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

// Strong: the hash of the content; of another format, that and who made it.
static void etag_of(struct http_req *q, const struct store_result *r, const struct stat *st,
                    char *ret, size_t cap)
{
    char what[40] = "";
    if (req_of(q)->format != FORMAT_STORED)
        snprintf(what, sizeof(what), "-%s-%s", extension(q), formats_tag());
    if (store_str(r, 0, 1)[0])
        snprintf(ret, cap, "\"%s%s\"", store_str(r, 0, 1), what);
    else
        snprintf(ret, cap, "\"%llx-%llx%s\"", (unsigned long long)st->st_size,
                 (unsigned long long)st->st_mtime, what);
}

// The sound of the row in the format asked for. False: the problem is set, or it is being made.
static bool open_format(struct http_req *q, const struct store_result *r, struct sound *ret)
{
    struct stat st;
    if (strcmp(store_str(r, 0, 2), "ready") != 0) {
        http_problem(q, 404, "not_found", "this recording has no audio: %s", store_str(r, 0, 2));
        return false;
    }
    *ret = (struct sound){.fd = -1, .slot = formats_find(q, store_str(r, 0, 1))};
    if (ret->slot) {
        ret->size = audio_content(ret->slot);
        return true;
    }
    if (http_reply_is_set(q))
        return false;
    int fd = recordings_open_file(q, r, &st);
    if (fd == -1)
        return false;
    struct audio_slot *from = audio_open(q, fd >= 0 ? fd : -1, store_str(r, 0, 0));
    if (from)
        (void)formats_begin(q, store_str(r, 0, 1), from);
    return false;
}

// Another format that the client has: nothing is made to say so.
static bool known_already(struct http_req *q, const struct store_result *r)
{
    char etag[112];
    const char *none = http_header_in(q, "If-None-Match");
    if (!none || req_of(q)->format == FORMAT_STORED || !store_str(r, 0, 1)[0] ||
        strcmp(store_str(r, 0, 2), "ready") != 0)
        return false;
    etag_of(q, r, NULL, etag, sizeof(etag));
    if (!query_etag_match(span_str(none), span_str(etag), true))
        return false;
    name_file(q, etag);
    http_reply_empty(q, 304);
    return true;
}

static void job_audio(struct store *st, struct http_req *q)
{
    char id[37], etag[112];
    struct stat s = {0};
    struct sound sound;
    const char *range = http_header_in(q, "Range");
    uuid_format(&req_of(q)->id, id);
    struct store_result *r =
        recordings_one(st, q, "SELECT path, sha256, status FROM recordings WHERE id = $1 LIMIT 1");
    if (r && known_already(q, r)) {
        store_result_free(r);
        return;
    }
    bool open = r && (req_of(q)->format == FORMAT_STORED ? open_sound(q, r, &sound, &s)
                                                         : open_format(q, r, &sound));
    // A player asks for many ranges of one hearing; the one from the start stands for it in the audit.
    bool first = q->method == HTTP_GET && (!range || strncmp(range, "bytes=0-", 8) == 0);
    if (open && first && !db_audit(st, q, "audio", id, "sent")) {
        sound_give(&sound);
        open = false;
    }
    if (open) {
        etag_of(q, r, &s, etag, sizeof(etag));
        reply_audio(q, &sound, etag);
    }
    store_result_free(r);
}

static enum http_next on_format(struct http_req *q);

static enum http_next on_format_made(struct http_req *q)
{
    return ++req_of(q)->step > ROUNDS
               ? http_problem(q, 503, "overloaded", "the format was not kept; try again")
               : db_submit(q, job_audio, on_format);
}

// After the job, without a reply: it is being made.
static enum http_next on_format(struct http_req *q)
{
    return formats_wait(q, on_format_made);
}

enum http_next on_recording_audio(struct http_req *q)
{
    const char *format = query_get(q, "format");
    enum encode_format f;
    req_of(q)->format = FORMAT_STORED;
    if (!format || strcmp(format, "wav") == 0)
        return api_path_id(q) ? db_submit(q, job_audio, NULL) : HTTP_DONE;
    if (!encode_by_name(format, &f))
        return http_problem(q, 400, "bad_parameter", "format is wav, ogg, flac or mp3");
    req_of(q)->format = (int)f;
    return api_path_id(q) ? db_submit(q, job_audio, on_format) : HTTP_DONE;
}
