#include "audio.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "base/thread.h"
#include "depot/conf.h"

#define WORKERS     2u
#define CONNECTIONS (16u + 1u + WORKERS) // as many as there are threads that may read: none waits

enum {
    M_OPEN,
    M_FULL,
    M_BAD,
    M_NO_KEY,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_OPEN] = {"audio_readers", NULL, "encrypted recordings being sent", STAT_GAUGE},
    [M_FULL] = {"audio_readers_full_total", NULL, "503: all readers were in use", STAT_COUNTER},
    [M_BAD] = {"recorder_integrity_failures_total", NULL,
               "stored files that are not what was written, seen when reading", STAT_COUNTER},
    [M_NO_KEY] = {"audio_no_key_total", NULL, "recordings whose key is not here", STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT]; // under the lock

struct audio_slot {
    struct reader reader;
    int fd;
    uint64_t first; // of the reply, in the content
    uint64_t at;    // to read next
    char path[512];
    struct http_req *q;
    struct audio_slot *next;
    uint8_t bytes[SEAL_CHUNK];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct audio_slot *slots, *free, *first, *last; // first: those that want bytes
    uint32_t n, used;
    bool stopping, have_keys;
    struct keyring keys;
    struct thread worker[WORKERS];
    struct depot_conf depot;
    struct s3 *idle[CONNECTIONS];
    size_t idles;
} audio = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

struct keyring *audio_keys(void)
{
    return audio.have_keys ? &audio.keys : NULL;
}

static void count(unsigned which)
{
    pthread_mutex_lock(&audio.lock);
    stat_add(&stats[which], 1);
    pthread_mutex_unlock(&audio.lock);
}

void audio_problem(struct http_req *q, const char *path, int error)
{
    if (error == KEYRING_E_DESTROYED) {
        http_problem(q, 410, "gone", "this recording was erased");
    } else if (error > 0) {
        count(M_NO_KEY);
        log_error("no key for a recording", "path=%s reason=%d", path, error);
        http_problem(q, 503, "no_key", "the key of this recording is not here (keys.dir)");
    } else if (error == -ENOENT) {
        http_problem(q, 410, "gone", "the file of this recording is not there");
    } else if (error == -EIO || error == -EBUSY) {
        http_problem(q, 503, "depot_unavailable", "the object store does not answer; try again");
        http_header(q, "Retry-After", "2");
    } else if (error == -EBADMSG) {
        count(M_BAD);
        log_error("a stored recording is not what was written", "path=%s", path);
        http_problem(q, 500, "damaged", "the stored file is damaged or was changed");
    } else {
        log_error("a stored recording cannot be read", "path=%s error=\"%s\"", path,
                  strerror(-error));
        http_problem(q, 500, "internal", "the stored file cannot be read");
    }
}

static struct audio_slot *take(void)
{
    pthread_mutex_lock(&audio.lock);
    struct audio_slot *s = audio.free;
    if (s) {
        audio.free = s->next;
        stat_set(&stats[M_OPEN], ++audio.used);
    } else {
        stat_add(&stats[M_FULL], 1);
    }
    pthread_mutex_unlock(&audio.lock);
    return s;
}

void audio_give(struct audio_slot *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    pthread_mutex_lock(&audio.lock);
    s->next = audio.free;
    audio.free = s;
    stat_set(&stats[M_OPEN], --audio.used);
    pthread_mutex_unlock(&audio.lock);
}

// ---- the object store

bool audio_has_depot(void)
{
    return audio.depot.on;
}

struct reader *audio_reader(struct audio_slot *s)
{
    return &s->reader;
}

static struct s3 *take_connection(void)
{
    pthread_mutex_lock(&audio.lock);
    struct s3 *c = audio.idles ? audio.idle[--audio.idles] : NULL;
    pthread_mutex_unlock(&audio.lock);
    return c;
}

static void give_connection(struct s3 *c)
{
    pthread_mutex_lock(&audio.lock);
    audio.idle[audio.idles++] = c;
    pthread_mutex_unlock(&audio.lock);
}

static ssize_t read_depot(void *ctx, uint64_t offset, void *buf, size_t n)
{
    const struct audio_slot *s = ctx;
    struct s3 *c = take_connection();
    size_t got = 0;
    if (!c)
        return -EBUSY;
    int r = s3_read(c, s->path, offset, buf, n, &got);
    if (r != S3_OK)
        log_warn("the object store did not give a recording", "key=%s why=\"%s\"", s->path,
                 s3_why(c));
    give_connection(c);
    return r == S3_OK ? (ssize_t)got : r == S3_E_NONE ? -ENOENT : -EIO;
}

static int source_depot(struct reader_source *ret, struct audio_slot *s)
{
    struct s3 *c = take_connection();
    *ret = (struct reader_source){.read = read_depot, .ctx = s};
    if (!c)
        return -EBUSY;
    int r = s3_size(c, s->path, &ret->bytes);
    if (r != S3_OK && r != S3_E_NONE)
        log_warn("the object store does not answer", "why=\"%s\"", s3_why(c));
    give_connection(c);
    return r == S3_OK ? 0 : r == S3_E_NONE ? -ENOENT : -EIO;
}

