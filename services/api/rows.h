// rows.h: rows of PostgreSQL as the objects of the API: the columns that a select must name, in order, and their JSON.
#pragma once
#include "api.h"
#include "view.h"

// calls as c, joined with what its streams add up to as s.
#define ROW_CALL                                                                                   \
    "c.id, c.revision, c.site, c.harvesters, c.live, c.state, c.result, c.sip_status, "            \
    "c.sip_reason, c.hangup_by, "                                                                  \
    "c.from_uri, c.from_user, c.from_name, c.to_uri, c.to_user, c.to_name, c.started_at, "         \
    "c.ringing_at, c.answered_at, "                                                                \
    "c.ended_at, c.hold_seconds, c.hold_count, c.sip_call_ids, c.message_count, "                  \
    "CASE WHEN c.member_ids = '{}' THEN c.recording_state ELSE (SELECT k.recording_state FROM "    \
    "calls k WHERE k.id = ANY (c.member_ids || c.id) ORDER BY array_position(ARRAY['active', "     \
    "'pending', 'ready', 'failed', 'none'], k.recording_state) LIMIT 1) END, s.codecs, s.n, "      \
    "s.packets, s.lost, s.jitter, s.mos_min, s.mos_avg, c.one_way, "                               \
    "coalesce(s.cap_sure, 0) + coalesce(s.cap_bound, 0), coalesce(s.cap_bound, 0) > 0, "           \
    "c.end_reason, c.q850_cause, c.held_by, c.merged_into, c.story->'session_id', "                \
    "c.story->'diverted_by', c.story->'transfers', c.story->'related', "                           \
    "coalesce((c.story->>'conference')::boolean, false), "                                         \
    "nullif(c.story->'recording_policy', 'null'), nullif(c.story->'paused', 'null'), "             \
    "c.protocol, c.story->'agents', c.from_e164, c.to_e164"
// A stream is never older than its call by more than the 5 s that joining allows: old partitions are left out.
#define ROW_CALL_JOIN                                                                              \
    "LEFT JOIN LATERAL (SELECT array_agg(DISTINCT codec) FILTER (WHERE codec <> '') AS codecs, "   \
    "count(*) AS n, "                                                                              \
    "sum(packets)::bigint AS packets, sum(lost)::bigint AS lost, max(jitter_ms_max) AS jitter, "   \
    "min(mos_min) AS mos_min, avg(mos_avg) AS mos_avg, "                                           \
    "(sum(capture_lost) FILTER (WHERE NOT capture_lost_bound))::bigint AS cap_sure, "              \
    "max(capture_lost) FILTER (WHERE capture_lost_bound) AS cap_bound "                            \
    "FROM streams "                                                                                \
    "WHERE call_id = ANY (c.member_ids || c.id) AND first_at >= c.started_at - interval '1 "       \
    "minute') s ON true"
#define ROW_CALL_COLUMNS 50
struct call_row {
    struct call_view view;
    char keep[8192]; // elements of the arrays
};
void row_call(const struct store_result *r, size_t row, struct call_row *ret);

// The call in question (a parameter) and its parts: what hangs on a call hangs on one of them.
#define OF_PARTS(p) "= ANY (ARRAY(SELECT unnest(member_ids || id) FROM calls WHERE id = " p "))"

#define ROW_LEG                                                                                    \
    "id, call_id, sip_call_id, from_tag, to_tag, from_uri, to_uri, state, sip_status, "            \
    "started_at, ringing_at, "                                                                     \
    "answered_at, ended_at, host(src_ip), src_port, host(dst_ip), dst_port, transport, user_agent"
#define ROW_LEG_COLUMNS 19
void row_leg(struct json *j, const struct store_result *r, size_t row);

#define ROW_STREAM                                                                                 \
    "id, call_id, leg_id, side, site, harvester, ssrc, host(src_ip), src_port, host(dst_ip), "     \
    "dst_port, codec, "                                                                            \
    "payload_type, clock_rate, ptime_ms, packets, bytes, lost, out_of_order, duplicates, "         \
    "jitter_ms, jitter_ms_max, "                                                                   \
    "delta_ms_max, dtmf_packets, srtp, rtcp, first_at, last_at, ended, "                           \
    "mos_f1, mos_f2, mos_adaptive, mos_min, mos_avg, r, late, burst, skew_ppm, capture_lost, "     \
    "capture_lost_bound"
#define ROW_STREAM_COLUMNS 40
void row_stream(struct json *j, const struct store_result *r, size_t row);

#define ROW_RECORDING                                                                              \
    "id, call_id, site, status, reason, started_at, ended_at, duration_seconds, codec, "           \
    "sample_rate, container, "                                                                     \
    "size_bytes, sha256, recorder, channels, gaps, sha512, stored_bytes, encryption, key_id, "     \
    "chain_hour, chain_n, chain_hash"
#define ROW_RECORDING_COLUMNS 23
void row_recording(struct json *j, const struct store_result *r, size_t row);

// What is missing (losses.c). The question has one parameter, the call's id.
extern const char losses_of_call[];
void row_loss(struct json *j, const struct store_result *r, size_t row);

void row_uuid(struct json *j, const char *key, const struct store_result *r, size_t row,
              size_t col); // null stays null
void row_int(struct json *j, const char *key, const struct store_result *r, size_t row,
             size_t col); // null stays null

// A list of the rows of one call (calls.c).
struct call_list {
    const char *select, *after, *order;
    void (*row)(struct json *j, const struct store_result *r, size_t row);
    size_t key; // column of the time; the id is the next
};
struct sql;
struct page;
// Runs the question and sets the reply: a page of its rows. key: as in call_list.
void list_rows(struct store *st, struct http_req *q, struct sql *s, const struct page *p,
               void (*row)(struct json *, const struct store_result *, size_t), size_t key);
// The settings of a table that are known by their name, the one written last first. json: the expression of one, as text; the
// table has updated_at and name.
void list_named(struct store *st, struct http_req *q, const char *json, const char *table);
void call_rows(struct store *st, struct http_req *q, const struct call_list *l);
// False: there is no such call, and the problem is set.
bool call_exists(struct store *st, struct http_req *q);
