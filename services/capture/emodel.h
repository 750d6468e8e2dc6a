// emodel.h: how speech sounds after loss and delay: the rating R of ITU-T G.107 and the MOS of its Annex B, with the codec's
// impairment Ie and robustness Bpl of G.113 Appendix I. Pure; some logarithms a call, so never per packet.
//
// All parameters but loss, burstiness, delay and codec are the defaults of G.107: without impairment R is 93.2, MOS 4.41.
#pragma once
#include <stdbool.h>

struct emodel_codec {
    const char *name; // as in RTP (RFC 3551 and the media type registry)
    double ie, bpl;
    bool wide; // rated on the scale of G.107.1 (129 at best) and brought to that of G.107
};
// NULL: nobody published values (Opus, AMR-WB, iLBC ...); there is no MOS then. Case does not matter.
const struct emodel_codec *emodel_codec(const char *name);

struct emodel_in {
    double loss;     // 0 .. 1: not played of all
    double burst_r;  // mean run of losses over that of random loss; below 1 counts as 1
    double delay_ms; // one way, of what we know: the buffer and the packet's own length
};
double emodel_r(const struct emodel_codec *c, const struct emodel_in *in);
double emodel_mos(double r); // 1 .. 4.5
