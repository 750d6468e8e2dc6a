// SIP over WebSocket (RFC 7118) in a TCP direction: the handshake's head, then frames (RFC 6455 5.2), each message of
// one or more of them one SIP message. Payloads are unmasked and moved to the front within the direction's buffer:
//
//     start        end          read           n
//       |  message  |  headers   |  not looked  |     end <= read always, so a byte never overwrites one not yet read
//       |  so far   |  (dead)    |  at          |
//
// Compressed messages (RFC 7692) and those that are no SIP are passed by their frames and named.
#include "wire/sipflow.h"

#define HTTP_HEAD_MAX 16384
#define HEAD_ROOM     64 // of the buffer, for headers behind the largest message
#define PREFIX_MAX    24 // of a payload, to tell whether it begins as SIP

enum {
    OP_MORE = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PONG = 10
};

struct frame {
    bool fin, compressed, masked;
    uint8_t op, mask[4];
    uint64_t length;
    uint32_t head; // bytes of the frame's header
};

enum frame_read {
    FRAME_BAD,
    FRAME_MORE,
    FRAME_GOOD
};

// Lengths must stand in their shortest form, control frames be whole and short (RFC 6455 5.2, 5.5).
static enum frame_read frame_parse(struct span s, struct frame *f)
{
    struct cur c = cur_of(s);
    uint8_t first = cur_u8(&c), second = cur_u8(&c);
    if (c.failed)
        return FRAME_MORE;
    f->fin = first & 0x80;
    f->compressed = first & 0x40;
    f->op = first & 0x0f;
    f->masked = second & 0x80;
    f->length = second & 0x7f;
    bool control = f->op >= OP_CLOSE;
    if ((first & 0x30) || f->op > OP_PONG || (f->op > OP_BINARY && !control))
        return FRAME_BAD;
    if (control && (!f->fin || f->length > 125 || f->compressed))
        return FRAME_BAD;
    uint64_t least = 0;
    if (f->length == 126) {
        f->length = cur_u16be(&c);
        least = 126;
    } else if (f->length == 127) {
        f->length = (uint64_t)cur_u32be(&c) << 32;
        f->length |= cur_u32be(&c);
        least = 65536;
    }
    struct span mask = cur_take(&c, f->masked ? 4 : 0);
    if (c.failed)
        return FRAME_MORE;
    if (f->length < least || f->length > INT64_MAX)
        return FRAME_BAD;
    memset(f->mask, 0, 4);
    if (mask.n)
        memcpy(f->mask, mask.p, 4);
    f->head = (uint32_t)(c.p - s.p);
    return FRAME_GOOD;
}

bool flow_ws_sniff(struct span s)
{
    struct frame f;
    uint8_t prefix[PREFIX_MAX];
    uint32_t status;
    if (frame_parse(s, &f) != FRAME_GOOD || f.op < OP_TEXT || f.op > OP_BINARY || f.compressed)
        return false;
    struct span payload =
        span_sub(s, f.head, f.length < PREFIX_MAX ? (size_t)f.length : PREFIX_MAX);
    for (size_t i = 0; i < payload.n; i++)
        prefix[i] = payload.p[i] ^ f.mask[i & 3];
    struct span text = {prefix, payload.n};
    if (span_istarts(text, SPAN_LIT("SIP/2.0 ")))
        return span_u32(span_sub(text, 8, 3), 699, &status) && text.n >= 11;
    size_t space = span_find(text, ' ');
    struct span uri = span_sub(text, space + 1, text.n);
    enum sip_method m = sip_method_lookup(span_sub(text, 0, space));
    return m != SIP_METHOD_NONE && m != SIP_METHOD_OTHER &&
           (span_istarts(uri, SPAN_LIT("sip:")) || span_istarts(uri, SPAN_LIT("sips:")) ||
            span_istarts(uri, SPAN_LIT("tel:")));
}

// ---- the handshake ------------------------------------------------------------------------------------------------

static bool list_has(struct span list, struct span word)
{
    while (list.n > 0) {
        size_t n = span_find(list, ',');
        if (span_ieq(span_trim(span_sub(list, 0, n)), word))
            return true;
        list = span_sub(list, n + 1, list.n);
    }
    return false;
}

