#include "erase.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/mono.h"
#include "depot/s3.h"
#include "manifest.h"
#include "vault/files.h"

// Every form in which a recording can lie.
static const char *const forms[] = {"wav", "json", "rtp"};

struct place {
    char folder[4200]; // of the files
    char name[40];     // "<id>."
    char base[512];    // "<site>/<Y>/<M>/<D>/<id>.x"
    char done[4300];   // where the certificate's place is remembered
};

static void find_place(const struct erase_with *w, const struct erase *e, struct place *p)
{
    char site[JOB_SITE_BYTES], id[37];
    struct job job = {.call_id = e->call_id, .started_us = uuid_time_us(&e->call_id)};
    struct manifest m = {.id = e->recording_id, .job = &job};
    memcpy(job.site, e->site, sizeof(job.site));
    manifest_site(&job, site);
    manifest_path(&m, "x", p->base, sizeof(p->base));
    uuid_format(&e->recording_id, id);
    (void)snprintf(p->name, sizeof(p->name), "%s.", id);
    (void)snprintf(p->folder, sizeof(p->folder), "%s/%.*s", w->recordings_dir,
                   (int)(strrchr(p->base, '/') - p->base), p->base);
    (void)snprintf(p->done, sizeof(p->done), "%s/erased/%s/%s", w->recordings_dir, site, id);
}

// Removes what begins with the recording's id; counts it.
static int drop_files(const struct place *p, bool look_only, unsigned *ret_n)
{
    DIR *d = opendir(p->folder);
    *ret_n = 0;
    if (!d)
        return errno == ENOENT ? 0 : -errno;
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (strncmp(e->d_name, p->name, strlen(p->name)) != 0)
            continue;
        (*ret_n)++;
        if (!look_only && unlinkat(dirfd(d), e->d_name, 0) != 0)
            r = -errno;
    }
    if (r == 0 && !look_only && fsync(dirfd(d)) != 0)
        r = -errno;
    (void)closedir(d);
    return r;
}

static int drop_objects(const struct erase_with *w, const struct place *p)
{
    char key[600];
    size_t n = strlen(p->base) - 1; // without the x
    int r = S3_OK;
    for (size_t i = 0; w->s3 && i < 2 * sizeof(forms) / sizeof(forms[0]) && r == S3_OK; i++) {
        (void)snprintf(key, sizeof(key), "%.*s%s%s", (int)n, p->base, forms[i / 2],
                       i % 2 ? SEAL_SUFFIX : "");
        r = s3_delete(w->s3, key);
    }
    return r == S3_OK ? ERASE_DONE : ERASE_E_STORE;
}

static void drop_upload(const struct erase_with *w, const struct place *p)
{
    static const char *const exts[] = {"job", "parts"};
    char path[4300];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/upload/%s%s", w->recordings_dir, p->name, exts[i]);
        (void)unlink(path);
    }
}

static bool was_done(const struct place *p, struct ledger_pos *ret)
{
    size_t n = 0;
    struct ledger_pos pos;
    if (file_read(p->done, &pos, sizeof(pos), &n) != 0 || n != sizeof(pos))
        return false;
    pos.hour[sizeof(pos.hour) - 1] = '\0';
    *ret = pos;
    return true;
}

static int certify(const struct erase_with *w, const struct erase *e, const struct place *p,
                   struct ledger_pos *ret)
{
    char site[JOB_SITE_BYTES];
    struct job job = {0};
    memcpy(job.site, e->site, sizeof(job.site));
    manifest_site(&job, site);
    struct ledger_erased x = {
        .basis = e->basis, .actor = e->actor, .reason = e->reason, .asked_us = e->asked_us};
    int r = ledger_add_erased(w->ledger, site, wall_now_us(), &e->recording_id, &x, ret);
    if (r == 0)
        r = folders_make(p->done, 0750);
    return r == 0 ? file_replace(p->done, ret, sizeof(*ret), 0640) : r;
}

int erase_recording(const struct erase_with *w, const struct erase *e, struct ledger_pos *ret)
{
    struct place p;
    struct data_key key;
    unsigned n = 0;
    find_place(w, e, &p);
    if (was_done(&p, ret))
        return ERASE_DONE;
    int r = drop_files(&p, true, &n);
    int k = keyring_get(w->keys, p.base, &e->recording_id, &key);
    explicit_bzero(&key, sizeof(key));
    if (r == 0 && n == 0 && k == KEYRING_E_NONE)
        return ERASE_E_NOT_OURS;
    if (r == 0)
        r = keyring_destroy(w->keys, p.base, &e->recording_id);
    if (r == 0)
        r = drop_files(&p, false, &n);
    if (r < 0)
        return err_trace(r);
    drop_upload(w, &p);
    r = drop_objects(w, &p);
    return r == ERASE_DONE ? certify(w, e, &p, ret) : r;
}
