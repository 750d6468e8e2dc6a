// rtp.h: RTP header (RFC 3550 5.1), RTCP packets (6.4, 6.5, 6.6), and the tests that tell RTP, RTCP, STUN, DTLS apart
// on one port (RFC 7983, RFC 5761). Pure.
#pragma once
#include "wire/pkt.h"

struct rtp {
    uint8_t payload_type;
    bool marker;
    uint16_t seq;
    uint32_t timestamp, ssrc;
    struct span payload; // without CSRC list, extension and padding
    struct span packet;  // header to end
};
enum wire_event rtp_parse(struct span s, struct rtp *ret);

enum media_kind {
    MEDIA_NONE,
    MEDIA_RTP,
    MEDIA_RTCP,
    MEDIA_STUN,
    MEDIA_DTLS,
    MEDIA_TURN_CHANNEL
};
// By the first bytes and the length; MEDIA_RTP means "could be RTP", nothing surer (capture wants several in sequence).
enum media_kind media_sniff(struct span s);

struct rtcp_report { // one report block of SR or RR
    uint32_t ssrc;
    uint8_t fraction_lost;
    int32_t cumulative_lost;
    uint32_t highest_seq, jitter, lsr, dlsr;
};
// The VoIP metrics of a receiver (RFC 3611 4.7), as they stand on the wire. 127: not known (levels, R, MOS).
struct rtcp_voip {
    uint32_t ssrc;                                               // of the stream it speaks of
    uint8_t loss_rate, discard_rate, burst_density, gap_density; // in 1/256
    uint16_t burst_ms, gap_ms, round_trip_ms, end_system_ms;
    int8_t signal_dbm, noise_dbm;
    uint8_t rerl_db, gmin, r_factor, external_r, mos_lq, mos_cq; // MOS in tenths
    uint16_t buffer_nominal_ms, buffer_maximum_ms, buffer_limit_ms;
};
#define RTCP_VOIP_MAX 4
struct rtcp {
    uint32_t ssrc; // sender of the compound
    bool sr, bye;
    uint64_t ntp;
    uint32_t rtp_timestamp, sender_packets, sender_octets;
    struct rtcp_report report[16];
    uint32_t reports;
    uint32_t bye_ssrc;
    struct rtcp_voip voip[RTCP_VOIP_MAX];
    uint32_t voips, xr_blocks; // xr_blocks: of any type
    uint32_t cname_ssrc;       // of the first CNAME (RFC 3550 6.5.1)
    struct span cname;         // empty: none
    enum wire_event flaw;      // in an XR or SDES packet: the others are good all the same
    uint32_t packets;          // in the compound
};
enum wire_event rtcp_parse(struct span s, struct rtcp *ret);
// The metrics as an object, in the units of the API; what the receiver does not know is null.
struct json;
void rtcp_voip_json(struct json *j, const char *key, const struct rtcp_voip *v);
// The same as an object of JSON, as HEP agents write it.
enum wire_event rtcp_json_parse(struct span text, struct rtcp *ret);
