// classify.h: what a UDP payload is, and whether an unannounced flow behaves like RTP. Pure.
// First bytes tell SIP (a letter) from RTP and RTCP (version 2) from STUN and DTLS (RFC 7983); announced addresses
// need no more. Without SDP a flow must prove itself: several packets of one SSRC whose sequence numbers and
// time stamps go on as RTP's do.
#pragma once
#include "wire/pkt.h"
#include "wire/rtp.h"

enum traffic {
    TRAFFIC_OTHER,
    TRAFFIC_SIP,
    TRAFFIC_RTP,
    TRAFFIC_RTCP,
    TRAFFIC_STUN, // these three share ports with media (RFC 7983)
    TRAFFIC_DTLS,
    TRAFFIC_TURN
};
enum traffic classify_udp(struct span payload);

// May a packet from here to there, with this payload type and length, be the first of an unannounced stream?
bool classify_may_begin(const struct rtp *r, uint16_t sport, uint16_t dport);

// State of a flow on probation.
struct probation {
    uint8_t fits, misfits;
};
#define PROBATION_FITS    3 // steps in a row, so four packets
#define PROBATION_MISFITS 4 // then it is not RTP
enum probation_result {
    PROBATION_GOES_ON,
    PROBATION_CONFIRMED,
    PROBATION_REJECTED
};
struct probation_step {
    int32_t seq;       // difference to the highest sequence number so far
    int32_t timestamp; // difference to the last time stamp
    int64_t delta_us;  // capture time since the last packet
    uint32_t clock;    // 0: unknown
};
enum probation_result probation_step(struct probation *p, const struct probation_step *s);
