// codec_speed: seconds of audio that one CPU second decodes, by codec, from the seeds of fuzz_codec (packets of real captures
// and of encoders), and what the resampler adds. Prints a table.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "media/codec.h"
#include "media/resample.h"

#define SECONDS 0.5

static int16_t pcm[CODEC_PCM_MAX], out[2 * CODEC_PCM_MAX];

static double cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// A seed: which codec, how, then packets of a length byte each. Returns seconds of audio of one round.
static double one_round(struct codec_decoder *d, struct span packets, struct resample *r)
{
    struct cur c = cur_of(packets);
    double audio = 0;
    while (cur_left(&c) > 0) {
        size_t n = cur_u8(&c);
        n = n > cur_left(&c) ? cur_left(&c) : n;
        int got = codec_decode(d, span_of(c.p, n), pcm);
        c.p += n;
        if (got <= 0)
            continue;
        audio += (double)got / d->rate;
        if (r)
            (void)resample_run(r, pcm, (size_t)got, out, sizeof(out) / sizeof(out[0]));
    }
    return audio;
}

static void measure(const char *path, const char *file)
{
    uint8_t buf[8192];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(buf, 1, sizeof(buf), f) : 0;
    if (f)
        (void)fclose(f);
    uint32_t clock;
    const char *name = n > 2 ? codec_name(buf[0], &clock) : NULL;
    if (!name)
        return;
    struct codec_params p = {name, clock, buf[1] & 2 ? 2 : 1, buf[1] & 1 ? CODEC_OCTET_ALIGN : 0};
    double speed[2] = {0, 0};
    for (int with = 0; with < 2; with++) {
        struct codec_decoder d;
        struct resample r;
        const struct codec_impl *c = codec_find(&p);
        if (!c || codec_open(&d, c, &p) < 0 || resample_open(&r, 8000, 16000) < 0)
            return;
        double audio = 0, from = cpu(), now = from;
        for (; now - from < SECONDS; now = cpu()) {
            for (int i = 0; i < 50; i++)
                audio += one_round(&d, span_of(buf + 2, n - 2), with ? &r : NULL);
        }
        speed[with] = audio / (now - from);
        resample_close(&r);
        codec_close(&d);
        if (clock != 8000 || strcmp(name, "G722") == 0)
            break; // comes out at 16 kHz
    }
    (void)printf("| %s | %.0f |", file, speed[0]);
    if (speed[1] > 0)
        (void)printf(" %.0f |\n", speed[1]);
    else
        (void)printf(" |\n");
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "tests/fuzz/seeds/fuzz_codec";
    struct dirent **list;
    int n = scandir(dir, &list, NULL, alphasort);
    if (n < 0) {
        (void)fprintf(stderr, "usage: codec_speed [FOLDER OF SEEDS]: %s cannot be read\n", dir);
        return 64;
    }
    (void)printf("| codec | audio seconds per CPU second | with 8 to 16 kHz |\n|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
        measure(path, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return 0;
}
