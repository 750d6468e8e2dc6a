// worker.h: one straight way for each packet: link, ip, fragments, l4, classify; then SIP into the outbox and RTP into its
// stream. Owns all tables of the harvester; allocates at creation only. One owner thread. Time comes from the packets
// (files) or from the caller (live). The whole state can be driven without a bus: fuzzing and tests do.
#pragma once
#include "capture.h"
#include "flows.h"
#include "media_table.h"
#include "outbox.h"
#include "sigcalls.h"
#include "source.h"
#include "wire/sip.h"

struct worker_opts {
    int link_type;         // DLT
    bool live;             // false: ticks follow the packets' time and the worker makes them itself
    const char *publisher; // part of each stream's id
    struct outbox *out;    // NULL: nothing is sent
    size_t streams;        // default 16384
    int64_t stream_idle_us;      // default 60 s
    size_t media_addresses;      // default 16384
    int64_t media_age_us;        // default 10 min
    uint32_t fragments;          // datagrams, default 256
    uint32_t tcp;                // directions, default 256
    size_t signalled_calls;      // of SCCP, MGCP, IAX2, H.323; default 4096
    uint32_t framed_tcp;         // TCP directions of SCCP, H.225 and H.245, default 2048
    int64_t duplicate_window_us; // 0: copies are not looked for
    size_t duplicate_entries;
    size_t tls;              // connections; 0: TLS is not looked at
    uint32_t tls_hold_bytes; // of a direction, waiting for keys
    int64_t tls_wait_us;
    size_t tls_secrets;
    int tls_keylog_fd;          // taken over; 0: no key log
    size_t probation;           // streams on probation at most; 0: all
    size_t peers;               // addresses known, default 16384
    uint32_t sip_unknown;       // messages a second of addresses that are not; 0: no limit
    uint32_t no_first, no_step; // numbers of streams, see flows.h
    // Other workers hear of it: SDP that was taken, RTCP that no stream of ours is about, an address that other signalling
    // named. NULL: there are none.
    void (*on_sdp)(void *ctx, int64_t at_us, struct span body);
    void (*on_rtcp)(void *ctx, const struct pkt *p);
    void (*on_media)(void *ctx, int64_t at_us, const struct sigmedia *m);
    void *cross_ctx;
    bool keep_digits;    // of telephone-events; else they leave as stars
    const char *hep_key; // HEP messages without it are refused; NULL or "": any
    // Called for each stream that leaves confirmed; may be NULL.
    void (*on_stream)(void *ctx, const struct stream *s, const struct stream_cold *c,
                      const struct play *p);
    void *ctx;
};

#define HEP_AGENTS_MAX 16
struct hep_agent {
    uint32_t id;
    uint64_t messages, bytes;
};
struct
    hep_agents { // by capture id, in order of appearance; the one behind the last is for all others
    struct hep_agent agent[HEP_AGENTS_MAX + 1];
    uint32_t n;
};

struct worker;
struct worker *worker_new(const struct worker_opts *o);
struct worker *worker_free(struct worker *w);
void worker_packet(struct worker *w, const struct source_packet *p);
void worker_hep(struct worker *w, const struct source_packet *p); // a HEP message
void worker_set_link_type(struct worker *w, int link_type);       // of the packets to come
// Work that is due by the clock: ages tables, sends reports, losses and the tick, publishes counters. feed_us: all captured
// before it has been given to worker_packet. clock_us is monotonic.
void worker_tick(struct worker *w, int64_t feed_us, int64_t clock_us);
// All that is paused now (pause.h).
struct pauses;
void worker_pauses(struct worker *w, const struct pauses *p);
// Lost before it came here; total since start, so that a wrap of 32 bits in the source does no harm to the caller.
void worker_dropped(struct worker *w, enum capture_stat place, uint64_t total);
// Overload: of 256 streams so many are not sent, always the same ones; 0 none. Those on probation go first of all.
void worker_shed(struct worker *w, uint32_t level);
void worker_end(struct worker *w, bool truncated);

const struct capture_counts *worker_counts(struct worker *w);
struct worker_seen {
    uint64_t packets, bytes, duplicates;
};
struct worker_seen worker_seen(const struct worker *w);
const struct hep_agents *worker_hep_agents(const struct worker *w);
// What another worker's on_sdp, on_rtcp and on_media told.
void worker_sdp(struct worker *w, int64_t at_us, struct span body);
void worker_media(struct worker *w, int64_t at_us, const struct sigmedia *m);
void worker_rtcp(struct worker *w, const struct endpoint *src, const struct endpoint *dst,
                 struct span payload);
// For the live worker (live_worker.c). A packet that is left out because it ended two processes: counted, not looked at.
void worker_skip(struct worker *w, const struct source_packet *p);
// A worker without forerunner goes on with these counts; `lost` packets were read by the forerunner and may not have been sent.
void worker_resume(struct worker *w, const struct capture_counts *c, uint64_t lost,
                   uint32_t last_stream_no);
void worker_name_streams(struct worker *w); // all of them again, to a consumer that knows none
uint32_t worker_last_stream_no(const struct worker *w);
void hep_agents_publish(const struct hep_agents *all); // to /metrics
int64_t worker_last_at_us(const struct worker *w); // capture time of the newest packet; 0: none yet
struct worker_sip {
    uint64_t request[SIP_METHOD_OTHER + 1]; // by method
};
const struct worker_sip *worker_sip(const struct worker *w);
size_t worker_bytes(const struct worker *w); // of all tables
