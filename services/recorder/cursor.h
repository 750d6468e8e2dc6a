// cursor.h: how far each publisher's feed is in the spool, in one small file beside the segments, replaced as a whole.
// Written before the bus is told (commit), so the publisher's journal always still has what comes after it.
// Owner: intake. Limit: FEEDS_MAX entries.
#pragma once
#include "feeds.h"

// Into feeds, not bound to a slot yet. 0 (also when there is no file), or negative errno (the file is not good: start
// without it; what comes twice is then told apart by the chains).
int cursor_load(const char *dir, struct feeds *f);
int cursor_save(const char *dir, const struct feeds *f);
