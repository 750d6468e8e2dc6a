// world.h: everything that callstate knows, in fixed tables. One thread owns all of it (the state thread); the
// database thread sees only sealed batches (batch.h), the control thread only what the state thread writes for it.
//
//   site --- publisher --- call --- leg --- address (what an SDP of the leg named)
//                            \------ stream (joined), streams without a call wait in the same table
//
// Over 450 lines: one place where the size of everything is seen. Limits: struct limits below; each table refuses when full and counts it. Times are capture times in Unix us.
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
#include "codecs.h"
#include "dialog_states.h"
#include "list.h"
#include "number/dialplan.h"
#include "policy_load.h"
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
    int64_t recorder_dead_us, recorder_slow_us, recorder_away_us;             // wall clock
    uint32_t other_rate; // messages a second of feed time
    int other_keep;      // 0 none, 1 REGISTER only, 2 all
    int join_threshold;  // least score that joins two calls; 0: none is joined
    int64_t join_window_us;
    uint32_t inside_digits; // a number of at most so many is of the house
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

#define COUNTERS_MAX 384 // as many as a harvester tells (capture/outbox.c)
#define COUNTER_NAMES_MAX                                                                          \
    512 // of all publishers: those of one kind have the same; a name more is not kept, and counted
struct counter {
    uint64_t value;
    uint16_t name;                     // of counter_name
} __attribute__((packed, aligned(2))); // 256 a publisher
struct counter_name {
    char s[72];
};

struct publisher {
    char name[96], version[32], input[128];
    uint8_t incarnation[16];
    uint16_t site;
    bool used, bound; // bound: bus_slot is valid
    bool is_recorder, live, up, ended;
    bool digit_codes; // it looks for codes itself
    uint32_t bus_slot;
    uint64_t epoch;
    int64_t
        clock_offset_us; // its clock minus ours, by the best round trip; 0: not known, or a file
    struct cursor taken, sealed; // done with in memory; and what the last sealed batch says
    struct feed_book book;       // since then
    int64_t started_us, feed_us, last_seen_wall_us, told_wall_us, stored_wall_us;
    int64_t back_wall_us; // of a recorder: since when it is here, after it was not
    uint64_t sip_messages, lost;
    struct counter counter[COUNTERS_MAX]; // of the last Tick
    uint16_t counters_n;
    uint64_t packets, rtp_packets, drops;
    uint32_t calls; // in memory that it fed
    bool both_ways; // it was seen to see both directions between two endpoints
    bool dirty, tell;
};

// Texts of a call stand one after the other in `texts` of it, and where that is too small, in one of world's blocks (call_keep_text).
#define PARTY_URI_MAX  250
#define PARTY_USER_MAX 120
#define PARTY_NAME_MAX 120
#define TEXTS_INLINE   288 // half as much again as what a call of a usual telephone needs
#define TEXTS_BLOCK                                                                                \
    (CALL_ID_MAX +                                                                                 \
     2 * (PARTY_URI_MAX + PARTY_USER_MAX + PARTY_NAME_MAX + AGENT_NAME_MAX + AGENT_TEAM_MAX))
struct party {
    uint16_t uri_n, user_n, name_n;
    bool user_cut;              // set with a new call: what is kept may be somebody else's
    uint8_t *uri, *user, *name; // among the texts of the call
    struct agent_ref agent;     // by: 0, nobody of the list
    uint64_t e164;              // by the dial plan when it was told; 0: none
};

// What a payload type means (a=rtpmap).
#define FORMATS_MAX 12
struct format {
    char codec[CODEC_NAME];
    uint8_t payload_type, channels, fmtp_flags; // as PayloadMap says them
    uint32_t clock_rate;
};
// The same as a leg keeps it.
struct leg_format {
    uint8_t codec; // codecs.h: one use of it
    uint8_t payload_type, channels, fmtp_flags;
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
    uint8_t side;               // who named it, so who receives there
    uint32_t ssrc;              // 0: any stream
    int64_t named_us, again_us; // first and last
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
    struct leg_format format[2][FORMATS_MAX]; // by side - 1
    struct address *addresses;
    uint8_t address_count;
};

// StreamQuality of mesh.proto without what protobuf-c has beside its fields.
struct quality {
    uint64_t late_f1, late_f2, late_adaptive, capture_lost;
    float mos_f1, mos_f2, mos_adaptive, mos_min, mos_avg, r_adaptive;
    float burst_density, gap_density, burst_ms, gap_ms, skew_ppm;
    uint32_t bursts;
    bool rated, skew_known, capture_lost_bound;
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
    struct quality quality;
    uint64_t packets_early;            // when the call was not answered yet
    struct link dirty_link, idle_link; // idle: its call has left memory
};

