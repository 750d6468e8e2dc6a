// dialog.h: moves one leg's dialog by one message and changes leg and call. Called by call.c only.
#pragma once
#include "world.h"

// What this message is for the INVITE machine; false: nothing (INFO, PRACK, a response to BYE, another hop's failure ...).
bool dialog_event_of(const struct call *c, const struct message *m, enum dialog_event *ret);
// The machine.
void dialog_move(struct leg *l, enum dialog_event e, const struct message *m);
// Session changes inside an answered dialog: hold and resume by re-INVITE, UPDATE, late offer in the 2xx, ACK.
void dialog_session(struct leg *l, const struct message *m);
// Ends a leg (time, end of input, another fork).
void dialog_end(struct leg *l, int64_t at_us);
// Place of this branch among the hops of the INVITE; -1: not one of them.
int dialog_hop(const struct call *c, struct span branch);
// An INVITE of the caller was seen: its branch is one more hop, or it begins a new attempt.
void dialog_note_hop(struct call *c, const struct sip_msg *sip);
bool dialog_status_is_retry(unsigned status);
const char *dialog_state_name(enum dialog_state s);
