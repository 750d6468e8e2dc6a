// recordings.h: what becomes of each call's audio. A call that ends with media is pending until a recorder reports;
// the wait outlives the call's slot, and goes on while its recorder is known and away (`timers.recorder-away`). No recorder, or one
// that is here and says nothing: given up, counted, never stuck. A report that comes after that still has the last word. One
// that comes before the end of its call is kept for it.
// Limits: waits; full: early reports make room, oldest first; then the call is marked failed at once, counted.
#pragma once
#include "world.h"

// The call has (or gets) a stream with packets.
void recordings_on_media(struct world *w, struct call *c);
void recordings_on_end(struct world *w, struct call *c);
// Someone wants this call, whatever the rules said: from its first packet, also when it has ended.
// It is not to be recorded from now on, whatever the rules say: what is there of it is in the look-back alone.
void recordings_refuse(struct world *w, struct call *c, struct span by);
void recordings_ask(struct world *w, struct call *c, struct span by);
void recordings_on_report(struct world *w, uint16_t publisher, const Callmesh__V1__Recording *r);
bool recordings_awaited(const struct world *w, const struct uuid *call_id);
// The next n waits.
void recordings_sweep(struct world *w, size_t n);
// A wait that was read back from the database.
void recordings_expect(struct world *w, uint16_t site, const struct uuid *call_id);
// The row of a recording that was read back, after the calls and the waits. status: its word.
void recordings_found(struct world *w, struct span site, const struct uuid *call_id,
                      struct span status);
const char *recording_state_name(int state);
