// render_kit.h: a spool, its streams and a renderer, and a job to be cut from them: the world of the tests of render.h. Only for tests.
#pragma once
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mono.h"
#include "render.h"
#include "streams.h"

#define T0 INT64_C(1700000000000000)

struct world {
    char dir[64], path[100];
    struct spool *spool;
    struct streams *streams;
    struct feeds *feeds;
    struct feed *feed;
    struct spool_reader *reader;
    struct render *render;
    struct job job;
    struct render_result res;
    uint64_t seq;
};

// blocks and segments: as render_init has them. The job lasts from a second before T0 for an hour.
static inline void kit_open(struct world *w, uint64_t spool_bytes, size_t blocks, size_t segments)
{
    char err[200];
    static const uint8_t incarnation[16] = {9};
    memset(w, 0, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/render-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    struct spool_opts o = {w->dir, spool_bytes, 16 << 20, 0};
    assert_int_equal(spool_open(&w->spool, &o, err, sizeof(err)), 0);
    w->streams = streams_new(64, 64, w->spool);
    w->feeds = calloc(1, sizeof(*w->feeds));
    feeds_init(w->feeds);
    w->feed = feeds_bind(w->feeds, 1, "lab/capture", incarnation, "lab");
    w->reader = spool_reader_new(w->dir);
    w->render = calloc(1, sizeof(*w->render));
    assert_int_equal(render_init(w->render, w->reader, blocks, segments, 1000000, 20000), 0);
    (void)snprintf(w->path, sizeof(w->path), "%s/out.wav", w->dir);
    w->job.started_us = T0 - 1000000;
    w->job.ended_us = T0 + 3600 * US_PER_S;
    (void)snprintf(w->job.site, sizeof(w->job.site), "lab");
}

static inline void kit_close(struct world *w)
{
    char cmd[100];
    render_deinit(w->render);
    free(w->render);
    w->reader = spool_reader_free(w->reader);
    w->streams = streams_free(w->streams);
    w->spool = spool_close(w->spool);
    free(w->feeds);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(system(cmd), 0);
}

// A stream of the job: 0 the caller's, 1 the callee's side.
static inline struct job_stream *kit_stream(struct world *w, uint32_t no, int side)
{
    struct job_stream *s = &w->job.stream[w->job.streams++];
    s->id = uuid_v7_derived(T0, span_of(&no, sizeof(no)));
    s->side = (uint8_t)(side + 1);
    struct stream *st = streams_add(w->streams, w->feed->key, 1, no, 0);
    assert_non_null(st);
    streams_set_id(w->streams, st, &s->id);
    return s;
}

static inline void kit_packet(struct world *w, uint32_t no, int64_t at_us, const uint8_t *p,
                              size_t n)
{
    struct spool_record rec = {at_us, (uint16_t)n, 0};
    struct stream *st = streams_by_no(w->streams, w->feed->key, 1, no);
    assert_int_equal(streams_put(w->streams, st, w->feed, ++w->seq, 0, rec, span_of(p, n), 0), 0);
}
