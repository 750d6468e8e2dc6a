// world.h: everything that callstate knows, in fixed tables. One thread owns all of it (the state thread); the
// database thread sees only sealed batches (batch.h), the control thread only what the state thread writes for it.
//
//   site --- publisher --- call --- leg --- address (what an SDP of the leg named)
//                            \------ stream (joined), streams without a call wait in the same table
//
// Limits: struct limits below; each table refuses when full and counts it. Times are capture times in Unix us.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "agent_table.h"
#include "base/slab.h"
#include "base/span.h"
#include "base/uuid.h"
#include "batch.h"
#include "callmesh/v1/mesh.pb-c.h"
#include "chain.h"
#include "dialog_states.h"
#include "list.h"
#include "wire/pkt.h"
#include "wire/rtp.h"
#include "wire/sdp.h"
#include "wire/sip.h"

enum side {
    SIDE_NONE,
    SIDE_CALLER,
    SIDE_CALLEE
}; // numbers of mesh.proto

struct limits {
    size_t calls, legs, streams, addresses, pending, publishers, sites, waits, taps;
    int64_t no_answer_us, provisional_us, media_silence_us, idle_us, hold_us; // feed time
    int64_t linger_us;                                                        // wall clock
    int64_t recorder_dead_us, recorder_slow_us;                               // wall clock
    uint32_t other_rate; // messages a second of feed time
    int other_keep;      // 0 none, 1 REGISTER only, 2 all
    int join_threshold;  // least score that joins two calls; 0: none is joined
    int64_t join_window_us;
    char join_headers[256], join_suffixes[128], park[128]; // comma lists
};

// Call-ID or tag: compared by its hash and length over all bytes and by the bytes kept.
#define TAG_MAX     128
#define CALL_ID_MAX 512
struct tag {
    uint64_t hash;
    uint16_t n;
    uint8_t b[TAG_MAX];
};

struct site {
    char name[64];
    bool used;
    uint64_t
        realm; // sites of one realm share an address plan: there an address or a Call-ID is the same thing
    int64_t feed_us;     // slowest publisher that is up
    uint32_t calls;      // in memory
    int64_t rate_second; // of messages outside calls
    uint32_t rate_count;
};

#define COUNTERS_MAX 96
struct counter {
    char name[72];
    uint64_t value;
};

struct publisher {
    char name[96], version[32], input[128];
    uint8_t incarnation[16];
    uint16_t site;
    bool used, bound; // bound: bus_slot is valid
    bool is_recorder, live, up, ended;
    uint32_t bus_slot;
    uint64_t epoch;
    int64_t
        clock_offset_us; // its clock minus ours, by the best round trip; 0: not known, or a file
    struct cursor taken, sealed; // done with in memory; and what the last sealed batch says
    struct feed_book book;       // since then
    int64_t started_us, feed_us, last_seen_wall_us, told_wall_us, stored_wall_us;
    uint64_t sip_messages, lost;
    struct counter counter[COUNTERS_MAX]; // of the last Tick
    uint16_t counters_n;
    uint64_t packets, rtp_packets, drops;
    uint32_t calls; // in memory that it fed
    bool both_ways; // it was seen to see both directions between two endpoints
    bool dirty, tell;
};

struct party {
    uint16_t uri_n, user_n, name_n;
    uint8_t uri[250], user[120], name[120];
    struct agent_ref agent; // by: 0, nobody of the list
};

// What a payload type means (a=rtpmap).
#define FORMATS_MAX 12
struct format {
    char codec[19];
    uint8_t payload_type, channels, fmtp_flags; // as PayloadMap says them
    uint32_t clock_rate;
};

struct leg;
struct call;

enum hold_how {
    HOLD_NOT,
    HOLD_SENDONLY,
    HOLD_INACTIVE,
    HOLD_ZERO_ADDRESS, // c=0.0.0.0, RFC 2543's way
};

struct address {
    struct address *next; // of the leg
    struct leg *leg;
    struct endpoint at;
    uint8_t side; // who named it, so who receives there
    int64_t named_us;
};

