// guard.h: who may speak to this process from outside: a table of admitted sites, their certificates (by fingerprint) and
// their signing keys. Whoever has the database (callstate, api) loads it, again and again; a process that loads none
// (a recorder at a site) admits every certificate of its authority and no signature.
// Bound: GUARD_KEYS; what is more is not admitted. Any thread; readers copy under one lock.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "bus/bus.h"

#define GUARD_PRINT BUS_PRINT_BYTES

enum guard_answer {
    GUARD_GOOD,
    GUARD_UNKNOWN,
    GUARD_REVOKED
};

// Rises with each change of the table; what was asked under another number is asked again.
uint64_t guard_generation(void);
bool guard_loaded(void);
enum guard_answer guard_certificate(const uint8_t print[GUARD_PRINT]);
// The key with this id, when it is one of this site.
enum guard_answer guard_key(struct span site, const uint8_t id[BUS_KEY_ID],
                            uint8_t ret_key[BUS_KEY_BYTES]);
