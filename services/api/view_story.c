// The story of a call as JSON: how it ended, what it was joined with, who was transferred to whom.
#include <stdio.h>

#include "view.h"

static const char *const end_reasons[] = {
    NULL,         "bye",          "canceled",      "rejected",
    "redirected", "not_answered", "media_silence", "session_expired",
    "silence",    "input_ended",  "abandoned"};
static const char *const relations[] = {"original", "original", "leg",    "transfer_target",
                                        "consult",  "forward",  "pickup", "conference"};
static const char *const kinds[] = {"blind", "blind", "attended", "redirect", "park"};
static const char *const transfer_results[] = {NULL, "accepted", "succeeded", "failed"};
static const char *const results[] = {NULL,       "answered", "no_answer", "busy",
                                      "canceled", "rejected", "failed",    "redirected"};
static const char *const hangups[] = {NULL, "caller", "callee", "system", "timeout"};
static const char *const holders[] = {NULL, "caller", "callee", "both"};
static const char *const recording_states[] = {"none", "active", "pending", "ready", "failed"};

static const char *const matches[] = {"user", "user", "address", "number"};

#define WORD(names, v) ((size_t)(v) < sizeof(names) / sizeof((names)[0]) ? (names)[v] : NULL)

static struct span word(const char *s)
{
    return s ? span_str(s) : (struct span){NULL, 0};
}

static struct span bytes(ProtobufCBinaryData b)
{
    return span_of(b.data, b.len);
}

static void word_or_null(struct json *j, const char *key, struct span s)
{
    if (s.n)
        json_kspan(j, key, s);
    else
        json_knull(j, key);
}

static void uuid_json(struct json *j, ProtobufCBinaryData b)
{
    struct uuid u = {0};
    if (b.len == sizeof(u.b))
        memcpy(u.b, b.data, sizeof(u.b));
    json_uuid(j, &u);
}

