// announce.h: changes of the world go out on the mesh feed: a Call always whole, a change of state at once, other changes of
// a call at most every 100 ms; harvesters at most once a second; taps and recordings as they come.
// Limits: 24 changes and 128 KiB a message (far below BUS_MESSAGE_MAX). Owner: the state thread.
#pragma once
#include "base/arena.h"
#include "bus/bus.h"
#include "world.h"

struct announce;
// send: where packed batches go (the mesh feed; a test's own).
typedef int (*announce_send_fn)(void *ctx, const Callmesh__V1__MeshBatch *b);
struct announce *announce_new(struct world *w, announce_send_fn send,
                              void *ctx); // sets the world's doors
struct announce *announce_free(struct announce *a);
// Everything that is due now.
void announce_flush(struct announce *a);
