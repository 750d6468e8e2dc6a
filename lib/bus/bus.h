// bus.h: the only door to nng. Numbered feeds made lossless over PUB/SUB, and a plain request socket.
//
// A FEED is a dense sequence of envelopes from one publisher. feed_pub appends each to a bounded journal, then publishes
// it (PUB/SUB, the fast path). A second socket (REQ of the publisher to REP of the consumer, the sure path) says "my head is N";
// the consumer answers with what it has committed and whether it misses something; the publisher then sends the missing
// envelopes in its next request. The consumer hands envelopes to its owner strictly in order per publisher, each once.
// The journal forgets what is committed; when it overflows the oldest goes and the publisher must declare a Loss.
// nng rules kept here (Debian's 1.5.2): sizes and keepalive set before listen and dial, only tcp:// (and wss://),
// sockets opened once, never nng_close on a running path.
//
// Threads: feed_pub_send from one owner thread; feed_sub_next from one owner thread; feed_sub_commit from any thread.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/span.h"
#include "callmesh/v1/capture.pb-c.h"
#include "callmesh/v1/control.pb-c.h"
#include "callmesh/v1/envelope.pb-c.h"

// What this release writes, and the oldest it takes: a site may be one version behind its centre (protos/README.md).
// 2: Asks are numbered, and envelopes and Asks may be signed.
#define BUS_PROTOCOL_VERSION 2
#define BUS_PROTOCOL_OLDEST  1
#define BUS_MESSAGE_MAX      (1u << 20)

static inline bool bus_speaks(uint64_t version)
{
    return version >= BUS_PROTOCOL_OLDEST && version <= BUS_PROTOCOL_VERSION;
}
// One line for whom it refuses.
const char *bus_version_refusal(uint64_t version);

// nng's version as text, for the start's log (the known defects of versions below 1.8 are avoided by rule).
const char *bus_nng_version(void);

// ---- what protects the sockets (once, before the first open) --------------------------------------------------------
// A wss:// URL is TLS 1.3 with a certificate on each side (OpenSSL). What a site sends to a wss:// listener is signed with its
// Ed25519 key besides, because this nng cannot say whose connection a message came by.
struct bus_secure_opts {
    const char *ca;   // PEM file of the authority, or "sha256:HEX" of its certificate
    const char *cert; // PEM file: own certificate, then its authority's
    const char *key;  // PEM file
    const char *name; // that the certificate of who is dialled must bear
    const char *
        sign_key; // file: 64 hex digits, the seed of the signing key; feeds over wss:// are then signed
};
// Empty or NULL: not set. 0 or negative errno with one clear line.
int bus_secure(const struct bus_secure_opts *o, char *err, size_t err_cap);

// Who is admitted, on wss:// listeners: the whole table anew. Once it was called, a certificate that is not in it is refused
// (standing connections too), and an envelope or Ask that came by wss:// must be signed by a key of its site.
#define BUS_ADMITTED_MAX 1024
#define BUS_KEY_BYTES    32
#define BUS_KEY_ID       8  // the first bytes of the key
#define BUS_PRINT_BYTES  32 // SHA-256 of a certificate
struct bus_admitted {
    char site[64];
    uint8_t key[BUS_KEY_BYTES];           // Ed25519, public
    uint8_t certificate[BUS_PRINT_BYTES]; // fingerprint
    bool revoked;
};
void bus_admit(const struct bus_admitted *list, size_t n); // any thread

