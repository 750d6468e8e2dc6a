// Bytes in order cut into messages (RFC 3261 18.3). Each byte is looked at a bounded number of times whatever
// comes: after a flaw all that was read for it is dropped, never searched again.
#include "wire/sipflow.h"

void flow_note(struct flow_out *out, enum wire_event e)
{
    if (*out->event == WIRE_NONE)
        *out->event = e;
}

static uint32_t message_max(const struct flow *f)
{
    return f->cap < SIP_MESSAGE_MAX ? f->cap : SIP_MESSAGE_MAX;
}

static struct span waiting(const struct flow *f)
{
    return span_of(f->buf + f->start, f->n - f->start);
}

void flow_message_begin(struct flow *f)
{
    f->state = FLOW_MESSAGE;
    f->judged = false;
    f->head_end = 0;
    f->total = 0;
}

void flow_resync(struct flow *f)
{
    flow_message_begin(f);
    f->state = FLOW_RESYNC;
    f->line_start = false;
    f->scanned = f->start;
}

void flow_resync_for(struct flow *f, struct flow_out *out, enum wire_event why)
{
    flow_resync(f);
    out->stat->resyncs++;
    flow_note(out, why);
}

void flow_give(struct flow *f, size_t n, bool truncated, struct flow_out *out)
{
    f->messages++;
    out->stat->messages++;
    out->fn(out->ctx, out->p, span_of(f->buf + f->start, n), truncated);
}

enum sip_start flow_judge(sipstream_frame_fn frame, struct span data)
{
    size_t i = 0;
    if (frame) {
        int32_t n = frame(data);
        return n < 0 ? SIP_START_NO : n == 0 ? SIP_START_MORE : SIP_START_YES;
    }
    while (i < data.n && (data.p[i] == '\r' || data.p[i] == '\n'))
        i++;
    return sip_start_of(span_sub(data, i, data.n));
}

static bool first_word_known(struct span line)
{
    return span_istarts(line, SPAN_LIT("SIP/")) ||
           sip_method_lookup(span_sub(line, 0, span_find(line, ' '))) != SIP_METHOD_OTHER;
}

// Behind a hole half a line may look like a start line ("ITE sip:x SIP/2.0", the rest of a Via): more is asked for.
static bool plausible(struct span line, bool line_start)
{
    uint32_t status;
    if (sip_start_judge(line, true) != SIP_START_YES)
        return false;
    if (span_istarts(line, SPAN_LIT("SIP/")))
        return line.n >= 11 && line.p[7] == ' ' && span_u32(span_sub(line, 8, 3), 699, &status);
    return line_start || first_word_known(line);
}

// Line by line to the next start line. False: not among what is here.
static bool start_find(struct flow *f)
{
    for (;;) {
        struct span fresh = span_of(f->buf + f->scanned, f->n - f->scanned);
        size_t end = span_find(fresh, '\n');
        if (end == fresh.n) {
            f->scanned = f->n;
            if (f->n - f->start > SIP_START_LINE_MAX || f->n - f->start >= f->cap) {
                f->start = f->n;
                f->line_start = false;
            }
            return false;
        }
        uint32_t next = f->scanned + (uint32_t)end + 1;
        struct span line = span_of(f->buf + f->start, next - 1 - f->start);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (plausible(line, f->line_start)) {
            flow_message_begin(f);
            f->judged = true; // not again: two judges that disagree would never come to an end
            f->line = f->scanned = f->start;
            return true;
        }
        f->start = f->scanned = next;
        f->line_start = true;
    }
}

// The Content-Length of a head: 0 when there is none (RFC 3261 18.3 wants one on streams). False: not to be trusted.
static bool head_length(struct span head, uint64_t *ret)
{
    struct span line, name, value;
    bool have = false;
    *ret = 0;
    (void)sip_line_next(&head, &line);
    while (sip_header_next(&head, &line) && line.n > 0) {
        uint64_t n;
        // 'l' or 'C': nothing else can be it; most lines are not looked at further.
        if ((line.p[0] | 0x20) != 'l' && (line.p[0] | 0x20) != 'c')
            continue;
        if (!sip_header_split(line, &name, &value) ||
            sip_header_lookup(name) != SIP_H_CONTENT_LENGTH)
            continue;
        if (!sip_content_length(value, &n) || (have && n != *ret))
            return false;
        have = true;
        *ret = n;
    }
    return true;
}

