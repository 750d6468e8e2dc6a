// erase.h: taking a recording away for good: its key first (that alone makes every copy noise), then its files, its objects in
// the store, what waits to go there; then the certificate, a signed entry of the chain. Told again, it answers the same again.
// On the cutter's thread, which owns keys and chain. Not for it: media in the look-back, which goes by age (spool.look-back).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "job.h"
#include "vault/ledger.h"

struct s3;

// mesh -> cutter, by value.
struct erase {
    struct uuid recording_id, call_id;
    char site[JOB_SITE_BYTES];
    char basis[32], actor[96], reason[200];
    int64_t asked_us;
};

#define ERASE_RING 64u // full: it is told again

struct erase_with {
    const char *recordings_dir;
    struct keyring *keys;
    struct ledger *ledger;
    struct s3 *s3; // NULL: no object store
};

enum erase_error {
    ERASE_DONE = 0,
    ERASE_E_NOT_OURS = 1, // no file, no key, no certificate of it here
    ERASE_E_STORE = 2,    // the object store did not do it: later
};
// ERASE_* or negative errno. The certificate's place when done.
int erase_recording(const struct erase_with *w, const struct erase *e, struct ledger_pos *ret);
