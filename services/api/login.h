// login.h: sign-in with a password, sessions, and the counters that slow guessing down. See auth.h for the limits.
#pragma once
#include "api.h"

int login_init(void);
// Argon2id (19 MiB, two passes) into libsodium's string form (crypto_pwhash_STRBYTES). 0 good.
int login_hash(const char *password, char *ret);
// Counts one attempt of this key (address or login) in the minute of now; false: too many. Pure but for its table.
bool login_attempt(const char *kind, const char *key, int64_t now_us, int64_t per_minute);
void auth_forget(const uint8_t sha256[32]);
