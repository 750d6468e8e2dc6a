// outbox.h: what leaves the harvester, gathered into batches: SIP messages, reports, losses and ticks for the sig feed,
// media in columns for the rtp feed. All memory is there from the start; a batch that is full (64 kB, or its
// number of slots) goes to the sink at once, one that is old goes by outbox_close_old. One owner thread.
#pragma once
#include "base/span.h"
#include "callmesh/v1/capture.pb-c.h"
#include "flows.h"
#include "sigcalls.h"
#include "wire/pkt.h"

struct outbox_sink {
    // 0, or negative errno: nothing more can be sent (the process is stopping).
    int (*sig)(void *ctx, const Callmesh__V1__SigBatch *b);
    int (*rtp)(void *ctx, const Callmesh__V1__RtpBatch *b);
    void *ctx;
    // Who sends the ticks himself (several workers, one feed): the open sig batch goes first. NULL: a tick is an event of the batch.
    void (*tick)(void *ctx, int64_t at_us, bool with_counters);
};

#define OUTBOX_SIG_AGE_US 5000  // an open sig batch is sent after so long
#define OUTBOX_RTP_AGE_US 20000 // an open rtp batch

struct outbox;
struct outbox *outbox_new(const struct outbox_sink *sink);
struct outbox *outbox_free(struct outbox *o);
size_t outbox_bytes(void);
// Negative errno of the first batch that could not be sent, 0 while all is well.
int outbox_error(const struct outbox *o);

// sig feed
struct outbox_hello {
    const char *harvester, *version, *input; // live as long as the outbox
    bool live;
    int64_t started_at_us;
};
void outbox_hello(struct outbox *o, const struct outbox_hello *h);
void outbox_sip(struct outbox *o, const struct pkt *p, struct span message, bool truncated,
                uint64_t frame);
// Of c: what is known by now.
void outbox_signalling(struct outbox *o, const struct sigcall *c, const struct sigcall_event *e,
                       uint64_t frame);
void outbox_report(struct outbox *o, const struct stream *s, const struct stream_cold *c,
                   const struct play *p, bool ended);
// Fills the message; used by outbox_report.
void outbox_quality(Callmesh__V1__StreamQuality *q, const struct stream_cold *c,
                    const struct play *p);
void outbox_rtcp(Callmesh__V1__RtcpSummary *to, Callmesh__V1__RtcpXr *xr,
                 const struct stream_rtcp *r);
void outbox_tick(struct outbox *o, int64_t at_us, bool with_counters);
struct outbox_end {
    int64_t at_us;
    uint64_t packets, sip_messages, rtp_packets;
    bool truncated;
};
void outbox_end(struct outbox *o, const struct outbox_end *e); // on both feeds
// A code of digits was entered: stream is the one that said it, or NULL; then call_id.
void outbox_code(struct outbox *o, int64_t at_us, const char *code, const struct uuid *stream,
                 struct span call_id);

// rtp feed
void outbox_media(struct outbox *o, uint32_t stream_no, int64_t at_us, struct span packet,
                  bool probation);
void outbox_stream_info(struct outbox *o, const struct stream *s, const struct stream_cold *c);
void outbox_stream_ended(struct outbox *o, uint32_t stream_no);

// Feed time on the rtp feed, too, when no media carries it.
void outbox_watermark(struct outbox *o);

// both: place must be a literal
struct outbox_loss {
    const char *place;
    uint64_t count;
    int64_t from_us, to_us;
    const struct uuid *stream; // NULL; or the one that lost them: named in the detail
};
void outbox_loss(struct outbox *o, const struct outbox_loss *l, bool media);

// Feed time for the batches to come: everything captured before it has been put in. Never goes back.
void outbox_set_feed_time(struct outbox *o, int64_t feed_us);
// Sends what has been open for its age; clock_us is monotonic and is also the birth time of batches opened until the next call.
void outbox_close_old(struct outbox *o, int64_t clock_us);
bool outbox_is_open(const struct outbox *o); // something waits for its age
void outbox_close_sig(struct outbox *o);
void outbox_close_all(struct outbox *o);
