// sccp.h: SCCP (Skinny) between a phone and its call manager, TCP port 2000: header and the fields of the messages that
// make calls. No standard says how; layouts are those of Cisco's header versions 0 to 22. All numbers are little-endian. Pure.
#pragma once
#include "wire/pkt.h"

#define SCCP_MESSAGE_MAX 8192

enum sccp_id {
    SCCP_OFF_HOOK = 0x06,
    SCCP_ON_HOOK = 0x07,
    SCCP_OPEN_RECEIVE_CHANNEL_ACK = 0x22,
    SCCP_SOFT_KEY_EVENT = 0x26,
    SCCP_START_MEDIA_TRANSMISSION = 0x8a,
    SCCP_CALL_INFO = 0x8f,
    SCCP_OPEN_RECEIVE_CHANNEL = 0x105,
    SCCP_CALL_STATE = 0x111,
    SCCP_DIALED_NUMBER = 0x11d,
    SCCP_CALL_INFO_V2 = 0x14a,
};

enum sccp_call_state {
    SCCP_STATE_OFF_HOOK = 1,
    SCCP_STATE_ON_HOOK,
    SCCP_STATE_RING_OUT,
    SCCP_STATE_RING_IN,
    SCCP_STATE_CONNECTED,
    SCCP_STATE_BUSY,
    SCCP_STATE_CONGESTION,
    SCCP_STATE_HOLD,
    SCCP_STATE_CALL_WAITING,
    SCCP_STATE_CALL_TRANSFER,
    SCCP_STATE_CALL_PARK,
    SCCP_STATE_PROCEED,
    SCCP_STATE_REMOTE_MULTILINE,
    SCCP_STATE_INVALID_NUMBER,
};

struct sccp_msg {
    uint32_t version, id;
    uint32_t call_ref, line;  // 0: the message does not say
    uint32_t pass_through;    // of OpenReceiveChannel, its Ack, StartMediaTransmission
    uint32_t state;           // of CallState
    uint32_t call_type;       // of CallInfo: 1 in, 2 out, 3 forwarded
    uint32_t status;          // of OpenReceiveChannelAck: 0 good
    uint32_t key;             // of SoftKeyEvent: 9 EndCall
    uint32_t codec, ptime_ms; // of the media messages; codec as Cisco numbers them
    struct endpoint at; // of the Ack: where the phone receives; of Start: where its far end does
    struct span calling, called; // numbers
    struct span calling_name, called_name;
};

// For sipstream_opts.frame.
int32_t sccp_frame(struct span head);
// A message that does not matter for calls is good: id says which it is, the rest is zero.
enum wire_event sccp_parse(struct span message, struct sccp_msg *ret);
// RFC 3551 payload type of a codec; false: it has none, or is not known.
bool sccp_payload_type(uint32_t codec, uint8_t *ret);
const char *sccp_state_name(uint32_t state); // NULL: not known
