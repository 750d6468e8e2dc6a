// worker_priv.h: the worker's inside, shared by worker.c (the packet's way, signalling) and media.c (streams, RTCP).
#pragma once
#include "peers.h"
#include "dtls_seen.h"
#include "pause.h"
#include "wire/frag.h"
#include "wire/rtp.h"
#include "wire/sdp.h"
#include "wire/sipstream.h"
#include "worker.h"

struct worker {
    struct worker_opts o;
    struct capture_counts counts;
    struct flows *flows;
    struct media_table *media;
    struct peers *peers;
    uint32_t shed_level;
    struct frag_table *frag;
    struct sipstream *tcp, *framed;
    struct sigcalls *calls;        // of SCCP, MGCP, IAX2, H.323
    struct duplicates *duplicates; // NULL: not looked for
    struct tls *tls;               // NULL: not looked at
    struct sipstream *in_tls;      // SIP from the plaintext; NULL: no key log
    int64_t feed_us;               // of the last tick: never goes back
    int64_t last_at_us;            // newest packet
    int64_t tick_at_us;            // feed time of the next tick (files)
    uint64_t active;               // SIP and RTP packets at the last tick,
    int64_t active_until_us;       // and so long feed time goes out on the rtp feed without media
    int64_t counters_at_us, announced_at_us;
    uint64_t loss_announced[CAPTURE_STAT_COUNT];
    struct worker_sip sip;
    struct dtls_seen dtls;
    struct hep_agents hep;
    struct pauses pauses;
    struct digit_calls info_digits;
    struct pkt pkt; // the packet on its way; parsers set all they speak of, so it is not cleared
    struct sip_msg msg; // large; one message at a time
    struct sdp sdp;
    uint8_t made_rtp[2048]; // voice of IAX2 with an RTP header
};

// Looks up or begins the stream of this packet and counts it.
void media_rtp(struct worker *w, const struct pkt *p);
void media_rtcp(struct worker *w, const struct pkt *p);
void media_dtls(struct worker *w, const struct pkt *p); // media between these two will be SRTP
void media_reports(struct worker *w, const struct pkt *p, const struct rtcp *r);
// False: of no stream of ours.
bool media_join_reports(struct worker *w, const struct endpoint *src, const struct endpoint *dst,
                        const struct rtcp *r);
// A whole SIP message from wherever it came; p has its addresses and time.
void worker_sip_message(struct worker *w, const struct pkt *p, struct span message, bool truncated);
// worker_signalling.c
// What is neither SIP nor RTP nor RTCP. False: not ours.
bool signalling_udp(struct worker *w, const struct pkt *p);
bool signalling_iax2(struct worker *w, const struct pkt *p);
void signalling_tcp(struct worker *w, const struct pkt *p);
void signalling_tell(void *ctx, const struct sigcall *c, const struct sigcall_event *e);
int32_t signalling_frame(struct span head);
void signalling_counts(struct worker *w);
// For flows_opts; ctx is the worker.
bool media_on_due(void *ctx, struct stream *s, struct stream_cold *c);
void media_on_end(void *ctx, struct stream *s, struct stream_cold *c, enum flow_end why);

// Packets of any stream that were lost between the wire and our counting.
static inline uint64_t worker_drops(const struct worker *w)
{
    return w->counts.n[CAPTURE_DROP_KERNEL] + w->counts.n[CAPTURE_DROP_INTERFACE] +
           w->counts.n[CAPTURE_DROP_FRAGMENTS] + w->counts.n[CAPTURE_DROP_WORKER];
}

static inline void worker_event(struct worker *w, enum wire_event e)
{
    w->counts.event[e]++;
}
