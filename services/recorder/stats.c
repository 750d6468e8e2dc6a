// stats.c: writers of the cells: intake all but those of mesh (CALLS*, PENDING, SNAPSHOTS), cutter (REC_*, recordings)
// report (REPORTS, DISK_*) and upload
// (UP_*), ear (EAR_TOLD, EAR_NONE, EAR_DENIED, EAR_AWAY).
#include "stats.h"

#define DEF(id, n, l, k, h) {.name = (n), .labels = (l), .help = (h), .kind = STAT_##k},
static const struct stat_def defs[RECORDER_STAT_COUNT] = {RECORDER_STATS(DEF)};
struct stat_cell recorder_stat[RECORDER_STAT_COUNT];

void recorder_stats_register(void)
{
    stat_register(defs, recorder_stat, RECORDER_STAT_COUNT);
}
