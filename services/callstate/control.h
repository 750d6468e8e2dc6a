// control.h: the requests of recorder and api: the snapshot of the mesh in parts, taps (leases to hear a call), and others; those for keys of
// SRTP need no world and are answered on the socket's thread (srtp_keys.h).
// The answering socket has a thread of its own; the world belongs to the state thread: the request is handed over
// and the asking thread waits (one request at a time, state thread looks at least every few ms, also under back-pressure).
// Limits: a part has at most 24 changes or 128 KiB; taps: limits.taps, full: refused, counted.
#pragma once
#include "bus/bus.h"
#include "world.h"

struct control;
struct srtp_keys;
// keys is borrowed; NULL: such requests are unknown here.
struct renew; // sites/renew.h
struct control *control_new(struct world *w, struct cast_pub *mesh, struct srtp_keys *keys,
                            struct renew *renew);
struct control *control_free(struct control *c);
// The answer_fn.
void control_answer(void *ctx, const Callmesh__V1__ControlRequest *q,
                    Callmesh__V1__ControlReply *reply, struct arena *a);
// State thread: serves a waiting request, ends leases that ran out.
void control_serve(struct control *c);
// No more requests will be served; those that wait get an error.
void control_close(struct control *c);

// The work itself (state thread; tests). Objects are viewed in `views` and copied into a.
void control_snapshot(struct world *w, const Callmesh__V1__SnapshotRequest *q,
                      Callmesh__V1__SnapshotReply *ret, struct arena *a, struct arena *views);
const char *control_tap(struct world *w, const Callmesh__V1__TapRequest *q, bool *ret_known);
void control_taps_expire(struct world *w);
