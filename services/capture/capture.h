// capture.h: the counters of the harvester and its settings as they are after start.
// Counters: one table makes the enum, the names at /metrics, in Ticks and in --json. One writer: the worker's thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/stat.h"
#include "wire/wire_event.h"

// X(id, name, labels, help, kind)
#define CAPTURE_STATS(X)                                                                           \
    X(PACKETS, "capture_packets_total", NULL, "packets read from the input", COUNTER)              \
    X(BYTES, "capture_bytes_total", NULL, "bytes of these packets as they were on the wire",       \
      COUNTER)                                                                                     \
    X(SIP, "capture_sip_messages_total", NULL, "SIP messages found", COUNTER)                      \
    X(RTP, "capture_rtp_packets_total", NULL, "RTP packets of confirmed streams", COUNTER)         \
    X(RTCP, "capture_rtcp_packets_total", NULL, "RTCP compound packets", COUNTER)                  \
    X(RTCP_UNJOINED, "capture_rtcp_unjoined_total", NULL, "of these, of no known stream", COUNTER) \
    X(RTCP_XR, "capture_rtcp_xr_total", NULL, "VoIP metrics of receivers (RFC 3611)", COUNTER)     \
    X(STREAMS_CONFIRMED, "capture_streams_total", NULL, "RTP streams confirmed", COUNTER)          \
    X(STREAMS_UP, "capture_streams", NULL, "slots of the stream table in use", GAUGE)              \
    X(STREAMS_EVICTED, "capture_streams_evicted_total", NULL, "streams ended early to make room",  \
      COUNTER)                                                                                     \
    X(PAYLOAD_TYPES_UNLISTED, "capture_payload_types_unlisted_total", NULL,                        \
      "changes of a stream to a payload type beyond those listed of it", COUNTER)                  \
    X(PROBATION_FAILED, "capture_probation_failed_total", NULL,                                    \
      "flows that turned out not to be RTP", COUNTER)                                              \
    X(MEDIA_UP, "capture_media_addresses", NULL, "addresses named by SDP", GAUGE)                  \
    X(MEDIA_EVICTED, "capture_media_evicted_total", NULL,                                          \
      "addresses forgotten early to make room", COUNTER)                                           \
    X(FRAGMENTS, "capture_fragments_total", NULL, "IP fragments", COUNTER)                         \
    X(DATAGRAMS_JOINED, "capture_datagrams_joined_total", NULL, "datagrams joined from fragments", \
      COUNTER)                                                                                     \
    X(STUN, "capture_udp_other_total", "kind=\"stun\"", "packets on ports of media that are none", \
      COUNTER)                                                                                     \
    X(DTLS, "capture_udp_other_total", "kind=\"dtls\"", "packets on ports of media that are none", \
      COUNTER)                                                                                     \
    X(TURN, "capture_udp_other_total", "kind=\"turn_channel\"",                                    \
      "packets on ports of media that are none", COUNTER)                                          \
    X(DTLS_OVERWRITTEN, "capture_dtls_overwritten_total", NULL,                                    \
      "endpoint pairs with DTLS forgotten to make room", COUNTER)                                  \
    X(TCP_MESSAGES, "capture_tcp_messages_total", NULL, "SIP messages cut from TCP", COUNTER)      \
    X(WAY_SIP, "capture_way_total", "way=\"sip\"", "packets by the one way each went", COUNTER)    \
    X(WAY_RTP, "capture_way_total", "way=\"rtp\"", "looked at as RTP", COUNTER)                    \
    X(WAY_RTCP, "capture_way_total", "way=\"rtcp\"", "looked at as RTCP", COUNTER)                 \
    X(WAY_OTHER, "capture_way_total", "way=\"other\"", "datagrams of something else", COUNTER)     \
    X(WAY_TCP, "capture_way_total", "way=\"tcp\"", "TCP segments", COUNTER)                        \
    X(WAY_FRAGMENT, "capture_way_total", "way=\"fragment\"", "pieces of a datagram not yet whole", \
      COUNTER)                                                                                     \
    X(WAY_REFUSED, "capture_way_total", "way=\"refused\"",                                         \
      "not readable to their end: capture_wire_events_total says why", COUNTER)                    \
    X(WAY_HEP, "capture_way_total", "way=\"hep\"", "HEP messages", COUNTER)                        \
    X(SCCP, "capture_signalling_messages_total", "protocol=\"sccp\"",                              \
      "messages of other signalling", COUNTER)                                                     \
    X(SCCP_CALLS, "capture_signalled_calls_total", "protocol=\"sccp\"",                            \
      "calls that such messages began", COUNTER)                                                   \
    X(MGCP, "capture_signalling_messages_total", "protocol=\"mgcp\"",                              \
      "messages of other signalling", COUNTER)                                                     \
    X(MGCP_CALLS, "capture_signalled_calls_total", "protocol=\"mgcp\"",                            \
      "calls that such messages began", COUNTER)                                                   \
    X(IAX2, "capture_signalling_messages_total", "protocol=\"iax2\"",                              \
      "messages of other signalling", COUNTER)                                                     \
    X(IAX2_CALLS, "capture_signalled_calls_total", "protocol=\"iax2\"",                            \
      "calls that such messages began", COUNTER)                                                   \
    X(H323, "capture_signalling_messages_total", "protocol=\"h323\"",                              \
      "messages of other signalling", COUNTER)                                                     \
    X(H323_CALLS, "capture_signalled_calls_total", "protocol=\"h323\"",                            \
      "calls that such messages began", COUNTER)                                                   \
    X(VOICE_UNPLACED, "capture_voice_unplaced_total", NULL,                                        \
      "IAX2 voice frames of no known call or format", COUNTER)                                     \
    X(SIGCALLS_UP, "capture_signalled_calls", NULL, "slots of the table of these calls in use",    \
      GAUGE)                                                                                       \
    X(SIGKEYS_REFUSED, "capture_signalled_call_keys_refused_total", NULL,                          \
      "keys of these calls that found no room: messages by them are not placed", COUNTER)          \
    X(DUPLICATES, "capture_duplicates_total", NULL,                                                \
      "packets that a mirror showed twice: dropped, nothing else counts them", COUNTER)            \
    X(DUPLICATES_EVICTED, "capture_duplicates_evicted_total", NULL,                                \
      "packets forgotten before their copy could come", COUNTER)                                   \
    X(TLS, "capture_tls_connections_seen_total", NULL, "TLS connections whose beginning was seen", \
      COUNTER)                                                                                     \
    X(TLS_UP, "capture_tls_connections", NULL, "places of the TLS table in use", GAUGE)            \
    X(TLS_EVICTED, "capture_tls_evicted_total", NULL,                                              \
      "TLS connections forgotten early to make room", COUNTER)                                     \
    X(TLS_RECORDS, "capture_tls_records_total", NULL, "TLS records", COUNTER)                      \
    X(TLS_DECRYPTED, "capture_tls_decrypted_total", NULL, "TLS records decrypted", COUNTER)        \
    X(TLS_OPAQUE, "capture_tls_opaque_connections_total", NULL,                                    \
      "TLS connections with records that no key opened", COUNTER)                                  \
    X(TLS_OPAQUE_RECORDS, "capture_tls_opaque_total", NULL, "TLS records that no key opened",      \
      COUNTER)                                                                                     \
    X(TLS_HOLES, "capture_tls_holes_total", NULL, "holes in TLS connections that never closed",    \
      COUNTER)                                                                                     \
    X(TLS_HELD, "capture_tls_held_bytes", NULL, "ciphertext that waits for keys", GAUGE)           \
    X(TLS_MESSAGES, "capture_tls_messages_total", NULL, "SIP messages from TLS", COUNTER)          \
    X(TLS_KEYS, "capture_tls_keys_total", NULL, "secrets that the key log told", COUNTER)          \
    X(TLS_KEYS_BAD, "capture_tls_keys_bad_total", NULL,                                            \
      "lines of the key log that are not as they should be", COUNTER)                              \
    X(TLS_SECRETS, "capture_tls_secrets", NULL, "connections whose secrets are kept", GAUGE)       \
    X(TLS_SECRETS_EVICTED, "capture_tls_secrets_evicted_total", NULL,                              \
      "connections whose secrets were forgotten to make room", COUNTER)                            \
    X(HEP_CONNECTIONS, "capture_hep_connections", NULL, "HEP senders over TCP", GAUGE)             \
    X(HEP_REFUSED, "capture_hep_refused_total", NULL,                                              \
      "HEP connections refused, no place was free", COUNTER)                                       \
    X(HEP_EVICTED, "capture_hep_evicted_total", NULL,                                              \
      "silent HEP connections closed to make room", COUNTER)                                       \
    X(DIGITS_MASKED, "capture_digits_masked_total", NULL,                                          \
      "telephone-event packets whose digit left as a star", COUNTER)                               \
    X(INFO_MASKED, "capture_info_digits_masked_total", NULL,                                       \
      "digits of SIP INFO and KPML that left as stars", COUNTER)                                   \
    X(CODES, "capture_digit_codes_total", NULL, "codes of digits that were entered and told",      \
      COUNTER)                                                                                     \
    X(CODES_OVERWRITTEN, "capture_digit_calls_overwritten_total", NULL,                            \
      "calls whose last digits of SIP INFO were forgotten for another call's", COUNTER)            \
    X(PAUSED, "capture_paused_packets_total", NULL,                                                \
      "RTP packets of paused calls: seen, counted, not let out", COUNTER)                          \
    X(PAUSES, "capture_pauses", NULL, "calls that are paused now", GAUGE)                          \
    X(PAUSE_DOUBT, "capture_pauses_in_doubt", NULL,                                                \
      "1: the file of pauses could not be read, all media is held back", GAUGE)                    \
    X(PAUSE_REFUSED, "capture_pause_addresses_refused_total", NULL,                                \
      "addresses of a paused call beyond its places", COUNTER)                                     \
    X(DROP_DOUBT, "capture_dropped_total", "place=\"pause_doubt\"",                                \
      "RTP packets held back because nobody knew who was paused", COUNTER)                         \
    X(DROP_KERNEL, "capture_dropped_total", "place=\"kernel\"",                                    \
      "packets dropped by the kernel's ring", COUNTER)                                             \
    X(DROP_INTERFACE, "capture_dropped_total", "place=\"interface\"",                              \
      "packets dropped by the interface", COUNTER)                                                 \
    X(DROP_STREAMS, "capture_dropped_total", "place=\"table_full\"",                               \
      "RTP packets without a stream slot", COUNTER)                                                \
    X(DROP_FRAGMENTS, "capture_dropped_total", "place=\"fragments\"",                              \
      "datagrams evicted before they were whole", COUNTER)                                         \
    X(DROP_TCP, "capture_dropped_total", "place=\"tcp\"", "TCP directions evicted", COUNTER)       \
    X(SHED_SIP, "capture_shed_total", "class=\"sip_unknown\"",                                     \
      "SIP of addresses that nobody answered, above capture.sip-unknown", COUNTER)                 \
    X(SHED_RTP_UNKNOWN, "capture_shed_total", "class=\"rtp_unknown\"",                             \
      "under overload: RTP on probation, not sent", COUNTER)                                       \
    X(SHED_RTP, "capture_shed_total", "class=\"rtp\"",                                             \
      "under overload: RTP of whole streams, not sent, each named in a Loss", COUNTER)             \
    X(SHED_LEVEL, "capture_shed_level", NULL, "of 256 streams so many are not sent now", GAUGE)    \
    X(PEERS, "capture_peers", NULL, "addresses known by an answered INVITE or REGISTER", GAUGE)    \
    X(PROBATION_UP, "capture_streams_on_probation", NULL, "of the stream slots in use", GAUGE)     \
    X(DROP_CROSSING, "capture_dropped_total", "place=\"crossing\"",                                \
      "words of SDP and RTCP from one worker to another that found no room", COUNTER)              \
    X(DROP_HANDOVER, "capture_dropped_total", "place=\"handover\"",                                \
      "RTP packets that found no room between worker and sender", COUNTER)                         \
    X(DROP_WORKER, "capture_dropped_total", "place=\"worker\"",                                    \
      "packets left out because they ended two workers, or read by a worker that left no "         \
      "successor",                                                                                 \
      COUNTER)                                                                                     \
    X(DROP_TLS, "capture_dropped_total", "place=\"tls\"", "TLS connections with SIP evicted",      \
      COUNTER)                                                                                     \
    X(DROP_SIGCALLS, "capture_dropped_total", "place=\"signalled_calls\"",                         \
      "calls of other signalling forgotten to make room", COUNTER)                                 \
    X(DROP_JOURNAL, "capture_dropped_total", "place=\"journal\"",                                  \
      "batches that a full journal lost", COUNTER)                                                 \
    X(DROP_BUS, "capture_dropped_total", "place=\"bus\"", "batches larger than the bus takes",     \
      COUNTER)

