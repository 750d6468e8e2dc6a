#include "capture.h"

#define CAPTURE_STAT_DEF(id, name, labels, help, kind) {name, labels, help, STAT_##kind},
static const struct stat_def stat_defs[] = {CAPTURE_STATS(CAPTURE_STAT_DEF)};
static struct stat_cell stat_cells[CAPTURE_STAT_COUNT];

#define EVENT_DEF(id, name)                                                                        \
    {"capture_wire_events_total", "event=\"" name "\"",                                            \
     "packets and messages that were not as they should be", STAT_COUNTER},
static const struct stat_def event_defs[] = {WIRE_EVENTS(EVENT_DEF)};
static struct stat_cell event_cells[WIRE_EVENT_COUNT];

#define DROP_PLACES(X)                                                                             \
    X(DROP_KERNEL, "kernel")                                                                       \
    X(DROP_INTERFACE, "interface")                                                                 \
    X(DROP_STREAMS, "table_full")                                                                  \
    X(DROP_FRAGMENTS, "fragments")                                                                 \
    X(DROP_TCP, "tcp")                                                                             \
    X(SHED_SIP, "shed_sip")                                                                        \
    X(SHED_RTP_UNKNOWN, "shed_rtp_unknown")                                                        \
    X(DROP_CROSSING, "crossing")                                                                   \
    X(DROP_HANDOVER, "handover")                                                                   \
    X(DROP_WORKER, "worker")                                                                       \
    X(DROP_TLS, "tls")                                                                             \
    X(DROP_JOURNAL, "journal")                                                                     \
    X(DROP_BUS, "bus")                                                                             \
    X(DROP_DOUBT, "pause_doubt")

void capture_stats_register(void)
{
    stat_register(stat_defs, stat_cells, CAPTURE_STAT_COUNT);
    stat_register(event_defs + 1, event_cells + 1, WIRE_EVENT_COUNT - 1); // without WIRE_NONE
}

void capture_stats_publish(const struct capture_counts *c)
{
    for (size_t i = 0; i < CAPTURE_STAT_COUNT; i++)
        stat_set(&stat_cells[i], c->n[i]);
    for (size_t i = 1; i < WIRE_EVENT_COUNT; i++)
        stat_set(&event_cells[i], c->event[i]);
}

const char *capture_drop_place(enum capture_stat s)
{
    switch (s) {
#define PLACE_CASE(id, name)                                                                       \
    case CAPTURE_##id:                                                                             \
        return name;
        DROP_PLACES(PLACE_CASE)
    default:
        return NULL;
    }
}
