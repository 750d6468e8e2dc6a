// blob.h: an open call as bytes and back (open_calls.state): all that the machines need to go on after a restart. One
// function lists the fields for both ways, so they cannot differ. Little-endian, with a version; an unknown
// version is refused (the call is then ended by the system, and said).
#pragma once
#include "world.h"

// Older ones are read too: 1 without a story, 2 without a decision, 3 without pauses, 4 without other signalling than SIP, 5 without
// agents, 6 without numbers in E.164.
#define BLOB_VERSION 7

// An upper bound of what blob_write needs for this call.
size_t blob_bound(const struct call *c);
// Returns the length, 0 when it did not fit.
size_t blob_write(struct world *w, struct call *c, uint8_t *buf, size_t cap);
// Makes the call in the world. NULL: unreadable, or no room.
struct call *blob_read(struct world *w, struct span blob);
