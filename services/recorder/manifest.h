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
    uint64_t dump_bytes;
    uint8_t dump_sha256[32];
};

// The same call gives the same id, however often it is cut.
struct uuid manifest_id(const struct uuid *call_id);
// <site>/<YYYY>/<MM>/<DD>/<id>.<ext> by the call's start, UTC; signs of the site that do not belong into a path become '_'.
void manifest_path(const struct job *j, const struct uuid *id, const char *ext, char *buf,
                   size_t cap);
// Packed ReportEvent into buf; length or 0 when it does not fit.
size_t manifest_pack(const struct manifest *m, uint8_t *buf, size_t cap);
// JSON into buf; length or 0 when it does not fit.
size_t manifest_json(const struct manifest *m, char *buf, size_t cap);
