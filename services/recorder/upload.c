#include "upload.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mono.h"
#include "stats.h"
#include "vault/files.h"

#define ROUND_MS    500
#define WAIT_MAX_US (60 * US_PER_S)
#define JOB_BYTES   4096u
#define FILES_MAX   4u

// A job: a stamp that tells one cut of a recording from the next, then its files, a line each.
int upload_add(const char *recordings_dir, const struct uuid *id, const char *const *files,
               size_t n, uint64_t stamp)
{
    char path[4200], text[JOB_BYTES], name[37];
    uuid_format(id, name);
    (void)snprintf(path, sizeof(path), "%s/upload/%s.job", recordings_dir, name);
    int r = folders_make(path, 0750);
    int len = snprintf(text, sizeof(text), "%llx\n", (unsigned long long)stamp);
    for (size_t i = 0; i < n && len > 0 && len < (int)sizeof(text); i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s\n", files[i]);
    if (len <= 0 || len >= (int)sizeof(text))
        return -EMSGSIZE;
    return r < 0 ? r : file_replace(path, text, (size_t)len, 0640);
}

static bool read_job(const char *path, char stamp[64], char (*file)[512], size_t *ret_files)
{
    char text[JOB_BYTES + 1];
    size_t n = 0;
    if (file_read(path, text, JOB_BYTES, &n) != 0)
        return false;
    text[n] = '\0';
    *ret_files = 0;
    char *line = text;
    for (int i = 0; i <= (int)FILES_MAX; i++) {
        char *end = strchr(line, '\n');
        if (!end)
            break;
        *end = '\0';
        if (i == 0)
            (void)snprintf(stamp, 64, "%.63s", line);
        else
            (void)snprintf(file[(*ret_files)++], 512, "%.511s", line);
        line = end + 1;
    }
    return stamp[0] != '\0';
}

static void state_path(const struct upload *u, char *buf, size_t cap)
{
    (void)snprintf(buf, cap, "%.*sparts", (int)(strlen(u->job_path) - 3), u->job_path);
}

// Which upload in parts is at work, of which cut and file: parts of another are not taken for it.
static void save(void *ctx, const char *id)
{
    struct upload *u = ctx;
    char path[4300], text[1024];
    state_path(u, path, sizeof(path));
    int n = snprintf(text, sizeof(text), "%s %zu %s", u->stamp, u->at, id);
    if (file_replace(path, text, (size_t)n, 0640) != 0)
        log_warn("the state of an upload could not be kept: a kill would begin it anew", "path=%s",
                 path);
}

static void load(struct upload *u)
{
    char path[4300], text[1024], want[96];
    size_t n = 0;
    u->upload_id[0] = '\0';
    state_path(u, path, sizeof(path));
    if (file_read(path, text, sizeof(text) - 1, &n) != 0)
        return;
    text[n] = '\0';
    int k = snprintf(want, sizeof(want), "%s %zu ", u->stamp, u->at);
    if (strncmp(text, want, (size_t)k) == 0)
        (void)snprintf(u->upload_id, sizeof(u->upload_id), "%.*s", (int)sizeof(u->upload_id) - 1,
                       text + k);
}

static int one_file(struct upload *u, const char *key)
{
    char path[4300];
    struct stat st;
    uint64_t bytes = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", u->o.recordings_dir, key);
    if (stat(path, &st) != 0)
        return errno == ENOENT ? S3_OK : S3_E_AWAY; // erased meanwhile, or brought there before
    load(u);
    int r = s3_upload(u->s3, path, key, u->upload_id, save, u);
    if (r == S3_OK)
        r = s3_size(u->s3, key, &bytes);
    if (r == S3_OK && bytes != (uint64_t)st.st_size) {
        log_error("the store has another length than was sent", "key=%s sent=%llu has=%llu", key,
                  (unsigned long long)st.st_size, (unsigned long long)bytes);
        return S3_E_AWAY;
    }
    if (r == S3_OK) {
        count(STAT_UP_FILES, 1);
        count(STAT_UP_BYTES, bytes);
    }
    return r;
}

// All files of the job, then their local copies and the job go: unless the recording was cut again meanwhile.
static int work(struct upload *u)
{
    char stamp[64] = "", file[FILES_MAX][512], path[4300];
    size_t files = 0;
    int r = S3_OK;
    for (u->at = 0; u->at < u->files && r == S3_OK; u->at++)
        r = one_file(u, u->file[u->at]);
    if (r != S3_OK)
        return r;
    if (!read_job(u->job_path, stamp, file, &files)) { // erased while it went up
        for (size_t i = 0; i < u->files && r == S3_OK; i++)
            r = s3_delete(u->s3, u->file[i]);
        return r;
    }
    if (strcmp(stamp, u->stamp) != 0)
        return S3_OK; // the new job is for the next round
    for (size_t i = 0; i < u->files && !u->o.keep_local; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", u->o.recordings_dir, u->file[i]);
        (void)unlink(path);
    }
    state_path(u, path, sizeof(path));
    (void)unlink(path);
    (void)unlink(u->job_path);
    return S3_OK;
}

static void judge(struct upload *u, int r)
{
    if (r == S3_OK) {
        if (u->away)
            log_info("the object store takes recordings again", "%s", "");
        u->away = false;
        u->wait_us = 0;
        return;
    }
    if (r == S3_E_STOPPED)
        return;
    count(STAT_UP_ERRORS, 1);
    if (!u->away)
        log_error("the object store does not take recordings: they wait on the disk",
                  "reason=%s why=\"%s\"", r == S3_E_AWAY ? "away" : "refused", s3_why(u->s3));
    u->away = true;
    u->wait_us = u->wait_us ? 2 * u->wait_us : US_PER_S;
    if (u->wait_us > WAIT_MAX_US)
        u->wait_us = WAIT_MAX_US;
}

// One look into the folder; up to the first that fails.
static void round_of(struct upload *u)
{
    char dir[4200];
    uint64_t pending = 0;
    bool failed = false;
    (void)snprintf(dir, sizeof(dir), "%s/upload", u->o.recordings_dir);
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 4, ".job") != 0)
            continue;
        pending++;
        (void)snprintf(u->job_path, sizeof(u->job_path), "%.3900s/%.200s", dir, e->d_name);
        if (failed || !read_job(u->job_path, u->stamp, u->file, &u->files))
            continue;
        int r = work(u);
        judge(u, r);
        failed = r != S3_OK;
        pending -= !failed;
    }
    (void)closedir(d);
    gauge(STAT_UP_PENDING, pending);
}

static void body(struct thread *t, void *arg)
{
    struct upload *u = arg;
    while (!thread_should_stop(t)) {
        round_of(u);
        int64_t until = mono_now_us() + u->wait_us;
        do {
            (void)poll(NULL, 0, ROUND_MS);
        } while (mono_now_us() < until && !thread_should_stop(t));
    }
}

int upload_open(struct upload *u, char *err, size_t err_cap)
{
    if (!u->o.depot.on)
        return 0;
    u->o.depot.s3.stop = &u->stop;
    u->s3 = s3_new(&u->o.depot.s3);
    if (!u->s3)
        (void)snprintf(err, err_cap, "no memory for the object store");
    return u->s3 ? 0 : -ENOMEM;
}

int upload_start(struct upload *u)
{
    return u->s3 ? thread_start(&u->thread, "upload", body, u) : 0;
}

void upload_stop(struct upload *u)
{
    if (!u->s3)
        return;
    atomic_store(&u->stop, true);
    thread_join(&u->thread);
    u->s3 = s3_free(u->s3);
}
