#include "live_report.h"

static struct {
    const struct live *live;
    const struct hep_agents *hep;
    const struct lane_tick *told;
} g; // report's callback has no context

void report_hep_agents(struct json *j, const struct hep_agents *hep)
{
    json_key(j, "hep_agents");
    json_arr(j);
    for (uint32_t i = 0; i < hep->n; i++) {
        json_obj(j);
        json_kuint(j, "capture_id", hep->agent[i].id);
        json_kuint(j, "messages", hep->agent[i].messages);
        json_kuint(j, "bytes", hep->agent[i].bytes);
        json_obj_end(j);
    }
    json_arr_end(j);
}

// The names stand in "eth0+hep::9060" in the order of their places.
static void more_json(struct json *j)
{
    struct span rest = span_str(g.live->input);
    json_key(j, "inputs");
    json_arr(j);
    for (size_t i = 0; i < INPUTS_MAX && rest.n > 0; i++) {
        char name[sizeof g.live->input];
        size_t end = span_find(rest, '+');
        span_copy(span_sub(rest, 0, end), name, sizeof name);
        rest = end < rest.n ? span_sub(rest, end + 1, SIZE_MAX) : span_of("", 0);
        json_obj(j);
        json_kstr(j, "input", name);
        json_kuint(j, "packets", g.told->input_packets[i]);
        json_kuint(j, "bytes", g.told->input_bytes[i]);
        json_kuint(j, "duplicates", g.told->input_duplicates[i]);
        json_obj_end(j);
    }
    json_arr_end(j);
    report_hep_agents(j, g.hep);
}

void live_report_print(const struct live *l, const struct report *r, struct worker *w,
                       const struct lane_tick *told, int64_t elapsed_us)
{
    g.live = l;
    g.hep = worker_hep_agents(w);
    g.told = told;
    struct report_input in = {
        .file = l->input,
        .counts = worker_counts(w),
        .sip = worker_sip(w),
        .elapsed_us = elapsed_us,
        .cpu_before_us = atomic_load(&l->lane[0].shared->heirs.cpu_us),
        .more = more_json,
    };
    report_print_json(r, &in, stdout);
    fflush(stdout);
}
