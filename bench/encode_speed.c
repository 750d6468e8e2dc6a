// encode_speed: seconds of stereo recording that one CPU second turns into each format, at 8 kHz (decoded G.711 is what
// recordings mostly are) and 16 kHz, and G.711 WAV to linear, which every format begins with. Prints a table.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "encode/encode.h"
#include "media/g711.h"

#define SECONDS 120u // of sound in a round

static double cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int count(void *ctx, uint64_t at, const void *p, size_t n)
{
    (void)p;
    uint64_t *end = ctx;
    *end = at + n > *end ? at + n : *end;
    return 0;
}

// What two people sound like to a coder: one speaks at a time, voiced sound with pauses, a little noise under it, through mu-law.
static void talk(uint8_t *codes, uint32_t rate)
{
    uint32_t rnd = 1;
    double phase = 0;
    for (uint32_t i = 0; i < SECONDS * rate; i++) {
        double t = (double)i / rate, pitch = 110 + 30 * sin(2 * M_PI * 0.7 * t), v = 0;
        phase += 2 * M_PI * pitch / rate;
        for (int h = 1; h < 12; h++)
            v += sin(h * phase) / h * (0.6 + 0.4 * sin(2 * M_PI * (1.3 + h * 0.17) * t));
        bool word = fmod(t, 0.6) < 0.45, left = fmod(t, 8) < 4;
        rnd = rnd * 1664525u + 1013904223u;
        double noise = (double)(int32_t)rnd / 2147483648.0 * 20;
        int16_t said = (int16_t)((word ? v * 4000 : 0) + noise), quiet = (int16_t)noise;
        codes[2 * i] = g711_ulaw_encode(left ? said : quiet);
        codes[2 * i + 1] = g711_ulaw_encode(left ? quiet : said);
    }
}

static void measure(const char *name, int format, uint32_t rate, const uint8_t *codes)
{
    static int16_t pcm[2 * ENCODE_FRAMES];
    uint32_t frames = SECONDS * rate;
    uint64_t end = 0;
    double from = cpu(), rounds = 0;
    do {
        struct encoder e;
        if (format >= 0 &&
            encode_open(&e, (enum encode_format)format, rate, 2, frames, count, &end) < 0)
            exit(1);
        for (uint32_t at = 0; at < frames; at += ENCODE_FRAMES) {
            size_t n = frames - at < ENCODE_FRAMES ? frames - at : ENCODE_FRAMES;
            for (size_t i = 0; i < 2 * n; i++)
                pcm[i] = g711_ulaw_decode(codes[2 * at + i]);
            __asm__ volatile("" ::"r"(pcm) : "memory");
            if (format >= 0 && encode_run(&e, pcm, n) < 0)
                exit(1);
        }
        if (format >= 0 && encode_end(&e) < 0)
            exit(1);
        if (format >= 0)
            encode_close(&e);
        rounds++;
    } while (cpu() - from < 2);
    (void)printf("%-8s %6u Hz %9.0f x real time %7.1f kbit/s\n", name, rate,
                 rounds * SECONDS / (cpu() - from), (double)end * 8 / SECONDS / 1000);
}

int main(void)
{
    static const uint32_t rates[] = {8000, 16000};
    for (size_t k = 0; k < 2; k++) {
        uint8_t *codes = malloc(2u * SECONDS * rates[k]);
        if (!codes)
            return 1;
        talk(codes, rates[k]);
        measure("linear", -1, rates[k], codes);
        for (int f = 0; f < ENCODE_FORMATS; f++)
            measure(encode_name((enum encode_format)f), f, rates[k], codes);
        free(codes);
    }
    return 0;
}
