// render_priv.h: what render.c, render_tell.c and dump.c share: all tracks' packets in order of time, and what is told of them.
#pragma once
#include "render.h"

// From the start again.
void render_rewind(struct render *r, const struct job *j);
// The track whose packet is next, NULL at the end.
struct track *render_earliest(struct render *r);
// On to the track's next packet of the call; false: none.
bool render_next(const struct render *r, const struct job *j, struct track *t);
// What the clocks of the senders did, for the manifest.
void render_tell_drift(const struct render *r, const struct job *j, const struct track *t,
                       struct render_result *res);
// What was not captured, paused, or has left the spool: into the window's list of gaps.
void render_tell_not_here(const struct render *r, const struct job *j, struct render_result *res);
void render_tell_missing(struct render *r, const struct job *j, struct render_result *res);
