// restore.h: after a start: cursors, open calls, their streams and awaited recordings come back from PostgreSQL, so that the
// feeds go on where the last committed batch left them and give the same rows as without the stop.
#pragma once
#include "intake.h"
#include "store/conn.h"

// Fills the world and *ret_known (ret_max places). STORE_OK or an error of conn.h.
int restore_world(struct store *s, struct world *w, struct known_cursor *ret_known, size_t max,
                  size_t *ret_n);
