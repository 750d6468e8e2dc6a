#include "blob.h"
#include <string.h>
#include "call.h"
#include "join.h"
#include "media_hosts.h"
#include "media_join.h"

// One direction or the other over the same fields. Native byte order: the mark at the start tells.
struct blob {
    uint8_t *p;
    size_t n, cap;
    bool reading, failed;
    uint8_t version;
};

static void raw(struct blob *b, void *field, size_t n)
{
    if (b->failed || b->cap - b->n < n) {
        b->failed = true;
        return;
    }
    if (b->reading)
        memcpy(field, b->p + b->n, n);
    else
        memcpy(b->p + b->n, field, n);
    b->n += n;
}
#define F(b, field) raw((b), &(field), sizeof(field))

static void flag(struct blob *b, bool *field)
{
    uint8_t v = b->reading ? 0 : *field;
    F(b, v);
    if (b->reading)
        *field = v != 0;
}

// A length that may not be larger than its array, then the bytes.
static void text(struct blob *b, void *bytes, uint16_t n, size_t cap)
{
    if (n > cap)
        n = (uint16_t)cap;
    raw(b, bytes, n);
}

static void tag(struct blob *b, struct tag *t)
{
    F(b, t->n);
    text(b, t->b, t->n, TAG_MAX);
    if (b->reading)
        tag_set(t, span_of(t->b, t->n < TAG_MAX ? t->n : TAG_MAX));
}

static void party(struct blob *b, struct party *p)
{
    F(b, p->uri_n);
    F(b, p->user_n);
    F(b, p->name_n);
    if (p->uri_n > sizeof p->uri || p->user_n > sizeof p->user || p->name_n > sizeof p->name) {
        b->failed = true;
        p->uri_n = p->user_n = p->name_n = 0;
        return;
    }
    raw(b, p->uri, p->uri_n);
    raw(b, p->user, p->user_n);
    raw(b, p->name, p->name_n);
}

static void call_fields(struct blob *b, struct call *c)
{
    tag(b, &c->from_tag);
    party(b, &c->from);
    party(b, &c->to);
    F(b, c->revision);
    F(b, c->state);
    F(b, c->result);
    F(b, c->hangup_by);
    F(b, c->recording_state);
    flag(b, &c->live);
    flag(b, &c->canceled);
    flag(b, &c->by_bye);
    F(b, c->status);
    F(b, c->reason_n);
    text(b, c->reason, c->reason_n, sizeof c->reason);
    F(b, c->started_us);
    F(b, c->ringing_us);
    F(b, c->answered_us);
    F(b, c->ended_us);
    F(b, c->last_sip_us);
    F(b, c->last_provisional_us);
    F(b, c->last_media_us);
    F(b, c->cancel_us);
    F(b, c->hold_us);
    F(b, c->hold_since_us);
    F(b, c->hold_count);
    F(b, c->message_count);
    F(b, c->invite_cseq);
    F(b, c->hops);
    F(b, c->recent_next);
    F(b, c->hop);
    F(b, c->recent);
    bool late = c->row_late_us != 0;
    flag(b, &late);
    if (b->reading)
        c->row_late_us = late;
    if (c->reason_n > sizeof c->reason || c->hops > HOPS_MAX || c->recent_next >= RECENT_MAX ||
        c->state > CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED)
        b->failed = true;
}

static void formats(struct blob *b, struct leg *l)
{
    for (int side = SIDE_CALLER; side <= SIDE_CALLEE; side++) {
        F(b, l->formats[side]);
        if (l->formats[side] > FORMATS_MAX) {
            b->failed = true;
            l->formats[side] = 0;
            return;
        }
        raw(b, l->format[side - 1], l->formats[side] * sizeof l->format[0][0]);
        for (uint8_t i = 0; i < l->formats[side]; i++)
            l->format[side - 1][i].codec[sizeof l->format[side - 1][i].codec - 1] = 0;
    }
}

static void leg_fields(struct blob *b, struct leg *l)
{
    F(b, l->id);
    tag(b, &l->to_tag);
    F(b, l->dialog);
    F(b, l->state);
    F(b, l->transport);
    F(b, l->user_agent_n);
    text(b, l->user_agent, l->user_agent_n, sizeof l->user_agent);
    F(b, l->status);
    flag(b, &l->ack_seen);
    F(b, l->started_us);
    F(b, l->ringing_us);
    F(b, l->answered_us);
    F(b, l->ended_us);
    F(b, l->media_us);
    F(b, l->src);
    F(b, l->dst);
    F(b, l->offer_cseq);
    F(b, l->offer_side);
    F(b, l->offer_hold);
    F(b, l->offer_late);
    F(b, l->side_cseq);
    F(b, l->hold_by);
    formats(b, l);
    if (l->user_agent_n > sizeof l->user_agent || l->dialog >= DIALOG_STATES ||
        l->offer_side > SIDE_CALLEE)
        b->failed = true;
}