// RFC 6455 4.1, 4.2.2: a GET, or its answer 101; and "sip" among the subprotocols (RFC 7118 4.1).
static bool head_upgrades(struct span head)
{
    struct span line, name, value;
    bool upgrade = false, sip = false;
    (void)sip_line_next(&head, &line);
    for (int i = 0; i < SIP_HEADERS_MAX && sip_line_next(&head, &line) && line.n > 0; i++) {
        if (!sip_header_split(line, &name, &value))
            continue;
        if (span_ieq(name, SPAN_LIT("Upgrade")))
            upgrade = list_has(value, SPAN_LIT("websocket"));
        else if (span_ieq(name, SPAN_LIT("Sec-WebSocket-Protocol")))
            sip = sip || list_has(value, SPAN_LIT("sip"));
    }
    return upgrade && sip;
}

static bool head_begins(struct span s)
{
    return span_istarts(s, SPAN_LIT("GET ")) || span_istarts(s, SPAN_LIT("HTTP/1.1 101"));
}

enum flow_http flow_ws_handshake(struct span s, size_t *ret_head)
{
    static const struct span begins[] = {SPAN_LIT("GET "), SPAN_LIT("HTTP/1.1 101")};
    if (!head_begins(s)) {
        for (int i = 0; i < 2; i++)
            if (s.n > 0 && s.n < begins[i].n && span_istarts(begins[i], s))
                return FLOW_HTTP_MORE;
        return FLOW_HTTP_NO;
    }
    struct span rest = s, line;
    while (sip_line_next(&rest, &line))
        if (line.n == 0) {
            *ret_head = (size_t)(rest.p - s.p);
            return head_upgrades(span_sub(s, 0, *ret_head)) ? FLOW_HTTP_UPGRADE : FLOW_HTTP_NO;
        }
    return s.n < HTTP_HEAD_MAX ? FLOW_HTTP_MORE : FLOW_HTTP_NO;
}

// ---- frames -------------------------------------------------------------------------------------------------------

static void message_drop(struct flow *f)
{
    f->start = f->ws.end = f->ws.read;
    f->ws.open = f->ws.pass = false;
}

static void search(struct flow *f, struct flow_out *out)
{
    message_drop(f);
    f->ws.left = 0;
    f->state = FLOW_RESYNC;
    out->stat->resyncs++;
    flow_note(out, WIRE_WS_FRAME);
}

// Behind a flaw: to a place where a frame begins with a SIP message. False: more bytes are needed.
static bool frame_search(struct flow *f)
{
    while (f->n - f->ws.read >=
           PREFIX_MAX + 14) { // the longest header and what flow_ws_sniff looks at
        if (flow_ws_sniff(span_of(f->buf + f->ws.read, f->n - f->ws.read))) {
            f->state = FLOW_MESSAGE;
            message_drop(f);
            return true;
        }
        f->ws.read++;
    }
    message_drop(f);
    return false;
}

static bool blank(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n')
            return false;
    return true;
}

static void message_end(struct flow *f, struct flow_out *out)
{
    struct span text = span_of(f->buf + f->start, f->ws.end - f->start);
    if (!f->ws.pass && text.n > 0 && !blank(text)) { // CRLFs alone: a keep-alive (RFC 7118 6)
        if (sip_sniff(text))
            flow_give(f, text.n, false, out);
        else
            flow_note(out, WIRE_WS_NOT_SIP);
    }
    message_drop(f);
}

// The header of the next frame. False: needs more bytes.
static bool frame_begin(struct flow *f, struct flow_out *out)
{
    struct frame h;
    switch (frame_parse(span_of(f->buf + f->ws.read, f->n - f->ws.read), &h)) {
    case FRAME_MORE:
        return false;
    case FRAME_BAD:
        search(f, out);
        return true;
    case FRAME_GOOD:
        break;
    }
    if (h.op == OP_CLOSE) {
        f->ws.closed = true;
        return true;
    }
    bool data = h.op <= OP_BINARY;
    if (data && (h.op == OP_MORE) != f->ws.open) { // a message within another, or the rest of none
        flow_note(out, WIRE_WS_FRAME);
        if (f->ws.open)
            out->stat->unfinished++;
        f->ws.end = f->start;
        f->ws.open = f->ws.pass = h.op == OP_MORE;
    }
    if (data && h.op != OP_MORE) {
        f->ws.pass = h.compressed;
        if (h.compressed)
            flow_note(out, WIRE_WS_COMPRESSED);
    }
    f->ws.open = f->ws.open || data;
    f->ws.data = data;
    f->ws.fin = data && h.fin;
    memcpy(f->ws.mask, h.mask, 4);
    f->ws.turn = 0;
    f->ws.left = h.length;
    f->ws.read += h.head;
    f->ws.in_frame = true;
    return true;
}

