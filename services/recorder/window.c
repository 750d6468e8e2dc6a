#include "window.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "media/g711.h"
#include "media/timeline.h"

#define MASK (WINDOW_FRAMES - 1)

const char *gap_reason_name(enum gap_reason r)
{
    static const char *const names[] = {[GAP_NOT_SENT] = "not_sent",
                                        [GAP_LOSS] = "loss",
                                        [GAP_CODEC] = "codec",
                                        [GAP_NOT_CAPTURED] = "not_captured",
                                        [GAP_PAUSED] = "paused"};
    return names[r];
}

static uint8_t silence(enum wav_format f)
{
    return f == WAV_PCMU ? G711_ULAW_SILENCE : f == WAV_PCMA ? G711_ALAW_SILENCE : 0;
}

void window_init(struct window *w, struct sink *sink, enum wav_format format, int64_t total)
{
    w->sink = sink;
    w->format = format;
    w->width = format == WAV_L16 ? 2 : 1;
    w->base = 0;
    w->total = total;
    w->uncaptured_n = 0;
    w->paused_n = 0;
    w->gaps_n = 0;
    w->gaps_total = 0;
    memset(w->state, 0, sizeof(w->state));
    for (int c = 0; c < 2; c++) {
        w->open[c] = (struct gap){.to = -1};
        w->side_lost[c] = INT64_MAX;
    }
}

void window_add_uncaptured(struct window *w, int64_t from, int64_t to)
{
    if (w->uncaptured_n < sizeof(w->uncaptured) / sizeof(w->uncaptured[0]) && to > from) {
        w->uncaptured[w->uncaptured_n].from = from;
        w->uncaptured[w->uncaptured_n++].to = to;
    }
}

void window_lose_side(struct window *w, int channel, int64_t from)
{
    w->side_lost[channel] = from;
}

void window_add_pauses(struct window *w, const struct job *j, int64_t start_us, uint32_t rate)
{
    for (w->paused_n = 0; w->paused_n < j->pauses && w->paused_n < JOB_PAUSES_MAX; w->paused_n++) {
        const struct job_pause *p = &j->pause[w->paused_n];
        w->paused[w->paused_n].from = timeline_samples(p->from_us - start_us, rate);
        w->paused[w->paused_n].to = timeline_samples(p->to_us - start_us, rate);
    }
}

static enum gap_reason reason_at(const struct window *w, int channel, int64_t pos, uint8_t state)
{
    for (size_t i = 0; i < w->paused_n; i++)
        if (pos >= w->paused[i].from && pos < w->paused[i].to)
            return GAP_PAUSED;
    if (state == WINDOW_CODEC)
        return GAP_CODEC;
    if (pos >= w->side_lost[channel])
        return GAP_NOT_CAPTURED;
    for (size_t i = 0; i < w->uncaptured_n; i++) {
        if (pos >= w->uncaptured[i].from && pos < w->uncaptured[i].to)
            return GAP_NOT_CAPTURED;
    }
    return state == WINDOW_LOSS || state == WINDOW_CONCEALED ? GAP_LOSS : GAP_NOT_SENT;
}

static void close_gap(struct window *w, int channel)
{
    struct gap *g = &w->open[channel];
    if (g->to >= 0) {
        w->gaps_total++;
        if (w->gaps_n < WINDOW_GAPS_MAX)
            w->gaps[w->gaps_n++] = *g;
    }
    g->to = -1;
}

// The first frame behind pos, and before `to`, at which another reason may begin.
static int64_t reason_ends(const struct window *w, int channel, int64_t pos, int64_t to)
{
    to = w->side_lost[channel] > pos && w->side_lost[channel] < to ? w->side_lost[channel] : to;
    for (size_t i = 0; i < w->paused_n; i++) {
        to = w->paused[i].from > pos && w->paused[i].from < to ? w->paused[i].from : to;
        to = w->paused[i].to > pos && w->paused[i].to < to ? w->paused[i].to : to;
    }
    for (size_t i = 0; i < w->uncaptured_n; i++) {
        to = w->uncaptured[i].from > pos && w->uncaptured[i].from < to ? w->uncaptured[i].from : to;
        to = w->uncaptured[i].to > pos && w->uncaptured[i].to < to ? w->uncaptured[i].to : to;
    }
    return to;
}

