#include "stats.h"

#define STATS_DEF(id, name, labels, help, kind) {name, labels, help, kind},
static const struct stat_def defs[STATS_COUNT] = {CALLSTATE_STATS(STATS_DEF)};

struct stat_cell callstate_stat[STATS_COUNT];

void stats_setup(void)
{
    stat_register(defs, callstate_stat, STATS_COUNT);
}
