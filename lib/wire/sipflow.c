// Segments put in order. What was delivered first stays (a later copy with other bytes changes nothing).
#include "wire/sipflow.h"

void flow_begin(struct flow *f, uint32_t seq, bool joined_late, enum flow_state state)
{
    f->base_seq = seq;
    f->start = f->n = 0;
    f->aheads = f->ahead_segments = 0;
    f->ahead_at_us = 0;
    f->joined_late = joined_late;
    f->skip = f->misses = 0;
    f->messages = 0;
    f->fin = false;
    f->fin_seq = 0;
    f->ws = (struct flow_ws){0};
    flow_resync(f);
    f->state = state;
}

bool flow_hole_is_old(const struct flow *f, int64_t now_us)
{
    return f->aheads > 0 && now_us - f->ahead_at_us >= FLOW_HOLE_WAIT_US;
}

// Bytes that must be kept: up to the end of the last piece.
static uint32_t extent(const struct flow *f)
{
    return f->aheads > 0 ? f->ahead[f->aheads - 1].to : f->n;
}

static void shift_offsets(struct flow *f, uint32_t by)
{
    f->base_seq += by;
    f->start -= by;
    f->n -= by;
    f->line -= by;
    f->scanned -= by;
    f->ws.read -= by;
    f->ws.end -= by;
    if (f->head_end)
        f->head_end -= by;
    for (uint32_t i = 0; i < f->aheads; i++) {
        f->ahead[i].from -= by;
        f->ahead[i].to -= by;
    }
}

static void compact(struct flow *f)
{
    if (f->ws.on)
        flow_ws_close_gap(f, extent(f));
    uint32_t by = f->start;
    if (by == 0)
        return;
    memmove(f->buf, f->buf + by, extent(f) - by);
    // Only meaningful in their states; elsewhere they may stand before start.
    if (f->line < by)
        f->line = by;
    if (f->scanned < by)
        f->scanned = by;
    if (f->ws.read < by)
        f->ws.read = f->ws.end = by;
    shift_offsets(f, by);
}

static void drop_first_piece(struct flow *f)
{
    f->aheads--;
    memmove(&f->ahead[0], &f->ahead[1], f->aheads * sizeof f->ahead[0]);
    if (f->aheads == 0)
        f->ahead_segments = 0;
}

static void absorb(struct flow *f)
{
    while (f->aheads > 0 && f->ahead[0].from <= f->n) {
        if (f->ahead[0].to > f->n)
            f->n = f->ahead[0].to;
        drop_first_piece(f);
    }
}

// After each cut: nothing waits, or more than half of the room is used up.
static void tidy(struct flow *f)
{
    bool may_look_back = f->joined_late && f->messages == 0;
    if (f->start > f->cap / 2 || (f->start == f->n && f->aheads == 0 && !may_look_back))
        compact(f);
}

void flow_pass_hole(struct flow *f, struct flow_out *out)
{
    flow_cut_at_hole(f, f->ahead[0].from, out);
    f->start = f->n = f->ahead[0].from;
    f->scanned = f->ws.read = f->ws.end = f->start;
    absorb(f);
    f->ahead_segments = 0;
    f->ahead_at_us = out->p->at_us;
    flow_cut(f, out);
    tidy(f);
}

// The next bytes in order. Returns how many could be taken.
static size_t append(struct flow *f, struct span data, struct flow_out *out)
{
    size_t room = f->cap - f->n;
    if (f->aheads > 0 && f->ahead[0].from - f->n < room)
        room = f->ahead[0].from - f->n;
    size_t n = data.n < room ? data.n : room;
    memcpy(f->buf + f->n, data.p, n);
    f->n += (uint32_t)n;
    absorb(f);
    flow_cut(f, out);
    tidy(f);
    if (f->n == f->cap)
        compact(f);
    if (f->n == f->cap && f->aheads == 0) { // cannot be: a message never needs all of the buffer
        out->stat->unfinished++;
        f->start = f->ws.read = f->ws.end = f->n;
        flow_resync(f);
        compact(f);
    }
    return n;
}

