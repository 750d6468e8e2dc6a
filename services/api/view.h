// view.h: the JSON of each object of the API, written in one place whatever the object came from (a protobuf message of the
// mesh, a row of PostgreSQL). Pure: fills views with spans that borrow from the source, writes into a given buffer.
#pragma once
#include "base/json.h"
#include "base/uuid.h"
#include "callmesh/v1/mesh.pb-c.h"

#define VIEW_LIST 16

struct view_list {
    struct span item[VIEW_LIST];
    size_t n;
};

struct call_view {
    struct uuid id;
    uint64_t revision;
    struct span site;
    bool live;
    struct span state, result, hangup_by, recording_state; // words; empty is null
    struct span protocol;                                  // sip, sccp, mgcp, iax2, h323
    int64_t sip_status;                                    // 0 is null
    struct span sip_reason;
    struct span from_uri, from_user, from_name, from_e164, to_uri, to_user, to_name, to_e164;
    int64_t started_us, ringing_us, answered_us, ended_us;
    double hold_seconds;
    int64_t hold_count, message_count;
    struct view_list harvesters, sip_call_ids, codecs;
    bool has_quality;
    int64_t packets, lost;
    double jitter_ms_max;
    bool rated; // at least one stream: the two below hold
    double mos_min, mos_avg;
    struct span one_way; // empty is null
    int64_t capture_lost;
    bool capture_lost_bound;
    struct span end_reason, held_by; // words; empty is null
    int64_t q850_cause;              // 0 is null
    struct uuid merged_into;         // zero is null
    // JSON as it stands; empty: nothing of the kind.
    struct span session_id, diverted_by, transfers, related, recording_policy, paused, agents;
    bool conference;
    char story[2560]; // where call_view_of writes the first six
    char agents_text[768];
};

// Everything but listeners and the closing brace: the mirror keeps it so and adds the number of the moment.
void call_json_open(struct json *j, const struct call_view *v);
// The whole object.
void call_json(struct json *j, const struct call_view *v, unsigned listeners);
// Adds listeners and the brace to a text of call_json_open.
void call_json_close(struct json *j, struct span open_text, unsigned listeners);

// What a CallStory says, over what the part alone says (view_story.c).
void story_view_of(const Callmesh__V1__CallStory *s, struct call_view *v);
void decision_view_of(const Callmesh__V1__RecordingDecision *d,
                      struct call_view *v);                            // after story_view_of
void paused_view_of(const Callmesh__V1__Call *c, struct call_view *v); // after decision_view_of
void story_json(struct json *j, const struct call_view *v);
void call_event_json(struct json *j, const Callmesh__V1__CallEvent *e);
void call_view_of(const Callmesh__V1__Call *c, struct call_view *ret);
void harvester_json(struct json *j, const Callmesh__V1__Harvester *h);
void recording_json(struct json *j, const Callmesh__V1__Recording *r);
void address_json(struct json *j, const char *key, struct span ip, int64_t port);

const char *view_state(Callmesh__V1__CallState s);
const char *view_side(Callmesh__V1__Side s);
const char *view_protocol(Callmesh__V1__Protocol p);
double view_pct(int64_t part, int64_t rest); // part of part + rest, in percent