static void hex_or_null(struct json *j, const char *key, ProtobufCBinaryData b)
{
    char text[33] = "";
    for (size_t i = 0; b.len == 16 && i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", b.data[i]);
    json_kstr(j, key, text[0] ? text : NULL);
}

static void transfer_json(struct json *j, const Callmesh__V1__Transfer *t)
{
    json_obj(j);
    json_kstr(j, "kind", WORD(kinds, t->kind) ? WORD(kinds, t->kind) : kinds[0]);
    json_kstr(j, "result", WORD(transfer_results, t->result));
    json_ktime(j, "at", t->at_us);
    json_kspan(j, "transferor", span_sub(bytes(t->transferor), 0, 40));
    json_kspan(j, "transferee", span_sub(bytes(t->transferee), 0, 40));
    json_kspan(j, "target", span_sub(bytes(t->target), 0, 40));
    if (t->sip_status)
        json_kuint(j, "sip_status", t->sip_status);
    else
        json_knull(j, "sip_status");
    json_obj_end(j);
}

static void session_id_json(struct json *j, const Callmesh__V1__CallStory *s)
{
    json_obj(j);
    hex_or_null(j, "local", s->session_id_local);
    hex_or_null(j, "remote", s->session_id_remote);
    json_obj_end(j);
}

static void diverted_json(struct json *j, const Callmesh__V1__CallStory *s)
{
    json_arr(j);
    for (size_t i = 0; i < s->n_diverted_by && i < 3; i++)
        json_span(j, span_sub(bytes(s->diverted_by[i]), 0, 31));
    json_arr_end(j);
}

static void transfers_json(struct json *j, const Callmesh__V1__CallStory *s)
{
    json_arr(j);
    for (size_t i = 0; i < s->n_transfers && i < 6; i++)
        transfer_json(j, s->transfers[i]);
    json_arr_end(j);
}

static void related_json(struct json *j, const Callmesh__V1__CallStory *s)
{
    json_arr(j);
    for (size_t i = 0; i < s->n_parts && i < 7; i++) {
        const Callmesh__V1__CallPart *p = s->parts[i];
        json_obj(j);
        json_key(j, "id");
        uuid_json(j, p->call_id);
        json_kstr(j, "rel", WORD(relations, p->relation) ? WORD(relations, p->relation) : "leg");
        json_kuint(j, "score", p->score);
        json_obj_end(j);
    }
    json_arr_end(j);
}

static void decision_json(struct json *j, const Callmesh__V1__RecordingDecision *d)
{
    static const char *const sides[] = {"both", "caller", "callee", "both"};
    static const char *const reasons[] = {"undecided", "no_rule", "all",          "none",
                                          "on_demand", "percent", "not_answered", "asked"};
    json_obj(j);
    json_kstr(j, "decision", d->record ? "record" : "skip");
    json_kstr(j, "reason", WORD(reasons, d->reason));
    json_kstr(j, "rule", d->rule[0] ? d->rule : NULL);
    json_kstr(j, "by", d->by[0] ? d->by : NULL);
    json_kstr(j, "sides", sides[d->sides & 3]);
    json_kbool(j, "from_answer", d->from_answer);
    json_obj_end(j);
}

void decision_view_of(const Callmesh__V1__RecordingDecision *d, struct call_view *v)
{
    struct json j;
    size_t used = v->session_id.n + v->diverted_by.n + v->related.n + v->transfers.n;
    if (d->reason <= CALLMESH__V1__RECORDING_REASON__RECORDING_REASON_NO_RULE)
        return;
    json_init(&j, v->story + used, sizeof(v->story) - used);
    decision_json(&j, d);
    if (!j.overflow)
        v->recording_policy = span_of(j.buf, j.n);
}

void paused_view_of(const Callmesh__V1__Call *c, struct call_view *v)
{
    struct json j;
    const Callmesh__V1__RecordingPause *p = c->n_pauses ? c->pauses[c->n_pauses - 1] : NULL;
    size_t used =
        v->session_id.n + v->diverted_by.n + v->related.n + v->transfers.n + v->recording_policy.n;
    if (!p || p->to_us)
        return;
    json_init(&j, v->story + used, sizeof(v->story) - used);
    json_obj(&j);
    json_ktime(&j, "from", p->from_us);
    json_ktime(&j, "until", p->until_us);
    json_kstr(&j, "by", p->by);
    json_kstr(&j, "reason", p->reason);
    json_obj_end(&j);
    if (!j.overflow)
        v->paused = span_of(j.buf, j.n);
}

// Each into its part of v->story; what does not fit is left out.
static void write_pieces(const Callmesh__V1__CallStory *s, struct call_view *v)
{
    static void (*const write[])(struct json *, const Callmesh__V1__CallStory *) = {
        session_id_json, diverted_json, related_json, transfers_json};
    struct span *const to[] = {&v->session_id, &v->diverted_by, &v->related, &v->transfers};
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        struct json j;
        json_init(&j, v->story + n, sizeof(v->story) - n);
        write[i](&j, s);
        if (j.overflow)
            continue;
        *to[i] = span_of(j.buf, j.n);
        n += j.n;
    }
}

static void agent_json(struct json *j, const Callmesh__V1__CallAgent *a)
{
    json_obj(j);
    json_key(j, "id");
    uuid_json(j, a->id);
    json_kspan(j, "name", span_sub(bytes(a->name), 0, 64));
    json_kspan(j, "team", span_sub(bytes(a->team), 0, 48));
    json_kstr(j, "side", view_side(a->side));
    json_kstr(j, "matched_by",
              WORD(matches, a->matched_by) ? WORD(matches, a->matched_by) : "user");
    json_obj_end(j);
}