struct leg {
    struct leg *next;
    struct call *call;
    struct uuid id;
    struct tag to_tag;
    uint8_t dialog; // enum dialog_state
    uint8_t state;  // enum CallState
    uint8_t transport, user_agent_n;
    uint16_t status;
    bool ack_seen;
    int64_t started_us, ringing_us, answered_us, ended_us;
    int64_t media_us; // first SDP
    struct endpoint src, dst;
    uint8_t user_agent[120];
    uint32_t offer_cseq;                        // of the re-INVITE or UPDATE that is open
    uint8_t offer_side, offer_hold, offer_late; // offer_hold: enum hold_how
    uint32_t side_cseq[3];                      // last in-dialog offer by side
    uint8_t hold_by;                            // bit 1 << side
    uint8_t hold_how;                           // enum hold_how: of the last change
    uint8_t formats[3];
    struct format format[2][FORMATS_MAX]; // by side - 1
    struct address *addresses;
    uint8_t address_count;
};

struct stream {
    struct stream *next; // of the call
    struct call *call;
    struct leg *leg;
    struct uuid id, call_id, leg_id; // ids stay when the call has left memory
    uint16_t site, publisher;
    uint8_t side, payload_type, payload_types_n;
    uint8_t payload_types[8];
    bool ended, srtp, dirty, reverse_checked;
    bool both_ways; // its publisher's, at the last report
    struct endpoint src, dst;
    uint32_t ssrc, clock_rate, jitter_us, jitter_max_us, delta_max_us, ptime_us;
    uint64_t packets, bytes, lost, out_of_order, duplicates, dtmf_packets;
    int64_t first_us, last_us;
    char codec[20];
    bool rtcp;
    uint32_t rtcp_fraction_lost, rtcp_jitter;
    int32_t rtcp_lost;
    uint64_t rtcp_packets, rtcp_sender_packets;
    bool rtcp_bye;
    bool rtcp_xr; // voip is set
    struct rtcp_voip voip;
    bool rated; // quality was told
    Callmesh__V1__StreamQuality quality;
    uint64_t packets_early;            // when the call was not answered yet
    struct link dirty_link, idle_link; // idle: its call has left memory
};

// Why two calls are one (join.c). Numbers go into blobs: only add.
enum evidence_kind {
    EVIDENCE_NONE,
    EVIDENCE_SESSION_ID,
    EVIDENCE_REPLACES,
    EVIDENCE_REFER,       // to the number that a REFER named, from who was sent there
    EVIDENCE_REFERRED_BY, // and it names the one who sent
    EVIDENCE_HEADER,      // X-CID and its like
    EVIDENCE_CALL_ID,     // its Call-ID with a suffix
    EVIDENCE_ORIGIN,      // o= of the SDP
    EVIDENCE_MEDIA,       // the same media address
    EVIDENCE_BOX,         // begun by the box where the other one arrived
    EVIDENCE_TO,
    EVIDENCE_FROM,
    EVIDENCE_DIVERSION,
    EVIDENCE_REDIRECT,
    EVIDENCE_PARK,
    EVIDENCE_FOCUS,
    EVIDENCE_SESSION_DIFFERS, // from here on: against it
    EVIDENCE_OUTCOME_DIFFERS,
    EVIDENCE_BETTER,
    EVIDENCE_REFUSED, // the REFER that joined them was
    EVIDENCE_KINDS,
};

struct evidence {
    int64_t at_us;
    uint8_t kind;
    int8_t score;
};

#define EVIDENCE_MAX 8
struct edge { // between a call and its parent
    uint8_t n;
    struct evidence e[EVIDENCE_MAX];
};

// What a call is found by when its other side is looked for. Digests that are the same after a restart; the index is seeded.
enum call_key {
    KEY_SESSION_LOCAL,
    KEY_SESSION_REMOTE,
    KEY_ORIGIN_CALLER,
    KEY_ORIGIN_CALLEE,
    KEY_FROM,
    KEY_TO,
    KEY_HEADER,
    KEY_FOCUS,
    CALL_KEYS,
};

