// tls.h: what can be read of TLS 1.2 and 1.3 without keys: records (RFC 8446 5.1, RFC 5246 6.2), handshake messages across
// records, the two hello messages; and a line of a key log file as OpenSSL and NSS write it. Pure: no crypto, no I/O.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

enum tls_type {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_DATA = 23
};
enum tls_message_type {
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_FINISHED = 20,
    TLS_KEY_UPDATE = 24
};
#define TLS_HEADER_BYTES 5
#define TLS_RECORD_MAX   (16384 + 2048) // body (RFC 5246 6.2.3)
#define TLS_VERSION_12   0x0303
#define TLS_VERSION_13   0x0304
#define TLS_RANDOM_BYTES 32
#define TLS_SECRET_MAX   48

struct tls_record {
    uint8_t type;
    uint16_t version;
    uint16_t length;          // of the body
    struct span header, body; // body: as much of it as is there
};
// False: fewer than 5 bytes, or no header of TLS.
bool tls_record_parse(struct span s, struct tls_record *ret);
// Is this how a direction of TLS begins: a handshake record with a hello in it?
bool tls_begins(struct span s);

// Handshake messages of one direction, one after the other, across records.
struct tls_handshake {
    uint8_t *keep; // the first bytes of a message's body; borrowed
    uint32_t keep_cap;
    uint8_t head[4];
    uint32_t have;   // bytes of head and body so far
    uint32_t length; // of the body, once head is whole
};
struct tls_message {
    uint8_t type;
    uint32_t length;
    struct span body; // at most keep_cap bytes
};
// Takes bytes from *in; true: *ret is a whole message, call again for the next.
bool tls_handshake_next(struct tls_handshake *h, struct span *in, struct tls_message *ret);

struct tls_hello {
    bool client;
    bool retry;       // HelloRetryRequest (RFC 8446 4.1.3)
    uint16_t version; // server: the one chosen; client: the oldest field of the message
    uint16_t suite;   // server
    uint8_t random[TLS_RANDOM_BYTES];
    bool encrypt_then_mac; // RFC 7366; server: chosen
    bool compressed;       // server
};
// What stands in it as far as it was kept. False: too short for its random (client) or its suite (server).
bool tls_hello_parse(const struct tls_message *m, struct tls_hello *ret);

enum tls_label {
    TLS_MASTER_SECRET, // CLIENT_RANDOM: TLS 1.2
    TLS_CLIENT_HANDSHAKE,
    TLS_SERVER_HANDSHAKE,
    TLS_CLIENT_TRAFFIC,
    TLS_SERVER_TRAFFIC,
    TLS_LABEL_COUNT
};
struct tls_key {
    enum tls_label label;
    uint8_t random[TLS_RANDOM_BYTES]; // of the client
    uint8_t secret[TLS_SECRET_MAX];
    uint8_t n;
};
enum tls_key_line {
    TLS_KEY,
    TLS_KEY_OTHER, // empty, a comment, a label that we do not need
    TLS_KEY_BAD
};
enum tls_key_line tls_key_parse(struct span line, struct tls_key *ret);
