// What HEP senders hand over: SIP goes the way of SIP, RTP and RTCP into the stream table, each with the addresses and the time
// that the sender gives. Counted by capture id, the first sixteen seen; the rest together.
#include <stdio.h>
#include <string.h>
#include "base/mono.h"
#include "classify.h"
#include "wire/hep.h"
#include "worker_priv.h"

#define AHEAD_US  (2 * US_PER_S)       // a sender's clock further ahead than this
#define BEHIND_US (10 * 60 * US_PER_S) // or a message older than this: time of arrival is taken

// One table for each agent, registered when the agent is first heard of; the last is for all others.
static struct agent_stat {
    char label[32];
    struct stat_def def[2];
    struct stat_cell cell[2];
} agent_stats[HEP_AGENTS_MAX + 1];

static struct hep_agent *agent_of(struct worker *w, uint32_t id)
{
    struct hep_agents *all = &w->hep;
    for (uint32_t i = 0; i < all->n; i++)
        if (all->agent[i].id == id)
            return &all->agent[i];
    if (all->n == HEP_AGENTS_MAX)
        return &all->agent[HEP_AGENTS_MAX]; // the others
    all->agent[all->n].id = id;
    return &all->agent[all->n++];
}

// The key's length is no secret, its bytes are.
static bool key_is_right(const char *key, struct span given)
{
    size_t n = key ? strlen(key) : 0;
    uint8_t differs = n != given.n;
    for (size_t i = 0; n > 0 && i < given.n; i++)
        differs |= (uint8_t)(given.p[i] ^ (uint8_t)key[i % n]);
    return n == 0 || !differs;
}

// Feed time follows our clock, so a message cannot be from the future, nor from long ago.
static int64_t time_of(struct worker *w, const struct hep *h, int64_t arrived_us)
{
    if (h->at_us == HEP_AT_UNKNOWN)
        return arrived_us;
    if (h->at_us > arrived_us + AHEAD_US || h->at_us < arrived_us - BEHIND_US) {
        worker_event(w, WIRE_HEP_TIME);
        return arrived_us;
    }
    return h->at_us < arrived_us ? h->at_us : arrived_us;
}

static void rtcp_json(struct worker *w, const struct pkt *p)
{
    struct rtcp r;
    enum wire_event e = rtcp_json_parse(p->payload, &r);
    if (e == WIRE_NONE)
        media_reports(w, p, &r);
    else
        worker_event(w, e);
}

static void message_way(struct worker *w, const struct hep *h)
{
    const struct pkt *p = &w->pkt;
    enum traffic t = classify_udp(p->payload);
    if (h->type == HEP_SIP)
        worker_sip_message(w, p, p->payload, false);
    else if (h->type == HEP_RTCP && t == TRAFFIC_RTCP)
        media_rtcp(w, p);
    else if (h->type == HEP_RTCP && p->payload.p[0] == '{')
        rtcp_json(w, p);
    else if ((h->type == HEP_RTP || h->type == HEP_RTCP) && t == TRAFFIC_RTP)
        media_rtp(w, p);
    else
        worker_event(w, WIRE_HEP_TYPE);
}

void worker_hep(struct worker *w, const struct source_packet *in)
{
    struct hep h;
    enum wire_event e = hep_parse(in->frame, &h);
    w->counts.n[CAPTURE_PACKETS]++;
    w->counts.n[CAPTURE_WAY_HEP]++;
    w->counts.n[CAPTURE_BYTES] += in->wire_length;
    if (h.version != 0) {
        struct hep_agent *a = agent_of(w, h.capture_id);
        a->messages++;
        a->bytes += in->wire_length;
    }
    if (e == WIRE_NONE && !key_is_right(w->o.hep_key, h.auth_key))
        e = WIRE_HEP_AUTH;
    if (e != WIRE_NONE) {
        worker_event(w, e);
        return;
    }
    w->pkt = (struct pkt){
        .frame = in->frame,
        .at_us = time_of(w, &h, in->at_us),
        .wire_length = in->wire_length,
        .src = h.src.ip,
        .dst = h.dst.ip,
        .sport = h.src.port,
        .dport = h.dst.port,
        .protocol = h.protocol,
        .ip_payload = h.payload,
        .payload = h.payload,
    };
    if (w->pkt.at_us > w->last_at_us)
        w->last_at_us = w->pkt.at_us;
    message_way(w, &h);
}

const struct hep_agents *worker_hep_agents(const struct worker *w)
{
    return &w->hep;
}

static void agent_register(struct agent_stat *s, const struct hep_agent *a, bool others)
{
    if (others)
        snprintf(s->label, sizeof s->label, "input=\"hep:other\"");
    else
        snprintf(s->label, sizeof s->label, "input=\"hep:%u\"", a->id);
    s->def[0] = (struct stat_def){"capture_hep_messages_total", s->label,
                                  "HEP messages by capture id", STAT_COUNTER};
    s->def[1] = (struct stat_def){"capture_hep_bytes_total", s->label,
                                  "bytes of HEP messages by capture id", STAT_COUNTER};
    stat_register(s->def, s->cell, 2);
}

void hep_agents_publish(const struct hep_agents *all)
{
    for (uint32_t i = 0; i <= HEP_AGENTS_MAX; i++) {
        const struct hep_agent *a = &all->agent[i];
        struct agent_stat *s = &agent_stats[i];
        if (a->messages == 0)
            continue;
        if (!s->label[0])
            agent_register(s, a, i == HEP_AGENTS_MAX);
        stat_set(&s->cell[0], a->messages);
        stat_set(&s->cell[1], a->bytes);
    }
}
