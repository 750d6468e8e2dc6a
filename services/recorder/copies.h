// copies.h: one stream that several harvesters heard. The one with the most packets is the best copy; where it has a hole, a
// packet of another copy fills it, at exactly its place: within a stream the RTP timestamp says it, whatever the taps' clocks.
#pragma once
#include "render.h"

#define COPIES_APART_US                                                                            \
    INT64_C(1000000) // clocks of two taps of a site differ by less; else they are two streams

// After the tracks are learnt and ranked: finds copies, and puts their timelines on that of the best one.
void copies_align(struct render *r);
// When this track's next packet is to be placed: a copy's after the best one's, which may be a little late.
int64_t copies_turn_us(const struct track *t);
// Packets of this track's stream that no copy has; 0 for a copy.
uint64_t copies_lost(const struct render *r, const struct track *t);
