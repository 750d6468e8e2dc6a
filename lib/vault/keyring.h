// keyring.h: the keys of the recordings, in files below keys.dir:
//
//     master-<n>                       64 hex digits, mode 0600: wraps data keys; the largest n is in use
//     signing, signing.pub             Ed25519 seed (0600) and public key, hex
//     data/<site>/<Y>/<M>/<D>/<id>.key the data key of one recording, wrapped; 128 bytes:
//         0  8 magic "CMKEY001"    8 4 version of the master key   12 1 state: 1 live, 2 destroyed   13 3 zero
//         16 16 recording id      32 16 id of the key   48 12 nonce   60 32 wrapped key   92 16 tag   108 20 zero
//         AES-256-GCM, associated data bytes 0 to 47
//
// A data key stands in its own file and nowhere else, so another master key wraps it anew without touching audio, and
// destroying it destroys the recording wherever its copies lie. A destroyed key stays as a tombstone: the same recording
// is never made again. Owner: one thread for each struct keyring, but keyring_get is for any. Limit: KEYRING_MASTERS versions.
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/uuid.h"
#include "vault/seal.h"

#define KEYRING_MASTERS   32u
#define KEYRING_FILE      128u
#define KEYRING_PUBLIC    32u
#define KEYRING_SIGNATURE 64u

enum keyring_error {
    KEYRING_OK = 0,
    KEYRING_E_NONE = 1,      // no such key file
    KEYRING_E_DESTROYED = 2, // on purpose
    KEYRING_E_MASTER = 3,    // wrapped by a master key that is not here
    KEYRING_E_BAD = 4,       // the file is not what was written
};

struct keyring {
    char dir[1024];
    struct {
        uint32_t version;
        uint8_t key[32];
    } master[KEYRING_MASTERS];
    size_t masters;
    uint8_t public_key[KEYRING_PUBLIC], secret_key[64];
    bool can_sign;
    pthread_mutex_t lock; // keyring_get may be called by several threads
};

// Reads what is there. `create`: makes the folder, master-1 and the signing key when they are missing. 0 or negative errno
// after one clear line in err.
int keyring_open(struct keyring *k, const char *dir, bool create, char *err, size_t err_cap);
void keyring_close(struct keyring *k);             // wipes
uint32_t keyring_version(const struct keyring *k); // newest master, 0: none
// path: of any file of the recording, relative to the recordings folder (<site>/<Y>/<M>/<D>/<id>.<...>).
// KEYRING_* or negative errno.
int keyring_get(struct keyring *k, const char *path, const struct uuid *id, struct data_key *ret);
// The same; makes the key when there is none.
int keyring_take(struct keyring *k, const char *path, const struct uuid *id, struct data_key *ret);
// Overwrites the key file and leaves the tombstone, durable. Also when there was none. 0 or negative errno.
int keyring_destroy(struct keyring *k, const char *path, const struct uuid *id);
// The signing key is here; looked for again when it was not at the opening. Any thread.
bool keyring_can_sign(struct keyring *k);
void keyring_sign(const struct keyring *k, const void *p, size_t n, uint8_t ret[KEYRING_SIGNATURE]);
bool keyring_verify(const uint8_t public_key[KEYRING_PUBLIC], const void *p, size_t n,
                    const uint8_t signature[KEYRING_SIGNATURE]);
// A public key file: 64 hex digits. 0 or negative errno.
int keyring_read_public(const char *path, uint8_t ret[KEYRING_PUBLIC]);

struct keyring_count {
    uint64_t rewrapped, kept, destroyed, failed;
    uint64_t with_version; // of the version that was asked about
    char first_failed[1100];
};
// A new master key becomes the newest; then each data key is wrapped by it (keyring_rewrap, which may be run again after
// a stop: what is done is kept). Beside a running recorder and api: they look into keys.dir when they need to.
int keyring_new_master(struct keyring *k);
int keyring_rewrap(struct keyring *k, struct keyring_count *ret);
// How many data keys a master version wraps.
int keyring_users(struct keyring *k, uint32_t version, struct keyring_count *ret);
// Destroys a master key that wraps nothing any more. -EBUSY when it does.
int keyring_forget(struct keyring *k, uint32_t version);

void hex_put(char *dst, const uint8_t *p, size_t n); // 2 n digits and a zero
bool hex_get(struct span s, uint8_t *ret, size_t n);
