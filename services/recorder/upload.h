// upload.h: the thread that brings finished recordings to the object store. What is to be done lies on disk (one small file a
// recording in <recordings>/upload/, written before the report), so a kill forgets nothing; an upload in parts goes on where the
// store has it. The store is away: tried again after 1 s, doubling to 60 s. Limits: none of its own but the disk's
// (disk.min-free stops cuts); gauge recorder_uploads_pending.
#pragma once
#include <stdatomic.h>
#include "base/thread.h"
#include "depot/conf.h"
#include "base/uuid.h"

struct upload_opts {
    const char *recordings_dir;
    struct depot_conf depot;
    bool keep_local;
};

struct upload {
    struct upload_opts o;
    struct thread thread;
    struct s3 *s3;
    _Atomic bool stop;
    int64_t wait_us; // before the next try
    bool away;
    // the job at work
    char job_path[4200], stamp[64], upload_id[S3_UPLOAD_ID];
    char file[4][512];
    size_t files, at;
};

int upload_open(struct upload *u, char *err, size_t err_cap);
int upload_start(struct upload *u);
void upload_stop(struct upload *u);
// Puts a recording's files on the list, durable. Another thread's. 0 or negative errno.
int upload_add(const char *recordings_dir, const struct uuid *id, const char *const *files,
               size_t n, uint64_t stamp);
