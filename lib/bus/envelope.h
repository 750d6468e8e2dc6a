// envelope.h: Envelope and Ask by hand, without an allocation or a copy of the payload. Both are also plain protobuf
// (protos/callmesh/v1/envelope.proto); envelope_test.c holds this code against the generated one.
// Views point into the message they were read from.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

#define ENVELOPE_HEAD_MAX  512 // everything before the payload's bytes
#define ENVELOPE_NAME_MAX  95  // publisher, bytes
#define ENVELOPE_SITE_MAX  63
#define ENVELOPE_BIRTH     16 // incarnation, bytes
#define ENVELOPE_SIGNATURE 72 // id of the key, Ed25519 signature

struct envelope {
    uint64_t version, epoch, seq, kind;
    int64_t sent_at_us;
    struct span publisher, incarnation, site, payload, signature;
    bool first_of_epoch;
    bool more; // has fields of a later version
};

// Everything but the payload's bytes, into buf (at least ENVELOPE_HEAD_MAX); the payload follows it on the wire.
size_t envelope_head(uint8_t *buf, const struct envelope *e);
// False: not such a message, or a name that is too long, or no incarnation of 16 bytes.
bool envelope_read(struct span bytes, struct envelope *ret);

// Fields `first` and the n-1 behind it, bytes of a large message, as views; all else into rest (at least bytes.n) as it is on the
// wire, for the generated code. Of several of one number the last counts. False: not well formed.
bool envelope_split(struct span bytes, uint32_t first, struct span *ret, size_t n, uint8_t *rest,
                    size_t *ret_rest);

struct ask_msg {
    uint64_t version, epoch, first_seq, head_seq, kind, committed_seq, backfill_from;
    int64_t sent_at_us, clock_offset_us;
    uint64_t ask_no; // rises with each Ask of a life
    uint64_t orders_version;
    struct span publisher, incarnation, site, signature;
    bool waiting, paused;
    bool checked;        // its signature was good (not on the wire)
    struct cur backfill; // for ask_next_envelope
};

// The fixed part, into buf (at least ENVELOPE_HEAD_MAX); envelopes follow, each after ask_envelope_head.
size_t ask_head(uint8_t *buf, const struct ask_msg *a);
size_t ask_envelope_head(uint8_t *buf, size_t envelope_bytes); // at most 6 bytes
bool ask_read(struct span bytes, struct ask_msg *ret);
// The next packed Envelope of the Ask; false at the end.
bool ask_next_envelope(struct ask_msg *a, struct span *ret);