// ---- publisher of a feed ------------------------------------------------------------------------------------------
struct feed_pub;
struct feed_pub_opts {
    const char *publisher, *site;
    Callmesh__V1__Kind kind;
    const char *
        pub_url; // dialled (site to centre); several with commas: consumers of which one leads and listens
    const char *ask_url;      // dialled; the same
    const char *journal_path; // directory, made when missing; NULL: memory only
    uint64_t journal_bytes;   // default 64 MiB
    bool
        wait_when_full; // file inputs: the source waits for the consumer instead of losing; live inputs: false
    bool
        keeps_orders; // the consumer hears that we have its orders when feed_pub_orders_kept says so; else when they came
};
// 0 or negative errno. A journal that cannot be opened: one clear line in err.
int feed_pub_open(struct feed_pub **ret, const struct feed_pub_opts *o, char *err, size_t err_cap);
// Packs msg as payload of the next envelope. 0; -EMSGSIZE; -ECANCELED when the process is stopping.
// With wait_when_full it blocks while the journal holds only uncommitted envelopes.
int feed_pub_send(struct feed_pub *f, const ProtobufCMessage *msg);
// The same for a payload that is packed already (column batches).
int feed_pub_send_packed(struct feed_pub *f, struct span payload);
// Waits until everything sent is committed by the consumer, or timeout. True: all committed.
bool feed_pub_flush(struct feed_pub *f, int64_t timeout_us);
// Unblocks feed_pub_send and stops the ask thread; the journal is synced. Sockets are left to _exit (see above).
void feed_pub_stop(struct feed_pub *f);

// What the consumer wants of this publisher (capture.proto), when it is another than *have; then *have is its version. NULL: no news.
// Of one owner thread, valid until its next call.
const Callmesh__V1__Orders *feed_pub_orders(struct feed_pub *f, uint64_t *have);

// The owner has put orders of this version where they outlive it. Owner thread.
void feed_pub_orders_kept(struct feed_pub *f, uint64_t version);

struct feed_pub_stat {
    uint64_t head_seq, first_seq, committed_seq, epoch;
    uint64_t durable_seq; // all up to it is in the journal's files, and found again after a kill
    uint64_t sent, backfilled,
        overwritten; // overwritten: envelopes that the journal lost uncommitted since start
    uint64_t journal_bytes_used;
    bool connected; // the consumer answered within the last 3 s
};
struct feed_pub_stat feed_pub_stat(struct feed_pub *f);

// ---- consumer of feeds --------------------------------------------------------------------------------------------
#define BUS_ORDERS_MAX 32768u
// Packed Orders for publishers of this site into buf; their version, above 0. Equal to `have`: nothing is written. Called under the
// feed's lock by its threads: short, and never back into it.
typedef uint64_t (*feed_orders_fn)(void *ctx, const char *site, uint64_t have, uint8_t *buf,
                                   size_t cap, size_t *ret_n);

struct feed_sub;
struct feed_sub_opts {
    const char *name;        // of this consumer, for logs
    const char *sub_url;     // listened on; several, with commas between
    const char *ask_url;     // listened on, the same
    uint32_t publishers_max; // default 64; a further one is refused (counted, error in the reply)
    uint32_t queue;          // envelopes waiting for the owner, default 256
    uint64_t queue_bytes;    // and their bytes, default 16 MiB, at least 2 * BUS_MESSAGE_MAX
    uint64_t arena_bytes;    // for feed_sub_unpack, default 8 MiB
    feed_orders_fn orders;   // NULL: none are given
    void *orders_ctx;
};
int feed_sub_open(struct feed_sub **ret, const struct feed_sub_opts *o, char *err, size_t err_cap);

// A slot is one account: a publisher's incarnation. The lower 16 bits are its place, below publishers_max (index your own
// tables with BUS_SLOT_INDEX); the upper bits count how often the place has been given to another, so a late commit for
// an earlier holder does nothing. new_epoch is true at the first envelope of each holder's life.
#define BUS_SLOT_INDEX(slot) ((slot)&0xffffu)

struct feed_msg {
    uint32_t slot;                     // of the publisher's incarnation, never given to another
    const Callmesh__V1__Envelope *env; // in the sub's arena; valid until the next feed_sub_next
    struct span payload;
    bool
        new_epoch; // first envelope of a life of this publisher (not: first since this consumer started)
    uint64_t
        lost_before; // envelopes that the publisher's journal no longer had, or that died with an earlier
                     // incarnation: declare them
};
// The next envelope in order, of any publisher. 1 got one, 0 timeout.
int feed_sub_next(struct feed_sub *s, int64_t timeout_us, struct feed_msg *ret);
// Unpacks a payload in the sub's arena (fixed, no malloc); NULL when it is not such a message or too large.
void *feed_sub_unpack(struct feed_sub *s, const ProtobufCMessageDescriptor *d, struct span payload);
// The same, but the n bytes fields from number `first` on stay where they lie and are given as views (column batches).
void *feed_sub_unpack_columns(struct feed_sub *s, const ProtobufCMessageDescriptor *d,
                              struct span payload, uint32_t first, struct span *ret, size_t n);
