// codecs.h: encoding names of SDP, each kept once: a leg holds up to 24 formats, and a name in each of them was most of a leg. Names that
// are registered and common stand there for ever; others have a place as long as a leg uses them. Limit: 255 names at a time; full: the
// format has no name (as a dynamic payload type without rtpmap), counted. Owner: the state thread.
#pragma once
#include <stdint.h>
#include "base/span.h"

#define CODEC_NAME 19 // bytes with the zero
#define CODEC_NONE 0

// A place, with one more user. CODEC_NONE: no name, or no room.
uint8_t codec_take(struct span name);
void codec_give(uint8_t codec);
// "" for CODEC_NONE. Good while somebody uses it.
const char *codec_name(uint8_t codec);
