// Rows of the story: events, evidence, and the columns of a call that tell how its parts hang together.
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "event.h"
#include "parts.h"
#include "pause.h"
#include "rows.h"

static const char *side_name(enum side s)
{
    return s == SIDE_CALLER ? "caller" : s == SIDE_CALLEE ? "callee" : NULL;
}

const char *end_reason_name(int reason)
{
    static const char *const names[] = {
        NULL,         "bye",          "canceled",      "rejected",
        "redirected", "not_answered", "media_silence", "session_expired",
        "silence",    "input_ended",  "abandoned"};
    return reason >= 0 && reason < 11 ? names[reason] : NULL;
}

const char *relation_name(int relation)
{
    static const char *const names[] = {"original", "original", "leg",    "transfer_target",
                                        "consult",  "forward",  "pickup", "conference"};
    return relation >= 0 && relation < 8 ? names[relation] : names[0];
}

const char *transfer_kind_name(int kind)
{
    static const char *const names[] = {"blind", "blind", "attended", "redirect", "park"};
    return kind >= 0 && kind < 5 ? names[kind] : names[0];
}

const char *transfer_result_name(int result)
{
    static const char *const names[] = {NULL, "accepted", "succeeded", "failed"};
    return result >= 0 && result < 4 ? names[result] : NULL;
}

const char *evidence_name(int kind)
{
    static const char *const names[EVIDENCE_KINDS] = {
        [EVIDENCE_NONE] = "none",
        [EVIDENCE_SESSION_ID] = "session_id",
        [EVIDENCE_REPLACES] = "replaces",
        [EVIDENCE_REFER] = "refer",
        [EVIDENCE_REFERRED_BY] = "referred_by",
        [EVIDENCE_HEADER] = "header",
        [EVIDENCE_CALL_ID] = "call_id",
        [EVIDENCE_ORIGIN] = "sdp_origin",
        [EVIDENCE_MEDIA] = "media_address",
        [EVIDENCE_BOX] = "box",
        [EVIDENCE_TO] = "to_number",
        [EVIDENCE_FROM] = "from_number",
        [EVIDENCE_DIVERSION] = "diversion",
        [EVIDENCE_REDIRECT] = "redirect",
        [EVIDENCE_PARK] = "park",
        [EVIDENCE_FOCUS] = "focus",
        [EVIDENCE_SESSION_DIFFERS] = "session_differs",
        [EVIDENCE_OUTCOME_DIFFERS] = "outcome_differs",
        [EVIDENCE_BETTER] = "better_elsewhere",
        [EVIDENCE_REFUSED] = "refer_refused",
    };
    return kind >= 0 && kind < EVIDENCE_KINDS ? names[kind] : names[0];
}

void rows_event(struct world *w, const struct event *e)
{
    struct table *t = w->batch->t[ROWS_EVENTS];
    row_begin(t);
    row_str(t, w->site[e->call->site].name);
    row_time(t, e->at_us > 0 ? e->at_us : 1);
    row_uuid(t, &e->call->id);
    row_int(t, e->n);
    row_uuid(t, e->leg ? &e->leg->id : NULL);
    row_str(t, e->type);
    row_str(t, side_name(e->side));
    if (e->status)
        row_int(t, e->status);
    else
        row_null(t);
    row_str(t, e->detail);
    rows_done(w, t);
}

void rows_evidence(struct world *w, const struct call *c, const struct call *other,
                   const struct evidence *e, const char *detail)
{
    struct table *t = w->batch->t[ROWS_EVIDENCE];
    row_begin(t);
    row_str(t, w->site[c->site].name);
    row_time(t, e->at_us > 0 ? e->at_us : 1);
    row_uuid(t, &c->id);
    row_int(t, c->events);
    row_uuid(t, &other->id);
    row_str(t, evidence_name(e->kind));
    row_int(t, e->score);
    row_str(t, detail);
    rows_done(w, t);
}

// ---- columns of calls ---------------------------------------------------------------------------------------------

