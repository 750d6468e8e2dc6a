#include "country.h"
#include <stdint.h>

// Of each two first digits: ALL, they are a code (or, 1x and 7x, begin with one); else which third digits make one (bit 9: nine), none where
// nothing is assigned. ITU-T E.164 list of assigned country codes; those for networks and services (80x, 87x, 88x) are among them.
#define ALL  0xffff
#define D(n) (1u << (n))
#define TENS 0x3ff
static const uint16_t assigned[100] = {
    [10] = ALL,
    [11] = ALL,
    [12] = ALL,
    [13] = ALL,
    [14] = ALL,
    [15] = ALL,
    [16] = ALL,
    [17] = ALL,
    [18] = ALL,
    [19] = ALL,
    [20] = ALL,
    [27] = ALL,
    [30] = ALL,
    [31] = ALL,
    [32] = ALL,
    [33] = ALL,
    [34] = ALL,
    [36] = ALL,
    [39] = ALL,
    [40] = ALL,
    [41] = ALL,
    [43] = ALL,
    [44] = ALL,
    [45] = ALL,
    [46] = ALL,
    [47] = ALL,
    [48] = ALL,
    [49] = ALL,
    [51] = ALL,
    [52] = ALL,
    [53] = ALL,
    [54] = ALL,
    [55] = ALL,
    [56] = ALL,
    [57] = ALL,
    [58] = ALL,
    [60] = ALL,
    [61] = ALL,
    [62] = ALL,
    [63] = ALL,
    [64] = ALL,
    [65] = ALL,
    [66] = ALL,
    [70] = ALL,
    [71] = ALL,
    [72] = ALL,
    [73] = ALL,
    [74] = ALL,
    [75] = ALL,
    [76] = ALL,
    [77] = ALL,
    [78] = ALL,
    [79] = ALL,
    [81] = ALL,
    [82] = ALL,
    [84] = ALL,
    [86] = ALL,
    [90] = ALL,
    [91] = ALL,
    [92] = ALL,
    [93] = ALL,
    [94] = ALL,
    [95] = ALL,
    [98] = ALL,
    [21] = D(1) | D(2) | D(3) | D(6) | D(8),
    [22] = TENS,
    [23] = TENS,
    [24] = TENS,
    [25] = TENS & ~D(9),
    [26] = TENS,
    [29] = D(0) | D(1) | D(7) | D(8) | D(9),
    [35] = TENS,
    [37] = TENS,
    [38] = TENS & ~(D(4) | D(8)),
    [42] = D(0) | D(1) | D(3),
    [50] = TENS,
    [59] = TENS,
    [67] = TENS & ~D(1),
    [68] = TENS & ~D(4),
    [69] = D(0) | D(1) | D(2),
    [80] = D(0) | D(8),
    [85] = D(0) | D(2) | D(3) | D(5) | D(6),
    [87] = D(0) | D(8),
    [88] = D(0) | D(1) | D(2) | D(3) | D(6) | D(8),
    [96] = TENS & ~D(9),
    [97] = TENS & ~D(8),
    [99] = TENS & ~(D(0) | D(1) | D(7) | D(9)),
};

static unsigned digit(char c)
{
    return (unsigned)(c - '0');
}

size_t country_of(const char *d, size_t n)
{
    if (n < COUNTRY_DIGITS)
        return 0;
    uint16_t a = assigned[digit(d[0]) * 10 + digit(d[1])];
    if (a == ALL)
        return d[0] == '1' || d[0] == '7' ? 1 : 2;
    return a & D(digit(d[2])) ? 3 : 0;
}
