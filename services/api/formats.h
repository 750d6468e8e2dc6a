// formats.h: recordings in another form than the stored one. Made when somebody asks, whole, by threads of their own at low
// priority, into a bounded store of files without a name, so that ranges and seeking are exact; kept for a while, because
// players ask in many ranges. The files are encrypted with keys that exist in this process's memory only: nothing is left that another
// could read. Whoever asks sleeps until it is there, at most FORMATS_WAIT_US.
// Limits: formats.renderings at once (full: 503 renderings_full, counted), formats.bytes in the store (the one not heard for
// longest goes; one that is larger: 413 too_long), FORMATS_KEPT of them, formats.keep after it was last asked for.
#pragma once
#include "api.h"
#include "audio.h"
#include "encode/encode.h"

#define FORMATS_KEPT    64u
#define FORMATS_WAIT_US (25 * US_PER_S)

int formats_start(void);
void formats_stop(void);
// What is asked for: r.id and r.format of the request, of the content with this hash. A slot that reads it, or NULL: it is not there
// (or the problem is set).
struct audio_slot *formats_find(struct http_req *q, const char *sha256);
// It is made from `from` (taken, also when it fails), unless it is being made. False: the problem is set.
bool formats_begin(struct http_req *q, const char *sha256, struct audio_slot *from);
// Server's thread, after formats_begin: sleeps until it is there, then goes on with `again`; or a problem is set.
enum http_next formats_wait(struct http_req *q, http_handler_fn again);
// The recording is to be erased: what was made of it goes at once. Any thread.
void formats_forget(const struct uuid *recording_id);
// For ETags: what was made by another process may differ in its bytes.
const char *formats_tag(void);
