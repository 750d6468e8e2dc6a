#include "count.h"

#define OUT_ROWS(feed)                                                                             \
    {                                                                                              \
        [OUT_MESSAGES] = {"bus_messages_total", "dir=\"out\",feed=\"" feed "\"", "envelopes sent", \
                          STAT_COUNTER},                                                           \
        [OUT_BYTES] = {"bus_bytes_total", "dir=\"out\",feed=\"" feed "\"",                         \
                       "bytes of envelopes sent", STAT_COUNTER},                                   \
        [OUT_BACKFILLED] = {"bus_backfilled_total", "dir=\"out\",feed=\"" feed "\"",               \
                            "envelopes sent by the sure path", STAT_COUNTER},                      \
        [OUT_JOURNAL_LOST] = {"bus_journal_overwritten_total", "feed=\"" feed "\"",                \
                              "uncommitted envelopes that the full journal lost", STAT_COUNTER},   \
        [OUT_WAITS] = {"bus_journal_waits_total", "feed=\"" feed "\"",                             \
                       "times the source waited for room in the journal", STAT_COUNTER},           \
        [OUT_SYNCS] = {"bus_journal_syncs_total", "feed=\"" feed "\"",                             \
                       "times the journal was made durable", STAT_COUNTER},                        \
        [OUT_IO_FAILED] = {"bus_journal_io_failed_total", "feed=\"" feed "\"",                     \
                           "writes and syncs of the journal that failed", STAT_COUNTER},           \
        [OUT_JOURNAL_BYTES] = {"bus_journal_bytes", "feed=\"" feed "\"", "bytes in the journal",   \
                               STAT_GAUGE},                                                        \
        [OUT_JOURNAL_LIMIT] = {"bus_journal_limit_bytes", "feed=\"" feed "\"",                     \
                               "size of the journal", STAT_GAUGE},                                 \
        [OUT_UNCOMMITTED] = {"bus_journal_uncommitted", "feed=\"" feed "\"",                       \
                             "envelopes that the consumer has not committed", STAT_GAUGE},         \
    }

#define OUT_KINDS 5
static const struct stat_def out_defs[OUT_KINDS][OUT_N] = {
    OUT_ROWS("other"), OUT_ROWS("sig"), OUT_ROWS("rtp"), OUT_ROWS("report"), OUT_ROWS("mesh")};
static struct stat_cell out_cells[OUT_KINDS][OUT_N];

static const struct stat_def in_defs[IN_N] = {
    [IN_MESSAGES] = {"bus_messages_total", "dir=\"in\"", "envelopes taken, in order, each once",
                     STAT_COUNTER},
    [IN_BYTES] = {"bus_bytes_total", "dir=\"in\"", "bytes of envelopes taken", STAT_COUNTER},
    [IN_GAPS] = {"bus_gaps_total", NULL,
                 "times the fast path left a gap (repaired by the sure path)", STAT_COUNTER},
    [IN_BACKFILLED] = {"bus_backfilled_total", "dir=\"in\"", "envelopes taken from the sure path",
                       STAT_COUNTER},
    [IN_LOST] = {"bus_lost_total", NULL, "envelopes that no journal has any more", STAT_COUNTER},
    [IN_DROP_EARLY] = {"bus_dropped_total", "reason=\"early\"",
                       "dropped, comes again: behind a gap", STAT_COUNTER},
    [IN_DROP_FULL] = {"bus_dropped_total", "reason=\"full\"",
                      "dropped, comes again: the queue is full", STAT_COUNTER},
    [IN_DROP_DUPLICATE] = {"bus_dropped_total", "reason=\"duplicate\"", "dropped: was taken before",
                           STAT_COUNTER},
    [IN_DROP_UNKNOWN] = {"bus_dropped_total", "reason=\"unknown\"",
                         "dropped, comes again: no Ask yet", STAT_COUNTER},
    [IN_DROP_BAD] = {"bus_dropped_total", "reason=\"bad\"", "dropped: not a message of ours",
                     STAT_COUNTER},
    [IN_DROP_VERSION] = {"bus_dropped_total", "reason=\"version\"",
                         "dropped: other protocol version", STAT_COUNTER},
    [IN_DROP_REFUSED] = {"bus_dropped_total", "reason=\"refused\"",
                         "asks refused: table full, name in use", STAT_COUNTER},
    [IN_UNKNOWN_FIELDS] = {"bus_unknown_fields_total", NULL,
                           "envelopes with fields of a later version, which were passed over",
                           STAT_COUNTER},
    [IN_REFUSED_NO_CERTIFICATE] = {"bus_refused_total", "reason=\"no_certificate\"",
                                   "connections refused: no certificate shown", STAT_COUNTER},
    [IN_REFUSED_FOREIGN] = {"bus_refused_total", "reason=\"foreign_certificate\"",
                            "connections refused: certificate of another authority", STAT_COUNTER},
    [IN_REFUSED_TLS] = {"bus_refused_total", "reason=\"tls\"",
                        "connections refused: not TLS 1.3, or cut off in the handshake",
                        STAT_COUNTER},
    [IN_REFUSED_REVOKED] = {"bus_refused_total", "reason=\"revoked\"",
                            "connections and messages refused: certificate or key is revoked",
                            STAT_COUNTER},
    [IN_REFUSED_UNKNOWN] = {"bus_refused_total", "reason=\"unknown\"",
                            "connections and messages refused: of no admitted site", STAT_COUNTER},
    [IN_REFUSED_UNSIGNED] = {"bus_refused_total", "reason=\"unsigned\"",
                             "messages refused: not signed", STAT_COUNTER},
    [IN_REFUSED_SIGNATURE] = {"bus_refused_total", "reason=\"signature\"",
                              "messages refused: the signature is wrong", STAT_COUNTER},
    [IN_REFUSED_REPLAYED] = {"bus_refused_total", "reason=\"replayed\"",
                             "Asks refused: an older one again", STAT_COUNTER},
    [IN_QUEUE_BYTES] = {"bus_queue_bytes", NULL, "bytes that wait for the service", STAT_GAUGE},
    [IN_QUEUE_MESSAGES] = {"bus_queue_messages", NULL, "envelopes that wait for the service",
                           STAT_GAUGE},
    [IN_PUBLISHERS] = {"bus_publishers", NULL, "publishers known", STAT_GAUGE},
};
static struct stat_cell in_cells[IN_N];

struct stat_cell *count_out_cells(Callmesh__V1__Kind kind)
{
    unsigned k = (unsigned)kind < OUT_KINDS ? (unsigned)kind : 0;
    stat_register(out_defs[k], out_cells[k], OUT_N);
    return out_cells[k];
}

struct stat_cell *count_in_cells(void)
{
    stat_register(in_defs, in_cells, IN_N);
    return in_cells;
}
