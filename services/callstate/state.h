// state.h: the state thread: one loop that owns the world and joins intake, timers, mesh, control and database.
#pragma once
#include "agents.h"
#include "bus/bus.h"
#include "control.h"
#include "intake.h"
#include "base/ring.h"
#include "persist.h"

struct state;
struct state_opts {
    struct world *world;
    struct feed_sub *sub;
    struct cast_pub *mesh;
    struct persist *persist;
    struct control *control;
    struct ring *alerts;   // struct alert, from the housekeeping thread; NULL: none
    struct agents *agents; // NULL: there is no list
    struct known_cursor *known;
    size_t knowns;
};
struct state *state_new(const struct state_opts *o);
int state_start(struct state *s);
// Ends the loop; what is dirty is sealed. Then persist_stop empties the ring. False: it still waits for a database that is
// away; its cursors have not moved, so the feeds will give the rest again. The thread is left to the end of the process.
bool state_stop(struct state *s, int64_t timeout_us);
// persist's while_waiting.
void state_while_waiting(void *ctx);
