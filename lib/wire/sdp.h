// sdp.h: a session description (RFC 8866) as far as media joining and codecs need it. Pure; names are views.
#pragma once
#include "wire/pkt.h"

enum sdp_direction {
    SDP_SENDRECV,
    SDP_SENDONLY,
    SDP_RECVONLY,
    SDP_INACTIVE
};

struct sdp_format {
    uint8_t payload_type;
    struct span
        codec; // encoding name of a=rtpmap, or of the static table (RFC 3551); empty: unknown
    uint32_t clock_rate;
    uint8_t channels;
    struct span fmtp; // a=fmtp parameters
};

#define SDP_MEDIA_MAX   16
#define SDP_FORMATS_MAX 32

struct sdp_media {
    struct span type;  // audio, video, image, application
    struct span proto; // RTP/AVP, RTP/SAVP, UDP/TLS/RTP/SAVPF, udptl, ...
    bool rtp, srtp;
    struct endpoint rtp_at;  // media c= over session c=; port 0: refused
    struct endpoint rtcp_at; // a=rtcp (RFC 3605), or rtp port + 1, or the same with a=rtcp-mux
    bool rtcp_mux;
    enum sdp_direction direction; // c=0.0.0.0 counts as inactive (old hold)
    uint32_t ptime_ms;
    struct sdp_format format[SDP_FORMATS_MAX];
    uint32_t formats;
};

struct sdp {
    struct span origin; // o= line's value
    struct span session_name;
    struct sdp_media media[SDP_MEDIA_MAX];
    uint32_t medias;
    enum wire_event event;
};

// False: nothing usable (no v= or no m=). What could be read is filled.
bool sdp_parse(struct span body, struct sdp *s);
// RFC 3551 static assignment: false when the payload type has none.
bool sdp_static_format(uint8_t payload_type, struct sdp_format *ret);
