// stats.h: the recorder's counters and gauges in one table. Each cell has one writer thread (named in stats.c).
#pragma once
#include "base/stat.h"

#define RECORDER_STATS(X)                                                                          \
    X(PACKETS, "recorder_packets_total", NULL, COUNTER, "RTP packets taken into the spool")        \
    X(BYTES, "recorder_bytes_total", NULL, COUNTER, "bytes of them")                               \
    X(SEEN, "recorder_packets_seen_before_total", NULL, COUNTER,                                   \
      "packets that came again after a restart")                                                   \
    X(REF_LARGE, "recorder_refused_total", "reason=\"too_large\"", COUNTER,                        \
      "packets that were not kept")                                                                \
    X(DISK_WAITS, "recorder_disk_waits_total", NULL, COUNTER,                                      \
      "Times that intake waited 20 ms for a spool that takes no block")                            \
    X(REF_DISK, "recorder_refused_total", "reason=\"disk\"", COUNTER,                              \
      "packets that were not kept")                                                                \
    X(REF_FORM, "recorder_refused_total", "reason=\"form\"", COUNTER,                              \
      "packets that were not kept")                                                                \
    X(REF_CHAIN, "recorder_refused_total", "reason=\"streams_full\"", COUNTER,                     \
      "packets that were not kept")                                                                \
    X(REF_FEED, "recorder_refused_total", "reason=\"feeds_full\"", COUNTER,                        \
      "batches of a publisher beyond the table")                                                   \
    X(LOST_ENV, "recorder_feed_lost_total", NULL, COUNTER,                                         \
      "batches that the publishers' journals no longer had")                                       \
    X(LOST_DECL, "recorder_declared_lost_total", NULL, COUNTER,                                    \
      "packets that the harvesters declared as lost")                                              \
    X(BAD_BATCH, "recorder_bad_batches_total", NULL, COUNTER, "batches that could not be read")    \
    X(EVICTED, "recorder_streams_evicted_total", NULL, COUNTER,                                    \
      "streams forgotten because the table was full")                                              \
    X(EARLY, "recorder_blocks_early_total", NULL, COUNTER,                                         \
      "blocks written before they were full, for want of memory")                                  \
    X(STREAMS, "recorder_streams", NULL, GAUGE, "streams in the look-back")                        \
    X(BLOCKS_USED, "recorder_blocks_filling", NULL, GAUGE, "streams with a block in memory")       \
    X(SPOOL_BYTES, "recorder_spool_bytes", NULL, GAUGE, "look-back on disk")                       \
    X(SPOOL_LIMIT, "recorder_spool_limit_bytes", NULL, GAUGE, "its setting")                       \
    X(SPOOL_SEGMENTS, "recorder_spool_segments", NULL, GAUGE, "segment files")                     \
    X(SPOOL_BLOCKS, "recorder_spool_blocks_total", NULL, COUNTER,                                  \
      "blocks written, or found at start")                                                         \
    X(SPOOL_DROPPED, "recorder_spool_dropped_segments_total", NULL, COUNTER,                       \
      "segments deleted because the spool was full")                                               \
    X(SPOOL_WANTED, "recorder_spool_dropped_wanted_total", NULL, COUNTER,                          \
      "of these, with media of calls not yet cut")                                                 \
    X(SPOOL_AGED, "recorder_spool_aged_segments_total", NULL, COUNTER,                             \
      "segments older than the look-back")                                                         \
    X(SPOOL_ERRORS, "recorder_spool_write_errors_total", NULL, COUNTER,                            \
      "blocks that the disk did not take")                                                         \
    X(TAPS, "recorder_taps_active", NULL, GAUGE, "calls being listened to")                        \
    X(TAPS_REFUSED, "recorder_taps_refused_total", NULL, COUNTER,                                  \
      "taps or their streams beyond the table")                                                    \
    X(LIVE_FRAMES, "recorder_live_frames_total", NULL, COUNTER, "packets sent to api")             \
    X(LIVE_SKIPPED, "recorder_live_skipped_total", NULL, COUNTER,                                  \
      "packets of tapped calls that are not audio, or did not fit")                                \
    X(EARS, "recorder_live_srtp_calls", NULL, GAUGE, "calls of SRTP being listened to")            \
    X(EARS_REFUSED, "recorder_live_srtp_refused_total", NULL, COUNTER,                             \
      "calls of SRTP that stay unheard: as many are being listened to as may be")                  \
    X(EAR_CLEAR, "recorder_live_srtp_packets_total", "result=\"clear\"", COUNTER,                  \
      "packets of SRTP of tapped calls")                                                           \
    X(EAR_DUP, "recorder_live_srtp_packets_total", "result=\"duplicate\"", COUNTER,                \
      "packets of SRTP of tapped calls")                                                           \
    X(EAR_CLOSED, "recorder_live_srtp_packets_total", "result=\"closed\"", COUNTER,                \
      "packets of SRTP of tapped calls")                                                           \
    X(EAR_TOLD, "recorder_live_srtp_keys_total", "answer=\"keys\"", COUNTER,                       \
      "questions for the keys of a call that is listened to")                                      \
    X(EAR_NONE, "recorder_live_srtp_keys_total", "answer=\"none\"", COUNTER,                       \
      "questions for the keys of a call that is listened to")                                      \
    X(EAR_DENIED, "recorder_live_srtp_keys_total", "answer=\"refused\"", COUNTER,                  \
      "questions for the keys of a call that is listened to")                                      \
    X(EAR_AWAY, "recorder_live_srtp_keys_total", "answer=\"away\"", COUNTER,                       \
      "questions for the keys of a call that is listened to")                                      \
    X(CALLS, "recorder_mesh_calls", NULL, GAUGE, "calls in the mirror of the mesh")                \
    X(CALLS_REFUSED, "recorder_mesh_refused_total", NULL, COUNTER, "calls beyond the mirror")      \
    X(PENDING, "recorder_calls_pending", NULL, GAUGE, "ended calls that wait for their cut")       \
    X(SNAPSHOTS, "recorder_snapshots_total", NULL, COUNTER, "snapshots of the mesh taken")         \
    X(REC_READY, "recordings_total", "result=\"ready\"", COUNTER, "calls cut, by result")          \
    X(REC_FAILED, "recordings_total", "result=\"failed\"", COUNTER, "calls cut, by result")        \
    X(REC_EMPTY, "recordings_total", "result=\"empty\"", COUNTER, "calls cut, by result")          \
    X(REC_MISSING, "recording_media_missing_total", NULL, COUNTER,                                 \
      "calls of which harvesters had told media that is not in the look-back: failed when "        \
      "nothing else was there")                                                                    \
    X(REC_BYTES, "recording_bytes_total", NULL, COUNTER, "bytes of recordings written")            \
    X(REC_LATE_DUP, "recording_late_or_duplicate_total", NULL, COUNTER,                            \
      "doubles and packets that came too late for their place")                                    \
    X(REC_LOST, "recording_lost_packets_total", NULL, COUNTER,                                     \
      "holes by sequence number, filled with silence")                                             \
    X(REC_GAPS, "recording_gaps_total", NULL, COUNTER,                                             \
      "silences of the recordings, declared in their manifests")                                   \
    X(SRTP_CLEAR, "recording_srtp_packets_total", "result=\"clear\"", COUNTER,                     \
      "packets of SRTP of calls that had keys")                                                    \
    X(SRTP_DUP, "recording_srtp_packets_total", "result=\"duplicate\"", COUNTER,                   \
      "packets of SRTP of calls that had keys")                                                    \
    X(SRTP_FAILED, "recording_srtp_packets_total", "result=\"authentication_failed\"", COUNTER,    \
      "packets of SRTP of calls that had keys")                                                    \
    X(KEYS_GOT, "recording_srtp_keys_total", "answer=\"keys\"", COUNTER,                           \
      "questions for the keys of a call")                                                          \
    X(KEYS_NONE, "recording_srtp_keys_total", "answer=\"none\"", COUNTER,                          \
      "questions for the keys of a call")                                                          \
    X(KEYS_REFUSED, "recording_srtp_keys_total", "answer=\"refused\"", COUNTER,                    \
      "questions for the keys of a call")                                                          \
    X(KEYS_AWAY, "recording_srtp_keys_total", "answer=\"away\"", COUNTER,                          \
      "questions for the keys of a call")                                                          \
    X(CERTIFICATE_S, "recorder_certificate_seconds", NULL, GAUGE,                                  \
      "until the end of this machine's certificate; 0 without one")                                \
    X(CERTIFICATE_RENEWED, "recorder_certificate_renewals_total", "result=\"renewed\"", COUNTER,   \
      "of this machine's certificate")                                                             \
    X(CERTIFICATE_FAILED, "recorder_certificate_renewals_total", "result=\"failed\"", COUNTER,     \
      "of this machine's certificate")                                                             \
    X(RENDER_CODECS, "recorder_renderer_codecs", NULL, GAUGE,                                      \
      "codecs that callmesh-render decodes; 0: it is not there")                                   \
    X(RENDER_STARTS, "recorder_renderer_starts_total", NULL, COUNTER,                              \
      "starts of callmesh-render, the first one too")                                              \
    X(RENDER_DIED, "recorder_renderer_failed_total", "reason=\"died\"", COUNTER,                   \
      "children of it that were given up")                                                         \
    X(RENDER_SLOW, "recorder_renderer_failed_total", "reason=\"slow\"", COUNTER,                   \
      "children of it that were given up")                                                         \
    X(RENDER_NONSENSE, "recorder_renderer_failed_total", "reason=\"nonsense\"", COUNTER,           \
      "children of it that were given up")                                                         \
    X(RENDER_LOST, "recorder_renderer_lost_packets_total", NULL, COUNTER,                          \
      "packets that it should have decoded and did not: gap codec")                                \
    X(CHAIN, "recording_chain_entries_total", NULL, COUNTER, "signed entries added to the chains") \
    X(ERASED, "recordings_erased_total", NULL, COUNTER,                                            \
      "recordings taken away, each with a certificate")                                            \
    X(ERASE_FAILED, "recordings_erase_failed_total", NULL, COUNTER,                                \
      "tries that did not end; told again")                                                        \
    X(ERASE_REFUSED, "recordings_erase_refused_total", NULL, COUNTER,                              \
      "orders beyond the ring; told again")                                                        \
    X(UP_FILES, "recorder_uploaded_files_total", NULL, COUNTER,                                    \
      "files brought to the object store")                                                         \
    X(UP_BYTES, "recorder_uploaded_bytes_total", NULL, COUNTER, "bytes of them")                   \
    X(UP_ERRORS, "store_errors_total", "op=\"upload\"", COUNTER,                                   \
      "tries that the store did not take")                                                         \
    X(UP_PENDING, "recorder_uploads_pending", NULL, GAUGE,                                         \
      "recordings that wait for the object store")                                                 \
    X(REPORTS, "recorder_reports_total", NULL, COUNTER, "reports sent to callstate")               \
    X(DISK_FREE, "recorder_disk_free_bytes", NULL, GAUGE, "free where the recordings go")          \
    X(DISK_LOW, "recorder_disk_low", NULL, GAUGE, "1: nearly full, nothing new is cut")

#define RECORDER_STAT_ENUM(id, ...) STAT_##id,
enum recorder_stat {
    RECORDER_STATS(RECORDER_STAT_ENUM) RECORDER_STAT_COUNT
};

extern struct stat_cell recorder_stat[RECORDER_STAT_COUNT];
void recorder_stats_register(void);

static inline void count(enum recorder_stat s, uint64_t n)
{
    stat_add(&recorder_stat[s], n);
}

static inline void gauge(enum recorder_stat s, uint64_t n)
{
    stat_set(&recorder_stat[s], n);
}
