// The table of directions. A direction has a slot only while it is SIP or may become it. What is known of the others
// (where they begin, or that they are no SIP) stands in a cache of one entry per place: overwritten, it costs only a
// second look, so connections that are not ours cannot fill anything.
#include "wire/sipstream.h"
#include <stdlib.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/sipflow.h"

#define NONE          UINT32_MAX
#define BYTES_DEFAULT (65536 + 16384)
#define BYTES_MIN     16384
#define BYTES_FRAMED  4096
#define BYTES_MAX     (1u << 20)
#define EXPIRE_STEPS  2
#define TCP_FIN       1
#define TCP_SYN       2
#define TCP_RST       4

enum hint_kind {
    HINT_NONE,
    HINT_SYN,
    HINT_NOT_SIP
};

struct hint {
    uint64_t hash;
    uint32_t seq; // HINT_SYN: of the first byte
    enum hint_kind kind;
};

struct sipstream {
    struct sipstream_opts o;
    struct map *map; // key -> slot index + 1
    struct flow *flows;
    struct hint *hints;
    uint64_t hint_mask;
    uint8_t *memory;
    uint32_t oldest, newest, free; // by use; free: chained by newer
    uint32_t patrol;
    struct sipstream_stat stat;
};

static bool flow_is(const void *ctx, uint64_t value, const void *key)
{
    const struct sipstream *s = ctx;
    return memcmp(&s->flows[value - 1].key, key, sizeof(struct flow_key)) == 0;
}

struct sipstream *sipstream_new(const struct sipstream_opts *o)
{
    struct sipstream *s = calloc(1, sizeof *s);
    size_t hints = 16;
    if (!s)
        return NULL;
    s->o = o ? *o : (struct sipstream_opts){0};
    if (s->o.connections == 0)
        s->o.connections = 1024;
    if (s->o.bytes == 0)
        s->o.bytes = BYTES_DEFAULT;
    uint32_t least = s->o.frame ? BYTES_FRAMED : BYTES_MIN;
    s->o.bytes = s->o.bytes < least ? least : s->o.bytes;
    s->o.bytes = s->o.bytes > BYTES_MAX ? BYTES_MAX : s->o.bytes;
    if (s->o.idle_us <= 0)
        s->o.idle_us = INT64_C(3600) * 1000 * 1000;
    while (hints < (size_t)s->o.connections * 4)
        hints *= 2;
    s->hint_mask = hints - 1;
    s->flows = mem_take(s->o.connections * sizeof *s->flows);
    s->memory = mem_take((size_t)s->o.connections * s->o.bytes);
    s->hints = mem_take(hints * sizeof *s->hints);
    s->map = map_new(s->o.connections, flow_is, s);
    if (!s->flows || !s->memory || !s->hints || !s->map)
        return sipstream_free(s);
    for (uint32_t i = 0; i < s->o.connections; i++) {
        s->flows[i].buf = s->memory + (size_t)i * s->o.bytes;
        s->flows[i].cap = s->o.bytes;
        s->flows[i].frame = s->o.frame;
        s->flows[i].newer = i + 1 < s->o.connections ? i + 1 : NONE;
    }
    s->oldest = s->newest = NONE;
    s->stat.slots = s->o.connections;
    s->stat.bytes =
        sizeof *s + hints * sizeof *s->hints + s->o.connections * (sizeof *s->flows + s->o.bytes);
    return s;
}

struct sipstream *sipstream_free(struct sipstream *s)
{
    if (!s)
        return NULL;
    map_free(s->map);
    mem_give(s->flows, s->o.connections * sizeof *s->flows);
    mem_give(s->memory, (size_t)s->o.connections * s->o.bytes);
    mem_give(s->hints, (s->hint_mask + 1) * sizeof *s->hints);
    free(s);
    return NULL;
}

struct sipstream_stat sipstream_stat(const struct sipstream *s)
{
    return s->stat;
}

static void list_remove(struct sipstream *s, struct flow *f)
{
    if (f->older != NONE)
        s->flows[f->older].newer = f->newer;
    else
        s->oldest = f->newer;
    if (f->newer != NONE)
        s->flows[f->newer].older = f->older;
    else
        s->newest = f->older;
}