size_t blob_bound(const struct call *c)
{
    size_t n = 2900 + CALL_ID_MAX + 2 * sizeof(struct party);
    for (const struct leg *l = c->legs; l; l = l->next)
        n += 640 + (size_t)(l->formats[1] + l->formats[2]) * sizeof(struct format) +
             l->address_count * (sizeof(struct endpoint) + 16);
    return n;
}

static void head(struct blob *b, uint32_t *mark)
{
    *mark = b->reading ? 0 : 0x63616c00u + BLOB_VERSION;
    F(b, *mark);
    b->version = (uint8_t)*mark;
    if (*mark >> 8 != 0x63616cu || b->version < 1 || b->version > BLOB_VERSION)
        b->failed = true;
}

static void edge(struct blob *b, struct edge *e)
{
    F(b, e->n);
    if (e->n > EVIDENCE_MAX) {
        b->failed = true;
        e->n = 0;
    }
    for (uint8_t i = 0; i < e->n; i++) {
        F(b, e->e[i].at_us);
        F(b, e->e[i].kind);
        F(b, e->e[i].score);
        if (e->e[i].kind >= EVIDENCE_KINDS)
            b->failed = true;
    }
}

static void transfers(struct blob *b, struct call *c)
{
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        struct transfer *t = &c->transfer[i];
        F(b, t->kind);
        if (!t->kind)
            continue;
        F(b, t->result);
        F(b, t->by);
        F(b, t->target_n);
        text(b, t->target, t->target_n, sizeof t->target);
        F(b, t->status);
        F(b, t->cseq);
        F(b, t->at_us);
        F(b, t->target_key);
        if (t->target_n > sizeof t->target || t->by > SIDE_CALLEE) {
            b->failed = true;
            t->target_n = 0;
        }
    }
}

static void story_fields(struct blob *b, struct call *c)
{
    struct uuid parent = c->parent ? c->parent->id : (struct uuid){0};
    F(b, parent);
    if (b->reading)
        c->parent_id = parent;
    edge(b, &c->edge);
    F(b, c->end_reason);
    F(b, c->q850);
    flag(b, &c->conference);
    F(b, c->session);
    F(b, c->session_expires);
    F(b, c->refreshed_us);
    F(b, c->last_rtcp_us);
    F(b, c->events);
    F(b, c->key);
    F(b, c->diverted_n);
    if (c->diverted_n > DIVERTED_MAX) {
        b->failed = true;
        c->diverted_n = 0;
    }
    for (uint8_t i = 0; i < c->diverted_n; i++) {
        struct diverted *d = &c->diverted[i];
        F(b, d->n);
        text(b, d->user, d->n, sizeof d->user);
        if (d->n > sizeof d->user) {
            b->failed = true;
            d->n = 0;
        }
    }
    transfers(b, c);
    for (struct leg *l = c->legs; l; l = l->next)
        F(b, l->hold_how);
}

static void agent(struct blob *b, struct agent_ref *a)
{
    F(b, a->by);
    if (!a->by)
        return;
    F(b, a->id);
    F(b, a->name_n);
    F(b, a->team_n);
    if (a->by > AGENT_BY_ADDRESS || a->name_n > sizeof a->name || a->team_n > sizeof a->team) {
        b->failed = true;
        *a = (struct agent_ref){.by = AGENT_NONE};
        return;
    }
    raw(b, a->name, a->name_n);
    raw(b, a->team, a->team_n);
}

static void write_addresses(struct blob *b, struct leg *l)
{
    F(b, l->address_count);
    // Oldest first, so that reading them back gives the same order.
    for (uint8_t left = l->address_count; left > 0; left--) {
        struct address *a = l->addresses;
        for (uint8_t i = 1; i < left; i++)
            a = a->next;
        F(b, a->at);
        F(b, a->side);
        F(b, a->named_us);
    }
}