#define PROTOCOL_SIP CALLMESH__V1__PROTOCOL__PROTOCOL_SIP
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
struct transfer { // in a slot of its own: few calls have one
    struct call *call;
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

// Audio that was not to leave the harvesters. Wall clock, as live calls have it.
#define CALL_PAUSES 4
struct call_pause {
    int64_t from_us, to_us; // to: 0 while it lasts
    int64_t until_us;       // it ends by itself then
    char by[40], reason[40];
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
    uint16_t call_id_n, site, texts_n, block_n; // used of texts and of the block
    uint8_t *call_id;                           // of its bytes call_id_kept
    uint16_t call_id_kept;
    uint8_t *block; // NULL: none; owned, given back with the call
    struct tag from_tag;
    struct party from, to;
    uint8_t texts[TEXTS_INLINE];
    uint16_t publisher[CALL_PUBLISHERS_MAX];
    uint8_t publishers;
    uint64_t revision;
    uint8_t state, result, hangup_by, recording_state; // numbers of mesh.proto
    uint8_t protocol;                                  // numbers of common.proto
    bool live, canceled, by_bye;
    uint16_t
        status; // of SIP; for the others what RFC 3398 makes of the cause: decides the result, is not shown
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
    uint32_t
        recent[RECENT_MAX]; // digests: one call's last messages only, so half of 64 bits is plenty
    struct leg *legs;
    struct stream *streams;
    uint8_t leg_count, stream_count;
    uint64_t lost_packets;
    struct decision decision; // of the rules of recording
    char digits
        [8]; // the last that INFO said, of a harvester that does not look for codes; never stored
    char code
        [POLICY_CODE]; // the last that was entered, and when: two taps and two ways (RFC 4733, INFO) tell it twice
    int64_t code_us;
    uint8_t pauses;
    struct call_pause pause;        // the first; each call may have it
    struct call_pause *more_pauses; // CALL_PAUSES - 1, in a slot of their own; NULL: none
    // Its story beside its own dialogs (story.c, join.c, transfer.c).
    uint8_t end_reason; // numbers of mesh.proto
    uint16_t q850;      // of a Reason header; of what ended a call that is not SIP
    bool conference;
    uint8_t diverted_n;
    struct diverted diverted[DIVERTED_MAX];
    uint8_t session[2][16]; // RFC 7989: caller's, callee's; zero: none
    uint32_t session_expires;
    int64_t refreshed_us, last_rtcp_us;
    uint32_t events;                          // numbered
    struct transfer *transfer[TRANSFERS_MAX]; // NULL: none
    uint64_t key[CALL_KEYS];                  // 0: none
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

// A call whose recording is awaited; outlives the call's slot. Or the other way round: early, a recording whose call has not ended here.
struct wait {
    struct uuid call_id;
    uint16_t site; // of an awaited one
    bool early;
    bool away;     // its recorder was away at the last look
    uint8_t state; // of an early one: what its call will say
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
struct alert;

// Results of the machines leave by these doors. Tests put their own behind them.
struct doors {
    void *ctx;
    void (*call_removed)(void *ctx, const struct uuid *id);
    void (*recording)(void *ctx, const Callmesh__V1__Recording *r);
    void (*tap)(void *ctx, const struct tap *t);
    void (*erase)(void *ctx, const Callmesh__V1__Erase *e);
    void (*event)(void *ctx, const struct event *e);
    void (*alert)(void *ctx, const struct alert *a);
};

struct world {
    struct limits lim;
    struct site *site;
    struct publisher *publisher;
    struct counter_name *counter_name;
    size_t counter_names;
    struct slab *calls, *legs, *streams, *addresses, *pending, *waits, *texts, *transfers,
        *pauses_more;
    struct chain *by_call_id, *by_id, *by_stream, *by_src, *by_dst, *by_address,
        *pending_by_call_id, *wait_by_id, *by_key, *by_target, *leg_by_hosts, *stream_by_hosts;
    struct link dirty_calls, dirty_streams, tell_now, tell_later, ended, pending_age, wait_age,
        early_age, late_calls, idle_streams;
    size_t early, waits_away;
    size_t dirty_call_count, dirty_stream_count, dirty_leg_count, dirty_bytes;
    struct tap *tap;
    struct batch *batch; // the open one
    struct doors doors;
    void (*realm)(struct span site, char ret[64]); // of a site that is met; NULL: each is its own
    struct sip_msg *sip, *sip_pending;             // scratch
    struct sdp *sdp;
    struct ua_cache *ua;
    const struct agent_table *agents; // borrowed from agents.c; NULL: no list
    const struct dialplans *plans;    // the same
    size_t call_hand, stream_hand;    // where the sweeps stand
    int64_t wall_us;                  // set once a loop
    int64_t listening_since_wall_us;  // silence before it says nothing: we did not listen
    struct pauses *pauses;            // NULL: nothing can be paused
    int64_t pause_limit_us;           // of a pause that says none, or more
    struct packer *packer; // of SIP texts on their way to rows; NULL: as they are; borrowed
    bool keep_digits;      // of SIP INFO, in what is stored
    char pause_header[64], pause_code[POLICY_CODE], resume_code[POLICY_CODE]; // "": none
    char pause_word[4][24];      // values of the header: pause, resume, on, off; "": none
    struct policy_board *policy; // borrowed; NULL: no rules, all is recorded
    size_t memory;
};

// One call in sixteen may have longer texts than it has room for itself.
static inline size_t limits_texts(const struct limits *l)
{
    return l->calls / 16 + 1;
}

// A transfer, a redirection or a park in one call of two; more than one pause in one of sixteen.
static inline size_t limits_transfers(const struct limits *l)
{
    return l->calls / 2 + 1;
}

static inline size_t limits_pauses_more(const struct limits *l)
{
    return l->calls / 16 + 1;
}

static inline struct call_pause *call_pause_at(struct call *c, uint8_t i)
{
    return i ? &c->more_pauses[i - 1] : &c->pause;
}

static inline const struct call_pause *call_pause_last(const struct call *c)
{
    return c->pauses > 1 ? &c->more_pauses[c->pauses - 2] : &c->pause;
}

static inline struct span call_id_span(const struct call *c)
{
    return span_of(c->call_id, c->call_id_kept);
}

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
struct uuid uuid_derive(int64_t at_us, const struct uuid *of, struct span a, struct span b,
                        struct span c); // call_message.c
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
