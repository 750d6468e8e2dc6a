// listen.h: hearing a call that is going on. The first listener of a call makes a tap: one ring of the fixed set, filled by the live
// thread with the frames of docs/api.md (made once a packet), read by each listener with a cursor. While anyone listens the
// taps thread renews the recorders' lease through callstate; when the last one leaves it ends the lease and the ring is given
// back. Limits: listen.taps rings of listen.ring-bytes (full: 503 taps_full), listen.clients listeners (503 listeners_full), 256
// tickets of 30 s (503 overloaded). A listener more than listen.max-lag behind is moved to live (listener_trims_total).
#pragma once
#include "api.h"

int listen_start(void);
void listen_stop(void);
unsigned listen_count(const struct uuid *call_id); // listeners of this call, any thread
// The call's state has changed: listeners are told; after the end they are closed. Mesh thread.
void listen_on_state(const struct uuid *call_id, const char *state, bool ended);
