// iax2.h: IAX2 (RFC 5456): full frames, mini frames, trunked mini frames, and the information elements that make calls. Pure.
#pragma once
#include "wire/pkt.h"

#define IAX2_PORT         4569
#define IAX2_ELEMENTS_MAX 64
#define IAX2_TRUNK_MAX    64 // frames of a trunk frame

enum iax2_type { // RFC 5456 8.2
    IAX2_DTMF = 1,
    IAX2_VOICE,
    IAX2_VIDEO,
    IAX2_CONTROL,
    IAX2_NULL,
    IAX2_IAX,
};
enum iax2_control { // 8.3
    IAX2_CONTROL_HANGUP = 1,
    IAX2_CONTROL_RINGING = 3,
    IAX2_CONTROL_ANSWER,
    IAX2_CONTROL_BUSY,
    IAX2_CONTROL_CONGESTION = 8,
    IAX2_CONTROL_HOLD = 16,
    IAX2_CONTROL_UNHOLD,
};
enum iax2_command { // 8.4
    IAX2_NEW = 1,
    IAX2_ACK = 4,
    IAX2_HANGUP,
    IAX2_REJECT,
    IAX2_ACCEPT,
};
enum iax2_kind {
    IAX2_FULL,
    IAX2_MINI,
    IAX2_TRUNK, // payload: frames for iax2_trunk_next
};

struct iax2 {
    enum iax2_kind kind;
    uint16_t source, destination; // call numbers; destination only of a full frame
    uint32_t timestamp;           // ms since the call began; of a mini frame the low 16 bits
    bool retransmission;
    uint8_t type;
    uint64_t subclass;
    struct span payload; // voice, or information elements
    bool untimed; // a mini frame of a trunk frame, or the trunk frame itself: without time stamps
};

// Information elements of a full frame (8.6), as far as calls need them.
struct iax2_elements {
    struct span called, calling, name, username;
    uint32_t cause;  // Q.850
    uint32_t format; // of NEW: wanted; of ACCEPT: agreed
    bool encrypted;
};

enum wire_event iax2_parse(struct span datagram, struct iax2 *ret);
enum wire_event iax2_elements(struct span payload, struct iax2_elements *ret);
// The next mini frame of a trunk frame; False: the end, or what is left is no frame.
bool iax2_trunk_next(struct iax2 *trunk, struct iax2 *ret);
const char *
iax2_name(const struct iax2 *f); // NEW, ACCEPT, ANSWER ...; "frame" when it has none here

// How a format of voice goes on as RTP: payload type, and how many ms `n` bytes last (0: not known).
#define IAX2_PT_L16   96
#define IAX2_PT_G726  97
#define IAX2_PT_SPEEX 98
#define IAX2_PT_ILBC  99
bool iax2_payload_type(uint64_t format, uint8_t *ret);
uint32_t iax2_duration_ms(uint64_t format, size_t n);
