// The E-model (G.107): any loss, burst ratio and delay, any codec's name. R and MOS stay in their ranges; more loss or delay is never
// better. Input: three 16-bit values, then the name.
#include <math.h>
#include <stdio.h>
#include "emodel.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    double loss = cur_u16be(&c) / 65535.0, burst = cur_u16be(&c) / 4096.0, delay = cur_u16be(&c);
    char name[20];
    (void)span_copy(cur_rest(&c), name, sizeof name);
    const struct emodel_codec *codec = emodel_codec(name);
    if (!codec)
        codec = emodel_codec("PCMU");
    fuzz_check(codec);
    struct emodel_in in = {loss, burst, delay}, worse = {loss + (1 - loss) / 2, burst, delay + 50};
    double r = emodel_r(codec, &in), r2 = emodel_r(codec, &worse);
    fuzz_check(isfinite(r) && isfinite(r2) && r2 <= r + 1e-9);
    double mos = emodel_mos(r), mos2 = emodel_mos(r2);
    fuzz_check(mos >= 1 && mos <= 4.5 && mos2 >= 1 && mos2 <= mos + 1e-9);
    return 0;
}
