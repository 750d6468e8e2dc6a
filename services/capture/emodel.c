#include "emodel.h"
#include <math.h>
#include <stddef.h>
#include <strings.h>

// Ie and Bpl as G.113 Appendix I has them. Where it has no Bpl, 4.3 stands (*): that of G.711 without concealment, the
// least robust of its table, so that a MOS of ours is rather too low than invented.
// G.711: 25.1 is with the concealment of its Appendix I, which gateways and phones of today have; without it is 4.3.
// AMR at 12.2 kbit/s is GSM-EFR. G.722 at 64 kbit/s: Ie,wb of G.113 on the scale of G.107.1.
static const struct emodel_codec codecs[] = {
    {"PCMU", 0, 25.1, false},   {"PCMA", 0, 25.1, false},    {"G729", 11, 19.0, false},
    {"G729D", 11, 19.0, false}, {"G723", 15, 16.1, false},   {"GSM-EFR", 5, 10.0, false},
    {"AMR", 5, 10.0, false},    {"GSM", 20, 4.3, false},     {"G726-40", 2, 4.3, false},
    {"G726-32", 7, 4.3, false}, {"G726-24", 25, 4.3, false}, {"G726-16", 50, 4.3, false},
    {"G721", 7, 4.3, false},    {"G728", 7, 4.3, false},     {"G722", 13, 4.3, true},
};

const struct emodel_codec *emodel_codec(const char *name)
{
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++)
        if (strcasecmp(name, codecs[i].name) == 0)
            return &codecs[i];
    return NULL;
}

// The defaults of G.107 table 2.
enum {
    SLR = 8,
    RLR = 2,
    STMR = 15,
    DS = 3,
    DR = 3,
    TELR = 65,
    WEPL = 110,
    PS = 35,
    PR = 35,
    NC = -70,
    NFOR = -64,
    QDU = 1
};
#define WIDE_R_MAX 129.0 // G.107.1
#define WIDE_SCALE 1.29

static double db_sum(double a, double b)
{
    return 10 * log10(pow(10, a / 10) + pow(10, b / 10));
}

// 7.2: noise on the way, in dBm0p.
static double noise(void)
{
    double olr = SLR + RLR, x = PS - olr - DS - 14;
    double nos = PS - SLR - DS - 100 + 0.004 * x * x;
    double pre = PR + 10 * log10(1 + pow(10, (10 - (STMR + DR)) / 10.0));
    double nor = RLR - 121 + pre + 0.008 * (pre - 35) * (pre - 35);
    return db_sum(db_sum(NC, nos), db_sum(nor, NFOR + RLR));
}

// 7.3: what goes with the speech itself: level, sidetone, quantisation.
static double simultaneous(double no, double ro, double t_ms)
{
    double olr = SLR + RLR, xolr = olr + 0.2 * (64 + no - RLR);
    double iolr = 20 * (pow(1 + pow(xolr / 8, 8), 1.0 / 8) - xolr / 8);
    double stmro = -10 * log10(pow(10, -STMR / 10.0) + exp(-t_ms / 4) * pow(10, -TELR / 10.0));
    double ist = 12 * pow(1 + pow((stmro - 13) / 6, 8), 1.0 / 8) -
                 28 * pow(1 + pow((stmro + 1) / 19.4, 35), 1.0 / 35) -
                 13 * pow(1 + pow((stmro - 3) / 33, 13), 1.0 / 13) + 29;
    double q = 37 - 15 * log10(QDU), g = 1.07 + 0.258 * q + 0.0602 * q * q;
    double y = (ro - 100) / 15 + 46 / 8.4 - g / 9, z = 46 / 30.0 - g / 40;
    return iolr + ist + 15 * log10(1 + pow(10, y) + pow(10, z));
}

// 7.4: talker echo, listener echo and delay alone. The echo's delay is the one-way delay, its round trip twice that.
static double delay_impairment(double no, double ro, double t_ms)
{
    double terv =
        TELR - 40 * log10((1 + t_ms / 10) / (1 + t_ms / 150)) + 6 * exp(-0.3 * t_ms * t_ms);
    double roe = -1.5 * (no - RLR), re = 80 + 2.5 * (terv - 14);
    double idte = ((roe - re) / 2 + sqrt((roe - re) * (roe - re) / 4 + 100) - 1) * (1 - exp(-t_ms));
    double rle = 10.5 * (WEPL + 7) * pow(2 * t_ms + 1, -0.25);
    double idle = (ro - rle) / 2 + sqrt((ro - rle) * (ro - rle) / 4 + 169);
    double idd = 0;
    if (t_ms > 100) {
        double x = log2(t_ms / 100);
        idd = 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
    }
    return idte + idle + idd;
}

// 7.5: Ie,eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl), Ppl in percent.
static double equipment(const struct emodel_codec *c, const struct emodel_in *in)
{
    double ppl = 100 * fmin(fmax(in->loss, 0), 1);
    return c->ie + (95 - c->ie) * ppl / (ppl / fmax(in->burst_r, 1) + c->bpl);
}

double emodel_r(const struct emodel_codec *c, const struct emodel_in *in)
{
    double t_ms = fmin(fmax(in->delay_ms, 0), 10000), no = noise();
    double ro = 15 - 1.5 * (SLR + no);
    double id = delay_impairment(no, ro, t_ms), ie = equipment(c, in);
    double r =
        c->wide ? (WIDE_R_MAX - id - ie) / WIDE_SCALE : ro - simultaneous(no, ro, t_ms) - id - ie;
    return fmin(fmax(r, 0), 100);
}

double emodel_mos(double r)
{
    if (r <= 0)
        return 1;
    if (r >= 100)
        return 4.5;
    return fmax(1, 1 + 0.035 * r +
                       r * (r - 60) * (100 - r) * 7e-6); // below R 6.5 the cubic dips under 1
}
