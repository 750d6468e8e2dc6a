// chain.h: what was recorded, signed and chained, so that it can be shown later that nothing was changed, swapped or left out.
//
//     <recordings>/chain/<site>/<YYYYMMDD>T<HH>.jsonl   one line an entry, by the hour (UTC) in which it was written
//     <recordings>/chain/signing.pub                    a copy of the public key; trust the one you were given
//
// A line: {"n":N,"prev":"<SHA-256 of the line before, without its end>","at":"...","kind":"...", ... ,"sig":"<Ed25519 of all
// before ,"sig">"}. N counts within the file. Kinds:
//     begin      N = 0; prev is the last line of the hour before; site, hour, prev_hour, key (public key)
//     recording  id, files: [{path, bytes, lead, chunk, level, root, pieces}] (proof.h, of the bytes as stored). The last
//                entry of an id counts: a recording may be made again when more of its media is found.
//     erased     id, basis, actor, reason, asked_at: nothing is left of it but this line, the certificate
// Each line is durable before it is told to anyone; a line cut by a crash is cut off at the next start. What no signature can
// show is that the newest lines were cut off: so the hash of the head is told to callstate with each recording, and verify
// takes it (--head). One owner thread. Limits: CHAIN_LINE, CHAIN_SITES open ends (others are read again from disk).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"
#include "vault/keyring.h"
#include "vault/proof.h"

#define CHAIN_LINE  (64u * 1024u)
#define CHAIN_FILES 4u
#define CHAIN_SITES 32u
#define CHAIN_HOUR  12u // "20261128T00" and a zero

struct chain_file {
    const char *path; // relative to the recordings folder
    const struct proof *proof;
};

struct chain_pos {
    char hour[CHAIN_HOUR];
    uint64_t n;
    uint8_t hash[32]; // of the line
};

struct chain_erased {
    const char *basis, *actor, *reason;
    int64_t asked_us;
};

struct chain_end {
    char site[64];
    struct chain_pos pos;
    uint64_t used; // turn of last use
};

struct chain {
    char dir[1100]; // <recordings>/chain
    const struct keyring *keys;
    struct chain_end end[CHAIN_SITES];
    uint64_t turn;
    char line[CHAIN_LINE];
};

// Puts the public key beside the chains. 0 or negative errno.
int chain_open(struct chain *c, const char *recordings_dir, const struct keyring *keys);
// site: the folder's name. 0 and where it stands, or negative errno (then nothing was added, or a line that the next start
// takes for added; either is right).
int chain_add_recording(struct chain *c, const char *site, int64_t wall_us, const struct uuid *id,
                        const struct chain_file *files, size_t n, struct chain_pos *ret);
int chain_add_erased(struct chain *c, const char *site, int64_t wall_us, const struct uuid *id,
                     const struct chain_erased *e, struct chain_pos *ret);

// ---- reading

enum chain_kind {
    CHAIN_OTHER, // of a later version
    CHAIN_BEGIN,
    CHAIN_RECORDING,
    CHAIN_ERASED,
};

struct chain_line {
    enum chain_kind kind;
    uint64_t n;
    uint8_t prev[32], hash[32], signature[64];
    struct span signed_part;
    struct uuid id;                     // recording, erased
    struct span hour, prev_hour, files; // views into the line
    uint8_t key[32];                    // begin
};

// One line without its end. False: not such a line. The signature is not looked at.
bool chain_parse(struct span line, struct chain_line *ret);
struct chain_stored {
    char path[512];
    struct proof proof; // bytes, lead, chunk, level, pieces, piece, root
};
// The files of a recording's line, one after the other; *at starts at 0. False at the end; *ret_bad when it is no such list.
bool chain_next_file(const struct chain_line *l, size_t *at, struct chain_stored *ret,
                     bool *ret_bad);
