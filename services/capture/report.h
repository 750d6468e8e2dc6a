// report.h: what one input held, said at its end: one JSON object (--json) or a short table. Keeps the streams that ended,
// a fixed number; further ones are counted as "streams_not_listed". One owner thread.
#pragma once
#include <stdio.h>
#include "base/json.h"
#include "worker.h"

struct report;
// site and publisher are borrowed.
struct report *report_new(size_t streams, const char *site, const char *publisher);
struct report *report_free(struct report *r);
void report_stream(void *ctx, const struct stream *s, const struct stream_cold *c,
                   const struct play *p); // for worker_opts.on_stream

struct report_input {
    const char *file; // or interface
    const struct capture_counts *counts;
    const struct worker_sip *sip;
    bool truncated;
    int64_t elapsed_us;
    int64_t cpu_before_us;        // of a live worker: what its forerunners used
    void (*more)(struct json *j); // writes further keys; may be NULL
};
void report_print_json(const struct report *r, const struct report_input *in, FILE *to);
void report_print_text(const struct report *r, const struct report_input *in, FILE *to);
