#include "event.h"
#include <stdarg.h>
#include <stdio.h>
#include "rows.h"
#include "stats.h"

struct event_text event_text(struct span s)
{
    struct event_text t;
    (void)span_utf8(s, t.s, sizeof t.s);
    return t;
}

static bool numbered(struct call *c)
{
    if (c->events >= EVENTS_MAX) {
        count(STAT_FULL_EVENTS);
        return false;
    }
    c->events++;
    return true;
}

void event_note(struct world *w, struct call *c, const struct leg *l, int64_t at_us,
                const char *type, enum side side, uint16_t status, const char *detail, ...)
{
    struct event e = {
        .call = c, .leg = l, .at_us = at_us, .type = type, .side = side, .status = status};
    if (!numbered(c))
        return;
    e.n = c->events;
    if (detail) {
        va_list ap;
        va_start(ap, detail);
        (void)vsnprintf(e.detail, sizeof e.detail, detail, ap);
        va_end(ap);
    }
    count(STAT_EVENTS);
    rows_event(w, &e);
    if (w->doors.event)
        w->doors.event(w->doors.ctx, &e);
}

void event_evidence(struct world *w, struct call *c, const struct call *other,
                    const struct evidence *e, const char *detail)
{
    if (numbered(c))
        rows_evidence(w, c, other, e, detail);
}
