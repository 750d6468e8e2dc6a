// stats.h: counters and gauges of callstate, one table. Written by the state thread; those named db_ by the database thread.
#pragma once
#include "base/stat.h"

#define CALLSTATE_STATS(X)                                                                         \
    X(CALLS_ACTIVE, "callstate_calls_active", NULL, "Calls that have not ended", STAT_GAUGE)       \
    X(CALLS_STARTED, "callstate_calls_started_total", NULL, "Calls begun", STAT_COUNTER)           \
    X(CALLS_ANSWERED, "callstate_calls_ended_total", "result=\"answered\"", "Calls ended",         \
      STAT_COUNTER)                                                                                \
    X(CALLS_NO_ANSWER, "callstate_calls_ended_total", "result=\"no_answer\"", "Calls ended",       \
      STAT_COUNTER)                                                                                \
    X(CALLS_BUSY, "callstate_calls_ended_total", "result=\"busy\"", "Calls ended", STAT_COUNTER)   \
    X(CALLS_CANCELED, "callstate_calls_ended_total", "result=\"canceled\"", "Calls ended",         \
      STAT_COUNTER)                                                                                \
    X(CALLS_REJECTED, "callstate_calls_ended_total", "result=\"rejected\"", "Calls ended",         \
      STAT_COUNTER)                                                                                \
    X(CALLS_FAILED, "callstate_calls_ended_total", "result=\"failed\"", "Calls ended",             \
      STAT_COUNTER)                                                                                \
    X(CALLS_REDIRECTED, "callstate_calls_ended_total", "result=\"redirected\"", "Calls ended",     \
      STAT_COUNTER)                                                                                \
    X(CALLS_EXPIRED, "callstate_calls_expired_total", NULL, "Calls ended by a timer",              \
      STAT_COUNTER)                                                                                \
    X(USED_CALLS, "callstate_table_used", "table=\"calls\"", "Slots in use", STAT_GAUGE)           \
    X(USED_LEGS, "callstate_table_used", "table=\"legs\"", "Slots in use", STAT_GAUGE)             \
    X(USED_STREAMS, "callstate_table_used", "table=\"streams\"", "Slots in use", STAT_GAUGE)       \
    X(USED_ADDRESSES, "callstate_table_used", "table=\"addresses\"", "Slots in use", STAT_GAUGE)   \
    X(USED_PENDING, "callstate_table_used", "table=\"pending\"", "Slots in use", STAT_GAUGE)       \
    X(USED_TEXTS, "callstate_table_used", "table=\"texts\"", "Slots in use", STAT_GAUGE)           \
    X(USED_TRANSFERS, "callstate_table_used", "table=\"transfers\"", "Slots in use", STAT_GAUGE)   \
    X(USED_PAUSES_MORE, "callstate_table_used", "table=\"pauses_more\"",                           \
      "Slots in use: calls with more than one pause", STAT_GAUGE)                                  \
    X(FULL_PAUSES_MORE, "callstate_table_refused_total", "table=\"pauses_more\"",                  \
      "Pauses after the first of a call that made the last one longer", STAT_COUNTER)              \
    X(USED_WAITS, "callstate_table_used", "table=\"recordings_awaited\"", "Slots in use",          \
      STAT_GAUGE)                                                                                  \
    X(USED_EXTENSIONS, "callstate_table_used", "table=\"extensions\"", "Slots in use", STAT_GAUGE) \
    X(FULL_EXTENSIONS, "callstate_table_refused_total", "table=\"extensions\"",                    \
      "Readings of the list that did not fit", STAT_COUNTER)                                       \
    X(AGENTS_BY_USER, "callstate_agents_matched_total", "by=\"user\"", "Parties that are agents",  \
      STAT_COUNTER)                                                                                \
    X(AGENTS_BY_ADDRESS, "callstate_agents_matched_total", "by=\"address\"",                       \
      "Parties that are agents", STAT_COUNTER)                                                     \
    X(AGENTS_BY_NUMBER, "callstate_agents_matched_total", "by=\"number\"",                         \
      "Parties that are agents", STAT_COUNTER)                                                     \
    X(USED_DIAL_PLANS, "callstate_table_used", "table=\"dial_plans\"", "Slots in use", STAT_GAUGE) \
    X(FULL_DIAL_PLANS, "callstate_table_refused_total", "table=\"dial_plans\"",                    \
      "Plans that were not taken: too many, or not one", STAT_COUNTER)                             \
    X(NUMBERS, "callstate_numbers_total", "kind=\"e164\"", "Parties by what their number is",      \
      STAT_COUNTER)                                                                                \
    X(NUMBERS_EXTENSION, "callstate_numbers_total", "kind=\"extension\"",                          \
      "Parties by what their number is", STAT_COUNTER)                                             \
    X(NUMBERS_SHORT, "callstate_numbers_total", "kind=\"short\"",                                  \
      "Parties by what their number is", STAT_COUNTER)                                             \
    X(NUMBERS_OTHER, "callstate_numbers_total", "kind=\"other\"",                                  \
      "Parties by what their number is", STAT_COUNTER)                                             \
    X(NUMBERS_NAME, "callstate_numbers_total", "kind=\"name\"", "Parties by what their number is", \
      STAT_COUNTER)                                                                                \
    X(USED_EARLY, "callstate_table_used", "table=\"recordings_early\"",                            \
      "Slots in use of recordings_awaited: reports before the end of their call", STAT_GAUGE)      \
    X(USED_PUBLISHERS, "callstate_table_used", "table=\"publishers\"", "Slots in use", STAT_GAUGE) \
    X(FULL_CALLS, "callstate_table_refused_total", "table=\"calls\"", "Refused because full",      \
      STAT_COUNTER)                                                                                \
    X(FULL_LEGS, "callstate_table_refused_total", "table=\"legs\"", "Refused because full",        \
      STAT_COUNTER)                                                                                \
    X(FULL_STREAMS, "callstate_table_refused_total", "table=\"streams\"", "Refused because full",  \
      STAT_COUNTER)                                                                                \
    X(FULL_ADDRESSES, "callstate_table_refused_total", "table=\"addresses\"",                      \
      "Refused because full", STAT_COUNTER)                                                        \
    X(FULL_CODECS, "callstate_table_refused_total", "table=\"codecs\"", "Refused because full",    \
      STAT_COUNTER)                                                                                \
    X(FULL_COUNTERS, "callstate_table_refused_total", "table=\"counter_names\"",                   \
      "Counters of harvesters that were not kept", STAT_COUNTER)                                   \
    X(FULL_TEXTS, "callstate_table_refused_total", "table=\"texts\"",                              \
      "Texts of calls that were cut", STAT_COUNTER)                                                \
    X(FULL_PENDING, "callstate_table_refused_total", "table=\"pending\"",                          \
      "Pushed out because full", STAT_COUNTER)                                                     \
    X(FULL_WAITS, "callstate_table_refused_total", "table=\"recordings_awaited\"",                 \
      "Refused because full", STAT_COUNTER)                                                        \
    X(FULL_EARLY, "callstate_table_refused_total", "table=\"recordings_early\"",                   \
      "Pushed out because full", STAT_COUNTER)                                                     \
    X(FULL_PUBLISHERS, "callstate_table_refused_total", "table=\"publishers\"",                    \
      "Refused because full", STAT_COUNTER)                                                        \
    X(FULL_TAPS, "callstate_table_refused_total", "table=\"taps\"", "Refused because full",        \
      STAT_COUNTER)                                                                                \
    X(UNSTORED, "callstate_messages_unstored_total", "reason=\"rate\"",                            \
      "Messages counted, not stored", STAT_COUNTER)                                                \
    X(EVICTED_CALLS, "callstate_calls_evicted_total", NULL,                                        \
      "Ended calls that left memory early: table full", STAT_COUNTER)                              \
    X(MSG_INVITE, "callstate_messages_total", "method=\"INVITE\"", "SIP messages", STAT_COUNTER)   \
    X(MSG_ACK, "callstate_messages_total", "method=\"ACK\"", "SIP messages", STAT_COUNTER)         \
    X(MSG_BYE, "callstate_messages_total", "method=\"BYE\"", "SIP messages", STAT_COUNTER)         \
    X(MSG_CANCEL, "callstate_messages_total", "method=\"CANCEL\"", "SIP messages", STAT_COUNTER)   \
    X(MSG_REGISTER, "callstate_messages_total", "method=\"REGISTER\"", "SIP messages",             \
      STAT_COUNTER)                                                                                \
    X(MSG_OPTIONS, "callstate_messages_total", "method=\"OPTIONS\"", "SIP messages", STAT_COUNTER) \
    X(MSG_SUBSCRIBE, "callstate_messages_total", "method=\"SUBSCRIBE\"", "SIP messages",           \
      STAT_COUNTER)                                                                                \
    X(MSG_NOTIFY, "callstate_messages_total", "method=\"NOTIFY\"", "SIP messages", STAT_COUNTER)   \
    X(MSG_OTHER, "callstate_messages_total", "method=\"other\"", "SIP messages", STAT_COUNTER)     \
    X(MSG_UNUSABLE, "callstate_messages_unusable_total", NULL,                                     \
      "SIP messages without readable keys", STAT_COUNTER)                                          \
    X(MSG_RETRANSMITTED, "callstate_messages_retransmitted_total", NULL,                           \
      "Retransmissions within calls", STAT_COUNTER)                                                \
    X(MSG_HELD, "callstate_messages_before_invite_total", NULL, "Messages held for their INVITE",  \
      STAT_COUNTER)                                                                                \
    X(SIGNALLING, "callstate_signalling_events_total", NULL,                                       \
      "Events of SCCP, MGCP, IAX2 and H.323", STAT_COUNTER)                                        \
    X(SIGNALLING_STRAY, "callstate_signalling_events_stray_total", NULL,                           \
      "of these, of no call: its begin was not seen, or the table is full", STAT_COUNTER)          \
    X(EVENTS, "callstate_call_events_total", NULL, "Events of calls written", STAT_COUNTER)        \
    X(FULL_EVENTS, "callstate_call_events_unstored_total", NULL,                                   \
      "Events and evidence beyond the bound of a call", STAT_COUNTER)                              \
    X(JOINED, "callstate_calls_joined_total", NULL, "Calls joined to another", STAT_COUNTER)       \
    X(SPLIT, "callstate_calls_split_total", NULL, "Joins taken back", STAT_COUNTER)                \
    X(JOIN_AMBIGUOUS, "callstate_joins_ambiguous_total", NULL,                                     \
      "Joins between equals: the nearest in time was taken", STAT_COUNTER)                         \
    X(JOIN_LOOKS_CUT, "callstate_join_looks_cut_total", NULL,                                      \
      "Looks for another side that met their bound", STAT_COUNTER)                                 \
    X(FULL_PARTS, "callstate_table_refused_total", "table=\"parts\"", "Refused because full",      \
      STAT_COUNTER)                                                                                \
    X(FULL_EVIDENCE, "callstate_table_refused_total", "table=\"evidence\"",                        \
      "Refused because full", STAT_COUNTER)                                                        \
    X(FULL_DIVERTED, "callstate_table_refused_total", "table=\"diverted\"",                        \
      "Refused because full", STAT_COUNTER)                                                        \
    X(FULL_TRANSFERS, "callstate_table_refused_total", "table=\"transfers\"",                      \
      "Given up because a third came", STAT_COUNTER)                                               \
    X(STREAMS_JOINED, "callstate_streams_joined_total", NULL, "Streams tied to a leg",             \
      STAT_COUNTER)                                                                                \
    X(STREAMS_BY_HOSTS, "callstate_streams_joined_by_hosts_total", NULL,                           \
      "Pairs of streams tied to a leg by the hosts its SIP came from", STAT_COUNTER)               \
    X(HOSTS_AMBIGUOUS, "callstate_streams_hosts_ambiguous_total", NULL,                            \
      "Looks by hosts that found several calls or streams: not joined", STAT_COUNTER)              \
    X(STREAMS_UNJOINED, "callstate_streams_unjoined", NULL, "Streams in memory that no SDP named", \
      STAT_GAUGE)                                                                                  \
    X(RECORDINGS, "callstate_recordings_total", NULL, "Recording reports", STAT_COUNTER)           \
    X(EARLY_TAKEN, "callstate_recordings_early_total", NULL,                                       \
      "Calls whose recording had been reported before they ended", STAT_COUNTER)                   \
    X(SKIPPED, "callstate_recordings_skipped_total", NULL,                                         \
      "Calls with media that a rule left out", STAT_COUNTER)                                       \
    X(ASKED, "callstate_recordings_asked_total", NULL, "Calls recorded because someone asked",     \
      STAT_COUNTER)                                                                                \
    X(POLICY_RULES, "callstate_recording_rules", NULL, "Rules of recording in force", STAT_GAUGE)  \
    X(DIGITS_MASKED, "callstate_digits_masked_total", NULL, "Digits of SIP INFO stored as a star", \
      STAT_COUNTER)                                                                                \
    X(PAUSES, "callstate_pauses_total", NULL, "Parts of calls paused", STAT_COUNTER)               \
    X(PAUSES_STRETCHED, "callstate_pauses_stretched_total", NULL,                                  \
      "Pauses that had no place of their own: the last one of the part was made longer",           \
      STAT_COUNTER)                                                                                \
    X(PAUSES_OVER, "callstate_pauses_over_total", NULL, "Pauses that ended at their limit",        \
      STAT_COUNTER)                                                                                \
    X(PAUSED, "callstate_pauses_active", NULL, "Parts of calls paused now", STAT_GAUGE)            \
    X(CODES_LEFT_OUT, "callstate_pause_codes_left_out", NULL,                                      \
      "Codes of rules that harvesters are not told: there are 16 others", STAT_GAUGE)              \
    X(CODES, "callstate_digit_codes_total", NULL, "Codes of digits that were entered",             \
      STAT_COUNTER)                                                                                \
    X(CODES_UNPLACED, "callstate_digit_codes_unplaced_total", NULL,                                \
      "Such codes of no call that is known", STAT_COUNTER)                                         \
    X(FULL_PAUSES, "callstate_table_refused_total", "table=\"pauses\"", "Refused because full",    \
      STAT_COUNTER)                                                                                \
    X(NO_RECORDER, "callstate_recordings_given_up_total", "reason=\"no_recorder\"",                \
      "No report came", STAT_COUNTER)                                                              \
    X(RECORDER_SILENT, "callstate_recordings_given_up_total", "reason=\"recorder_silent\"",        \
      "No report came", STAT_COUNTER)                                                              \
    X(RECORDER_AWAY, "callstate_recordings_given_up_total", "reason=\"recorder_away\"",            \
      "No report came", STAT_COUNTER)                                                              \
    X(WAITS_AWAY, "callstate_recordings_awaited_away", NULL,                                       \
      "Recordings whose recorder is away: they wait for it", STAT_GAUGE)                           \
    X(LOSS_RECORDS, "callstate_loss_records_total", NULL, "Loss records taken in", STAT_COUNTER)   \
    X(LOST_ENVELOPES, "callstate_envelopes_lost_total", NULL,                                      \
      "Envelopes that a journal no longer had", STAT_COUNTER)                                      \
    X(ENVELOPES, "callstate_envelopes_total", NULL, "Envelopes taken in", STAT_COUNTER)            \
    X(QUARANTINED, "callstate_quarantined_total", NULL, "Events that could not be used",           \
      STAT_COUNTER)                                                                                \
    X(UNKNOWN_EVENTS, "callstate_unknown_events_total", NULL,                                      \
      "Events of a later version, kept in quarantine", STAT_COUNTER)                               \
    X(UNKNOWN_FIELDS, "callstate_unknown_fields_total", NULL,                                      \
      "Events with fields of a later version, which were passed over", STAT_COUNTER)               \
    X(ANNOUNCED, "callstate_mesh_changes_total", NULL, "Changes sent on the mesh feed",            \
      STAT_COUNTER)                                                                                \
    X(SNAPSHOTS, "callstate_snapshots_total", NULL, "Snapshots begun", STAT_COUNTER)               \
    X(SRTP_TOLD, "callstate_srtp_keys_asked_total", "answer=\"keys\"",                             \
      "Questions of recorders for a call's keys", STAT_COUNTER)                                    \
    X(SRTP_NONE, "callstate_srtp_keys_asked_total", "answer=\"none\"",                             \
      "Questions of recorders for a call's keys", STAT_COUNTER)                                    \
    X(SRTP_REFUSED, "callstate_srtp_keys_asked_total", "answer=\"refused\"",                       \
      "Questions of recorders for a call's keys", STAT_COUNTER)                                    \
    X(SRTP_AWAY, "callstate_srtp_keys_asked_total", "answer=\"database_away\"",                    \
      "Questions of recorders for a call's keys", STAT_COUNTER)                                    \
    X(SRTP_UNSUPPORTED, "callstate_srtp_crypto_refused_total", "reason=\"unsupported\"",           \
      "a=crypto lines of calls asked for that gave no key", STAT_COUNTER)                          \
    X(SRTP_MALFORMED, "callstate_srtp_crypto_refused_total", "reason=\"malformed\"",               \
      "a=crypto lines of calls asked for that gave no key", STAT_COUNTER)                          \
    X(SRTP_MORE, "callstate_srtp_crypto_refused_total", "reason=\"full\"",                         \
      "a=crypto lines of calls asked for that gave no key", STAT_COUNTER)                          \
    X(TAPS, "callstate_taps_active", NULL, "Leases to hear a call", STAT_GAUGE)                    \
    X(BACK_PRESSURE, "callstate_back_pressure_us_total", NULL,                                     \
      "Time that intake waited for the database", STAT_COUNTER)                                    \
    X(ROWS_TOO_LONG, "callstate_rows_too_long_total", NULL, "Rows that did not fit their batch",   \
      STAT_COUNTER)                                                                                \
    X(DB_BATCHES, "callstate_db_batches_total", NULL, "Transactions committed", STAT_COUNTER)      \
    X(DB_ROWS, "callstate_db_rows_total", NULL, "Rows in them", STAT_COUNTER)                      \
    X(DB_RETRIES, "callstate_db_retries_total", NULL, "Transactions tried again", STAT_COUNTER)    \
    X(DB_REFUSED, "callstate_db_rows_refused_total", NULL,                                         \
      "Rows that PostgreSQL refused (quarantine)", STAT_COUNTER)                                   \
    X(BOOKS, "callstate_books_unbalanced", NULL,                                                   \
      "Feeds whose number is not applied + quarantined + lost: must be 0", STAT_GAUGE)             \
    X(LEADER, "callstate_leader", NULL, "1 while this one leads", STAT_GAUGE)                      \
    X(FENCE, "callstate_fence", NULL, "Number of the lease held", STAT_GAUGE)                      \
    X(FENCED, "callstate_fence_refused_total", NULL, "Transactions refused because another leads", \
      STAT_COUNTER)                                                                                \
    X(ALERTS_RAISED, "callstate_alerts_total", "what=\"raised\"", "Alerts", STAT_COUNTER)          \
    X(ALERTS_CLEARED, "callstate_alerts_total", "what=\"cleared\"", "Alerts", STAT_COUNTER)        \
    X(ALERTS_UNTOLD, "callstate_alerts_untold_total", NULL,                                        \
      "Changes of alerts that are in the table and were not told on the mesh", STAT_COUNTER)       \
    X(ALERTS_UP, "callstate_alerts_raised", NULL, "Alerts that are up", STAT_GAUGE)                \
    X(ALERTS_WATCHED, "callstate_alerts_watched", NULL,                                            \
      "Things over or on their way back under a rule", STAT_GAUGE)                                 \
    X(STATISTICS_MADE, "callstate_statistics_made_total", "result=\"ok\"",                         \
      "Intervals of a site that got their sums", STAT_COUNTER)                                     \
    X(STATISTICS_FAILED, "callstate_statistics_made_total", "result=\"failed\"",                   \
      "Intervals of a site that got their sums", STAT_COUNTER)                                     \
    X(STATISTICS_DUE, "callstate_statistics_due", NULL, "Intervals of a site that wait for sums",  \
      STAT_GAUGE)                                                                                  \
    X(STATISTICS_LAG, "callstate_statistics_lag_seconds", NULL,                                    \
      "How long the one waits that waits longest", STAT_GAUGE)                                     \
    X(STATISTICS_PUT_OFF, "callstate_statistics_put_off", NULL,                                    \
      "of them, those whose sums could not be made, tried again after 10 minutes", STAT_GAUGE)     \
    X(STATISTICS_FORGOTTEN, "callstate_statistics_forgotten_total", NULL,                          \
      "Rows of sums that were older than they are kept", STAT_COUNTER)                             \
    X(DB_UP, "callstate_db_up", NULL, "1 when the last transaction was committed", STAT_GAUGE)     \
    X(DB_PARTITIONS, "callstate_db_partitions_made_total", NULL, "Day partitions made",            \
      STAT_COUNTER)                                                                                \
    X(DB_WORD_INDEXES, "callstate_db_word_indexes_made_total", NULL,                               \
      "Days that got their index of words", STAT_COUNTER)

#define STATS_ENUM(id, name, labels, help, kind) STAT_##id,
enum callstate_stat {
    CALLSTATE_STATS(STATS_ENUM) STATS_COUNT
};

extern struct stat_cell callstate_stat[STATS_COUNT];
void stats_setup(void);
static inline void count(enum callstate_stat s)
{
    stat_add(&callstate_stat[s], 1);
}
static inline void count_n(enum callstate_stat s, uint64_t n)
{
    stat_add(&callstate_stat[s], n);
}
static inline void gauge(enum callstate_stat s, uint64_t v)
{
    stat_set(&callstate_stat[s], v);
}
