// verify.h: proves a folder of recordings with the public key alone: each line of the chain is signed and follows the one
// before, each stored file is what its line says. Stops at the first thing that does not fit and names it: file, entry,
// bytes. No database, no keys, no network. For a tool, not for a service: it remembers 48 bytes for each entry.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/uuid.h"
#include "vault/ledger.h"

struct verify_opts {
    const char *dir; // recordings folder
    uint8_t public_key[32];
    const char *site;             // NULL: all; the folder's name below chain/
    const char *from, *to;        // hours "20261128T00", inclusive; NULL: no bound
    const struct uuid *recording; // NULL: all
    const uint8_t *head; // 32 bytes: a line with this hash must be in the chain; NULL: not asked
    bool absent_ok;      // files may be elsewhere (an object store): counted, not a fault
};

struct verify_result {
    uint64_t chains, hours, entries, recordings, files, bytes, erased, absent;
    bool found_recording, found_head;
    // The first thing that does not fit.
    bool broken;
    char file[600]; // relative to the folder
    char what[200];
    bool has_entry;
    uint64_t entry;    // n of the line
    uint64_t from, to; // bytes of the file that do not fit; both 0: not said
    struct uuid id;    // of the recording, zero when it is about none
};

// 0 (broken or not), or negative errno when the folder cannot be read or memory is short.
int verify_run(const struct verify_opts *o, struct verify_result *ret);
