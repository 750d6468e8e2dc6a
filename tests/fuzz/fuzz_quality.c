// Sequence accounts of a stream: 5 bytes a packet: sequence number (2), time stamp (2), milliseconds. Packets, doubles and losses hold
// together: as many as came are counted, and no more are lost than numbers there are between.
#include <math.h>
#include "fuzz.h"
#include "quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    struct quality q;
    int64_t at_us = 1700000000000000;
    uint32_t packets = 0;
    if (size < 5)
        return 0;
    for (; cur_left(&c) >= 5; packets++) {
        uint16_t seq = cur_u16be(&c);
        uint32_t timestamp = (uint32_t)cur_u16be(&c) << 8;
        at_us += cur_u8(&c) * INT64_C(1000);
        if (packets == 0) {
            quality_init(&q, seq, timestamp, at_us);
            quality_set_clock(&q, 8000);
            continue;
        }
        int32_t step = quality_packet(&q, seq, timestamp, at_us, 160, seq & 1);
        fuzz_check(step == QUALITY_DUPLICATE || step == QUALITY_STRAY || step == QUALITY_RESTART ||
                   (step <= QUALITY_MAX_DROPOUT && step >= -65536));
    }
    fuzz_check(q.duplicates <= packets && q.strays <= packets && q.out_of_order <= packets);
    fuzz_check(quality_lost(&q) <= (uint64_t)packets * QUALITY_MAX_DROPOUT + QUALITY_MAX_MISORDER);
    fuzz_check(isfinite(q.jitter_us) && q.jitter_us >= 0 && q.jitter_max_us >= q.jitter_us - 1);
    (void)quality_ptime_us(&q);
    return 0;
}
