#include "pause.h"
#include <pthread.h>
#include <string.h>
#include "base/mem.h"
#include "call.h"
#include "event.h"
#include "stats.h"

#define ENDED     CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
#define PLACES    32 // addresses in an order, as capture.proto says
#define REALM_MAX 64

struct order {
    char realm[REALM_MAX];
    size_t n;
    uint8_t bytes[PAUSE_BYTES]; // a packed PauseOrder
};

struct pauses {
    struct uuid on[PAUSES]; // parts that are paused
    size_t n;
    void (*realm)(struct span site, char ret[64]);
    struct order made[PAUSES];
    pthread_mutex_t lock; // what the bus's threads read
    uint64_t version;     // 0: not yet known what stands, and nothing is said
    size_t orders;
    struct order order[PAUSES];
    char code[PAUSE_CODES][POLICY_CODE]; // that harvesters look for
    size_t codes;
    int64_t codes_of; // version of the rules they are of; CODES_NEVER: not looked yet
};
#define CODES_NEVER INT64_MIN

struct pauses *pauses_new(void (*realm)(struct span site, char ret[64]))
{
    struct pauses *p = mem_take(sizeof *p);
    if (!p)
        return NULL;
    (void)pthread_mutex_init(&p->lock, NULL);
    p->realm = realm;
    p->codes_of = CODES_NEVER;
    return p;
}

struct pauses *pauses_free(struct pauses *p)
{
    if (p) {
        (void)pthread_mutex_destroy(&p->lock);
        mem_give(p, sizeof *p);
    }
    return NULL;
}

bool pause_is_on(const struct call *c)
{
    return c->pauses && !call_pause_last(c)->to_us;
}

static bool is_listed(const struct pauses *p, const struct uuid *id)
{
    for (size_t i = 0; i < p->n; i++)
        if (memcmp(p->on[i].b, id->b, sizeof id->b) == 0)
            return true;
    return false;
}

static void say(struct world *w, struct call *c, const char *type, const char *by,
                const char *reason)
{
    event_note(w, c, NULL, w->wall_us, type, SIDE_NONE, 0, "%s%s%s", by, reason[0] ? ": " : "",
               reason);
    call_touch(w, c, true);
}

// For one more; the first is the call's own. False: the last one is stretched instead.
bool pause_room(struct world *w, struct call *c)
{
    if (c->pauses && c->pauses < CALL_PAUSES && !c->more_pauses &&
        !(c->more_pauses = slab_take(w->pauses_more)))
        count(STAT_FULL_PAUSES_MORE);
    gauge(STAT_USED_PAUSES_MORE, slab_stat(w->pauses_more).used);
    return !c->pauses || (c->pauses < CALL_PAUSES && c->more_pauses);
}

static bool start_part(struct world *w, struct call *c, int64_t until_us, struct span by,
                       struct span reason)
{
    struct pauses *p = w->pauses;
    if (pause_is_on(c)) {
        call_pause_at(c, c->pauses - 1)->until_us = until_us;
        call_touch(w, c, true);
        return true;
    }
    if (p->n == PAUSES) {
        count(STAT_FULL_PAUSES);
        return false;
    }
    bool stretch = !pause_room(w, c);
    if (stretch)
        count(STAT_PAUSES_STRETCHED);
    struct call_pause *x = call_pause_at(c, stretch ? c->pauses - 1 : c->pauses++);
    int64_t from_us = stretch ? x->from_us : w->wall_us;
    *x = (struct call_pause){.from_us = from_us, .until_us = until_us};
    (void)span_utf8(by, x->by, sizeof x->by);
    (void)span_utf8(reason, x->reason, sizeof x->reason);
    p->on[p->n++] = c->id;
    count(STAT_PAUSES);
    say(w, c, "recording_paused", x->by, x->reason);
    return true;
}

static void stop_part(struct world *w, struct call *c, const char *by)
{
    struct pauses *p = w->pauses;
    if (!pause_is_on(c))
        return;
    struct call_pause *x = call_pause_at(c, c->pauses - 1);
    x->to_us = w->wall_us > x->from_us ? w->wall_us : x->from_us + 1;
    for (size_t i = 0; i < p->n; i++)
        if (memcmp(p->on[i].b, c->id.b, sizeof c->id.b) == 0)
            p->on[i--] = p->on[--p->n];
    say(w, c, "recording_resumed", by, "");
}

