// pause.h: calls whose audio is not to leave the harvesters for a while: a card number is being said. Started by API, SIP header or
// digits of SIP INFO, each time with a limit at which it ends by itself, in the harvesters too. What harvesters are to drop is a level, never an
// edge: each reply to an Ask may carry the whole of it, so a lost word, a new life here or there repairs itself.
// Limits: PAUSES calls at a time (full: refused, counted), PAUSE_BYTES each on the wire, CALL_PAUSES intervals kept of a call, the first in its slot, the others in
// one of a sixteenth of the calls (full: the last one is stretched: wider than it was, never narrower).
// Owner: the state thread; board_orders is called by the bus's threads.
#pragma once
#include "callmesh/v1/capture.pb-c.h"
#include "world.h"

#define PAUSES      64
#define PAUSE_BYTES 1536
#define PAUSE_CODES                                                                                \
    16 // that harvesters look for: of the settings, then of the rules in their order; further ones are not told (gauge)

struct pauses;
// realm: as world.h has it; NULL: each site is its own.
struct pauses *pauses_new(void (*realm)(struct span site, char ret[64]));
// NULL. The bus's threads have ended.
struct pauses *pauses_free(struct pauses *p);
// False: the table is full. Of all parts of the call that have not ended. until_us: wall clock.
bool pause_start(struct world *w, struct call *c, int64_t until_us, struct span by,
                 struct span reason);
void pause_stop(struct world *w, struct call *c, struct span by);
// A place for one more pause of this call, for what reads one back too. False: there is none.
bool pause_room(struct world *w, struct call *c);
bool pause_is_on(const struct call *c);
// Each round: ends what is over and says to the harvesters what stands.
void pauses_round(struct world *w);
// A code of digits was entered: told by a harvester of this site (pause_signal.c).
void pause_on_code(struct world *w, uint16_t site, const Callmesh__V1__DigitCode *e);
// A message of the call may ask for it (pause_signal.c).
void pause_on_message(struct world *w, struct call *c, const struct message *m);
// A call that was read back.
void pause_restore(struct world *w, const struct call *c);
// For feed_sub_opts.
uint64_t pause_orders(void *ctx, const char *site, uint64_t have, uint8_t *buf, size_t cap,
                      size_t *ret_n);