static bool is_zero(const uint8_t id[16])
{
    static const uint8_t zero[16];
    return memcmp(id, zero, 16) == 0;
}

static void hex_or_null(struct json *j, const char *key, const uint8_t id[16])
{
    char text[33];
    if (is_zero(id)) {
        json_knull(j, key);
        return;
    }
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    json_kstr(j, key, text);
}

#define TRANSFERS_SHOWN 6

static void transfer_json(struct json *j, const struct call *c, const struct transfer *x)
{
    const struct party *by = x->by == SIDE_CALLER ? &c->from : &c->to;
    const struct party *who = x->by == SIDE_CALLER ? &c->to : &c->from;
    json_obj(j);
    json_kstr(j, "kind", transfer_kind_name(x->kind));
    json_kstr(j, "result", transfer_result_name(x->result));
    json_ktime(j, "at", x->at_us);
    json_kspan(j, "transferor", span_sub(span_of(by->user, by->user_n), 0, 40));
    json_kspan(j, "transferee", span_sub(span_of(who->user, who->user_n), 0, 40));
    json_kspan(j, "target", span_of(x->target, x->target_n));
    if (x->status)
        json_kuint(j, "sip_status", x->status);
    else
        json_knull(j, "sip_status");
    json_obj_end(j);
}

// Those of all parts, when the call has several. Returns how many.
static int transfers_json(struct json *j, const struct call *c)
{
    int shown = 0;
    json_key(j, "transfers");
    json_arr(j);
    for (const struct call *p = c; p; p = parts_is_merged(c) ? NULL : p->next_part)
        for (size_t i = 0; i < TRANSFERS_MAX && shown < TRANSFERS_SHOWN; i++)
            if (p->transfer[i] &&
                p->transfer[i]->kind != CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_REDIRECT) {
                transfer_json(j, p, p->transfer[i]);
                shown++;
            }
    json_arr_end(j);
    return shown;
}

static void decision_json(struct json *j, const struct decision *d)
{
    static const char *const sides[] = {"both", "caller", "callee", "both"};
    json_key(j, "recording_policy");
    if (d->reason == POLICY_UNDECIDED) {
        json_null(j);
        return;
    }
    json_obj(j);
    json_kstr(j, "decision", d->record ? "record" : "skip");
    json_kstr(j, "reason", policy_reason_name(d->reason));
    json_kstr(j, "rule", d->rule[0] ? d->rule : NULL);
    json_kstr(j, "by", d->by[0] ? d->by : NULL);
    json_kstr(j, "sides", sides[d->sides & 3]);
    json_kbool(j, "from_answer", d->from_answer);
    json_obj_end(j);
}

static void paused_json(struct json *j, const struct call *c)
{
    const struct call_pause *p = call_pause_last(c);
    json_obj(j);
    json_ktime(j, "from", p->from_us);
    json_ktime(j, "until", p->until_us);
    json_kstr(j, "by", p->by);
    json_kstr(j, "reason", p->reason);
    json_obj_end(j);
}

static const char *agent_match_name(int by)
{
    static const char *const names[] = {NULL, "user", "address", "number"};
    return by >= 0 && by < 4 ? names[by] : NULL;
}

// The largest an agent can be, with a quote or a backslash for each byte. What has no room is left out, so that agents never cost a call
// the rest of its story.
#define AGENT_JSON_MAX (2 * (AGENT_NAME_MAX + AGENT_TEAM_MAX) + 160)

static size_t agents_json(struct json *j, const struct call *c)
{
    struct part_agent at[AGENTS_SHOWN];
    size_t n = parts_agents(c, at);
    json_key(j, "agents");
    json_arr(j);
    for (size_t i = 0; i < n && j->n + AGENT_JSON_MAX < STORY_BYTES; i++) {
        const struct agent_ref *a = at[i].agent;
        json_obj(j);
        json_kuuid(j, "id", &a->id);
        json_kspan(j, "name", agent_name(a));
        json_kspan(j, "team", agent_team(a));
        json_kstr(j, "side", side_name(at[i].side));
        json_kstr(j, "matched_by", agent_match_name(a->by));
        json_obj_end(j);
    }
    json_arr_end(j);
    return n;
}