static struct call *head_of(struct call *c)
{
    return c->head ? c->head : c;
}

bool pause_start(struct world *w, struct call *c, int64_t until_us, struct span by,
                 struct span reason)
{
    bool all = true;
    for (struct call *p = head_of(c); p; p = p->next_part)
        if (p->state != ENDED)
            all &= start_part(w, p, until_us, by, reason);
    return all;
}

void pause_stop(struct world *w, struct call *c, struct span by)
{
    struct event_text t = event_text(by);
    for (struct call *p = head_of(c); p; p = p->next_part)
        stop_part(w, p, t.s);
}

void pause_restore(struct world *w, const struct call *c)
{
    struct pauses *p = w->pauses;
    if (p && pause_is_on(c) && p->n < PAUSES && !is_listed(p, &c->id))
        p->on[p->n++] = c->id;
}

// ---- what harvesters are to drop ----------------------------------------------------------------------------------

struct places {
    Callmesh__V1__Endpoint at[PLACES], *list[PLACES];
    struct endpoint known[PLACES];
    size_t n;
};

static void add_place(struct places *p, const struct endpoint *e)
{
    for (size_t i = 0; i < p->n; i++)
        if (endpoint_eq(&p->known[i], e))
            return;
    if (p->n == PLACES || !e->port || !e->ip.family)
        return;
    p->known[p->n] = *e;
    callmesh__v1__endpoint__init(&p->at[p->n]);
    struct span ip = endpoint_ip(&p->known[p->n]);
    union { // packing does not write
        const uint8_t *in;
        uint8_t *out;
    } u = {.in = ip.p};
    p->at[p->n].ip = (ProtobufCBinaryData){ip.n, u.out};
    p->at[p->n].port = e->port;
    p->list[p->n] = &p->at[p->n];
    p->n++;
}

// Streams first: where audio flows now, before where it may flow.
static void all_places(const struct call *c, struct places *p)
{
    for (const struct stream *s = c->streams; s; s = s->next)
        if (!s->ended) {
            add_place(p, &s->dst);
            add_place(p, &s->src);
        }
    for (const struct leg *l = c->legs; l; l = l->next)
        for (const struct address *a = l->addresses; a; a = a->next)
            add_place(p, &a->at);
}

static void make_order(struct world *w, struct call *c, struct order *o)
{
    struct places p = {.n = 0};
    Callmesh__V1__PauseOrder m = CALLMESH__V1__PAUSE_ORDER__INIT;
    ProtobufCBinaryData call_id = {c->call_id_kept, c->call_id};
    all_places(c, &p);
    m.call_id = (ProtobufCBinaryData){sizeof c->id.b, c->id.b};
    m.until_us = call_pause_last(c)->until_us;
    m.at = p.list;
    m.n_at = p.n;
    m.sip_call_ids = &call_id;
    m.n_sip_call_ids = c->call_id_kept == c->call_id_n; // cut, it would be another
    (void)span_copy(span_str(w->site[c->site].name), o->realm, sizeof o->realm);
    if (w->pauses->realm)
        w->pauses->realm(span_str(w->site[c->site].name), o->realm);
    o->n = protobuf_c_message_get_packed_size(&m.base);
    _Static_assert(PLACES * 24 + CALL_ID_MAX + 64 < PAUSE_BYTES, "an order fits");
    (void)protobuf_c_message_pack(&m.base, o->bytes);
}

static bool same(const struct pauses *p, size_t n)
{
    bool equal = n == p->orders;
    for (size_t i = 0; i < n && equal; i++)
        equal = p->made[i].n == p->order[i].n &&
                memcmp(p->made[i].bytes, p->order[i].bytes, p->made[i].n) == 0 &&
                strcmp(p->made[i].realm, p->order[i].realm) == 0;
    return equal;
}