// Finds the empty line; each byte is passed once.
static bool head_find(struct flow *f)
{
    for (;;) {
        struct span fresh = span_of(f->buf + f->scanned, f->n - f->scanned);
        size_t end = span_find(fresh, '\n');
        if (end == fresh.n) {
            f->scanned = f->n;
            return false;
        }
        uint32_t at = f->scanned + (uint32_t)end;
        bool empty = at == f->line || (at == f->line + 1 && f->buf[f->line] == '\r');
        f->line = f->scanned = at + 1;
        if (empty) {
            f->head_end = at + 1;
            return true;
        }
    }
}

// Knows where the message ends, or goes to resync. False: needs more bytes.
static bool head_read(struct flow *f, struct flow_out *out)
{
    uint64_t body;
    if (!head_find(f)) {
        if (f->n - f->start < message_max(f))
            return false;
        f->start = f->n;
        flow_resync_for(f, out, WIRE_SIP_TOO_LONG);
        return true;
    }
    uint32_t head = f->head_end - f->start;
    bool good = head_length(span_of(f->buf + f->start, head), &body);
    if (good && head <= message_max(f) && body <= message_max(f) - head) {
        f->total = head + (uint32_t)body;
        return true;
    }
    flow_give(f, head, true, out);
    f->start = f->head_end;
    flow_resync_for(f, out, good ? WIRE_SIP_TOO_LONG : WIRE_SIP_CONTENT_LENGTH);
    return true;
}

// The first bytes are no SIP: perhaps the head that makes a WebSocket of the connection. False: needs more bytes.
static bool handshake_read(struct flow *f)
{
    size_t head = 0;
    switch (flow_ws_handshake(waiting(f), &head)) {
    case FLOW_HTTP_MORE:
        return false;
    case FLOW_HTTP_UPGRADE:
        flow_ws_begin(f, f->start + (uint32_t)head);
        return true;
    default:
        f->state = FLOW_NOT_SIP;
        return true;
    }
}

// False: needs more bytes.
static bool start_read(struct flow *f, struct flow_out *out)
{
    while (f->start < f->n && (f->buf[f->start] == '\r' || f->buf[f->start] == '\n'))
        f->start++; // keep-alives (RFC 5626 3.5.1)
    if (f->start == f->n)
        return false;
    switch (sip_start_of(waiting(f))) {
    case SIP_START_MORE:
        return false;
    case SIP_START_YES:
        if (f->joined_late && f->messages == 0 && !first_word_known(waiting(f)))
            break;
        f->judged = true;
        f->line = f->scanned = f->start;
        return true;
    default:
        break;
    }
    if (f->messages == 0 && !f->joined_late)
        return handshake_read(f);
    flow_resync_for(f, out, WIRE_TCP_RESYNC);
    return true;
}

bool flow_skip(struct flow *f)
{
    uint32_t n = f->n - f->start < f->skip ? f->n - f->start : f->skip;
    f->start += n;
    f->skip -= n;
    return f->skip == 0;
}

void flow_cut(struct flow *f, struct flow_out *out)
{
    if (f->frame) {
        flow_cut_framed(f, out);
        return;
    }
    while (f->state != FLOW_NOT_SIP) {
        if (f->ws.on) {
            flow_ws_cut(f, out);
            return;
        }
        if (!flow_skip(f))
            return;
        if (f->state == FLOW_RESYNC) {
            if (!start_find(f))
                return;
        } else if (!f->judged) {
            if (!start_read(f, out))
                return;
        } else if (f->head_end == 0) {
            if (!head_read(f, out))
                return;
        } else {
            if (f->n - f->start < f->total)
                return;
            flow_give(f, f->total, false, out);
            f->start += f->total;
            flow_message_begin(f);
        }
    }
}

void flow_cut_at_hole(struct flow *f, uint64_t to, struct flow_out *out)
{
    if (f->ws.on) {
        flow_ws_cut_at_hole(f, to, out);
        return;
    }
    uint64_t end = f->head_end ? (uint64_t)f->start + f->total : (uint64_t)f->n + f->skip;
    bool known = f->state == FLOW_MESSAGE && (f->head_end != 0 || f->skip > 0);
    out->stat->holes++;
    flow_note(out, WIRE_TCP_HOLE);
    if (f->head_end != 0)
        flow_give(f, f->n - f->start, true, out);
    else if (f->n > f->start && f->state == FLOW_MESSAGE)
        out->stat->unfinished++;
    f->start = f->n;
    f->skip = 0;
    if (known &&
        to <= end) { // the hole lies inside the body: the length says where the next message begins
        flow_message_begin(f);
        f->skip = (uint32_t)(end - to);
    } else {
        flow_resync_for(f, out, WIRE_TCP_HOLE);
    }
}
