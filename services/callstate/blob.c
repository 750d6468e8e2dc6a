// A little over 450 lines: the fields of a call in one order, read and written by the same functions.
#include "blob.h"
#include <string.h>
#include "call.h"
#include "join.h"
#include "media_hosts.h"
#include "media_join.h"
#include "pause.h"
#include "stats.h"
#include "transfer.h"

// One direction or the other over the same fields. Native byte order: the mark at the start tells.
struct blob {
    struct world *w;
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
    if (!n) // a text that was never told has no address either
        return;
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

static struct span party_text(struct blob *b, size_t n)
{
    struct span s = span_of(b->p + b->n, n);
    b->n += n;
    return s;
}

static void party(struct blob *b, struct call *c, struct party *p)
{
    uint16_t uri = p->uri_n, user = p->user_n, name = p->name_n;
    F(b, uri);
    F(b, user);
    F(b, name);
    if (uri > PARTY_URI_MAX || user > PARTY_USER_MAX || name > PARTY_NAME_MAX ||
        b->cap - b->n < (size_t)uri + user + name)
        b->failed = true;
    if (b->failed)
        return;
    if (!b->reading) {
        raw(b, p->uri, uri);
        raw(b, p->user, user);
        raw(b, p->name, name);
        return;
    }
    struct span u = party_text(b, uri), at = party_text(b, user), n = party_text(b, name);
    call_keep_party(b->w, c, p, u, at, n);
}

static void call_fields(struct blob *b, struct call *c)
{
    tag(b, &c->from_tag);
    party(b, c, &c->from);
    party(b, c, &c->to);
    F(b, c->revision);
    F(b, c->state);
    F(b, c->result);
    F(b, c->hangup_by);
    F(b, c->recording_state);
    flag(b, &c->live);
    flag(b, &c->canceled);
    flag(b, &c->by_bye);
    if (b->version >= 5)
        F(b, c->protocol);
    else
        c->protocol = PROTOCOL_SIP;
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
    for (size_t i = 0; i < RECENT_MAX; i++) {
        uint64_t digest = c->recent[i]; // 64 bits wide in blobs since the first version
        F(b, digest);
        c->recent[i] = b->reading ? (uint32_t)(digest ^ digest >> 32) : c->recent[i];
    }
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
        for (uint8_t i = 0; i < l->formats[side]; i++) {
            struct leg_format *at = &l->format[side - 1][i];
            struct format f = {0};
            if (!b->reading)
                f = media_leg_format(at);
            F(b, f);
            if (!b->reading)
                continue;
            f.codec[sizeof f.codec - 1] = 0;
            *at = (struct leg_format){codec_take(b->failed ? span_of("", 0) : span_str(f.codec)),
                                      f.payload_type, f.channels, f.fmtp_flags, f.clock_rate};
        }
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

static size_t tag_bytes(const struct tag *t)
{
    return t->n < TAG_MAX ? t->n : TAG_MAX;
}

static size_t party_bytes(const struct party *p)
{
    return (size_t)p->uri_n + p->user_n + p->name_n;
}

size_t blob_bound(const struct call *c)
{
    // 1.1 KiB of fixed fields; what may still be added before the batch is sealed has the spare room of world_batch_full.
    size_t n = 1280 + 2 * (sizeof(struct agent_ref) + AGENT_NAME_MAX + AGENT_TEAM_MAX) +
               sizeof(struct decision) + c->pauses * sizeof c->pause + c->call_id_kept +
               tag_bytes(&c->from_tag) + party_bytes(&c->from) + party_bytes(&c->to) +
               c->publishers * (size_t)97;
    for (const struct leg *l = c->legs; l; l = l->next)
        n += 192 + tag_bytes(&l->to_tag) + l->user_agent_n +
             (size_t)(l->formats[1] + l->formats[2]) * sizeof(struct format) +
             l->address_count * (sizeof(struct endpoint) + 24);
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
        struct transfer none = {.kind = 0}, *t = c->transfer[i];
        uint8_t kind = t ? t->kind : 0;
        F(b, kind);
        if (!kind || b->failed)
            continue;
        if (b->reading && !(t = transfer_take(b->w, c, i))) {
            count(STAT_FULL_TRANSFERS);
            t = &none; // there is no more room: read over
        }
        t->kind = kind;
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

static void decision_fields(struct blob *b, struct decision *d)
{
    F(b, d->reason);
    flag(b, &d->record);
    flag(b, &d->after_answer);
    flag(b, &d->from_answer);
    F(b, d->sides);
    F(b, d->rule);
    F(b, d->by);
    d->rule[sizeof d->rule - 1] = d->by[sizeof d->by - 1] = 0;
    if (d->reason > POLICY_ASKED)
        b->failed = true;
}

static void pause_fields(struct blob *b, struct call *c)
{
    uint8_t n = c->pauses, kept = 0;
    F(b, n);
    if (n > CALL_PAUSES)
        b->failed = true;
    for (uint8_t i = 0; i < n && !b->failed; i++) {
        struct call_pause x = {0}, *p = b->reading ? &x : call_pause_at(c, i);
        F(b, *p);
        p->by[sizeof p->by - 1] = p->reason[sizeof p->reason - 1] = 0;
        if (!b->reading)
            continue;
        c->pauses = kept;
        if (pause_room(b->w, c))
            *call_pause_at(c, kept++) = x;
        else if (kept) // wider, never narrower
            call_pause_at(c, kept - 1)->to_us = x.to_us,
                                    call_pause_at(c, kept - 1)->until_us = x.until_us;
    }
    if (b->reading)
        c->pauses = kept;
}

static void agent(struct blob *b, struct call *c, struct party *p)
{
    struct agent_ref a = p->agent;
    F(b, a.by);
    if (b->failed || !a.by)
        return;
    F(b, a.id);
    F(b, a.name_n);
    F(b, a.team_n);
    size_t n = (size_t)a.name_n + a.team_n;
    if (a.by > AGENT_BY_NUMBER || a.name_n > AGENT_NAME_MAX || a.team_n > AGENT_TEAM_MAX ||
        b->cap - b->n < n)
        b->failed = true;
    if (b->failed)
        return;
    a.text = b->reading ? b->p + b->n : a.text;
    if (!b->reading && n)
        memcpy(b->p + b->n, a.text, n);
    b->n += n;
    if (b->reading)
        call_keep_agent(b->w, c, p, &a);
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
        F(b, a->ssrc);
        F(b, a->named_us);
        F(b, a->again_us);
    }
}

size_t blob_write(struct world *w, struct call *c, uint8_t *buf, size_t cap)
{
    struct blob b = {.w = w, .p = buf, .cap = cap};
    uint32_t mark;
    head(&b, &mark);
    F(&b, c->id);
    F(&b, w->site[c->site].name);
    F(&b, c->publishers);
    for (uint8_t i = 0; i < c->publishers; i++)
        F(&b, w->publisher[c->publisher[i]].name);
    // Of one that was cut for want of room only what is left.
    uint16_t whole = c->call_id_kept < CALL_ID_MAX ? c->call_id_kept : c->call_id_n;
    F(&b, whole);
    raw(&b, c->call_id, c->call_id_kept);
    call_fields(&b, c);
    F(&b, c->leg_count);
    for (struct leg *l = c->legs; l; l = l->next) {
        leg_fields(&b, l);
        write_addresses(&b, l);
    }
    story_fields(&b, c);
    decision_fields(&b, &c->decision);
    pause_fields(&b, c);
    agent(&b, c, &c->from);
    agent(&b, c, &c->to);
    F(&b, c->from.e164);
    F(&b, c->to.e164);
    return b.failed ? 0 : b.n;
}

static void read_addresses(struct world *w, struct blob *b, struct leg *l)
{
    uint8_t n = 0;
    F(b, n);
    for (uint8_t i = 0; i < n && !b->failed; i++) {
        struct endpoint at;
        uint8_t side = 0;
        uint32_t ssrc = 0;
        int64_t named = 0, again = 0;
        F(b, at);
        F(b, side);
        if (b->version >= 5)
            F(b, ssrc);
        F(b, named);
        again = named;
        if (b->version >= 5)
            F(b, again);
        if (b->failed || side < SIDE_CALLER || side > SIDE_CALLEE)
            return;
        if (media_add_address(w, l, (enum side)side, &at, ssrc, named))
            l->addresses->again_us = again;
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
    struct blob b = {.w = w, .p = u.out, .cap = blob.n, .reading = true};
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
        if (c->protocol == PROTOCOL_SIP)
            media_hosts_add_leg(w, l);
        read_addresses(w, &b, l);
    }
    if (b.version >= 2)
        story_fields(&b, c);
    if (b.version >= 3)
        decision_fields(&b, &c->decision);
    if (b.version >= 4)
        pause_fields(&b, c);
    if (b.version >= 6) {
        agent(&b, c, &c->from);
        agent(&b, c, &c->to);
    }
    if (b.version >= 7) {
        F(&b, c->from.e164);
        F(&b, c->to.e164);
    }
    if (b.failed || !c->legs) {
        c->row_late_us = 0;
        call_remove(w, c);
        return NULL;
    }
    pause_restore(w, c);
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
