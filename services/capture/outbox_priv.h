// outbox_priv.h: the open batch of each feed, with every struct and column there from the start. Only for outbox.c.
#pragma once
#include "outbox.h"
#include "outbox_signalling.h"

#define BATCH_BYTES      65536
#define SIG_SLOTS        256
#define RTP_INDEX_BYTES  20
#define SIGNALLING_SLOTS 64 // events of other signalling in one sig batch
// A packet has at least the 12 bytes of its RTP header, so no more fit before a batch is full.
#define RTP_PACKETS  (BATCH_BYTES / (RTP_INDEX_BYTES + 12) + 1)
#define RTP_STREAMS  256
#define RTP_ENDED    1024
#define RTP_LOSSES   16
#define COUNTERS_MAX 384 // 258 with four listeners and all HEP senders that are counted
#define LOSS_DETAIL  48  // "stream " and its id

struct info_slot {
    Callmesh__V1__StreamInfo info;
    Callmesh__V1__Endpoint src, dst;
    struct endpoint src_at, dst_at;
    struct uuid id;
};

struct sig_slot {
    Callmesh__V1__SigEvent event;
    union {
        Callmesh__V1__Hello hello;
        Callmesh__V1__SipMessage sip;
        Callmesh__V1__StreamReport stream;
        Callmesh__V1__Loss loss;
        Callmesh__V1__Tick tick;
        Callmesh__V1__EndOfInput end;
        Callmesh__V1__SignallingEvent signalling;
        Callmesh__V1__DigitCode code;
    };
    Callmesh__V1__RtcpSummary rtcp;
    Callmesh__V1__RtcpXr xr;
    char cname[64];
    Callmesh__V1__StreamQuality quality;
    struct info_slot info; // its endpoints also serve SIP messages
    uint32_t payload_types[STREAM_PAYLOAD_TYPES_MAX];
    char codec[18];
    char detail[LOSS_DETAIL];
};

struct sig_box {
    Callmesh__V1__SigBatch batch;
    struct signalling_slot signalling[SIGNALLING_SLOTS];
    size_t signallings;
    Callmesh__V1__SigEvent *events[SIG_SLOTS];
    struct sig_slot slot[SIG_SLOTS];
    uint8_t
        data[2 * BATCH_BYTES]; // raw SIP: opened below 64 kB, and one message has at most 65,535
    size_t used;
    bool counters_taken;
    Callmesh__V1__Counter counter[COUNTERS_MAX];
    Callmesh__V1__Counter *counters[COUNTERS_MAX];
    char counter_name[COUNTERS_MAX][112];
    size_t ncounters, untold;
    int64_t opened_us; // 0: empty
};

struct rtp_box {
    Callmesh__V1__RtpBatch batch;
    Callmesh__V1__StreamInfo *streams[RTP_STREAMS];
    struct info_slot info[RTP_STREAMS];
    uint32_t ended[RTP_ENDED];
    Callmesh__V1__Loss *losses[RTP_LOSSES];
    Callmesh__V1__Loss loss[RTP_LOSSES];
    char detail[RTP_LOSSES][LOSS_DETAIL];
    uint8_t index[RTP_PACKETS * RTP_INDEX_BYTES];
    uint8_t data[2 * BATCH_BYTES];
    size_t index_used, data_used;
    bool dirty;
    int64_t opened_us;
};

struct outbox {
    struct outbox_sink sink;
    int error;
    int64_t clock_us, feed_us;
    struct sig_box sig;
    struct rtp_box rtp;
};
