// call.h: calls, their legs, their life. One call per Call-ID and From tag; its legs are its dialogs.
// Limits: calls, legs (16 a call). Full: the oldest ended call leaves early; when none has ended the new one is
// refused, counted, and an alarm is logged. Owner: the state thread.
#pragma once
#include "world.h"

// Takes one message in: finds or makes its call and leg, runs the machines, writes its row.
void call_on_message(struct world *w, struct message *m);
// After any change: marks for database and mesh. state_changed: the mesh hears it at once.
void call_touch(struct world *w, struct call *c, bool state_changed);
// Rows of calls lag behind by at most 300 ms where only counts changed: marks those that are due (all: every one), until the
// batch is full (false).
bool call_rows_due(struct world *w, bool all);
// When all legs are over the call ends.
void call_settle(struct world *w, struct call *c, int64_t at_us);
// Ends all legs and the call.
void call_end(struct world *w, struct call *c, int64_t at_us, Callmesh__V1__HangupBy by);
// Takes it out of memory (history is in the database); the mesh hears call_removed.
void call_remove(struct world *w, struct call *c);
// The two halves of it, for calls that know each other (parts.c): its last rows; then it is gone.
void call_write_last(struct world *w, struct call *c);
void call_drop(struct world *w, struct call *c);
// New slot with its chains, for a call that begins and for one that is read back. NULL: full.
struct call *call_new(struct world *w, uint16_t site, struct span call_id, const struct uuid *id);
struct leg *call_leg_new(struct world *w, struct call *c);
struct call *call_by_id(const struct world *w, const struct uuid *id);
void call_credit_publisher(struct world *w, struct call *c, uint16_t publisher);
Callmesh__V1__CallResult call_result_of(const struct call *c);
// Room for the rows of one more event in the open batch?
// Of a new call: keeps what its texts have room for. What does not fit is cut, and counted.
uint8_t *call_keep_text(struct world *w, struct call *c, struct span s, uint16_t *ret_n);
void call_keep_party(struct world *w, struct call *c, struct party *p, struct span uri,
                     struct span user, struct span name);
// Who a party is; name and team among the texts of the call.
void call_keep_agent(struct world *w, struct call *c, struct party *p, const struct agent_ref *a);
bool world_batch_full(const struct world *w);
