// RTCP as HEP agents tell it (heplify, captagent, rtpengine): one JSON object with sender_information, ssrc, type and
// report_blocks. Only numbers under the names we know are taken; all else is passed. A scanner, no tree.
#include "wire/rtp.h"

#define DEPTH_MAX   8
#define REPORTS_MAX 16
#define TOKENS_MAX  4096

struct scan {
    struct cur c;
    struct span
        name[DEPTH_MAX]; // of each open object or array; what stands in an array has the array's
    bool array[DEPTH_MAX];
    unsigned depth;
    struct rtcp *r;
};

static void spaces_pass(struct cur *c)
{
    while (cur_left(c) > 0 && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        cur_skip(c, 1);
}

// Behind the opening quote. Escapes are passed, not read: no name or number of ours has one.
static struct span string_take(struct cur *c)
{
    const uint8_t *from = c->p;
    while (cur_left(c) > 0) {
        uint8_t b = cur_u8(c);
        if (b == '"')
            return span_of(from, (size_t)(c->p - from) - 1);
        if (b == '\\')
            cur_skip(c, 1);
    }
    c->failed = true;
    return span_of(from, 0);
}

static struct span word_take(struct cur *c)
{
    const uint8_t *from = c->p;
    while (cur_left(c) > 0 && *c->p > ' ' && !memchr(",:{}[]\"", *c->p, 7))
        cur_skip(c, 1);
    if (c->p == from)
        c->failed = true;
    return span_of(from, (size_t)(c->p - from));
}

static bool named(struct span s, const char *text)
{
    return span_eq(s, span_str(text));
}

static void report_value(struct rtcp_report *b, struct span key, uint32_t v)
{
    if (named(key, "source_ssrc"))
        b->ssrc = v;
    else if (named(key, "fraction_lost"))
        b->fraction_lost = (uint8_t)(v < 255 ? v : 255);
    else if (named(key, "packets_lost")) // 24 bits with a sign, written without one
        b->cumulative_lost = (int32_t)(v & 0xffffff) - (v & 0x800000 ? 0x1000000 : 0);
    else if (named(key, "highest_seq_no"))
        b->highest_seq = v;
    else if (named(key, "ia_jitter"))
        b->jitter = v;
    else if (named(key, "lsr"))
        b->lsr = v;
    else if (named(key, "dlsr"))
        b->dlsr = v;
}

static void value_take(struct scan *s, struct span key, struct span value)
{
    struct rtcp *r = s->r;
    struct span in = s->name[s->depth - 1];
    uint32_t v;
    if (!span_u32(value, UINT32_MAX, &v))
        return;
    if (s->depth == 1 && named(key, "ssrc")) {
        r->ssrc = v;
    } else if (s->depth == 1 && named(key, "type")) {
        r->sr = v == 200;
        r->packets = 1;
    } else if (named(in, "sender_information")) {
        if (named(key, "packets"))
            r->sender_packets = v;
        else if (named(key, "octets"))
            r->sender_octets = v;
        else if (named(key, "rtp_timestamp"))
            r->rtp_timestamp = v;
        else if (named(key, "ssrc")) // where older agents have it
            r->ssrc = v;
    } else if (named(in, "report_blocks") && r->reports > 0 && r->reports <= REPORTS_MAX) {
        report_value(&r->report[r->reports - 1], key, v);
    }
}

static void open_container(struct scan *s, bool array, struct span key)
{
    if (s->depth == DEPTH_MAX) {
        s->c.failed = true;
        return;
    }
    bool in_array = s->depth > 0 && s->array[s->depth - 1];
    s->name[s->depth] = in_array ? s->name[s->depth - 1] : key;
    s->array[s->depth] = array;
    if (!array && in_array && named(s->name[s->depth], "report_blocks"))
        s->r->reports += s->r->reports <= REPORTS_MAX; // one more than there is room for: not kept
    s->depth++;
}

// One token with its key; false at the end.
static bool step(struct scan *s)
{
    struct span key = {s->c.p, 0};
    spaces_pass(&s->c);
    uint8_t b = cur_u8(&s->c);
    if (b == '"' && s->depth > 0 && !s->array[s->depth - 1]) {
        key = string_take(&s->c);
        spaces_pass(&s->c);
        if (cur_u8(&s->c) != ':')
            s->c.failed = true;
        spaces_pass(&s->c);
        b = cur_u8(&s->c);
    }
    if (s->c.failed)
        return false;
    if (b == '{' || b == '[') {
        open_container(s, b == '[', key);
    } else if (s->depth == 0) {
        s->c.failed = true; // something else than an object
    } else if (b == '}' || b == ']') {
        s->c.failed = s->array[s->depth - 1] != (b == ']');
        s->depth--;
    } else if (b == '"') {
        value_take(s, key, string_take(&s->c));
    } else if (b != ',') {
        s->c.p--;
        value_take(s, key, word_take(&s->c));
    }
    return !s->c.failed && s->depth > 0;
}

enum wire_event rtcp_json_parse(struct span text, struct rtcp *ret)
{
    struct rtcp r = {0};
    struct scan s = {.c = {text.p, text.p, false}, .r = &r};
    unsigned tokens = 0;
    *ret = r;
    if (text.n == 0) // a view that may point nowhere
        return WIRE_RTCP_JSON;
    s.c = cur_of(text);
    while (tokens < TOKENS_MAX && step(&s))
        tokens++;
    if (r.reports > REPORTS_MAX)
        r.reports = REPORTS_MAX;
    *ret = r;
    bool whole = !s.c.failed && s.depth == 0;
    return whole && r.packets > 0 ? WIRE_NONE : WIRE_RTCP_JSON;
}
