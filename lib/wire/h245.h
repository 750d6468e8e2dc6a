// h245.h: H.245 logical channels: which side receives what at which address, from OpenLogicalChannel (a request, or an
// element of fast start) and OpenLogicalChannelAck. Pure.
#pragma once
#include "wire/pkt.h"

struct h245_channel {
    bool found;            // it names a media channel
    struct endpoint media; // where the sender of the message receives
    bool payload_type_known;
    uint8_t payload_type;
};

// One MultimediaSystemControlMessage. WIRE_H245_UNREAD: a kind of data that we do not read; not malformed.
enum wire_event h245_parse(struct span message, struct h245_channel *ret);
// One OpenLogicalChannel, as fast start has it.
enum wire_event h245_open_channel(struct span channel, struct h245_channel *ret);
