#include "wire/wire_event.h"

const char *wire_event_name(enum wire_event e)
{
#define WIRE_EVENT_NAME(id, name) name,
    static const char *const names[] = {WIRE_EVENTS(WIRE_EVENT_NAME)};
    return (unsigned)e < WIRE_EVENT_COUNT ? names[e] : "unknown";
}