// As many as have room: two of the longest names, four of the usual.
static void agents_view_of(const Callmesh__V1__CallStory *s, struct call_view *v)
{
    size_t n = s->n_agents < 4 ? s->n_agents : 4;
    do {
        struct json j;
        json_init(&j, v->agents_text, sizeof(v->agents_text));
        json_arr(&j);
        for (size_t i = 0; i < n; i++)
            agent_json(&j, s->agents[i]);
        json_arr_end(&j);
        if (!j.overflow)
            v->agents = span_of(j.buf, j.n);
    } while (!v->agents.n && n-- > 0);
}

void story_view_of(const Callmesh__V1__CallStory *s, struct call_view *v)
{
    v->state = span_str(view_state(s->state));
    v->result = word(WORD(results, s->result));
    v->hangup_by = word(WORD(hangups, s->hangup_by));
    v->recording_state = word(WORD(recording_states, s->recording_state));
    v->sip_status = s->sip_status;
    v->sip_reason = span_sub(bytes(s->sip_reason), 0, 128);
    v->ringing_us = s->ringing_at_us;
    v->answered_us = s->answered_at_us;
    v->ended_us = s->ended_at_us;
    v->hold_seconds = (double)s->hold_us / 1e6;
    v->hold_count = s->hold_count;
    v->end_reason = word(WORD(end_reasons, s->end_reason));
    v->held_by = word(WORD(holders, s->held_by));
    v->q850_cause = s->q850_cause;
    v->conference = s->conference;
    if (s->merged_into.len == sizeof(v->merged_into.b))
        memcpy(v->merged_into.b, s->merged_into.data, sizeof(v->merged_into.b));
    for (size_t i = 0; i < s->n_parts && v->sip_call_ids.n < VIEW_LIST; i++)
        v->sip_call_ids.item[v->sip_call_ids.n++] =
            span_sub(bytes(s->parts[i]->sip_call_id), 0, 128);
    write_pieces(s, v);
    agents_view_of(s, v);
}

static void raw_or(struct json *j, const char *key, struct span text, const char *none)
{
    json_key(j, key);
    json_raw(j, text.n ? text : span_str(none));
}

// The end is assumed when no message that ends the call was seen.
static bool is_assumed(struct span reason)
{
    for (size_t i = 6; i < sizeof(end_reasons) / sizeof(end_reasons[0]); i++)
        if (span_eq(reason, span_str(end_reasons[i])))
            return true;
    return false;
}

void story_json(struct json *j, const struct call_view *v)
{
    word_or_null(j, "end_reason", v->end_reason);
    json_kbool(j, "end_assumed", is_assumed(v->end_reason));
    if (v->q850_cause)
        json_kint(j, "q850_cause", v->q850_cause);
    else
        json_knull(j, "q850_cause");
    word_or_null(j, "held_by", v->held_by);
    if (uuid_is_zero(&v->merged_into))
        json_knull(j, "merged_into");
    else
        json_kuuid(j, "merged_into", &v->merged_into);
    raw_or(j, "session_id", v->session_id, "{\"local\":null,\"remote\":null}");
    raw_or(j, "diverted_by", v->diverted_by, "[]");
    raw_or(j, "transfers", v->transfers, "[]");
    raw_or(j, "related", v->related, "[]");
    json_kbool(j, "conference", v->conference);
    raw_or(j, "agents", v->agents, "[]");
    raw_or(j, "recording_policy", v->recording_policy, "null");
    raw_or(j, "paused", v->paused, "null");
}

void call_event_json(struct json *j, const Callmesh__V1__CallEvent *e)
{
    json_obj(j);
    json_key(j, "call_id");
    uuid_json(j, e->head_id);
    json_key(j, "part_id");
    uuid_json(j, e->call_id);
    json_kstr(j, "site", e->site);
    json_ktime(j, "at", e->at_us);
    json_kstr(j, "type", e->type);
    json_kstr(j, "side", view_side(e->side));
    if (e->sip_status)
        json_kuint(j, "sip_status", e->sip_status);
    else
        json_knull(j, "sip_status");
    json_kstr(j, "detail", e->detail);
    json_obj_end(j);
}