// Copies data to its place, but not over what is there already; false when the list of pieces has no room.
static bool keep_ahead(struct flow *f, uint32_t from, struct span data, struct flow_out *out)
{
    while (data.n > 0) {
        uint32_t i = 0;
        while (i < f->aheads && f->ahead[i].to <= from)
            i++;
        uint32_t to = from + (uint32_t)data.n;
        if (i < f->aheads && f->ahead[i].from <= from) { // known already
            size_t known = f->ahead[i].to < to ? f->ahead[i].to - from : data.n;
            out->stat->duplicate_bytes += known;
            from += (uint32_t)known;
            data = span_sub(data, known, data.n);
            continue;
        }
        if (i < f->aheads && f->ahead[i].from < to)
            to = f->ahead[i].from;
        size_t n = to - from;
        bool left = i > 0 && f->ahead[i - 1].to == from;
        if (!left && f->aheads == FLOW_AHEAD_MAX)
            return false;
        memcpy(f->buf + from, data.p, n);
        if (left) {
            f->ahead[i - 1].to = to;
        } else {
            memmove(&f->ahead[i + 1], &f->ahead[i], (f->aheads - i) * sizeof f->ahead[0]);
            f->ahead[i] = (struct flow_piece){from, to};
            f->aheads++;
        }
        from = to;
        data = span_sub(data, n, data.n);
    }
    return true;
}

// A connection joined in the middle began with a segment that had overtaken another: what was taken for the
// beginning moves back, as long as no message has been made of it.
static bool join_earlier(struct flow *f, uint32_t seq, struct span data, int64_t at_us)
{
    uint32_t back = f->base_seq - seq, end = extent(f);
    if (!f->joined_late || f->messages > 0 || f->ws.on || back > FLOW_JOIN_BACK_MAX ||
        end > f->cap - back || f->aheads == FLOW_AHEAD_MAX)
        return false;
    uint32_t was = f->n;
    memmove(f->buf + back, f->buf, end);
    f->start = f->line = f->scanned = 0;
    f->head_end = 0;
    shift_offsets(f, 0u - back);
    memmove(&f->ahead[1], &f->ahead[0], f->aheads * sizeof f->ahead[0]);
    f->ahead[0] = (struct flow_piece){back, back + was};
    if (f->aheads++ == 0)
        f->ahead_at_us = at_us;
    f->start = f->n = f->line = f->scanned = 0;
    f->skip = 0;
    flow_resync(f);
    if (flow_judge(f->frame, data) != SIP_START_NO)
        f->state = FLOW_MESSAGE;
    return true;
}

// A segment that leaves a hole before it. True: it waits; false: the hole was passed, look again.
static bool wait_ahead(struct flow *f, uint32_t seq, struct span data, int64_t at_us,
                       struct flow_out *out)
{
    uint64_t from = seq - f->base_seq;
    if (from + data.n > f->cap) {
        compact(f);
        from = seq - f->base_seq;
    }
    if (from + data.n > f->cap) {
        if (f->aheads > 0) {
            flow_pass_hole(f, out);
        } else {
            flow_cut_at_hole(f, from, out);
            f->base_seq = seq;
            f->start = f->n = f->line = f->scanned = f->ws.read = f->ws.end = 0;
        }
        return false;
    }
    if (f->aheads == 0)
        f->ahead_at_us = at_us;
    if (!keep_ahead(f, (uint32_t)from, data, out)) {
        flow_pass_hole(f, out);
        return false;
    }
    out->stat->reordered++;
    if (++f->ahead_segments >= FLOW_AHEAD_MAX)
        flow_pass_hole(f, out);
    return true;
}

void flow_put(struct flow *f, uint32_t seq, struct span data, int64_t at_us, struct flow_out *out)
{
    // Each turn takes bytes, drops bytes or passes one of at most 16 holes.
    while (data.n > 0 && f->state != FLOW_NOT_SIP) {
        int64_t ahead = (int32_t)(seq - (f->base_seq + f->n));
        size_t n = 0;
        if (ahead < 0 && (int32_t)(seq - f->base_seq) < 0 && join_earlier(f, seq, data, at_us))
            continue;
        if (ahead < 0) {
            n = (uint64_t)-ahead < data.n ? (size_t)-ahead : data.n;
            out->stat->duplicate_bytes += n;
        } else if (ahead == 0) {
            n = append(f, data, out);
        } else if (wait_ahead(f, seq, data, at_us, out)) {
            return;
        }
        seq += (uint32_t)n;
        data = span_sub(data, n, data.n);
    }
}
