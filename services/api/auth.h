// auth.h: who may see and hear what. Users sign in (Argon2id, 19 MiB for the moment of one check), sessions and API keys are
// 256-bit secrets of which the store has the SHA-256. What was looked up is remembered for 30 s (fixed table of 1024; while the
// store is away for at most 10 min). Sign-in attempts: a fixed table of 2048 counters, auth.login-per-minute for each
// address and each login (429, counted).
#pragma once
#include "api.h"

// The first user and the first key when there are none: printed once. 0, or -1 with why.
int auth_first_start(struct store *s, char *why, size_t cap);
int auth_init(void);
uint32_t auth_scopes_of_role(const char *role);
// Names of the set bits: position 0 starts, NULL ends.
const char *auth_scope_name(uint32_t scopes, unsigned *pos);
