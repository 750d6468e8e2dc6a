// The simulated playout buffers: 8 bytes a packet: step of the sequence number, of the time stamp (2), milliseconds since the one before
// (2), flags. Figures are within their ranges whatever comes: MOS 1 to 4.5, loss 0 to 1, later is not earlier.
#include <math.h>
#include "fuzz.h"
#include "jitter_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play p;
    struct cur c = cur_of(span_of(data, size));
    int64_t at_us = 1700000000000000;
    uint32_t timestamp = 0xffff0000u;
    play_init(&p, at_us);
    p.codec = emodel_codec(cur_u8(&c) & 1 ? "PCMU" : "G729");
    p.ptime_us = 20000;
    while (cur_left(&c) >= 6) {
        int8_t step = (int8_t)cur_u8(&c);
        int32_t ticks = (int16_t)cur_u16be(&c);
        timestamp += (uint32_t)ticks;
        at_us += cur_u16be(&c) * INT64_C(1000);
        uint8_t flags = cur_u8(&c);
        struct play_packet k = {.at_us = at_us,
                                .timestamp = timestamp,
                                .step = step,
                                .us_per_tick = flags & 1 ? 0 : 125,
                                .timed = !(flags & 2),
                                .marker = flags & 4};
        play_step(&p, &k);
        if ((flags & 0xf8) == 0xf8)
            play_restart(&p);
    }
    play_end(&p);
    struct play_figures f = play_figures(&p);
    for (int i = 0; i < PLAY_BUFFERS; i++) {
        fuzz_check(isfinite(f.loss[i]) && f.loss[i] >= 0 && f.loss[i] <= 1);
        if (f.rated)
            fuzz_check(f.mos[i] >= 1 && f.mos[i] <= 4.5);
    }
    if (f.rated)
        fuzz_check(isfinite(f.r_adaptive) && f.mos_min >= 1 && f.mos_min <= 4.5 && f.mos_avg >= 1 &&
                   f.mos_avg <= 4.5);
    fuzz_check(!f.skew_known || isfinite(f.skew_ppm));
    fuzz_check(f.burst.burst_density >= 0 && f.burst.burst_density <= 1 &&
               f.burst.gap_density >= 0 && f.burst.gap_density <= 1);
    return 0;
}
