// fmtp.h: what of an a=fmtp line the recorder's decoders need, as the bits of PayloadMap.fmtp_flags. Pure; any thread.
#pragma once
#include <stdint.h>
#include "base/span.h"

uint8_t fmtp_flags(struct span fmtp);
// The encoding name as it is registered, in place; others stay.
void fmtp_registered_name(char *codec);
