// sigcalls.h: calls whose signalling is not SIP, as far as the harvester must know them to say what a message means. Each
// protocol has its own small machine (sigcall_*.c) over this one table. A call is found by keys: whatever its protocol
// names it by (references, transactions, endpoints, connections), several a call.
// Fixed slots, one owner thread. Full: the call that has been silent longest goes, counted (drop place signalled_calls);
// the centre ends it by its timers. A key that finds no room is counted too. Time is capture time.
#pragma once
#include "media_table.h"
#include "wire/pkt.h"

enum sigproto { // numbers of common.proto
    SIGPROTO_SCCP = 2,
    SIGPROTO_MGCP,
    SIGPROTO_IAX2,
    SIGPROTO_H323,
    SIGPROTO_COUNT,
};
enum sigside { // numbers of mesh.proto
    SIGSIDE_NONE,
    SIGSIDE_CALLER,
    SIGSIDE_CALLEE,
};
enum sigkind { // numbers of capture.proto
    SIGKIND_NONE,
    SIGKIND_SETUP,
    SIGKIND_RINGING,
    SIGKIND_ANSWERED,
    SIGKIND_HELD,
    SIGKIND_RESUMED,
    SIGKIND_ENDED,
};

static inline enum sigside sigside_other(enum sigside s)
{
    return s == SIGSIDE_CALLER ? SIGSIDE_CALLEE : s == SIGSIDE_CALLEE ? SIGSIDE_CALLER : s;
}

// What a call is found by. Unused bytes are zero: it is compared and hashed as bytes.
enum sigkey_kind {
    SIGKEY_SCCP_CALL = 1, // phone, call manager, call reference
    SIGKEY_SCCP_PARTY,    // the same, pass-through party
    SIGKEY_SCCP_PHONE,    // the same: the call it has now
    SIGKEY_SCCP_NEAR,     // media address, call manager: the call whose phone receives there
    SIGKEY_SCCP_FAR,      // the call whose phone sends there
    SIGKEY_MGCP_CALL,     // call agent, hash of C:
    SIGKEY_MGCP_ENDPOINT, // gateway, hash of the endpoint's name: what it does now
    SIGKEY_MGCP_TRANSACTION,
    SIGKEY_IAX2,         // sender, receiver, call number of the sender
    SIGKEY_H323_CALL,    // the two ends of the connection, call reference value
    SIGKEY_H245_ADDRESS, // where the H.245 connection goes
};
struct sigkey {
    uint8_t kind, family, zero[2];
    uint16_t aport, bport;
    uint8_t a[16], b[16];
    uint64_t number;
};
struct sigkey sigkey_of(enum sigkey_kind kind, const struct endpoint *a, const struct endpoint *b,
                        uint64_t number);

struct sigparty {
    uint8_t uri_n, user_n, name_n;
    char uri[96], user[64], name[64];
};
// Longer text is cut.
void sigparty_user(struct sigparty *p, struct span user);
void sigparty_name(struct sigparty *p, struct span name);
void sigparty_uri(struct sigparty *p, struct span uri);

#define SIGMEDIA_MAX     4
#define SIGMEDIA_FORMATS 4
struct sigmedia {
    enum sigside side; // who receives there
    struct endpoint at;
    uint32_t ssrc; // 0: any
    uint8_t formats;
    struct media_format format[SIGMEDIA_FORMATS];
};
// Adds a payload type of RFC 3551; nothing when it has none there.
void sigmedia_add(struct sigmedia *m, uint8_t payload_type);
void sigmedia_add_format(struct sigmedia *m, const struct sdp_format *f); // as SDP has it

struct sccp_call {
    struct sigmedia near, far; // where the phone and its far end receive; no address: not known yet
    bool phone_side_known, on_hook; // on_hook: the phone has hung up
    uint8_t phone_side;
    uint8_t cause; // Q.850, from busy, congestion or an invalid number
    uint32_t codec;
};

#define MGCP_CONNS_MAX 4
struct mgcp_conn {
    uint64_t endpoint;    // hash of its name
    uint32_t transaction; // whose response is awaited
    uint8_t side;
};
struct mgcp_call {
    struct mgcp_conn conn[MGCP_CONNS_MAX];
    int64_t ring_us,
        hook_us;     // it rings (or hears ringback) since; and was taken off the hook while it rang
    uint32_t notify; // transaction of the last NTFY
    uint8_t conns, hung_up; // hung_up: side
    uint8_t cause;          // Q.850, from tones
    bool placed;            // has a C:, so it is a call
    bool ringback;          // ring_us is of ringback
    uint8_t digits_n;
    char digits[32];
};

