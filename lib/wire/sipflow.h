// sipflow.h: private to lib/wire. One direction of one TCP connection: bytes put in order (sipflow.c) and cut into
// messages (sipflow_cut.c; frames of WebSocket: sipflow_ws.c). sipstream.c owns the table of them. All offsets are positions in buf.
#pragma once
#include "wire/sip_text.h"
#include "wire/sipstream.h"

#define FLOW_AHEAD_MAX    16 // pieces, and segments, that wait behind a hole
#define FLOW_HOLE_WAIT_US (INT64_C(3) * 1000 * 1000)
#define FLOW_MISSES_MAX                                                                            \
    16 // segments without a start line until a connection joined mid-stream is no SIP
#define FLOW_JOIN_BACK_MAX 16384

struct flow_key { // no holes in it: it is hashed as bytes
    uint8_t src[16], dst[16];
    uint16_t sport, dport;
    uint8_t family, zero[3];
};

struct flow_piece {
    uint32_t from, to;
};

enum flow_state {
    FLOW_MESSAGE, // buf[start] is the first byte of a message, or of what should be one
    FLOW_RESYNC,  // looking for a start line
    FLOW_NOT_SIP, // decided; the owner gives the slot back
};

// WebSocket: see the drawing in sipflow_ws.c.
struct flow_ws {
    bool on;       // the direction carries frames
    bool closed;   // by a close frame: nothing more is read
    bool in_frame; // left bytes of a frame's payload are still to come
    bool data, fin;
    bool open;       // a message has begun and its last frame has not been read
    bool pass;       // that message is not wanted: compressed, too long, with a hole
    uint8_t mask[4]; // zero: none
    uint8_t turn;    // of the mask
    uint64_t left;   // bytes of this frame's payload
    uint32_t read;   // the next byte not looked at
    uint32_t end;    // of the message so far, which begins at start
};

struct flow {
    struct flow_key key;
    uint64_t hash;
    uint32_t older, newer;
    bool used;
    struct pkt last; // the packet seen last, for what comes to light between packets
    uint8_t *buf;
    uint32_t cap;
    uint32_t base_seq;                       // TCP sequence number of buf[0]
    uint32_t start, n;                       // not yet consumed: [start, n)
    struct flow_piece ahead[FLOW_AHEAD_MAX]; // sorted, apart, all behind n
    uint32_t aheads, ahead_segments;
    int64_t ahead_at_us;
    enum flow_state state;
    bool joined_late;         // its first bytes were not seen
    bool line_start;          // resync: buf[start] stands behind a line end
    bool judged;              // buf[start] is a start line
    uint32_t line, scanned;   // header end: line being read, no line end in [line, scanned)
    uint32_t head_end;        // 0: not found yet
    uint32_t total;           // bytes of the message once head_end is known
    uint32_t skip;            // bytes of a cut message still to come
    sipstream_frame_fn frame; // NULL: SIP
    uint32_t misses;
    uint64_t messages;
    bool fin;
    uint32_t fin_seq;
    struct flow_ws ws;
};

// Where messages go to and what is counted during one feed.
struct flow_out {
    sipstream_fn fn;
    void *ctx;
    const struct pkt *p;
    struct sipstream_stat *stat;
    enum wire_event *event;
};

void flow_begin(struct flow *f, uint32_t seq, bool joined_late, enum flow_state state);
void flow_put(struct flow *f, uint32_t seq, struct span data, int64_t at_us, struct flow_out *out);
// Waits no more for the missing segment.
void flow_pass_hole(struct flow *f, struct flow_out *out);
bool flow_hole_is_old(const struct flow *f, int64_t now_us);

void flow_cut(struct flow *f, struct flow_out *out);
void flow_cut_framed(struct flow *f, struct flow_out *out); // sipflow_framed.c
void flow_message_begin(struct flow *f);
void flow_note(struct flow_out *out, enum wire_event e); // the first of a feed stays
void flow_give(struct flow *f, size_t n, bool truncated, struct flow_out *out);
void flow_resync_for(struct flow *f, struct flow_out *out, enum wire_event why);
// Takes what is left of a message that was given out cut. False: more of it is still to come.
bool flow_skip(struct flow *f);
// `to`: where it goes on. The message in progress is given out cut, or counted.
void flow_cut_at_hole(struct flow *f, uint64_t to, struct flow_out *out);
void flow_resync(struct flow *f);
// The first bytes of a direction, CRLFs before them skipped.
enum sip_start flow_judge(sipstream_frame_fn frame, struct span data);

// sipflow_ws.c. Does a frame stand here whose payload begins as SIP?
bool flow_ws_sniff(struct span s);
enum flow_http {
    FLOW_HTTP_NO,
    FLOW_HTTP_MORE,
    FLOW_HTTP_UPGRADE // the head ends at *ret_head, frames of SIP follow
};
enum flow_http flow_ws_handshake(struct span s, size_t *ret_head);
void flow_ws_begin(struct flow *f, uint32_t at);
void flow_ws_cut(struct flow *f, struct flow_out *out);
void flow_ws_cut_at_hole(struct flow *f, uint64_t to, struct flow_out *out);
// Moves what has not been looked at behind the message so far.
void flow_ws_close_gap(struct flow *f, uint32_t extent);