// False: there is nothing to tell, and the column stays null.
static bool story_json(struct json *j, const struct call *c)
{
    bool merged = parts_is_merged(c);
    bool anything = !is_zero(c->session[0]) || !is_zero(c->session[1]) || c->diverted_n ||
                    c->conference || (!merged && c->next_part);
    json_obj(j);
    json_key(j, "session_id");
    json_obj(j);
    hex_or_null(j, "local", c->session[0]);
    hex_or_null(j, "remote", c->session[1]);
    json_obj_end(j);
    json_key(j, "diverted_by");
    json_arr(j);
    for (uint8_t i = 0; i < c->diverted_n; i++)
        json_span(j, span_of(c->diverted[i].user, c->diverted[i].n));
    json_arr_end(j);
    anything |= transfers_json(j, c) > 0;
    json_key(j, "related");
    json_arr(j);
    for (const struct call *p = merged ? NULL : c->next_part; p; p = p->next_part) {
        json_obj(j);
        json_kuuid(j, "id", &p->id);
        json_kstr(j, "rel", relation_name((int)parts_relation(p)));
        json_kuint(j, "score", (uint64_t)edge_score(&p->edge));
        json_obj_end(j);
    }
    json_arr_end(j);
    json_kbool(j, "conference", c->conference);
    decision_json(j, &c->decision);
    json_key(j, "paused");
    if (pause_is_on(c))
        paused_json(j, c);
    else
        json_null(j);
    anything |= agents_json(j, c) > 0;
    json_obj_end(j);
    // That no rule matched is what everyone has who made none.
    return anything || c->decision.reason > POLICY_NO_RULE || c->pauses;
}

struct span rows_call_ids(const struct call *c, char *buf, size_t cap)
{
    size_t n = 0;
    for (const struct call *p = c; p; p = parts_is_merged(c) ? NULL : p->next_part) {
        size_t len = p->call_id_kept;
        if (n && n + 1 + len > cap)
            continue;
        if (n)
            buf[n++] = '\t';
        memcpy(buf + n, p->call_id, len < cap - n ? len : cap - n);
        n += len < cap - n ? len : cap - n;
    }
    return span_of(buf, n);
}

static void e164_column(struct table *t, const struct party *p)
{
    char number[DIAL_E164_TEXT];
    row_str(t, dial_e164_text(p->e164, number) ? number : NULL);
}

void rows_story_columns(struct table *t, const struct call *c, const struct call_story *s)
{
    char text[STORY_BYTES], ids[CALL_PARTS_MAX * 38] = "";
    size_t n = 0;
    struct json j;
    row_str(t, end_reason_name(s->end_reason));
    if (s->q850)
        row_int(t, s->q850);
    else
        row_null(t);
    row_str(t, s->held_by == 3 ? "both" : s->held_by ? side_name((enum side)s->held_by) : NULL);
    bool merged = parts_is_merged(c);
    row_uuid(t, merged ? &c->head->id : NULL);
    row_time(t, merged ? c->head->started_us : 0);
    for (const struct call *p = merged ? NULL : c->next_part; p; p = p->next_part) {
        char id[37];
        uuid_format(&p->id, id);
        n += (size_t)snprintf(ids + n, sizeof ids - n, "%s%s", n ? "," : "", id);
    }
    row_str(t, ids);
    json_init(&j, text, sizeof text);
    if (story_json(&j, c) && !j.overflow)
        row_bytes(t, span_of(text, j.n));
    else
        row_null(t);
    row_uuid(t, c->from.agent.by ? &c->from.agent.id : NULL);
    row_uuid(t, c->to.agent.by ? &c->to.agent.id : NULL);
    e164_column(t, &c->from);
    e164_column(t, &c->to);
}