#define TRANSFERS_MAX 2
struct transfer {
    uint8_t kind, result; // numbers of mesh.proto
    uint8_t by;           // side that sent the REFER
    uint8_t target_n;
    uint16_t status;
    uint32_t cseq; // of the REFER
    int64_t at_us;
    uint64_t target_key; // as KEY_TO has it
    uint8_t target[40];
};

#define DIVERTED_MAX 3
struct diverted {
    uint8_t n;
    uint8_t user[31];
};

#define CALL_PARTS_MAX      8
#define CALL_PUBLISHERS_MAX 4
#define RECENT_MAX          32
#define HOPS_MAX            4
#define CALL_LEGS_MAX       16
#define CALL_STREAMS_MAX    32

struct call {
    struct uuid id;
    uint64_t call_id_hash;
    uint16_t call_id_n, site;
    uint8_t call_id[CALL_ID_MAX];
    struct tag from_tag;
    struct party from, to;
    uint16_t publisher[CALL_PUBLISHERS_MAX];
    uint8_t publishers;
    uint64_t revision;
    uint8_t state, result, hangup_by, recording_state; // numbers of mesh.proto
    bool live, canceled, by_bye;
    uint16_t status;
    uint8_t reason_n;
    uint8_t reason[96];
    int64_t started_us, ringing_us, answered_us, ended_us;
    int64_t last_sip_us, last_provisional_us, last_media_us, cancel_us;
    int64_t hold_us, hold_since_us;
    uint32_t hold_count;
    uint64_t message_count;
    uint32_t invite_cseq;
    uint8_t hops, recent_next;
    uint64_t hop[HOPS_MAX];
    uint64_t recent[RECENT_MAX];
    struct leg *legs;
    struct stream *streams;
    uint8_t leg_count, stream_count;
    uint64_t lost_packets;
    // Its story beside its own dialogs (story.c, join.c, transfer.c).
    uint8_t end_reason; // numbers of mesh.proto
    uint16_t q850;
    bool conference;
    uint8_t diverted_n;
    struct diverted diverted[DIVERTED_MAX];
    uint8_t session[2][16]; // RFC 7989: caller's, callee's; zero: none
    uint32_t session_expires;
    int64_t refreshed_us, last_rtcp_us;
    uint32_t events; // numbered
    struct transfer transfer[TRANSFERS_MAX];
    uint64_t key[CALL_KEYS]; // 0: none
    // Its place among the calls that are one (parts.c). head: NULL when it stands alone.
    struct call *head, *next_part, *parent;
    struct uuid parent_id; // read back, until all are there
    struct edge edge;
    // Not part of the truth: where it stands in the lists of this process.
    int64_t ended_wall_us, told_us;
    uint64_t told_revision; // what mirrors have of it, by change or snapshot; 0: nothing
    bool dirty, tell_now;
    uint8_t dirty_legs;
    bool row_due;        // its rows go with the open batch; else only its state does (open_calls)
    int64_t row_late_us; // wall time since when they are behind, 0: they are not
    size_t dirty_bytes;  // already reserved for it in the open batch
    struct link dirty_link, tell_link, ended_link, late_link;
};

// A message that came before the INVITE of its call (two mirrors, reordering).
#define PENDING_BYTES 4096
struct pending {
    uint64_t call_id_hash;
    uint16_t site, publisher;
    uint64_t seq;
    uint32_t n;
    int64_t at_us;
    struct endpoint src, dst;
    uint8_t transport;
    uint32_t raw_n;
    bool stored;
    uint8_t raw[PENDING_BYTES];
    struct link age_link;
};

// A call whose recording is awaited; outlives the call's slot.
struct wait {
    struct uuid call_id;
    uint16_t site;
    int64_t since_wall_us;
    struct link age_link;
};

struct tap {
    struct uuid call_id;
    int64_t until_us;
};

