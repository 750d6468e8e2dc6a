// The recorder's sequence accounts with a naive model beside them: within one run, a number that came is a double, one that did not is
// new; received and lost add up to what lies between. Input: 2 bytes a packet, the sequence number.
#include "fuzz.h"
#include "media/rtpseq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool have[65536 * 4];
    static uint64_t set[65536];
    struct rtpseq s;
    struct cur c = cur_of(span_of(data, size));
    size_t n = 0;
    rtpseq_init(&s);
    while (cur_left(&c) >= 2 && n < 60000) {
        uint64_t ext = 0;
        uint32_t gap = 0;
        uint64_t newest = s.newest;
        enum rtpseq_verdict v = rtpseq_on(&s, cur_u16be(&c), &ext, &gap);
        if (v == RTPSEQ_FIRST || v == RTPSEQ_JUMP) {
            while (n > 0)
                have[set[--n]] = false;
        }
        size_t at = ext % (sizeof have);
        if (s.newest - s.first > sizeof have / 2)
            break; // the model has no room for more of one run
        if (v == RTPSEQ_NEXT)
            fuzz_check(ext > newest && ext - newest == gap + 1u);
        if (v == RTPSEQ_DUP) {
            fuzz_check(have[at]);
        } else {
            fuzz_check(!have[at]);
            set[n++] = at;
            have[at] = true;
        }
        fuzz_check(s.received >= 1 && s.received <= s.newest - s.first + 1);
        fuzz_check(rtpseq_lost(&s) >= s.lost_before);
    }
    while (n > 0)
        have[set[--n]] = false;
    return 0;
}
