#include "formats.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stat.h"
#include "base/thread.h"
#include "formats_priv.h"

#define NICE 10

enum {
    M_MADE,
    M_FAILED,
    M_FULL,
    M_HIT,
    M_EVICTED,
    M_MAKING,
    M_BYTES,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_MADE] = {"formats_made_total", NULL, "recordings made in another format", STAT_COUNTER},
    [M_FAILED] = {"formats_failed_total", NULL, "of them not: damaged, too long, no space",
                  STAT_COUNTER},
    [M_FULL] = {"formats_full_total", NULL, "503: as many as may be were being made", STAT_COUNTER},
    [M_HIT] = {"formats_found_total", NULL, "answers from what was made before", STAT_COUNTER},
    [M_EVICTED] = {"formats_evicted_total", NULL, "gone for others, or not asked for any more",
                   STAT_COUNTER},
    [M_MAKING] = {"formats_making", NULL, "being made", STAT_GAUGE},
    [M_BYTES] = {"formats_bytes", NULL, "on disk", STAT_GAUGE},
};
static struct stat_cell stats[M_COUNT]; // under the lock

static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct rendition kept[FORMATS_KEPT];
    struct maker *makers;
    uint32_t n, making;
    uint64_t bytes;
    bool stopping;
    char tag[9];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

const char *formats_tag(void)
{
    return all.tag;
}

// ---- the store; under the lock

static struct rendition *find(const struct uuid *id, const char *sha256, enum encode_format f)
{
    for (size_t i = 0; i < FORMATS_KEPT; i++) {
        struct rendition *r = &all.kept[i];
        if (r->state != FREE && r->format == f && memcmp(&r->id, id, sizeof(*id)) == 0 &&
            (!sha256 || strcmp(r->sha256, sha256) == 0))
            return r;
    }
    return NULL;
}

static void drop(struct rendition *r)
{
    if (r->fd >= 0)
        close(r->fd);
    all.bytes -= r->bytes;
    stat_set(&stats[M_BYTES], all.bytes);
    explicit_bzero(&r->key, sizeof(r->key));
    *r = (struct rendition){.fd = -1};
}

static struct rendition *oldest(void)
{
    struct rendition *r = NULL;
    for (size_t i = 0; i < FORMATS_KEPT; i++) {
        struct rendition *k = &all.kept[i];
        if (k->state == READY && (!r || k->used_us < r->used_us))
            r = k;
    }
    return r;
}

static bool evict(void)
{
    struct rendition *r = oldest();
    if (r) {
        drop(r);
        stat_add(&stats[M_EVICTED], 1);
    }
    return r != NULL;
}

static struct rendition *place(void)
{
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < FORMATS_KEPT; i++) {
            if (all.kept[i].state == FREE)
                return &all.kept[i];
        }
        if (!evict())
            break;
    }
    return NULL;
}

static void drop_unheard(void)
{
    int64_t before = mono_now_us() - settings.formats_keep_us;
    for (struct rendition *r = oldest(); r && r->used_us < before; r = oldest())
        (void)evict();
}

void formats_forget(const struct uuid *recording_id)
{
    pthread_mutex_lock(&all.lock);
    for (size_t i = 0; i < FORMATS_KEPT; i++) {
        struct rendition *r = &all.kept[i];
        if (r->state == FREE || memcmp(&r->id, recording_id, sizeof(r->id)) != 0)
            continue;
        r->forgotten = true;
        if (r->state == READY)
            drop(r);
    }
    pthread_mutex_unlock(&all.lock);
}

// Those who wait, with a problem or to look again.
static void wake_all(struct http_req *waiting, const char *path, int error)
{
    for (struct http_req *q = waiting, *next; q; q = next) {
        next = req_of(q)->next_waiting;
        if (error == -EFBIG)
            http_problem(q, 413, "too_long", "this recording is too long for the format");
        else if (error == -ENOSPC)
            http_problem(q, 503, "no_space", "there is no space to make the format");
        else if (error == -ECANCELED)
            http_problem(q, 503, "stopping", "the service is being stopped");
        else if (error)
            audio_problem(q, path, error);
        http_wake(q);
    }
}

static void wake_late(struct rendition *r, int64_t now_us)
{
    for (struct http_req **at = &r->waiting; *at;) {
        struct http_req *q = *at;
        if (req_of(q)->until_us > now_us) {
            at = &req_of(q)->next_waiting;
            continue;
        }
        *at = req_of(q)->next_waiting;
        http_problem(q, 503, "rendering", "the format is still being made; ask again");
        http_header(q, "Retry-After", "5");
        http_wake(q);
    }
}

// ---- asking

struct audio_slot *formats_find(struct http_req *q, const char *sha256)
{
    struct data_key key;
    char name[64];
    const struct req *me = req_of(q);
    int fd = -1;
    pthread_mutex_lock(&all.lock);
    struct rendition *r = find(&me->id, sha256, (enum encode_format)me->format);
    if (r && r->state == READY) {
        r->used_us = mono_now_us();
        key = r->key;
        fd = dup(r->fd);
        stat_add(&stats[M_HIT], 1);
    }
    pthread_mutex_unlock(&all.lock);
    if (fd < 0)
        return NULL;
    uuid_format(&me->id, name);
    snprintf(name + 36, sizeof(name) - 36, ".%s", encode_name((enum encode_format)me->format));
    struct audio_slot *s = audio_open_with(q, fd, name, &key);
    explicit_bzero(&key, sizeof(key));
    return s;
}

