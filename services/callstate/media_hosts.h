// media_hosts.h: both phones behind NAT name private addresses, and no SDP says where the sound runs. Then it is looked for between
// the two hosts that the SIP of a leg came from (docs/architecture.md has the rule, rule 4). Scored, and only when just one leg and
// one pair of streams come into question; never across realms. Owner: the state thread.
// Limit: 64 legs and 64 streams between two hosts are looked at; more of them are ambiguous anyway: not joined, counted.
#pragma once
#include "world.h"

// A leg whose src and dst are known comes into the index, and leaves it.
void media_hosts_add_leg(struct world *w, const struct leg *l);
void media_hosts_del_leg(struct world *w, const struct leg *l);
void media_hosts_add_stream(struct world *w, const struct stream *s);
void media_hosts_del_stream(struct world *w, const struct stream *s);
// The leg of an unjoined stream and the side that sends it, or NULL. ret_score: what spoke for it.
struct leg *media_hosts_find(const struct world *w, const struct stream *s, enum side *ret_side,
                             int *ret_score, char ret_why[80]);