// key NULL: by the keyring.
static struct audio_slot *open_slot(struct http_req *q, int fd, const char *path,
                                    const struct data_key *key)
{
    struct audio_slot *s = take();
    if (!s) {
        if (fd >= 0)
            close(fd);
        http_problem(q, 503, "readers_full", "%u recordings are being sent (audio.readers)",
                     audio.n);
        http_header(q, "Retry-After", "1");
        return NULL;
    }
    struct reader_source src;
    s->fd = fd;
    snprintf(s->path, sizeof(s->path), "%s", path);
    int r = fd >= 0 ? reader_source_fd(&src, fd) : source_depot(&src, s);
    if (r == 0)
        r = key ? reader_open_with(&s->reader, &src, key)
                : reader_open(&s->reader, &src, path, audio_keys());
    if (r == 0)
        return s;
    audio_problem(q, path, r);
    audio_give(s);
    return NULL;
}

struct audio_slot *audio_open(struct http_req *q, int fd, const char *path)
{
    return open_slot(q, fd, path, NULL);
}

struct audio_slot *audio_open_with(struct http_req *q, int fd, const char *path,
                                   const struct data_key *key)
{
    return open_slot(q, fd, path, key);
}

const char *audio_path(const struct audio_slot *s)
{
    return s->path;
}

uint64_t audio_content(const struct audio_slot *s)
{
    return s->reader.content;
}

// ---- the reply

static void on_want(struct http_req *q, uint64_t at)
{
    struct audio_slot *s = q->pull.ctx;
    pthread_mutex_lock(&audio.lock);
    s->at = s->first + at;
    s->next = NULL;
    if (audio.last)
        audio.last->next = s;
    else
        audio.first = s;
    audio.last = s;
    pthread_cond_signal(&audio.some);
    pthread_mutex_unlock(&audio.lock);
}

static void on_close(struct http_req *q)
{
    audio_give(q->pull.ctx);
}

enum http_next audio_reply(struct http_req *q, struct audio_slot *s, unsigned status,
                           const char *type, uint64_t first, uint64_t n)
{
    static const struct pull_ops ops = {.want = on_want, .on_close = on_close};
    s->q = q;
    s->first = first;
    return http_reply_pull(q, status, type, n, &ops, s);
}

static struct audio_slot *next_slot(void)
{
    pthread_mutex_lock(&audio.lock);
    while (!audio.first && !audio.stopping)
        pthread_cond_wait(&audio.some, &audio.lock);
    struct audio_slot *s = audio.stopping ? NULL : audio.first;
    if (s) {
        audio.first = s->next;
        if (!audio.first)
            audio.last = NULL;
    }
    pthread_mutex_unlock(&audio.lock);
    return s;
}

static void serve(struct audio_slot *s)
{
    struct http_pull *p = &s->q->pull;
    ssize_t n = reader_read(&s->reader, s->at, s->bytes, sizeof(s->bytes));
    p->sent = 0;
    p->have = n > 0 ? (size_t)n : 0;
    p->bytes = s->bytes;
    p->failed = n <= 0;
    if (n == -EBADMSG) {
        count(M_BAD);
        log_error("a stored recording is not what was written: the reply is cut",
                  "path=%s chunk=%llu", s->path, (unsigned long long)(s->at / SEAL_CHUNK));
    }
    http_wake(s->q);
}

static void body(struct thread *t, void *arg)
{
    (void)arg;
    for (struct audio_slot *s; !thread_should_stop(t) && (s = next_slot());)
        serve(s);
}

int audio_start(const struct conf *c)
{
    char err[320] = "";
    stat_register(stat_defs, stats, M_COUNT);
    audio.n = settings.audio_readers;
    audio.slots = mem_take(audio.n * sizeof(*audio.slots));
    if (!audio.slots)
        return -1;
    for (uint32_t i = 0; i < audio.n; i++) {
        struct audio_slot *s = &audio.slots[i];
        if (reader_init(&s->reader))
            return -1;
        s->fd = -1;
        s->next = audio.free;
        audio.free = s;
    }
    audio.have_keys = keyring_open(&audio.keys, settings.keys_dir, false, err, sizeof(err)) == 0;
    if (!audio.have_keys)
        log_warn("no keys: encrypted recordings cannot be played", "why=\"%s\"", err);
    if (depot_conf_read(c, &audio.depot, err, sizeof(err)) < 0) {
        log_error("cannot start", "why=\"%s\"", err);
        return -1;
    }
    while (audio.depot.on && audio.idles < settings.db_threads + 1 + WORKERS) {
        if (!(audio.idle[audio.idles] = s3_new(&audio.depot.s3)))
            return -1;
        audio.idles++;
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (thread_start(&audio.worker[i], "api-audio", body, NULL))
            return -1;
    }
    return 0;
}

void audio_stop(void)
{
    pthread_mutex_lock(&audio.lock);
    audio.stopping = true;
    pthread_cond_broadcast(&audio.some);
    pthread_mutex_unlock(&audio.lock);
    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_ask_stop(&audio.worker[i]);
        thread_join(&audio.worker[i]);
    }
}