static void payload_take(struct flow *f, struct flow_out *out)
{
    uint32_t n = f->n - f->ws.read;
    n = f->ws.left < n ? (uint32_t)f->ws.left : n;
    uint32_t most = f->cap - HEAD_ROOM < SIP_MESSAGE_MAX ? f->cap - HEAD_ROOM : SIP_MESSAGE_MAX;
    if (f->ws.data && !f->ws.pass && n > most - (f->ws.end - f->start)) {
        flow_note(out, WIRE_SIP_TOO_LONG);
        out->stat->unfinished++;
        f->ws.pass = true;
    }
    if (f->ws.data && !f->ws.pass) {
        uint8_t *to = f->buf + f->ws.end;
        const uint8_t *from = f->buf + f->ws.read;
        for (uint32_t i = 0; i < n; i++)
            to[i] = from[i] ^ f->ws.mask[(f->ws.turn + i) & 3];
        f->ws.end += n;
    }
    f->ws.turn = (uint8_t)((f->ws.turn + n) & 3);
    f->ws.read += n;
    f->ws.left -= n;
}

void flow_ws_cut(struct flow *f, struct flow_out *out)
{
    for (;;) {
        if (f->ws.closed) {
            f->ws.read = f->n;
            message_drop(f);
            return;
        }
        if (f->state == FLOW_RESYNC && !frame_search(f))
            return;
        if (!f->ws.in_frame && !frame_begin(f, out))
            return;
        if (!f->ws.in_frame)
            continue; // a bad frame
        payload_take(f, out);
        if (f->ws.pass && f->ws.open)
            f->start = f->ws.end = f->ws.read;
        if (f->ws.left > 0)
            return;
        f->ws.in_frame = false;
        if (f->ws.fin)
            message_end(f, out);
        else if (!f->ws.open)
            message_drop(f);
        f->ws.fin = false;
    }
}

void flow_ws_cut_at_hole(struct flow *f, uint64_t to, struct flow_out *out)
{
    uint64_t lost = to - f->n;
    bool inside = f->state == FLOW_MESSAGE && f->ws.in_frame && lost <= f->ws.left;
    out->stat->holes++;
    flow_note(out, WIRE_TCP_HOLE);
    if (f->ws.open && !f->ws.pass && f->ws.end > f->start) {
        if (sip_sniff(span_of(f->buf + f->start, f->ws.end - f->start)))
            flow_give(f, f->ws.end - f->start, true, out);
        else
            out->stat->unfinished++;
    }
    f->ws.pass = f->ws.open;
    if (inside) { // the frame's length says where the next one begins
        f->ws.left -= lost;
        f->ws.turn = (uint8_t)((f->ws.turn + lost) & 3);
        return;
    }
    f->ws.read = f->n;
    f->ws.in_frame = false;
    search(f, out);
}

void flow_ws_begin(struct flow *f, uint32_t at)
{
    f->ws = (struct flow_ws){.on = true, .read = at, .end = at};
    f->start = at;
    f->state = FLOW_MESSAGE;
}

void flow_ws_close_gap(struct flow *f, uint32_t extent)
{
    uint32_t gap = f->ws.read - f->ws.end;
    if (gap == 0)
        return;
    memmove(f->buf + f->ws.end, f->buf + f->ws.read, extent - f->ws.read);
    f->base_seq += gap;
    f->n -= gap;
    for (uint32_t i = 0; i < f->aheads; i++) {
        f->ahead[i].from -= gap;
        f->ahead[i].to -= gap;
    }
    f->ws.read = f->ws.end;
}
