// cutter.h: the thread that makes files: a job per ended call, one after the other; result to the report feed, then to mesh.
// A full disk or a failing one: the job waits and is tried again; a stop abandons it (no .part stays), and the next start
// cuts it. Limits: the ring of jobs; render.h.
#pragma once
#include <stdatomic.h>
#include "base/ring.h"
#include "base/thread.h"
#include "erase.h"
#include "job.h"
#include "keys.h"
#include "manifest.h"
#include "render.h"
#include "report.h"
#include "vault/ledger.h"
#include "vault/keyring.h"

struct cutter_opts {
    const char *spool_dir, *recordings_dir, *name, *keys_dir;
    const char *control_url, *site; // where keys of SRTP are asked for, and by whom
    bool encrypt, upload, packets;
    size_t blocks, segments; // of one call
    int64_t grace_us, drift_us;
    const char *renderer; // its program; empty: none
    int64_t renderer_wait_us;
};

struct cutter {
    struct cutter_opts o;
    struct thread thread;
    struct ring *jobs;    // from intake
    struct ring *erases;  // from mesh
    struct s3 *s3;        // NULL: no object store; for erasing only
    struct ring *done;    // to mesh
    struct ring *reports; // to report
    int wake;             // eventfd of jobs
    const _Atomic bool *disk_low;
    struct spool_reader *reader;
    struct render *render; // 1.6 MiB
    struct renderer *renderer;
    struct job job;
    struct keys srtp; // of the call at work
    struct render_result result;
    struct manifest manifest;
    struct report_item item;
    struct keyring keys;
    struct ledger ledger;
    struct data_key key;   // of the recording at work
    struct proof proof[3]; // of its files: audio, payload, manifest
    struct ledger_file file[3];
    char file_path[3][512];
    size_t files;
    char json[MANIFEST_BYTES];
    char path[4096];
};

int cutter_open(struct cutter *c, char *err, size_t err_cap);
int cutter_start(struct cutter *c);
void cutter_stop(struct cutter *c);