// Everything of this publisher up to seq is durable here: its journal may forget it.
void feed_sub_commit(struct feed_sub *s, uint32_t slot, uint64_t seq);
// Before the first feed_sub_next: where a publisher was (from PostgreSQL, from the spool).
void feed_sub_set_cursor(struct feed_sub *s, const char *publisher, struct span incarnation,
                         uint64_t committed_seq);
void feed_sub_stop(struct feed_sub *s);

struct feed_sub_peer {
    char publisher[96];
    char site[64];
    uint8_t incarnation[16];
    uint64_t epoch, taken_seq, committed_seq, head_seq, gaps, backfilled, lost;
    int64_t last_seen_us;    // wall clock
    int64_t clock_offset_us; // publisher's clock minus ours, best round trip
};
bool feed_sub_peer(struct feed_sub *s, uint32_t slot, struct feed_sub_peer *ret); // any thread

// ---- broadcast without repair (mesh, live) ------------------------------------------------------------------------
// mesh: callstate listens (PUB); recorder and api dial (SUB), number gaps are repaired by a snapshot.
// live: api listens (SUB); recorders dial (PUB).
struct cast_pub;
int cast_pub_open(struct cast_pub **ret, const char *url, bool listen, const char *publisher,
                  const char *site, Callmesh__V1__Kind kind, char *err, size_t err_cap);
int cast_pub_send(struct cast_pub *c,
                  const ProtobufCMessage *msg); // in an Envelope, seq dense; owner thread
int cast_pub_send_raw(struct cast_pub *c, struct span bytes); // no envelope (live)
uint64_t cast_pub_seq(const struct cast_pub *c);              // of the last envelope sent
void cast_pub_incarnation(const struct cast_pub *c, uint8_t ret[16]);

struct cast_sub;
int cast_sub_open(struct cast_sub **ret, const char *url, bool listen, char *err, size_t err_cap);
// 1 got one (view valid until the next call), 0 timeout.
int cast_sub_next(struct cast_sub *c, int64_t timeout_us, struct span *ret);
// Unpacks in the sub's arena; the arena is reset at each cast_sub_next.
void *cast_sub_unpack(struct cast_sub *c, const ProtobufCMessageDescriptor *d, struct span bytes);

// ---- control: request and reply -----------------------------------------------------------------------------------
struct ask; // client: one outstanding request; owner thread
int ask_open(struct ask **ret, const char *url, char *err, size_t err_cap);
// Sends and waits. The reply is in the client's arena until the next call. NULL: no answer in time, or not readable.
Callmesh__V1__ControlReply *ask_call(struct ask *a, const Callmesh__V1__ControlRequest *q,
                                     int64_t timeout_us);

struct answer; // server
// fn runs on the server's own thread; it fills reply with memory of the arena. Replies over BUS_MESSAGE_MAX are an error.
typedef void (*answer_fn)(void *ctx, const Callmesh__V1__ControlRequest *q,
                          Callmesh__V1__ControlReply *reply, struct arena *a);
int answer_open(struct answer **ret, const char *url, answer_fn fn, void *ctx, char *err,
                size_t err_cap);
// The same on a wss:// URL where whoever comes needs no certificate (those who have none yet: a site that joins).
int answer_open_to_all(struct answer **ret, const char *url, answer_fn fn, void *ctx, char *err,
                       size_t err_cap);
// After it fn is not running and will not be called again.
void answer_stop(struct answer *a);

// ProtobufCAllocator over an arena (free is a no-op).
ProtobufCAllocator bus_arena_allocator(struct arena *a);
