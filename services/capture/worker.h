// worker.h: one straight way for each packet: link, ip, fragments, l4, classify; then SIP into the outbox and RTP into its
// stream. Owns all tables of the harvester; allocates at creation only. One owner thread. Time comes from the packets
// (files) or from the caller (live). The whole state can be driven without a bus: fuzzing and tests do.
#pragma once
#include "capture.h"
#include "flows.h"
#include "media_table.h"
#include "outbox.h"
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
    int tls_keylog_fd;   // taken over; 0: no key log
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
// Lost before it came here; total since start, so that a wrap of 32 bits in the source does no harm to the caller.
void worker_dropped(struct worker *w, enum capture_stat place, uint64_t total);
void worker_end(struct worker *w, bool truncated);

const struct capture_counts *worker_counts(struct worker *w);
struct worker_seen {
    uint64_t packets, bytes, duplicates;
};
struct worker_seen worker_seen(const struct worker *w);
const struct hep_agents *worker_hep_agents(const struct worker *w);
int64_t worker_last_at_us(const struct worker *w); // capture time of the newest packet; 0: none yet
struct worker_sip {
    uint64_t request[SIP_METHOD_OTHER + 1]; // by method
};
const struct worker_sip *worker_sip(const struct worker *w);
size_t worker_bytes(const struct worker *w); // of all tables
