// ear.h: who listens to a call of SRTP: its keys, asked of callstate while the call goes on (keys.h: signed, sealed), and its packets in the
// clear. A call has a place here while it is tapped; keys and contexts are wiped when the tap ends. Asked at once, again when a packet
// fits no key (another key may have come with a re-INVITE, or its SDP is not stored yet), and never for a call that nobody listens to.
// Threads: all calls by intake, which never waits; `ear` asks. What goes between them is in the place itself: whose it is, its state says.
// Limits: `calls` places (full: the call stays unheard, counted), EAR_STREAMS streams of each, SRTP_STREAM_KEYS keys; EAR_TRIES in half a
// second for all searches together (used up: what no key has opened yet waits for the next), so that intake keeps up.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"
#include "media/srtp_stream.h"

#define EAR_STREAMS 8u
#define EAR_TRIES                                                                                  \
    20000u // more than all keys at all roll-over counters: a search alone comes to its end

struct ears_opts {
    const char *control_url, *name, *site; // borrowed
    size_t calls;
};

struct ears;
struct ear;
// NULL with a line in err.
struct ears *ears_new(const struct ears_opts *o, char *err, size_t err_cap);
struct ears *ears_free(struct ears *e);
int ears_start(struct ears *e);
void ears_stop(struct ears *e);

// A place for a call, and the first question. NULL: none is free.
struct ear *ear_take(struct ears *e, const struct uuid *call_id, int64_t started_us);
// Fine with NULL; returns NULL.
struct ear *ear_give(struct ears *e, struct ear *ear);
// A packet of the tap's stream number `stream`, captured at at_us. SRTP_CLEAR: *ret is RTP until the next call.
enum srtp_verdict ear_hear(struct ears *e, struct ear *ear, uint32_t stream, int64_t at_us,
                           struct span packet, struct span *ret);
// Each half second: questions that are due, a new budget of tries.
void ears_tick(struct ears *e, int64_t mono_us);
