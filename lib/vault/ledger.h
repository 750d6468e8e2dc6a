// ledger.h: what was recorded, signed and chained, so that it can be shown later that nothing was changed, swapped or left out.
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
// takes it (--head). One owner thread. Limits: LEDGER_LINE, LEDGER_SITES open ends (others are read again from disk).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"
#include "vault/keyring.h"
#include "vault/proof.h"

#define LEDGER_LINE  (64u * 1024u)
#define LEDGER_FILES 4u
#define LEDGER_SITES 32u
#define LEDGER_HOUR  12u // "20261128T00" and a zero

struct ledger_file {
    const char *path; // relative to the recordings folder
    const struct proof *proof;
};

struct ledger_pos {
    char hour[LEDGER_HOUR];
    uint64_t n;
    uint8_t hash[32]; // of the line
};

struct ledger_erased {
    const char *basis, *actor, *reason;
    int64_t asked_us;
};

struct ledger_end {
    char site[64];
    struct ledger_pos pos;
    uint64_t used; // turn of last use
};

struct ledger {
    char dir[1100]; // <recordings>/chain
    const struct keyring *keys;
    struct ledger_end end[LEDGER_SITES];
    uint64_t turn;
    char line[LEDGER_LINE];
};

// Puts the public key beside the chains. 0 or negative errno.
int ledger_open(struct ledger *c, const char *recordings_dir, const struct keyring *keys);
// site: the folder's name. 0 and where it stands, or negative errno (then nothing was added, or a line that the next start
// takes for added; either is right).
int ledger_add_recording(struct ledger *c, const char *site, int64_t wall_us, const struct uuid *id,
                         const struct ledger_file *files, size_t n, struct ledger_pos *ret);
int ledger_add_erased(struct ledger *c, const char *site, int64_t wall_us, const struct uuid *id,
                      const struct ledger_erased *e, struct ledger_pos *ret);

// ---- reading

enum ledger_kind {
    LEDGER_OTHER, // of a later version
    LEDGER_BEGIN,
    LEDGER_RECORDING,
    LEDGER_ERASED,
};

struct ledger_line {
    enum ledger_kind kind;
    uint64_t n;
    uint8_t prev[32], hash[32], signature[64];
    struct span signed_part;
    struct uuid id;                     // recording, erased
    struct span hour, prev_hour, files; // views into the line
    uint8_t key[32];                    // begin
};

// One line without its end. False: not such a line. The signature is not looked at.
bool ledger_parse(struct span line, struct ledger_line *ret);
struct ledger_stored {
    char path[512];
    struct proof proof; // bytes, lead, chunk, level, pieces, piece, root
};
// The files of a recording's line, one after the other; *at starts at 0. False at the end; *ret_bad when it is no such list.
bool ledger_next_file(const struct ledger_line *l, size_t *at, struct ledger_stored *ret,
                      bool *ret_bad);