static void list_append(struct sipstream *s, struct flow *f)
{
    uint32_t i = (uint32_t)(f - s->flows);
    f->older = s->newest;
    f->newer = NONE;
    if (s->newest != NONE)
        s->flows[s->newest].newer = i;
    else
        s->oldest = i;
    s->newest = i;
}

static void flow_release(struct sipstream *s, struct flow *f)
{
    if (f->state != FLOW_NOT_SIP && (f->n > f->start || f->aheads > 0 || f->skip > 0))
        s->stat.unfinished++;
    map_del(s->map, f->hash, (uint64_t)(f - s->flows) + 1);
    list_remove(s, f);
    f->used = false;
    f->newer = s->free;
    s->free = (uint32_t)(f - s->flows);
    s->stat.used--;
}

void sipstream_flush(struct sipstream *s)
{
    while (s->oldest != NONE)
        flow_release(s, &s->flows[s->oldest]);
}

static void expire(struct sipstream *s, int64_t now_us)
{
    for (int i = 0; i < EXPIRE_STEPS && s->oldest != NONE; i++) {
        struct flow *f = &s->flows[s->oldest];
        if (now_us - f->last.at_us < s->o.idle_us)
            return;
        flow_release(s, f);
    }
}

static struct flow *flow_take(struct sipstream *s, const struct flow_key *key, uint64_t hash,
                              enum wire_event *event)
{
    if (s->free == NONE) {
        s->stat.evicted++;
        *event = WIRE_TCP_TABLE_FULL;
        flow_release(s, &s->flows[s->oldest]);
    }
    struct flow *f = &s->flows[s->free];
    s->free = f->newer;
    f->key = *key;
    f->hash = hash;
    f->used = true;
    must(map_put(s->map, hash, (uint64_t)(f - s->flows) + 1)); // as many places as slots
    list_append(s, f);
    s->stat.used++;
    return f;
}

static void hint_set(struct sipstream *s, uint64_t hash, enum hint_kind kind, uint32_t seq)
{
    s->hints[hash & s->hint_mask] = (struct hint){hash, seq, kind};
}

static struct hint hint_get(const struct sipstream *s, uint64_t hash)
{
    struct hint h = s->hints[hash & s->hint_mask];
    return h.hash == hash ? h : (struct hint){0};
}