// Frames [from, to) of one state go out.
static void note_run(struct window *w, int channel, int64_t from, int64_t to, uint8_t state)
{
    struct gap *g = &w->open[channel];
    if (state >= WINDOW_AUDIO) {
        close_gap(w, channel);
        return;
    }
    while (from < to) {
        enum gap_reason r = reason_at(w, channel, from, state);
        int64_t end = reason_ends(w, channel, from, to);
        if (g->to >= 0 && g->reason != r)
            close_gap(w, channel);
        if (g->to < 0)
            *g = (struct gap){.from = from, .channel = (uint8_t)channel, .reason = r};
        g->to = from = end;
    }
}

// How many states, at most n, are as the first. Eight at a time: nearly always it is all of them.
static size_t run_of(const uint8_t *state, size_t n)
{
    uint64_t same = state[0] * UINT64_C(0x0101010101010101), v;
    size_t k = 0;
    for (; k + sizeof(v) <= n; k += sizeof(v)) {
        memcpy(&v, state + k, sizeof(v));
        if (v != same)
            break;
    }
    while (k < n && state[k] == state[0])
        k++;
    return k;
}

// n frames of a channel from base on, in one piece of the ring: gaps are noted, silence is put where nothing is heard, and
// the places are free.
static void settle(struct window *w, int channel, size_t i, size_t n)
{
    uint8_t *state = w->state[channel] + i, *sample = w->sample[channel] + i * w->width;
    for (size_t k = 0, run; k < n; k += run) {
        run = run_of(state + k, n - k);
        note_run(w, channel, w->base + (int64_t)k, w->base + (int64_t)(k + run), state[k]);
        if (state[k] < WINDOW_CONCEALED)
            memset(sample + k * w->width, silence(w->format), run * w->width);
    }
    memset(state, WINDOW_NOTHING, n);
}

// Left, right, left... Whole pieces of a fixed length, so that the compiler makes vectors of them.
#define ZIP 64u
static void zip_codes(const uint8_t *left, const uint8_t *right, uint8_t *out, size_t n)
{
    uint16_t both[ZIP];
    for (; n >= ZIP; n -= ZIP, left += ZIP, right += ZIP, out += sizeof(both)) {
        for (size_t k = 0; k < ZIP; k++)
            both[k] = htole16((uint16_t)(left[k] | right[k] << 8));
        memcpy(out, both, sizeof(both));
    }
    for (size_t k = 0; k < n; k++) {
        out[2 * k] = left[k];
        out[2 * k + 1] = right[k];
    }
}

static void zip_linear(const uint8_t *left, const uint8_t *right, uint8_t *out, size_t n)
{
    uint16_t l[ZIP] = {0}, r[ZIP] = {0};
    uint32_t both[ZIP];
    for (size_t part; n > 0; n -= part, left += 2 * part, right += 2 * part, out += 4 * part) {
        part = n < ZIP ? n : ZIP;
        memcpy(l, left, 2 * part);
        memcpy(r, right, 2 * part);
        for (size_t k = 0; k < ZIP; k++)
            both[k] = htole32((uint32_t)r[k] << 16 | l[k]);
        memcpy(out, both, 4 * part);
    }
}

static void slide(struct window *w, int64_t to)
{
    uint8_t out[4096];
    size_t most = sizeof(out) / 2 / w->width;
    if (to > w->total)
        to = w->total;
    while (w->base < to) {
        size_t i = (size_t)w->base & MASK,
               n = to - w->base < (int64_t)most ? (size_t)(to - w->base) : most;
        n = n < WINDOW_FRAMES - i ? n : WINDOW_FRAMES - i;
        for (int c = 0; c < 2; c++)
            settle(w, c, i, n);
        const uint8_t *left = w->sample[0] + i * w->width, *right = w->sample[1] + i * w->width;
        if (w->width == 1)
            zip_codes(left, right, out, n);
        else
            zip_linear(left, right, out, n);
        sink_write(w->sink, out, 2 * n * w->width);
        w->base += (int64_t)n;
    }
}

