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
struct rtcp {
    uint32_t ssrc; // sender of the compound
    bool sr, bye;
    uint64_t ntp;
    uint32_t rtp_timestamp, sender_packets, sender_octets;
    struct rtcp_report report[16];
    uint32_t reports;
    uint32_t bye_ssrc;
    uint32_t packets; // in the compound
};
enum wire_event rtcp_parse(struct span s, struct rtcp *ret);
// The same as an object of JSON, as HEP agents write it.
enum wire_event rtcp_json_parse(struct span text, struct rtcp *ret);