size_t blob_write(struct world *w, struct call *c, uint8_t *buf, size_t cap)
{
    struct blob b = {.p = buf, .cap = cap};
    uint32_t mark;
    head(&b, &mark);
    F(&b, c->id);
    F(&b, w->site[c->site].name);
    F(&b, c->publishers);
    for (uint8_t i = 0; i < c->publishers; i++)
        F(&b, w->publisher[c->publisher[i]].name);
    F(&b, c->call_id_n);
    text(&b, c->call_id, c->call_id_n, CALL_ID_MAX);
    call_fields(&b, c);
    F(&b, c->leg_count);
    for (struct leg *l = c->legs; l; l = l->next) {
        leg_fields(&b, l);
        write_addresses(&b, l);
    }
    story_fields(&b, c);
    agent(&b, &c->from.agent);
    agent(&b, &c->to.agent);
    return b.failed ? 0 : b.n;
}

static void read_addresses(struct world *w, struct blob *b, struct leg *l)
{
    uint8_t n = 0;
    F(b, n);
    for (uint8_t i = 0; i < n && !b->failed; i++) {
        struct endpoint at;
        uint8_t side = 0;
        int64_t named = 0;
        F(b, at);
        F(b, side);
        F(b, named);
        if (b->failed || side < SIDE_CALLER || side > SIDE_CALLEE)
            return;
        (void)media_add_address(w, l, (enum side)side, &at, named);
    }
}

static void read_publishers(struct world *w, struct blob *b, const char *site, uint16_t *ret,
                            uint8_t *ret_n)
{
    uint8_t n = 0;
    F(b, n);
    for (uint8_t i = 0; i < n && i < CALL_PUBLISHERS_MAX && !b->failed; i++) {
        char name[sizeof w->publisher[0].name];
        F(b, name);
        name[sizeof name - 1] = 0;
        uint16_t at;
        struct publisher *p =
            b->failed ? NULL : publisher_intern(w, span_str(name), span_str(site), &at);
        if (!p)
            continue;
        if (!p->last_seen_wall_us)
            p->last_seen_wall_us = w->wall_us; // the patience with it begins now
        ret[(*ret_n)++] = at;
    }
}

struct call *blob_read(struct world *w, struct span blob)
{
    union { // reading does not write to it
        const uint8_t *in;
        uint8_t *out;
    } u = {.in = blob.p};
    struct blob b = {.p = u.out, .cap = blob.n, .reading = true};
    uint32_t mark;
    struct uuid id;
    char site_name[sizeof w->site[0].name];
    uint16_t publisher[CALL_PUBLISHERS_MAX], call_id_n = 0, site = 0;
    uint8_t publishers = 0, call_id[CALL_ID_MAX], legs = 0;
    head(&b, &mark);
    F(&b, id);
    F(&b, site_name);
    site_name[sizeof site_name - 1] = 0;
    if (b.failed || !site_intern(w, span_str(site_name), &site))
        return NULL;
    read_publishers(w, &b, site_name, publisher, &publishers);
    F(&b, call_id_n);
    text(&b, call_id, call_id_n, CALL_ID_MAX);
    if (b.failed || call_by_id(w, &id))
        return NULL;
    struct call *c =
        call_new(w, site, span_of(call_id, call_id_n < CALL_ID_MAX ? call_id_n : CALL_ID_MAX), &id);
    if (!c)
        return NULL;
    c->call_id_n = call_id_n;
    for (uint8_t i = 0; i < publishers; i++)
        call_credit_publisher(w, c, publisher[i]);
    call_fields(&b, c);
    F(&b, legs);
    for (uint8_t i = 0; i < legs && i < CALL_LEGS_MAX && !b.failed; i++) {
        struct leg *l = call_leg_new(w, c);
        if (!l)
            break;
        leg_fields(&b, l);
        media_hosts_add_leg(w, l);
        read_addresses(w, &b, l);
    }
    if (b.version >= 2)
        story_fields(&b, c);
    if (b.version >= 3) {
        agent(&b, &c->from.agent);
        agent(&b, &c->to.agent);
    }
    if (b.failed || !c->legs) {
        c->row_late_us = 0;
        call_remove(w, c);
        return NULL;
    }
    join_rekey(w, c);
    if (c->row_late_us) {
        c->row_late_us = w->wall_us;
        list_push(&w->late_calls, &c->late_link);
    }
    if (c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED) {
        c->ended_wall_us = w->wall_us;
        list_push(&w->ended, &c->ended_link);
    }
    return c;
}
