// hep.h: Homer Encapsulation Protocol, by which SIP servers and agents hand over what they saw: version 3 (chunks), and
// the older 2 and 1 (fixed headers). Over UDP one datagram holds one message or several; over TCP the length in each
// message of version 3 frames it. Pure; views borrow the input.
#pragma once
#include "wire/pkt.h"

enum hep_type {
    HEP_SIP = 1,
    HEP_RTP = 4,
    HEP_RTCP = 5,
    HEP_LOG = 100,
};

#define HEP_HEADER_BYTES 6     // of version 3: magic and length
#define HEP_BYTES_MAX    65535 // the length has 16 bits
#define HEP_AT_UNKNOWN   INT64_MIN

struct hep {
    uint8_t version;  // 1, 2, 3
    uint8_t protocol; // IP protocol: 6, 17, 132; 22 is what Sofia and Kamailio say for TLS
    uint8_t type;     // enum hep_type, and others that we do not read
    bool compressed;  // a payload was there that is not read
    struct endpoint src, dst;
    int64_t at_us; // HEP_AT_UNKNOWN: version 1 has none
    uint32_t capture_id;
    struct span auth_key, payload, correlation_id;
};

// One message, whole. Bytes after its own length are not looked at.
enum wire_event hep_parse(struct span s, struct hep *ret);

enum hep_frame {
    HEP_FRAME_WHOLE, // *ret_n bytes
    HEP_FRAME_MORE,  // not all there yet
    HEP_FRAME_BAD,   // no HEP 3 begins here: the stream cannot be trusted any more
};
// What stands at the beginning of a stream, or of a datagram.
enum hep_frame hep_frame(struct span s, size_t *ret_n);
