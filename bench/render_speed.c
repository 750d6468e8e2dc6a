// render_speed FOLDER [MINUTES]: seconds of two-way G.711 that one CPU second of the recorder turns from the look-back into a
// finished file (WAV, hashed and encrypted), as captured, and with one side's clock 500 ppm fast, which is resampled. Prints a
// table.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mono.h"
#include "media/g711.h"
#include "render.h"
#include "streams.h"

#define T0 INT64_C(1700000000000000)

static struct render render;
static struct render_result result;
static struct job job;
static uint64_t seq; // of the feed's envelopes

static void fail(const char *what)
{
    (void)fprintf(stderr, "render_speed: %s\n", what);
    exit(1);
}

static void talk(struct streams *streams, struct feed *feed, uint32_t no, uint32_t packets,
                 double every_us)
{
    struct job_stream *s = &job.stream[job.streams++];
    struct stream *st = streams_add(streams, feed->key, 1, no, 0);
    uint8_t p[172] = {0x80};
    if (!st)
        fail("no place for a stream");
    *s = (struct job_stream){.side = (uint8_t)no, .known = true};
    s->id = uuid_v7_derived(T0, span_of(&no, sizeof(no)));
    streams_set_id(streams, st, &s->id);
    for (uint32_t i = 0; i < packets; i++) {
        uint32_t ts = i * 160;
        for (int k = 0; k < 4; k++)
            p[4 + k] = (uint8_t)(ts >> (24 - 8 * k));
        p[2] = (uint8_t)(i >> 8);
        p[3] = (uint8_t)i;
        p[11] = (uint8_t)no;
        for (uint32_t k = 0; k < 160; k++)
            p[12 + k] = g711_ulaw_encode((int16_t)((i * 160 + k) * 7919u >> 3));
        struct spool_record rec = {T0 + (int64_t)(i * every_us), sizeof(p), 0};
        if (streams_put(streams, st, feed, ++seq, 0, rec, span_of(p, sizeof(p)), 0) != 0)
            fail("the spool takes no packet");
    }
    (void)streams_write(streams, st);
    s->head = st->head;
}

static void measure(const char *name, const char *folder, uint32_t minutes, double every_us)
{
    static const uint8_t incarnation[16] = {1};
    char dir[512], out[600], err[200], cmd[600];
    struct spool *spool;
    struct data_key key = {.id = {1}, .key = {2}};
    (void)snprintf(dir, sizeof(dir), "%s/render-speed-XXXXXX", folder);
    if (!mkdtemp(dir))
        fail("no folder");
    struct spool_opts o = {dir, UINT64_C(2) << 30, 64 << 20, 0};
    if (spool_open(&spool, &o, err, sizeof(err)) != 0)
        fail(err);
    struct streams *streams = streams_new(16, 16, spool);
    struct feeds *feeds = calloc(1, sizeof(*feeds));
    if (!streams || !feeds)
        fail("no memory");
    feeds_init(feeds);
    struct feed *feed = feeds_bind(feeds, 1, "lab/capture", incarnation, "lab");
    seq = 0;
    job = (struct job){.started_us = T0 - US_PER_S, .ended_us = T0 + 86400 * US_PER_S};
    talk(streams, feed, 1, minutes * 3000, every_us);
    talk(streams, feed, 2, minutes * 3000, 20000);
    struct spool_reader *reader = spool_reader_new(dir);
    if (render_init(&render, reader, 65536, 1024, US_PER_S, 20000) != 0)
        fail("no memory");
    render.seal = (struct sink_seal){.key = &key};
    (void)snprintf(out, sizeof(out), "%s/out.wav.sealed", dir);
    double best = 0;
    for (int round = 0; round < 3; round++) {
        int64_t from = cpu_now_us();
        render_learn(&render, &job, &result);
        if (result.verdict != RENDER_READY || render_write(&render, &job, out, &result) != 0)
            fail("not rendered");
        if (result.wav.frames + 8000 < minutes * UINT64_C(480000))
            fail("the file is short");
        double speed = minutes * 60.0 * 1e6 / (double)(cpu_now_us() - from);
        best = speed > best ? speed : best;
    }
    (void)printf("%-24s %-5s %8.0f x real time\n", name, wav_format_name(result.wav.format), best);
    render_deinit(&render);
    spool_reader_free(reader);
    streams_free(streams);
    spool_close(spool);
    free(feeds);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
    if (system(cmd) != 0)
        fail("the folder could not be removed");
}

int main(int argc, char **argv)
{
    uint32_t minutes = 60;
    if (argc < 2 || (argc > 2 && (!span_u32(span_str(argv[2]), 600, &minutes) || minutes < 1)))
        fail("usage: render_speed FOLDER [MINUTES]");
    measure("as captured", argv[1], minutes, 20000);
    measure("one side 500 ppm fast", argv[1], minutes, 20000 / 1.0005);
    return 0;
}