bool formats_begin(struct http_req *q, const char *sha256, struct audio_slot *from)
{
    const struct req *me = req_of(q);
    pthread_mutex_lock(&all.lock);
    bool there = find(&me->id, sha256, (enum encode_format)me->format) != NULL;
    struct rendition *r = there || all.making == all.n || all.stopping ? NULL : place();
    if (r) {
        *r = (struct rendition){.state = ASKED,
                                .id = me->id,
                                .format = (enum encode_format)me->format,
                                .fd = -1,
                                .from = from};
        snprintf(r->sha256, sizeof(r->sha256), "%s", sha256);
        stat_set(&stats[M_MAKING], ++all.making);
        pthread_cond_signal(&all.some);
    } else if (!there) {
        stat_add(&stats[M_FULL], 1);
    }
    pthread_mutex_unlock(&all.lock);
    if (!r)
        audio_give(from);
    if (r || there)
        return true;
    http_problem(q, 503, "renderings_full", "%u recordings are being made in other formats", all.n);
    http_header(q, "Retry-After", "5");
    return false;
}

enum http_next formats_wait(struct http_req *q, http_handler_fn again)
{
    struct req *me = req_of(q);
    pthread_mutex_lock(&all.lock);
    struct rendition *r = find(&me->id, NULL, (enum encode_format)me->format);
    bool wait = r && r->state != READY;
    if (wait) {
        me->until_us = mono_now_us() + FORMATS_WAIT_US;
        me->next_waiting = r->waiting;
        r->waiting = q;
        q->next = again;
    }
    pthread_mutex_unlock(&all.lock);
    return wait ? HTTP_WAIT : again(q);
}

// ---- making

int formats_charge(struct rendition *r, uint64_t n)
{
    int e = 0;
    pthread_mutex_lock(&all.lock);
    while (all.bytes + n > settings.formats_bytes && evict())
        ;
    if (all.bytes + n > settings.formats_bytes) {
        e = -EFBIG;
    } else {
        r->bytes += n;
        stat_set(&stats[M_BYTES], all.bytes += n);
    }
    pthread_mutex_unlock(&all.lock);
    return e;
}

void formats_look(struct rendition *r)
{
    pthread_mutex_lock(&all.lock);
    wake_late(r, mono_now_us());
    pthread_mutex_unlock(&all.lock);
}

static struct rendition *next_asked(void)
{
    for (size_t i = 0; i < FORMATS_KEPT; i++) {
        if (all.kept[i].state == ASKED)
            return &all.kept[i];
    }
    return NULL;
}

// Waits up to a second for something to do.
static struct rendition *take(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    pthread_mutex_lock(&all.lock);
    struct rendition *r = next_asked();
    if (!r && !all.stopping) {
        pthread_cond_timedwait(&all.some, &all.lock, &until);
        r = next_asked();
    }
    if (r)
        r->state = MAKING;
    drop_unheard();
    pthread_mutex_unlock(&all.lock);
    return r;
}

static void settle(struct rendition *r, int error)
{
    struct audio_slot *from = r->from;
    pthread_mutex_lock(&all.lock);
    struct http_req *waiting = r->waiting;
    stat_set(&stats[M_MAKING], --all.making);
    stat_add(&stats[error ? M_FAILED : M_MADE], 1);
    r->waiting = NULL;
    r->from = NULL;
    r->used_us = mono_now_us();
    r->state = READY;
    if (error || r->forgotten)
        drop(r);
    pthread_mutex_unlock(&all.lock);
    wake_all(waiting, audio_path(from), error);
    audio_give(from);
}

static void body(struct thread *t, void *arg)
{
    struct maker *m = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    while (!thread_should_stop(t)) {
        m->r = take();
        if (!m->r)
            continue;
        int e = formats_make(m);
        encode_close(&m->encoder);
        if (e && e != -ECANCELED)
            log_warn("a recording was not made in another format", "path=%s format=%s why=\"%s\"",
                     audio_path(m->r->from), encode_name(m->r->format), strerror(-e));
        settle(m->r, e);
    }
}

int formats_start(void)
{
    uint32_t tag;
    stat_register(stat_defs, stats, M_COUNT);
    if (getrandom(&tag, sizeof(tag), 0) != sizeof(tag))
        return -1;
    snprintf(all.tag, sizeof(all.tag), "%08x", tag);
    for (size_t i = 0; i < FORMATS_KEPT; i++)
        all.kept[i].fd = -1;
    all.n = settings.formats_renderings;
    all.makers = mem_take(all.n * sizeof(*all.makers));
    if (!all.makers)
        return -1;
    for (uint32_t i = 0; i < all.n; i++) {
        struct maker *m = &all.makers[i];
        if (seal_init(&m->seal) || thread_start(&m->thread, "api-format", body, m))
            return -1;
    }
    return 0;
}

// Those who still wait are told.
void formats_stop(void)
{
    pthread_mutex_lock(&all.lock);
    all.stopping = true;
    pthread_cond_broadcast(&all.some);
    pthread_mutex_unlock(&all.lock);
    for (uint32_t i = 0; i < all.n; i++)
        thread_ask_stop(&all.makers[i].thread);
    for (uint32_t i = 0; i < all.n; i++)
        thread_join(&all.makers[i].thread);
    for (size_t i = 0; i < FORMATS_KEPT; i++) {
        struct rendition *r = &all.kept[i];
        if (r->state == ASKED)
            settle(r, -ECANCELED);
    }
}
