// report.h: the recorder's own feed to callstate (numbered, journaled): results of cuts, a life sign each 2 s; and, on the
// same thread, the free-space rule. Limits: REPORT_RING results waiting (full: the cutter waits); the journal, as all feeds.
#pragma once
#include <stdatomic.h>
#include "base/ring.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "manifest.h"

#define REPORT_RING 32u

struct report_item {
    uint32_t n;
    uint8_t bytes[REPORT_BYTES - 4]; // packed ReportEvent
};

struct report_opts {
    const char *name, *site;
    const char *sig_url, *ask_url;
    const char *journal_path;
    uint64_t journal_bytes;
    const char *recordings_dir, *spool_dir;
    uint64_t disk_min_free;
};

struct report {
    struct report_opts o;
    struct thread thread;
    struct feed_pub *pub;
    struct ring *items; // from the cutter
    int wake;           // its eventfd
    struct report_item item;
    _Atomic bool *disk_low;         // of intake
    const _Atomic uint32_t *newest; // of intake: segment being written
    uint32_t synced;
    int64_t next_alive_us, next_disk_us;
    uint64_t mark_seq; // the last envelope of what was there at mark_us; 0: no mark
    int64_t mark_us;
    _Atomic int64_t
        heard_us; // wall clock: what was reported until then is stored by callstate, or given up by the journal
};

int report_open(struct report *r, char *err, size_t err_cap);
int report_start(struct report *r);
// Sends what waits, then stops.
void report_stop(struct report *r);