#define CAPTURE_STAT_ENUM(id, name, labels, help, kind) CAPTURE_##id,
enum capture_stat {
    CAPTURE_STATS(CAPTURE_STAT_ENUM) CAPTURE_STAT_COUNT
};

struct capture_counts {
    uint64_t n[CAPTURE_STAT_COUNT];
    uint64_t event[WIRE_EVENT_COUNT]; // by wire_event
};

static inline uint64_t signalled_calls(const struct capture_counts *c)
{
    return c->n[CAPTURE_SCCP_CALLS] + c->n[CAPTURE_MGCP_CALLS] + c->n[CAPTURE_IAX2_CALLS] +
           c->n[CAPTURE_H323_CALLS];
}

// Registers both tables; once, before threads.
void capture_stats_register(void);
// Shows the worker's own counts to other threads; called about five times a second, never per packet.
void capture_stats_publish(const struct capture_counts *c);
// The word after place= of a drop counter, or NULL for others.
const char *capture_drop_place(enum capture_stat s);
// Events that say "not for us", not "malformed".
static inline bool capture_event_ignored(enum wire_event e)
{
    return e == WIRE_LINK_UNKNOWN || e == WIRE_IP_NOT_UDP_TCP || e == WIRE_HEP_EMPTY ||
           e == WIRE_HEP_TYPE || e == WIRE_WS_NOT_SIP || e == WIRE_H225_UNREAD ||
           e == WIRE_H245_UNREAD;
}
