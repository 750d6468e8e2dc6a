// heard.h: was this packet of a stream forwarded before? Two taps that hear one stream send it twice; an ear wants it once.
// Looks back over 64 numbers; another SSRC, or a jump further back, begins anew.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct heard_once {
    bool any;
    uint32_t ssrc;
    uint16_t newest;
    uint64_t seen; // bit n: newest - n
};

// True the first time.
static inline bool heard_first(struct heard_once *h, uint32_t ssrc, uint16_t seq)
{
    int16_t ahead = (int16_t)(uint16_t)(seq - h->newest);
    if (!h->any || h->ssrc != ssrc || ahead <= -64) {
        *h = (struct heard_once){.any = true, .ssrc = ssrc, .newest = seq, .seen = 1};
        return true;
    }
    if (ahead > 0) {
        h->seen = ahead < 64 ? h->seen << ahead | 1 : 1;
        h->newest = seq;
        return true;
    }
    uint64_t bit = UINT64_C(1) << -ahead;
    bool first = !(h->seen & bit);
    h->seen |= bit;
    return first;
}