struct iax2_dir { // what one side sends
    uint64_t format;
    uint32_t ssrc, timestamp; // ms
    uint16_t seq;
    bool begun;
};
struct iax2_call {
    struct iax2_dir dir[3]; // by side
    int64_t begun_us;
    uint8_t cause; // Q.850, from BUSY or CONGESTION
};

struct h323_call {
    struct endpoint media[3]; // by side: where it receives
};

#define SIGCALL_KEY_MAX 128
struct sigcall {
    uint8_t protocol;
    bool told;     // SETUP has been said
    uint8_t state; // last SIGKIND_ that was a state
    bool answered;
    uint8_t key_n;
    char key[SIGCALL_KEY_MAX];
    int64_t last_us;
    struct endpoint src, dst; // signalling: the caller's end, the callee's end
    uint8_t transport;        // 6 TCP, 17 UDP
    struct sigparty from, to;
    union {
        struct sccp_call sccp;
        struct mgcp_call mgcp;
        struct iax2_call iax2;
        struct h323_call h323;
    };
    // The table's own.
    uint32_t prev, next; // by last_us; slot index + 1
    uint32_t aliases;
};
void sigcall_set_key(struct sigcall *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct sigcall_event {
    enum sigkind kind;
    int64_t at_us;
    const char *message; // valid during the call
    enum sigside side;
    uint32_t cause;
    const struct sigmedia *media;
    uint32_t medias;
};

struct sigcalls;
// Where events go to.
typedef void (*sigcalls_fn)(void *ctx, const struct sigcall *c, const struct sigcall_event *e);
struct sigcalls *sigcalls_new(size_t calls, int64_t age_us, sigcalls_fn fn, void *ctx);
struct sigcalls *sigcalls_free(struct sigcalls *t);
// ret_tag may be NULL: the number that was given with the key.
struct sigcall *sigcalls_find(const struct sigcalls *t, const struct sigkey *k, uint32_t *ret_tag);
struct sigcall *sigcalls_begin(struct sigcalls *t, enum sigproto protocol, int64_t at_us);
// The key now leads to this call, whatever it led to before.
void sigcalls_key(struct sigcalls *t, struct sigcall *c, const struct sigkey *k, uint32_t tag);
void sigcalls_unkey(struct sigcalls *t, const struct sigkey *k);
void sigcalls_touch(struct sigcalls *t, struct sigcall *c, int64_t at_us);
// Says it, once: a state that the call is in already is not said again, and nothing is said before SETUP (which is said
// then and there) or after the end. Media addresses are said always.
void sigcalls_tell(struct sigcalls *t, struct sigcall *c, const struct sigcall_event *e);
void sigcalls_end(struct sigcalls *t, struct sigcall *c); // gives slot and keys back
void sigcalls_age(struct sigcalls *t,
                  int64_t now_us); // those silent too long go; a bounded number a call
struct sigcalls_stat {
    size_t used, slots, bytes;
    uint64_t begun[SIGPROTO_COUNT], evicted, keys_refused;
};
struct sigcalls_stat sigcalls_stat(const struct sigcalls *t);

struct sccp_msg;
// p has the addresses and the time.
void sigcall_sccp(struct sigcalls *t, const struct pkt *p, const struct sccp_msg *m);
struct mgcp_msg;
void sigcall_mgcp(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m);

struct iax2;
struct iax2_elements;
// A full frame. False: of no call.
bool sigcall_iax2(struct sigcalls *t, const struct pkt *p, const struct iax2 *f,
                  const struct iax2_elements *e);
// Voice as RTP has it.
struct iax2_voice {
    uint8_t payload_type;
    bool marker;
    uint16_t seq;
    uint32_t timestamp, ssrc;
    struct sigmedia media; // whose address and formats it goes to
};
// False: of no call, or nothing is known of its format.
bool sigcall_iax2_voice(struct sigcalls *t, const struct pkt *p, const struct iax2 *f,
                        struct iax2_voice *ret);

struct h225;
// The first flaw of the channels within.
enum wire_event sigcall_h225(struct sigcalls *t, const struct pkt *p, const struct h225 *m);
// Is this TCP packet of an H.245 connection that H.225 has named?
bool sigcall_h245_expected(const struct sigcalls *t, const struct pkt *p);
enum wire_event sigcall_h245(struct sigcalls *t, const struct pkt *p, struct span message);
