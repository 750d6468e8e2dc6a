// secret.h: a question that proves who asks, and an answer that only who asked can read (libsodium: Ed25519, and a sealed box of X25519
// and XSalsa20-Poly1305). Independent of the way it travels: tcp:// within a host, wss:// between sites. A question sent again by
// somebody else gets an answer that is of no use to him, so none is remembered. One thread for each value.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "bus/bus.h"

#define SECRET_BOX_KEY   32u
#define SECRET_SIGNATURE (BUS_KEY_ID + 64u)
#define SECRET_OVERHEAD  48u // a sealed answer is so much longer

#define SECRET_LATER "database away" // the answerer's words for: ask again

struct secret_box {
    uint8_t public[SECRET_BOX_KEY], private[32];
};

struct secret_question {
    struct span what, site, subject, box_key; // what: names the kind of question
};

// Of one question alone; secret_wipe it. 0 or negative errno.
int secret_box_new(struct secret_box *ret);
void secret_wipe(void *p, size_t n);
// With the process's bus.sign-key; -ENOKEY: it has none.
int secret_sign(const struct secret_question *q, uint8_t ret[SECRET_SIGNATURE]);

enum secret_asker {
    SECRET_SITE,    // of the site that it names
    SECRET_HOUSE,   // signed with the key that this process was given
    SECRET_NOBODY,  // not signed, or by a key that is not known
    SECRET_REVOKED, // by a key that is no longer admitted
    SECRET_WRONG    // the signature does not fit
};
// house: public key of who is at the same place, or NULL.
enum secret_asker secret_check(const struct secret_question *q, struct span signature,
                               const uint8_t *house);
// The public half of a seed in a file (64 hex digits, as bus.sign-key). 0 or negative errno.
int secret_public_of(const char *path, uint8_t ret[BUS_KEY_BYTES]);

// False: box_key is none. out has plain.n + SECRET_OVERHEAD bytes.
bool secret_seal(struct span plain, struct span box_key, uint8_t *out);
// Length of what was sealed, into out (sealed.n bytes are enough); 0: not for this box, or changed.
size_t secret_open(const struct secret_box *box, struct span sealed, uint8_t *out);
