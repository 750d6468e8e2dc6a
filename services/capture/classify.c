#include "classify.h"
#include "wire/sdp.h"
#include "wire/sip.h"

enum traffic classify_udp(struct span payload)
{
    if (payload.n == 0)
        return TRAFFIC_OTHER;
    uint8_t b = payload.p[0];
    if ((b & 0xC0) == 0x80) {
        switch (media_sniff(payload)) {
        case MEDIA_RTP:
            return TRAFFIC_RTP;
        case MEDIA_RTCP:
            return TRAFFIC_RTCP;
        default:
            return TRAFFIC_OTHER;
        }
    }
    // Every SIP start line begins with a letter or another token character; most noise does not.
    if (b > 0x20 && b < 0x7F && sip_sniff(payload))
        return TRAFFIC_SIP;
    switch (media_sniff(payload)) {
    case MEDIA_STUN:
        return TRAFFIC_STUN;
    case MEDIA_DTLS:
        return TRAFFIC_DTLS;
    case MEDIA_TURN_CHANNEL:
        return TRAFFIC_TURN;
    default:
        return TRAFFIC_OTHER;
    }
}

// Ports on which other things than media live: their packets may look like one RTP packet, never like a stream, but
// each would cost a slot for the length of a probation.
static bool port_is_other(uint16_t port)
{
    switch (port) {
    case 1194: // OpenVPN
    case 1701: // L2TP
    case 1812: // RADIUS
    case 1813:
    case 1900: // SSDP
    case 3478: // STUN, TURN
    case 3702: // WS-Discovery
    case 4500: // IPsec NAT traversal
    case 4569: // IAX2
    case 4789: // VXLAN
    case 5060: // SIP
    case 5061:
    case 5353:  // mDNS
    case 5355:  // LLMNR
    case 51820: // WireGuard
        return true;
    default:
        return port < 1024; // DNS, NTP, DHCP, SNMP, QUIC, syslog, ...
    }
}

// Payload types in use (RFC 3551 6 and its registry), dynamic ones, and those that phones take without asking.
static bool payload_type_known(uint8_t pt)
{
    struct sdp_format f;
    return pt >= 96 || sdp_static_format(pt, &f) || pt == 13 || pt == 19;
}

// Lengths that a payload type can have, where it is narrow; seen from the encoders' frame sizes.
static bool length_plausible(uint8_t pt, size_t n)
{
    if (n == 0 || n > 1472)
        return false;
    switch (pt) {
    case 3: // GSM: frames of 33 bytes
        return n % 33 == 0;
    case 4: // G.723.1: frames of 24, 20 or 4 bytes
        return n % 4 == 0;
    case 13: // comfort noise (RFC 3389)
    case 19:
        return n <= 32;
    case 18: // G.729: frames of 10 bytes, at the end 2 of silence description
        return n % 10 == 0 || n % 10 == 2;
    default:
        return true;
    }
}

bool classify_may_begin(const struct rtp *r, uint16_t sport, uint16_t dport)
{
    return !port_is_other(sport) && !port_is_other(dport) && payload_type_known(r->payload_type) &&
           length_plausible(r->payload_type, r->payload.n);
}

// A step of one to 16 packets with a time stamp that stands (the same frame, the same event) or moves no further than
// the time between them and two seconds allow.
static bool step_fits(const struct probation_step *s)
{
    if (s->seq < 1 || s->seq > 16 || s->timestamp < 0)
        return false;
    int64_t clock = s->clock ? s->clock : 96000;
    int64_t delta_us = s->delta_us > 60000000 ? 60000000 : s->delta_us;
    int64_t most = (delta_us + 2000000) * clock / 1000000;
    return s->timestamp <= most;
}

enum probation_result probation_step(struct probation *p, const struct probation_step *s)
{
    if (s->seq <= 0 && s->seq >= -16) // a double or a late one says nothing
        return PROBATION_GOES_ON;
    if (step_fits(s))
        return ++p->fits >= PROBATION_FITS ? PROBATION_CONFIRMED : PROBATION_GOES_ON;
    p->fits = 0;
    return ++p->misfits >= PROBATION_MISFITS ? PROBATION_REJECTED : PROBATION_GOES_ON;
}
