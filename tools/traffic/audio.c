// Sound that a person can tell apart and a test can measure.
#include "traffic.h"

#include <math.h>
#include <string.h>

// One period table of a sine; looked up with a phase accumulator so that a million packets a second
// can be made.
#define SINE_BITS 12
static int16_t sine[1 << SINE_BITS];
static uint8_t ulaw_table[1 << 14];
static uint8_t alaw_table[1 << 13];

// ITU-T G.711, by the segment definition.
static uint8_t ulaw_encode(int pcm)
{
    const int bias = 0x84, clip = 32635;
    int sign = pcm < 0 ? 0x80 : 0;
    int v = pcm < 0 ? -pcm : pcm;
    if (v > clip)
        v = clip;
    v += bias;
    int segment = 7;
    for (int mask = 0x4000; segment > 0 && !(v & mask); mask >>= 1)
        segment--;
    return (uint8_t) ~(unsigned)(sign | segment << 4 | (v >> (segment + 3) & 0x0F));
}

static uint8_t alaw_encode(int pcm)
{
    int sign = pcm >= 0 ? 0x80 : 0;
    int v = pcm >= 0 ? pcm : -pcm - 1;
    if (v > 32767)
        v = 32767;
    int code;
    if (v < 256) {
        code = v >> 4;
    } else {
        int segment = 7;
        for (int mask = 0x4000; segment > 1 && !(v & mask); mask >>= 1)
            segment--;
        code = segment << 4 | (v >> (segment + 3) & 0x0F);
    }
    return (uint8_t)((unsigned)(sign | code) ^ 0x55U);
}

void audio_init(void)
{
    for (int i = 0; i < 1 << SINE_BITS; i++)
        sine[i] = (int16_t)lrint(32767.0 * sin(2 * M_PI * i / (1 << SINE_BITS)));
    for (int i = 0; i < 1 << 14; i++)
        ulaw_table[i] = ulaw_encode((i - (1 << 13)) * 4);
    for (int i = 0; i < 1 << 13; i++)
        alaw_table[i] = alaw_encode((i - (1 << 12)) * 8);
}

uint8_t audio_ulaw(int16_t pcm)
{
    return ulaw_table[(pcm >> 2) + (1 << 13)];
}

uint8_t audio_alaw(int16_t pcm)
{
    return alaw_table[(pcm >> 3) + (1 << 12)];
}

double audio_hz(uint64_t call, unsigned side)
{
    // Callers from 400 Hz, callees from 900 Hz, 25 Hz apart: an FFT of 8000 points tells them all
    // apart.
    return (side == 0 ? 400.0 : 900.0) + 25.0 * (double)(call % 16);
}

static int sine_at(double hz, uint64_t n)
{
    double turns = hz * (double)n / 8000.0;
    return sine[(unsigned)((turns - floor(turns)) * (1 << SINE_BITS)) & ((1 << SINE_BITS) - 1)];
}

// Harmonics of a low pitch, weighted by two formants that change with each syllable: a mumbling
// voice.
static int16_t talk_sample(double pitch, unsigned side, uint64_t n)
{
    const uint64_t turn = 16000; // 2 s each, one after the other
    if ((n / turn) % 2 != side)
        return 0;
    uint64_t syllable = n / 1600; // 200 ms
    double in = (double)(n % 1600) / 1600.0;
    double envelope = sin(M_PI * in);
    static const double f1[] = {730, 270, 570, 390, 300}, f2[] = {1090, 2290, 840, 1990, 870};
    unsigned vowel = (unsigned)((syllable * 7 + side * 3) % 5);
    double bend = pitch * (1.0 + 0.06 * sin((double)syllable));
    double sum = 0;
    for (int h = 1; h <= 12; h++) {
        double f = bend * h;
        double d1 = (f - f1[vowel]) / 120.0, d2 = (f - f2[vowel]) / 180.0;
        double weight = 1.0 / (1.0 + d1 * d1) + 0.6 / (1.0 + d2 * d2) + 0.05 / h;
        sum += weight * sine_at(f, n);
    }
    double v = 0.35 * envelope * envelope * sum;
    return (int16_t)(v > 30000 ? 30000 : v < -30000 ? -30000 : v);
}

int16_t audio_sample(enum audio_kind kind, double hz, unsigned side, uint64_t n)
{
    if (kind == AUDIO_TALK)
        return talk_sample(side == 0 ? 190.0 + hz / 40 : 95.0 + hz / 50, side, n);
    return (int16_t)(sine_at(hz, n) * 10000 / 32767);
}

static void be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void audio_count(uint8_t *p, size_t n, uint32_t call, unsigned side, uint32_t frame)
{
    uint8_t record[10] = {0xC3, 0x5A};
    be32(record + 2, call);
    be32(record + 6, side << 24 | (frame & 0xffffff));
    size_t done = n < sizeof record ? n : sizeof record;
    memcpy(p, record, done);
    for (; done < n; done *= 2) // what is there already, once more
        memcpy(p + done, p, done < n - done ? done : n - done);
}
