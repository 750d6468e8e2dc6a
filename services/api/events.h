// events.h: what happens, each thing made into one Server-Sent Event once, in one ring that all readers share. A reader costs a
// cursor. Limits: events.ring bytes (oldest go; a reader that was overtaken, or comes back too late, gets stream.reset,
// counted), an index of the last events.index ids, events.clients readers (a further one: 503 readers_full).
#pragma once
#include "api.h"

int events_start(void);
// Any thread. value is the JSON of data's one member `key` (or key NULL: value is the whole of data).
void events_emit(const char *type, struct span subject, const char *key, struct span value);
// Of the newest event: what a snapshot taken after this call is at least as new as.
void events_last_id(char *buf, size_t cap);

// Where a reader with this id goes on. True: at *ret_cursor. False: *ret_reason says why not (too_old, restarted, unknown_id).
bool events_resume(struct span id, uint64_t *ret_cursor, const char **ret_reason);
