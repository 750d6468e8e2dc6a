// join.h: calls that are one though their Call-IDs differ (B2BUA, PBX, SBC, transfer, forward, pickup, conference). Evidence about a
// pair is scored and stored; from `join.threshold` on the two are joined (parts.h), and later evidence can part them. Fixed work: each
// index is asked for at most 32 places and 16 calls are weighed. Owner: the state thread.
#pragma once
#include "world.h"

// The digest by which numbers are compared: the last seven digits, or the whole user when it is no number. 0: none.
uint64_t join_number_key(struct span user);
void join_key(struct world *w, struct call *c, enum call_key key, uint64_t digest); // 0: forgotten
void join_target(struct world *w, struct transfer *t); // its target_key has changed
// A message has told something new about c (the first INVITE, an SDP, a Session-ID): looks for calls that it is one with.
void join_look(struct world *w, struct call *c, const struct message *m);
// A REFER of c that names the dialog of another call (RFC 3891): they are one.
void join_by_refer(struct world *w, struct call *c, const struct message *m, struct span call_id,
                   struct span tag_a, struct span tag_b);
// Speaks against the edge between c and its parent; parts them when too little is left.
void join_against(struct world *w, struct call *c, enum evidence_kind kind, int64_t at_us,
                  const char *detail);
// Two sides of one talk end together. Called as time goes on.
void join_check(struct world *w, struct call *c, int64_t now_us);
// Indexes: a call leaves memory; a call was read back.
void join_forget(struct world *w, struct call *c);
void join_rekey(struct world *w, struct call *c);
struct call *join_dialog(struct world *w, uint16_t site, struct span call_id, struct span tag_a,
                         struct span tag_b);
