// live.h: tapped calls, and their packets on the way to api, as captured; those of SRTP in the clear when ear.h has the keys, else
// frames named SRTP without payload. A tap lives by its lease. Owner: intake.
// Limits: `taps` calls (full: refused, counted), 8 streams each; frames of one envelope of the feed go out together, at most
// LIVE_FRAMES in a message. No journal: what api does not get is a gap in its numbers.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "ear.h"
#include "job.h"
#include "streams.h"

#define LIVE_STREAMS_PER_TAP EAR_STREAMS
#define LIVE_FRAMES          128u

struct live;
// url "" : no live feed (nothing to dial).
struct live *live_new(const char *url, const char *recorder, const char *site, size_t taps,
                      char *err, size_t err_cap);
struct live *live_free(struct live *l);
// Who opens SRTP, borrowed; before the first tap. Without: none is opened.
void live_ears(struct live *l, struct ears *e);
// New, or renewed with the streams as they are now.
void live_tap(struct live *l, struct streams *s, const struct order *o);
void live_untap(struct live *l, struct streams *s, const struct uuid *call_id);
// A stream was announced: is it one that a tap waits for?
void live_on_stream(struct live *l, struct stream *st);
// A packet of a stream with st->tap set.
void live_packet(struct live *l, struct stream *st, int64_t at_us, struct span packet);
// Sends what is waiting.
void live_flush(struct live *l);
// Ends taps whose lease is over.
void live_expire(struct live *l, struct streams *s, int64_t wall_us);

struct live_stat {
    uint64_t taps, refused, frames, batches, skipped;
};
struct live_stat live_stat(const struct live *l);
