// signalling.h: calls of SCCP, MGCP, IAX2 and H.323. What their messages mean was decided where they were captured; here a
// small machine beside that of the SIP dialog makes the same calls of them: one leg a call, and everything behind it (streams
// joined by address, timers, rows, mesh, recordings) is the same. Owner: the state thread.
#pragma once
#include "callmesh/v1/capture.pb-c.h"
#include "world.h"

// Can this event be used?
bool signalling_readable(const Callmesh__V1__SignallingEvent *e);
void signalling_on_event(struct world *w, uint16_t publisher,
                         const Callmesh__V1__SignallingEvent *e);
// The SIP status that RFC 3398 makes of a cause; 0: none.
uint16_t signalling_status_of(uint32_t cause);
const char *protocol_name(int protocol);