static void add_code(char code[PAUSE_CODES][POLICY_CODE], size_t *n, const char *s,
                     size_t *left_out)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(code[i], s) == 0)
            return;
    if (!s[0])
        return;
    if (*n == PAUSE_CODES)
        (*left_out)++;
    else
        (void)span_copy(span_str(s), code[(*n)++], POLICY_CODE);
}

// True: they are others than harvesters have been told.
static bool codes_look(struct world *w)
{
    struct pauses *p = w->pauses;
    const struct policy *rules = w->policy ? w->policy->now : NULL;
    int64_t version = rules ? rules->version : -1;
    char code[PAUSE_CODES][POLICY_CODE] = {{0}};
    size_t n = 0, left_out = 0;
    if (p->codes_of == version)
        return false;
    add_code(code, &n, w->pause_code, &left_out);
    add_code(code, &n, w->resume_code, &left_out);
    for (uint32_t i = 0; rules && i < rules->rules; i++) {
        add_code(code, &n, rules->rule[i].pause_code, &left_out);
        add_code(code, &n, rules->rule[i].resume_code, &left_out);
    }
    p->codes_of = version;
    gauge(STAT_CODES_LEFT_OUT, left_out);
    if (n == p->codes && memcmp(code, p->code, sizeof code) == 0)
        return false;
    (void)pthread_mutex_lock(&p->lock);
    memcpy(p->code, code, sizeof code);
    p->codes = n;
    (void)pthread_mutex_unlock(&p->lock);
    return true;
}

void pauses_round(struct world *w)
{
    struct pauses *p = w->pauses;
    size_t n = 0;
    bool codes = p && codes_look(w);
    if (!p || (!codes && !p->n && !p->orders && p->version))
        return;
    for (size_t i = 0; i < p->n;) {
        struct call *c = call_by_id(w, &p->on[i]);
        if (!c || !pause_is_on(c)) {
            p->on[i] = p->on[--p->n];
        } else if (c->state == ENDED) {
            stop_part(w, c, "end of the call");
        } else if (call_pause_last(c)->until_us <= w->wall_us) {
            count(STAT_PAUSES_OVER);
            stop_part(w, c, "time limit");
        } else {
            make_order(w, c, &p->made[n++]);
            i++;
        }
    }
    gauge(STAT_PAUSED, n);
    if (same(p, n) && !codes && p->version)
        return;
    (void)pthread_mutex_lock(&p->lock);
    memcpy(p->order, p->made, n * sizeof p->made[0]);
    p->orders = n;
    // Higher than any of another life: its clock was an earlier one.
    p->version = p->version < (uint64_t)w->wall_us ? (uint64_t)w->wall_us : p->version + 1;
    (void)pthread_mutex_unlock(&p->lock);
}

static size_t varint(uint8_t *to, size_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80);
    to[n++] = (uint8_t)v;
    return n;
}

uint64_t pause_orders(void *ctx, const char *site, uint64_t have, uint8_t *buf, size_t cap,
                      size_t *ret_n)
{
    struct pauses *p = ctx;
    char realm[REALM_MAX];
    (void)span_copy(span_str(site), realm, sizeof realm);
    if (p->realm)
        p->realm(span_str(site), realm);
    (void)pthread_mutex_lock(&p->lock);
    uint64_t version = p->version;
    for (size_t i = 0; version && version != have && i < p->codes; i++) {
        size_t n = strlen(p->code[i]);
        if (*ret_n + n + 2 > cap)
            break;
        buf[(*ret_n)++] = 0x12; // Orders.codes
        buf[(*ret_n)++] = (uint8_t)n;
        memcpy(buf + *ret_n, p->code[i], n);
        *ret_n += n;
    }
    for (size_t i = 0; version != have && i < p->orders; i++) {
        const struct order *o = &p->order[i];
        if (strcmp(o->realm, realm) != 0)
            continue;
        if (*ret_n + o->n + 4 > cap) {
            count(STAT_FULL_PAUSES);
            break;
        }
        buf[(*ret_n)++] = 0x0A; // Orders.pauses
        *ret_n += varint(buf + *ret_n, o->n);
        memcpy(buf + *ret_n, o->bytes, o->n);
        *ret_n += o->n;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return version;
}