// One SIP message on its way through the machines.
struct message {
    uint16_t publisher, site;
    uint64_t seq;
    uint32_t n;
    int64_t at_us;   // capture time: of the row
    int64_t when_us; // for the machines: never before the call's first INVITE
    struct endpoint src, dst;
    uint8_t transport;
    struct span raw;
    struct sip_msg *sip;
    const struct sdp *sdp; // NULL: none
    enum side sender;      // by tags
    bool usable, stored;   // stored: its row was written when it was pending
    struct call *call;     // out
    struct leg *leg;
    bool retransmission;
};

struct event;

// Results of the machines leave by these doors. Tests put their own behind them.
struct doors {
    void *ctx;
    void (*call_removed)(void *ctx, const struct uuid *id);
    void (*recording)(void *ctx, const Callmesh__V1__Recording *r);
    void (*tap)(void *ctx, const struct tap *t);
    void (*erase)(void *ctx, const Callmesh__V1__Erase *e);
    void (*event)(void *ctx, const struct event *e);
};

struct world {
    struct limits lim;
    struct site *site;
    struct publisher *publisher;
    struct slab *calls, *legs, *streams, *addresses, *pending, *waits;
    struct chain *by_call_id, *by_id, *by_stream, *by_src, *by_dst, *by_address,
        *pending_by_call_id, *wait_by_id, *by_key, *by_target, *leg_by_hosts, *stream_by_hosts;
    struct link dirty_calls, dirty_streams, tell_now, tell_later, ended, pending_age, wait_age,
        late_calls, idle_streams;
    size_t dirty_call_count, dirty_stream_count, dirty_leg_count, dirty_bytes;
    struct tap *tap;
    struct batch *batch; // the open one
    struct doors doors;
    void (*realm)(struct span site, char ret[64]); // of a site that is met; NULL: each is its own
    struct sip_msg *sip, *sip_pending;             // scratch
    struct sdp *sdp;
    struct ua_cache *ua;
    const struct agent_table *agents; // borrowed from agents.c; NULL: no list
    size_t call_hand, stream_hand;    // where the sweeps stand
    int64_t wall_us;                  // set once a loop
    int64_t recorder_alive_wall_us;
    size_t memory;
};

// Everything now; NULL: no memory. Prints nothing.
struct world *world_new(const struct limits *lim);
struct world *world_free(struct world *w);

struct site *site_intern(struct world *w, struct span name,
                         uint16_t *ret_index); // NULL: table full
struct publisher *publisher_intern(struct world *w, struct span name, struct span site,
                                   uint16_t *ret_index);
void publisher_touch_feed(struct world *w, struct publisher *p, int64_t at_us);
void site_feed_refresh(struct world *w, uint16_t site);

void tag_set(struct tag *t, struct span s);
bool tag_is(const struct tag *t, struct span s);
static inline struct span tag_span(const struct tag *t)
{
    return span_of(t->b, t->n < TAG_MAX ? t->n : TAG_MAX);
}
// FNV-1a, for fingerprints that must be the same after a restart (nothing that a peer could gain by colliding them).
uint64_t fnv64(uint64_t h, struct span s);
#define FNV_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t realm_of(const struct world *w, uint16_t site)
{
    return w->site[site].realm;
}
uint64_t hash_site_span(const struct world *w, uint16_t site, struct span s);
uint64_t hash_site_endpoint(const struct world *w, uint16_t site, const struct endpoint *e);
// A harvester's time as the clock of the one that saw the call first would have it. Clocks that agree to half a second are
// left alone: estimates differ by milliseconds from run to run, and the same feed shall give the same rows.
int64_t call_time(const struct world *w, const struct call *c, uint16_t publisher, int64_t at_us);
int64_t clock_between(const struct world *w, uint16_t from, uint16_t to);
uint64_t hash_uuid(const struct uuid *u);
bool endpoint_from_pb(const Callmesh__V1__Endpoint *in, struct endpoint *ret);
static inline struct span endpoint_ip(const struct endpoint *e)
{
    return span_of(e->ip.b, e->ip.family == 4 ? 4 : e->ip.family == 6 ? 16 : 0);
}