void window_reach(struct window *w, int64_t pos, int64_t n)
{
    must(n <= WINDOW_KEEP);
    if (pos + n > w->base + (int64_t)WINDOW_FRAMES)
        slide(w, pos - WINDOW_KEEP);
}

// What of [pos, pos + n) is in the window and in the file.
static int64_t clip(const struct window *w, int64_t pos, size_t n, int64_t *ret_end)
{
    int64_t end = pos + (int64_t)n, last = w->base + (int64_t)WINDOW_FRAMES;
    last = last < w->total ? last : w->total;
    *ret_end = end < last ? end : last;
    return pos > w->base ? pos : w->base;
}

void window_conceal(struct window *w, int channel, int64_t pos, const void *samples, size_t n)
{
    int64_t end;
    for (int64_t at = clip(w, pos, n, &end); at < end; at++) {
        size_t i = (size_t)at & MASK;
        if (w->state[channel][i] > WINDOW_LOSS)
            continue;
        w->state[channel][i] = WINDOW_CONCEALED;
        memcpy(w->sample[channel] + i * w->width,
               (const uint8_t *)samples + (size_t)(at - pos) * w->width, w->width);
    }
}

// No audio stands in any of them: eight at a time.
static bool is_free(const uint8_t *state, size_t n)
{
    uint64_t any = 0, v;
    size_t k = 0;
    for (; k + sizeof(v) <= n; k += sizeof(v)) {
        memcpy(&v, state + k, sizeof(v));
        any |= v;
    }
    for (; k < n; k++)
        any |= state[k];
    return (any & UINT64_C(0xF0F0F0F0F0F0F0F0)) == 0; // WINDOW_AUDIO and above
}

// In one piece of the ring.
static size_t put_piece(struct window *w, int channel, size_t i, const uint8_t *samples, size_t n,
                        uint8_t rank)
{
    uint8_t state = (uint8_t)(WINDOW_AUDIO + rank);
    uint8_t *there = w->state[channel] + i, *sample = w->sample[channel] + i * w->width;
    if (is_free(there, n)) {
        memset(there, state, n);
        memcpy(sample, samples, n * w->width);
        return n;
    }
    size_t placed = 0;
    for (size_t k = 0; k < n; k++) {
        if (there[k] >= state)
            continue;
        there[k] = state;
        memcpy(sample + k * w->width, samples + k * w->width, w->width);
        placed++;
    }
    return placed;
}

size_t window_put(struct window *w, int channel, int64_t pos, const void *samples, size_t n,
                  uint8_t rank)
{
    int64_t end, at = clip(w, pos, n, &end);
    size_t placed = 0;
    while (at < end) {
        size_t i = (size_t)at & MASK, room = WINDOW_FRAMES - i;
        size_t part = end - at < (int64_t)room ? (size_t)(end - at) : room;
        placed += put_piece(w, channel, i, (const uint8_t *)samples + (size_t)(at - pos) * w->width,
                            part, rank);
        at += (int64_t)part;
    }
    return placed;
}

void window_mark(struct window *w, int channel, int64_t from, int64_t to, enum window_state state,
                 int64_t ahead)
{
    if (to > w->total)
        to = w->total;
    if (from < w->base)
        from = w->base;
    while (from < to) {
        int64_t end = w->base + (int64_t)WINDOW_FRAMES;
        if (from >= end) {
            // All packets captured before the caller's are in: up to WINDOW_KEEP behind it nothing more comes.
            int64_t safe = ahead - WINDOW_KEEP;
            slide(w, from < safe ? from : safe);
            if (w->base + (int64_t)WINDOW_FRAMES <= from)
                return;
            continue;
        }
        for (; from < to && from < end; from++) {
            uint8_t *s = &w->state[channel][(size_t)from & MASK];
            if (*s == WINDOW_NOTHING)
                *s = (uint8_t)state;
        }
    }
}

static int by_time(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (int)x->channel - (int)y->channel;
}

void window_finish(struct window *w)
{
    slide(w, w->total);
    for (int c = 0; c < 2; c++)
        close_gap(w, c);
    qsort(w->gaps, w->gaps_n, sizeof(w->gaps[0]), by_time);
}