static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.n && i < 32; i++)
        if ((s.p[i] < ' ' && s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

// The first bytes decide whether a direction gets a slot. NULL: it does not.
static struct flow *admit(struct sipstream *s, const struct flow_key *key, uint64_t hash,
                          uint32_t seq, struct span data, enum wire_event *event)
{
    struct hint h = hint_get(s, hash);
    enum sip_start start = flow_judge(s->o.frame, data);
    enum flow_state state = FLOW_MESSAGE;
    size_t head;
    bool may_be_ws = start == SIP_START_NO && !s->o.frame;
    enum flow_http http = may_be_ws ? flow_ws_handshake(data, &head) : FLOW_HTTP_NO;
    bool ws = may_be_ws && flow_ws_sniff(data);
    uint32_t offset = h.kind == HINT_SYN ? seq - h.seq : 0;
    bool late = h.kind != HINT_SYN || offset >= s->o.bytes;
    if (h.kind == HINT_NOT_SIP && start != SIP_START_YES && !ws && http != FLOW_HTTP_UPGRADE)
        return NULL;
    if (http == FLOW_HTTP_NO && !ws && (late || offset == 0) && start == SIP_START_NO) {
        if (!late || s->o.frame || !is_text(data)) {
            hint_set(s, hash, HINT_NOT_SIP, 0);
            return NULL;
        }
        state = FLOW_RESYNC;
    }
    struct flow *f = flow_take(s, key, hash, event);
    // A head that asks for WebSocket is a beginning, wherever in the connection it stands.
    flow_begin(f, late ? seq : h.seq, late && http == FLOW_HTTP_NO, state);
    if (ws && late)
        flow_ws_begin(f, 0);
    return f;
}

static struct flow_key key_of(const struct pkt *p)
{
    struct flow_key key = {.family = p->src.family, .sport = p->sport, .dport = p->dport};
    size_t n = p->src.family == 4 ? 4 : 16;
    memcpy(key.src, p->src.b, n);
    memcpy(key.dst, p->dst.b, n);
    return key;
}

// The end of the segment, or of a wait: give the slot back when nothing more can come of it.
static void settle(struct sipstream *s, struct flow *f)
{
    bool promised = f->ws.on && !f->joined_late; // the handshake said SIP
    if (f->state == FLOW_RESYNC && f->messages == 0 && f->misses > FLOW_MISSES_MAX && !promised)
        f->state = FLOW_NOT_SIP;
    if (f->state == FLOW_NOT_SIP) {
        hint_set(s, f->hash, HINT_NOT_SIP, 0);
        flow_release(s, f);
    } else if (f->fin && (int32_t)(f->base_seq + f->n - f->fin_seq) >= 0) {
        flow_release(s, f);
    }
}

// One slot at each call: holes are given up even when their connection has fallen silent.
static void patrol(struct sipstream *s, int64_t now_us, struct flow_out *out)
{
    struct flow *f = &s->flows[s->patrol];
    s->patrol = s->patrol + 1 < s->o.connections ? s->patrol + 1 : 0;
    if (!f->used || !flow_hole_is_old(f, now_us))
        return;
    out->p = &f->last;
    flow_pass_hole(f, out);
    settle(s, f);
}

static void flow_feed(struct sipstream *s, struct flow *f, const struct pkt *p, uint32_t seq,
                      struct flow_out *out)
{
    list_remove(s, f);
    list_append(s, f);
    f->last = *p;
    f->last.frame = f->last.ip_payload = f->last.payload = span_of(NULL, 0);
    if (p->tcp_flags & TCP_RST) {
        flow_release(s, f);
        return;
    }
    if (p->payload.n > 0) {
        s->stat.segments++;
        f->misses += f->state == FLOW_RESYNC;
        if (f->state == FLOW_RESYNC && !s->o.frame && !f->ws.on && f->messages == 0 &&
            flow_ws_sniff(p->payload)) {
            flow_begin(f, seq, true, FLOW_MESSAGE); // joined between two frames, or in one
            flow_ws_begin(f, 0);
        }
        flow_put(f, seq, p->payload, p->at_us, out);
    }
    if (p->tcp_flags & TCP_FIN) {
        f->fin = true;
        f->fin_seq = seq + (uint32_t)p->payload.n;
    }
    if (flow_hole_is_old(f, p->at_us) && f->state != FLOW_NOT_SIP)
        flow_pass_hole(f, out);
    settle(s, f);
}

bool sipstream_has(const struct sipstream *s, const struct pkt *p)
{
    struct flow_key key = key_of(p);
    return s->stat.used > 0 && map_get(s->map, map_hash(&key, sizeof key), &key) != 0;
}

void sipstream_feed(struct sipstream *s, const struct pkt *p, sipstream_fn fn, void *ctx,
                    enum wire_event *ret_event)
{
    struct flow_out out = {fn, ctx, p, &s->stat, ret_event};
    uint32_t seq = p->tcp_seq;
    *ret_event = WIRE_NONE;
    if (p->payload.n == 0 && !(p->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST)))
        return;
    if (s->stat.used > 0) {
        expire(s, p->at_us);
        patrol(s, p->at_us, &out);
        out.p = p;
    }
    struct flow_key key = key_of(p);
    uint64_t hash = map_hash(&key, sizeof key);
    uint64_t found = map_get(s->map, hash, &key);
    struct flow *f = found ? &s->flows[found - 1] : NULL;
    if (p->tcp_flags & TCP_SYN) {
        seq++;
        bool again = f && f->base_seq == seq && !f->joined_late;
        if (f && !again) {
            flow_release(s, f);
            f = NULL;
        }
        hint_set(s, hash, HINT_SYN, seq);
    }
    if (!f && p->payload.n > 0 && !(p->tcp_flags & TCP_RST))
        f = admit(s, &key, hash, seq, p->payload, ret_event);
    if (f)
        flow_feed(s, f, p, seq, &out);
}
