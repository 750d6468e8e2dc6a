// h225.h: H.225.0 call signalling: the Q.931 message around it and the user information within it, as far as calls and media
// need it. TPKT (RFC 2126) frames both. Pure; texts are views.
#pragma once
#include "wire/pkt.h"

#define TPKT_HEADER_BYTES 4
#define H225_CHANNELS_MAX 8 // elements of fast start, tunnelled H.245 messages
#define H225_LIST_MAX     32

enum h225_type { // Q.931 4.4
    H225_ALERTING = 0x01,
    H225_CALL_PROCEEDING = 0x02,
    H225_PROGRESS = 0x03,
    H225_SETUP = 0x05,
    H225_CONNECT = 0x07,
    H225_RELEASE_COMPLETE = 0x5a,
    H225_FACILITY = 0x62,
    H225_NOTIFY = 0x6e,
};

struct h225 {
    uint8_t type;
    uint16_t reference;  // without its flag
    bool by_originator;  // sent by the side that began the call
    uint32_t cause;      // Q.850; 0: not there
    bool hold, retrieve; // notification indicator
    struct span calling, called, display;
    struct span identifier; // 16 bytes of callIdentifier
    bool has_h245;
    struct endpoint h245;
    struct span fast_start[H225_CHANNELS_MAX], tunnelled[H225_CHANNELS_MAX];
    uint32_t fast_starts, tunnelleds;
};

// For sipstream_opts.frame: length of a TPKT with its header.
int32_t tpkt_frame(struct span head);
// What stands within a TPKT. WIRE_H225_UNREAD: user information of a form that we do not read; what Q.931 says holds.
enum wire_event h225_parse(struct span message, struct h225 *ret);
// Used by h225_parse: user information without its first octet.
enum wire_event h225_user_information(struct span s, struct h225 *m);
const char *h225_name(uint8_t type); // Setup, Alerting ...
