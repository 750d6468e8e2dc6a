// g711.h: ITU-T G.711 as tables: one byte of the wire to 16-bit linear, and back. Pure; any thread; no limits.
// The 14 (mu-law) and 13 (A-law) significant bits stand at the top of the 16, as all players expect them.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define G711_ULAW_SILENCE 0xFFu
#define G711_ALAW_SILENCE 0xD5u

extern const int16_t g711_ulaw_table[256];
extern const int16_t g711_alaw_table[256];

static inline int16_t g711_ulaw_decode(uint8_t code)
{
    return g711_ulaw_table[code];
}

static inline int16_t g711_alaw_decode(uint8_t code)
{
    return g711_alaw_table[code];
}

// Nearest code by the decision values of the Recommendation; clips beyond the largest.
uint8_t g711_ulaw_encode(int16_t linear);
uint8_t g711_alaw_encode(int16_t linear);
