// run.h: inside the traffic maker: one call up, the event heap, and the run that holds both.
// calls.c moves events, script.c says what a call says, sip_text.c writes the messages.
#pragma once
#include "traffic.h"

enum step {
    ST_INVITE,
    ST_TRYING,
    ST_RINGING,
    ST_ANSWER,
    ST_ACK,
    ST_HOLD,
    ST_HOLD_OK,
    ST_HOLD_ACK,
    ST_RESUME,
    ST_RESUME_OK,
    ST_RESUME_ACK,
    ST_BYE,
    ST_BYE_OK,
    ST_REFUSE,
    ST_REFUSE_ACK,
    ST_CANCEL,
    ST_CANCEL_OK,
    ST_TERMINATED,
    ST_TERMINATED_ACK,
};

#define FRAME_RANGES 4 // a hold parts them in two

struct side {
    struct addr sip, rtp;
    uint32_t ssrc, ts0;
    uint16_t seq;
    uint64_t sent, lost;
    int64_t first_us;
    uint64_t n0;                     // sample of the call at which the first frame stands
    uint32_t range[FRAME_RANGES][2]; // frames made, first and last
    unsigned ranges;
    double hz;
    char tag[12];
    uint32_t key_no; // SRTP: of its keys, the one in use
    void *srtp;      // its context, NULL before the first packet under it
};

struct call {
    bool up, media, held;
    uint64_t number;
    enum outcome outcome;
    bool alaw, hold, bye_by_callee;
    int64_t started_us, answered_us, talk_us, ring_us;
    uint32_t cseq[2], branch;
    struct side side[2]; // 0 caller, 1 callee
    char call_id[40], from[24], to[24];
    unsigned refuse_status;
};

enum kind {
    EV_ARRIVE,
    EV_STEP,
    EV_RTP,
    EV_DELAYED
};
struct event {
    int64_t at_us;
    uint64_t order; // ties: first made, first out
    uint32_t index;
    uint8_t kind, arg;
};

#define POOL       65536
#define PACKET_MAX (12 + 480 + 160) // what SRTP may put behind it
struct delayed {
    struct addr src, dst;
    uint16_t n;
    uint8_t b[PACKET_MAX];
};

struct run {
    const struct options *o;
    struct sink *sink;
    FILE *truth;
    struct call *call;
    struct event *heap;
    size_t heap_n, heap_cap;
    uint64_t order;
    struct delayed *pool;
    uint32_t pool_free[POOL], pool_n;
    struct rng rng;
    struct totals total;
    uint64_t up;
    int64_t now_us;
    bool failed;
};

void schedule(struct run *r, int64_t at_us, enum kind kind, uint32_t index, unsigned arg);

// script.c
bool call_begin(struct run *r, uint32_t index);
void call_step(struct run *r, uint32_t index, enum step step);

// srtp.c. The line of SDP with the side's key; nothing without --srtp.
bool srtp_start(void);
int srtp_line(const struct run *r, const struct side *s, char *buf, size_t cap);
void srtp_rekey(const struct run *r,
                struct side *s); // before the SDP of a re-INVITE or of its answer
size_t srtp_packet(const struct run *r, struct side *s, uint8_t *p, size_t n); // 0: it failed
void srtp_end(struct side *s);

// sip_text.c: from = side that sends; owner = side that began the transaction.
void send_request(struct run *r, struct call *c, unsigned from, const char *method, uint32_t cseq,
                  bool to_tag, const char *direction);
void send_response(struct run *r, struct call *c, unsigned owner, const char *status,
                   const char *method, uint32_t cseq, bool to_tag, const char *direction);
