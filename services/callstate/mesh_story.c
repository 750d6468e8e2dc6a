// The story of a call and its events as messages of the mesh.
#include <string.h>
#include "event.h"
#include "mesh.h"
#include "parts.h"

#define TAKE(a, type) ((type *)arena_take((a), sizeof(type)))

static ProtobufCBinaryData view(const void *p, size_t n)
{
    union { // packing does not write
        const void *in;
        uint8_t *out;
    } u = {.in = p};
    return (ProtobufCBinaryData){.len = n, .data = u.out};
}

static char *text_copy(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = arena_take(a, n);
    return p ? memcpy(p, s, n) : NULL;
}

static bool fill_parts(struct arena *a, const struct call *in, Callmesh__V1__CallStory *s)
{
    s->parts = arena_take(a, CALL_PARTS_MAX * sizeof *s->parts);
    if (!s->parts)
        return false;
    for (const struct call *p = in->next_part; p; p = p->next_part) {
        Callmesh__V1__CallPart *part = TAKE(a, Callmesh__V1__CallPart);
        if (!part)
            return false;
        callmesh__v1__call_part__init(part);
        part->call_id = view(p->id.b, sizeof p->id.b);
        part->relation = parts_relation(p);
        part->score = (uint32_t)edge_score(&p->edge);
        part->sip_call_id = view(p->call_id, p->call_id_kept);
        s->parts[s->n_parts++] = part;
    }
    return true;
}

static bool fill_transfers(struct arena *a, const struct call *in, Callmesh__V1__CallStory *s)
{
    s->transfers = arena_take(a, (size_t)CALL_PARTS_MAX * TRANSFERS_MAX * sizeof *s->transfers);
    if (!s->transfers)
        return false;
    for (const struct call *p = in; p; p = parts_is_merged(in) ? NULL : p->next_part)
        for (size_t i = 0; i < TRANSFERS_MAX; i++) {
            const struct transfer *x = p->transfer[i];
            if (!x || x->kind == CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_REDIRECT)
                continue;
            Callmesh__V1__Transfer *t = TAKE(a, Callmesh__V1__Transfer);
            if (!t)
                return false;
            const struct party *by = x->by == SIDE_CALLER ? &p->from : &p->to;
            const struct party *who = x->by == SIDE_CALLER ? &p->to : &p->from;
            callmesh__v1__transfer__init(t);
            t->kind = (Callmesh__V1__TransferKind)x->kind;
            t->result = (Callmesh__V1__TransferResult)x->result;
            t->sip_status = x->status;
            t->at_us = x->at_us;
            t->transferor = view(by->user, by->user_n);
            t->transferee = view(who->user, who->user_n);
            t->target = view(x->target, x->target_n);
            s->transfers[s->n_transfers++] = t;
        }
    return true;
}

static bool fill_agents(struct arena *a, const struct call *in, Callmesh__V1__CallStory *s)
{
    struct part_agent at[AGENTS_SHOWN];
    size_t n = parts_agents(in, at);
    if (!n)
        return true;
    s->agents = arena_take(a, n * sizeof *s->agents);
    for (size_t i = 0; s->agents && i < n; i++) {
        Callmesh__V1__CallAgent *out = TAKE(a, Callmesh__V1__CallAgent);
        if (!out)
            return false;
        callmesh__v1__call_agent__init(out);
        out->id = view(at[i].agent->id.b, sizeof at[i].agent->id.b);
        out->name = view(agent_name(at[i].agent).p, at[i].agent->name_n);
        out->team = view(agent_team(at[i].agent).p, at[i].agent->team_n);
        out->matched_by = (Callmesh__V1__AgentMatch)at[i].agent->by;
        out->side = (Callmesh__V1__Side)at[i].side;
        s->agents[s->n_agents++] = out;
    }
    return s->agents != NULL;
}

static ProtobufCBinaryData session(const uint8_t id[16])
{
    static const uint8_t zero[16];
    return view(id, memcmp(id, zero, 16) ? 16 : 0);
}

Callmesh__V1__CallStory *mesh_story(struct arena *a, const struct call *c)
{
    Callmesh__V1__CallStory *s = TAKE(a, Callmesh__V1__CallStory);
    struct call_story st;
    if (!s)
        return NULL;
    callmesh__v1__call_story__init(s);
    parts_story(c, &st);
    s->state = (Callmesh__V1__CallState)st.state;
    s->result = (Callmesh__V1__CallResult)st.result;
    s->sip_status = c->protocol == PROTOCOL_SIP ? st.status : 0;
    s->sip_reason = view(st.reason.p, st.reason.n);
    s->hangup_by = (Callmesh__V1__HangupBy)st.hangup_by;
    s->end_reason = (Callmesh__V1__EndReason)st.end_reason;
    s->q850_cause = st.q850;
    s->ringing_at_us = st.ringing_us;
    s->answered_at_us = st.answered_us;
    s->ended_at_us = st.ended_us;
    s->hold_us = st.hold_us;
    s->hold_count = st.hold_count;
    s->held_by = st.held_by;
    s->conference = c->conference;
    s->recording_state = (Callmesh__V1__RecordingState)st.recording_state;
    s->session_expires = c->session_expires;
    s->session_id_local = session(c->session[0]);
    s->session_id_remote = session(c->session[1]);
    s->diverted_by = arena_take(a, DIVERTED_MAX * sizeof *s->diverted_by);
    for (uint8_t i = 0; s->diverted_by && i < c->diverted_n; i++)
        s->diverted_by[s->n_diverted_by++] = view(c->diverted[i].user, c->diverted[i].n);
    if (parts_is_merged(c))
        s->merged_into = view(c->head->id.b, sizeof c->head->id.b);
    else if (!fill_parts(a, c, s))
        return NULL;
    return fill_transfers(a, c, s) && fill_agents(a, c, s) ? s : NULL;
}

Callmesh__V1__MeshChange *mesh_event(struct arena *a, const struct world *w, const struct event *e)
{
    Callmesh__V1__MeshChange *m = TAKE(a, Callmesh__V1__MeshChange);
    Callmesh__V1__CallEvent *v = TAKE(a, Callmesh__V1__CallEvent);
    struct uuid *ids = arena_take(a, 2 * sizeof *ids);
    if (!m || !v || !ids)
        return NULL;
    callmesh__v1__mesh_change__init(m);
    callmesh__v1__call_event__init(v);
    m->change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL_EVENT;
    m->call_event = v;
    ids[0] = e->call->id;
    ids[1] = parts_head(e->call)->id;
    v->call_id = view(&ids[0], sizeof ids[0]);
    v->head_id = view(&ids[1], sizeof ids[1]);
    v->type = text_copy(a, e->type);
    v->detail = text_copy(a, e->detail);
    v->site = text_copy(a, w->site[e->call->site].name);
    v->side = (Callmesh__V1__Side)e->side;
    v->sip_status = e->status;
    v->at_us = e->at_us;
    v->n = e->n;
    return v->type && v->detail && v->site ? m : NULL;
}
