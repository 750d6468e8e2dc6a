// manifest.h: what is told of a recording: as the message to callstate and as JSON beside the file (same name, .json), so that
// a folder of recordings explains itself without any database. One thread (cutter).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"
#include "callmesh/v1/recorder.pb-c.h"
#include "job.h"
#include "render.h"
#include "vault/ledger.h"

#define MANIFEST_BYTES (64u * 1024u)
#define REPORT_BYTES   (24u * 1024u)

struct manifest {
    struct uuid id;
    const struct job *job;
    const struct render_result *result;
    const struct window *window; // gaps
    const char *recorder;
    char path[512];      // relative to the recordings folder, "" none
    char dump_path[512]; // of the .rtp file, "" none
    struct sink_sums dump;
    const struct data_key *key; // NULL: the files are plain
    uint64_t stored_bytes;      // of the audio file as it lies
    struct ledger_pos chain;    // where its entry stands; hour "": none (yet)
};

// <site>/<YYYY>/<MM>/<DD>/<id>.<ext>, and .sealed when there is a key, by the call's start, UTC; signs of the site that do not belong into a path become '_'.
void manifest_path(const struct manifest *m, const char *ext, char *buf, size_t cap);
// The first part of it: the name of the site's folder.
void manifest_site(const struct job *j, char ret[JOB_SITE_BYTES]);
// Packed ReportEvent into buf; length or 0 when it does not fit.
size_t manifest_pack(const struct manifest *m, uint8_t *buf, size_t cap);
struct erase;
// A packed ReportEvent that says that a recording is gone, and where its certificate stands.
size_t manifest_pack_erased(const struct erase *e, const char *recorder,
                            const struct ledger_pos *pos, uint8_t *buf, size_t cap);
// JSON into buf; length or 0 when it does not fit.
size_t manifest_json(const struct manifest *m, char *buf, size_t cap);
