// render_priv.h: what render.c and dump.c share: all tracks' packets in order of time.
#pragma once
#include "render.h"

// From the start again.
void render_rewind(struct render *r, const struct job *j);
// The track whose packet is next, NULL at the end.
struct track *render_earliest(struct render *r);
// On to the track's next packet of the call; false: none.
bool render_next(const struct render *r, const struct job *j, struct track *t);
