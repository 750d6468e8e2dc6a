// live_report.h: --json of a live input, printed by the worker when it ends (standard output is open; nothing else is needed).
#pragma once
#include "live.h"
#include "report.h"

void live_report_print(const struct live *l, const struct report *r, struct worker *w,
                       const struct lane_tick *told, int64_t elapsed_us);
void report_hep_agents(struct json *j, const struct hep_agents *hep);
