// event.h: what happens in a call beside what its rows say themselves (hold, transfer, fork, glare ...): a row of call_events and
// a word on the mesh feed. Types are those of docs/api.md. Limit: 500 a part; more are counted. Owner: the state thread.
#pragma once
#include "world.h"

#define EVENTS_MAX   500
#define EVENT_DETAIL 160

struct event {
    const struct call *call;
    const struct leg *leg; // NULL: of no one leg
    int64_t at_us;
    const char *type;
    enum side side;
    uint16_t status; // 0: none
    uint32_t n;      // filled by event_note
    char detail[EVENT_DETAIL];
};

// detail: printf; NULL: none. Texts of the wire are given through event_text.
__attribute__((format(printf, 8, 9))) void event_note(struct world *w, struct call *c,
                                                      const struct leg *l, int64_t at_us,
                                                      const char *type, enum side side,
                                                      uint16_t status, const char *detail, ...);
// Clean UTF-8, cut at 47 bytes.
struct event_text {
    char s[48];
};
struct event_text event_text(struct span s);
// One piece of evidence about c and other becomes a row (numbered with the events).
void event_evidence(struct world *w, struct call *c, const struct call *other,
                    const struct evidence *e, const char *detail);
