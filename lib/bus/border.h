// border.h: what has come in by wss:// must be signed by a key of the site it names. What came by a plain listener (inside the
// host, the site) need not be, nor anything in a process that was given no table of sites (bus_admit).
#pragma once
#include <stdbool.h>
#include <nng/nng.h>
#include "base/stat.h"
#include "envelope.h"

// False: not to be taken; counted. For an Ask with the reason for the publisher; a->checked when its signature was good.
bool border_live(struct stat_cell *cells, const nng_msg *m, const struct envelope *e);
bool border_ask(struct stat_cell *cells, const nng_msg *q, struct ask_msg *a,
                const char **ret_error);
