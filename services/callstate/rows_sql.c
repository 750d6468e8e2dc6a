// The statements, one a table: each takes its rows as arrays ($1 the first column ...) and is idempotent, so that a batch
// whose outcome was not heard can be given again. In the order of enum row_table.
#include "batch.h"

#define TEXT_MAX 512

const struct table_def rows_def[ROWS_TABLES] = {
    [ROWS_SITES] =
        {.name = "sites",
         .sql = "INSERT INTO sites (site) SELECT DISTINCT * FROM unnest($1) ON CONFLICT DO NOTHING",
         .columns = 1,
         .kind = {COL_NAME}},
    [ROWS_HARVESTERS] =
        {.name = "harvesters",
         .sql = "INSERT INTO harvesters AS h (site, name, version, input, live, started_at, "
                "last_seen_at, feed_at,"
                " ended, counters) SELECT DISTINCT ON (a, b) a, b, c, d, e, f, g, i, j, "
                "convert_from(k, 'UTF8')::jsonb"
                " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS u(a, b, c, d, e, f, g, "
                "i, j, k)"
                " ORDER BY a, b, i DESC NULLS LAST"
                " ON CONFLICT (site, name) DO UPDATE SET version = excluded.version, input = "
                "excluded.input,"
                " live = excluded.live, started_at = excluded.started_at, last_seen_at = "
                "excluded.last_seen_at,"
                " feed_at = excluded.feed_at, ended = excluded.ended, counters = excluded.counters",
         .columns = 10,
         .kind = {COL_NAME, COL_NAME, COL_NAME, COL_NAME, COL_BOOL, COL_TIME, COL_TIME, COL_TIME,
                  COL_BOOL, COL_BYTES}},
    [ROWS_CALLS] =
        {.name = "calls",
         .sql =
             "WITH w AS (INSERT INTO calls AS c (site, started_at, id, revision, state, result, "
             "sip_status, sip_reason, hangup_by,"
             " from_uri, from_user, from_name, to_uri, to_user, to_name, from_digits, "
             "to_digits, ringing_at,"
             " answered_at, ended_at, hold_seconds, hold_count, sip_call_ids, harvesters, "
             "message_count,"
             " recording_state, live, lost_packets, mos_min, one_way, protocol, end_reason, "
             "q850_cause, "
             "held_by, merged_into, merged_into_at, member_ids, story, from_agent, "
             "to_agent, from_e164, to_e164)"
             " SELECT u1, u2, u3, u4, u5, u6, u7, u8, u9, u10, u11, u12, u13, u14, u15, u16, "
             "u17, u18, u19, u20, u21,"
             " u22, string_to_array(u23, E'\\t'), string_to_array(u24, E'\\t'), u25, u26, u27, "
             "u28, u29, u30, u31, "
             "u32, u33, u34, u35, u36, string_to_array(u37, ',')::uuid[], convert_from(u38, "
             "'UTF8')::jsonb, u39, u40, u41, u42"
             " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
             "$16, $17, $18, $19, $20,"
             " $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, "
             "$37, $38, $39, $40, $41, $42) AS u(u1, u2, u3, u4, u5, u6, u7, "
             "u8, u9, "
             "u10, u11, u12, u13,"
             " u14, u15, u16, u17, u18, u19, u20, u21, u22, u23, u24, u25, u26, u27, u28, u29, "
             "u30, "
             "u31, u32, u33, u34, u35, u36, u37, u38, u39, u40, u41, u42)"
             " ON CONFLICT (site, started_at, id) DO UPDATE SET revision = excluded.revision, "
             "state = excluded.state,"
             " result = excluded.result, sip_status = excluded.sip_status, sip_reason = "
             "excluded.sip_reason,"
             " hangup_by = excluded.hangup_by, from_uri = excluded.from_uri, from_user = "
             "excluded.from_user, from_name = excluded.from_name, from_digits = "
             "excluded.from_digits, to_uri = excluded.to_uri, to_user = "
             "excluded.to_user,"
             " to_name = excluded.to_name, to_digits = excluded.to_digits, ringing_at = "
             "excluded.ringing_at,"
             " answered_at = excluded.answered_at, ended_at = excluded.ended_at,"
             " hold_seconds = excluded.hold_seconds, hold_count = excluded.hold_count,"
             " harvesters = excluded.harvesters, message_count = excluded.message_count,"
             " recording_state = excluded.recording_state, lost_packets = excluded.lost_packets,"
             " mos_min = excluded.mos_min, one_way = excluded.one_way, end_reason = "
             "excluded.end_reason, q850_cause = excluded.q850_cause, held_by = excluded.held_by,"
             " merged_into = excluded.merged_into, merged_into_at = excluded.merged_into_at,"
             " sip_call_ids = excluded.sip_call_ids, member_ids = excluded.member_ids, story = "
             "excluded.story, from_agent = excluded.from_agent, to_agent = excluded.to_agent, "
             "from_e164 = excluded.from_e164, to_e164 = excluded.to_e164"
             " WHERE c.revision < excluded.revision RETURNING c.site, c.started_at)"
             // Their interval needs new sums (statistics.h). Only added to, so it waits for nobody.
             " INSERT INTO statistics_changes (site, at) SELECT DISTINCT site, "
             "statistics_interval(started_at) FROM w",
         .columns = 42,
         .text_max = TEXT_MAX,
         .kind = {COL_NAME, COL_TIME, COL_UUID,  COL_INT8, COL_WORD, COL_WORD, COL_INT4,
                  COL_NAME, COL_WORD, COL_LINE,  COL_NAME, COL_NAME, COL_LINE, COL_NAME,
                  COL_NAME, COL_NAME, COL_NAME,  COL_TIME, COL_TIME, COL_TIME, COL_REAL,
                  COL_INT4, COL_TEXT, COL_TEXT,  COL_INT4, COL_WORD, COL_BOOL, COL_INT8,
                  COL_REAL, COL_WORD, COL_WORD,  COL_WORD, COL_INT4, COL_WORD, COL_UUID,
                  COL_TIME, COL_TEXT, COL_BYTES, COL_UUID, COL_UUID, COL_WORD, COL_WORD}},
    [ROWS_OPEN] =
        {.name = "open_calls",
         .sql =
             "INSERT INTO open_calls AS o (id, site, started_at, revision, state)"
             " SELECT * FROM unnest($1, $2, $3, $4, $5)"
             " ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, state = excluded.state",
         .columns = 5,
         .kind = {COL_UUID, COL_NAME, COL_TIME, COL_INT8, COL_BYTES}},
    [ROWS_OPEN_GONE] =
        {.name = "open_calls (gone)",
         .sql = "DELETE FROM open_calls USING unnest($1) AS u(id) WHERE open_calls.id = u.id",
         .columns = 1,
         .kind = {COL_UUID}},
    [ROWS_LEGS] = {.name = "legs",
                   .sql = "INSERT INTO legs (site, started_at, id, call_id, sip_call_id, from_tag, "
                          "to_tag, from_uri, to_uri,"
                          " state, sip_status, ringing_at, answered_at, ended_at, src_ip, "
                          "src_port, dst_ip, dst_port,"
                          " transport, user_agent)"
                          " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                          "$12, $13, $14, $15, $16, $17,"
                          " $18, $19, $20)"
                          " ON CONFLICT (site, started_at, id) DO UPDATE SET to_tag = "
                          "excluded.to_tag, state = excluded.state,"
                          " sip_status = excluded.sip_status, ringing_at = excluded.ringing_at,"
                          " answered_at = excluded.answered_at, ended_at = excluded.ended_at",
                   .columns = 20,
                   .text_max = TEXT_MAX,
                   .kind = {COL_NAME, COL_TIME, COL_UUID, COL_UUID, COL_TEXT, COL_NAME, COL_NAME,
                            COL_LINE, COL_LINE, COL_WORD, COL_INT4, COL_TIME, COL_TIME, COL_TIME,
                            COL_INET, COL_INT4, COL_INET, COL_INT4, COL_WORD, COL_NAME}},
    [ROWS_STREAMS] =
        {.name = "streams",
         .sql = "INSERT INTO streams AS s (site, first_at, id, call_id, leg_id, side, harvester, "
                "ssrc, src_ip, src_port,"
                " dst_ip, dst_port, codec, payload_type, clock_rate, ptime_ms, packets, bytes, "
                "lost, out_of_order,"
                " duplicates, jitter_ms, jitter_ms_max, delta_ms_max, dtmf_packets, srtp, rtcp, "
                "last_at, ended, mos_f1, mos_f2, mos_adaptive, mos_min, mos_avg, r, late, burst, "
                "skew_ppm, capture_lost,"
                " capture_lost_bound)"
                " SELECT u1, u2, u3, u4, u5, u6, u7, u8, u9, u10, u11, u12, u13, u14, u15, u16, "
                "u17, u18, u19, u20,"
                " u21, u22, u23, u24, u25, u26, u27::jsonb, u28, u29, u30, u31, u32, u33, u34, "
                "u35, u36::jsonb, "
                "u37::jsonb, u38, u39, u40"
                " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
                "$16, $17, $18, $19,"
                " $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, "
                "$36, $37, $38, $39, $40) AS u(u1, u2, u3, u4, u5, u6, "
                "u7, u8, u9, u10, u11,"
                " u12, u13, u14, u15, u16, u17, u18, u19, u20, u21, u22, u23, u24, u25, u26, u27, "
                "u28, u29, u30, u31, u32, u33, u34, u35, u36, u37, u38, u39, u40)"
                " ON CONFLICT (site, first_at, id) DO UPDATE SET call_id = "
                "coalesce(excluded.call_id, s.call_id),"
                " leg_id = coalesce(excluded.leg_id, s.leg_id), side = coalesce(excluded.side, "
                "s.side),"
                " codec = excluded.codec, payload_type = excluded.payload_type, clock_rate = "
                "excluded.clock_rate,"
                " ptime_ms = excluded.ptime_ms, packets = excluded.packets, bytes = excluded.bytes,"
                " lost = excluded.lost, out_of_order = excluded.out_of_order, duplicates = "
                "excluded.duplicates,"
                " jitter_ms = excluded.jitter_ms, jitter_ms_max = excluded.jitter_ms_max,"
                " delta_ms_max = excluded.delta_ms_max, dtmf_packets = excluded.dtmf_packets, srtp "
                "= excluded.srtp,"
                " rtcp = excluded.rtcp, last_at = excluded.last_at, ended = excluded.ended,"
                " mos_f1 = excluded.mos_f1, mos_f2 = excluded.mos_f2, mos_adaptive = "
                "excluded.mos_adaptive,"
                " mos_min = excluded.mos_min, mos_avg = excluded.mos_avg, r = excluded.r, late = "
                "excluded.late,"
                " burst = excluded.burst, skew_ppm = excluded.skew_ppm, capture_lost = "
                "excluded.capture_lost,"
                " capture_lost_bound = excluded.capture_lost_bound",
         .columns = 40,
         .text_max = 1024,
         .kind = {COL_NAME, COL_TIME, COL_UUID, COL_UUID, COL_UUID, COL_WORD, COL_NAME, COL_INT8,
                  COL_INET, COL_INT4, COL_INET, COL_INT4, COL_WORD, COL_INT4, COL_INT4, COL_REAL,
                  COL_INT8, COL_INT8, COL_INT8, COL_INT8, COL_INT8, COL_REAL, COL_REAL, COL_REAL,
                  COL_INT8, COL_BOOL, COL_TEXT, COL_TIME, COL_BOOL, COL_REAL, COL_REAL, COL_REAL,
                  COL_REAL, COL_REAL, COL_REAL, COL_LINE, COL_LINE, COL_REAL, COL_INT8, COL_BOOL}},
    [ROWS_MESSAGES] =
        {.name = "sip_messages",
         .sql = "INSERT INTO sip_messages (site, at, publisher, seq, n, call_id, leg_id, "
                "sip_call_id, method, status,"
                " reason, src_ip, src_port, dst_ip, dst_port, transport, retransmission, raw_form, "
                "sdp, raw)"
                " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
                "$14, $15, $16, $17,"
                " $18, $19, $20) ON CONFLICT DO NOTHING",
         .columns = 20,
         .text_max = 1024,
         .kind = {COL_NAME, COL_TIME, COL_NAME, COL_INT8, COL_INT4, COL_UUID, COL_UUID,
                  COL_TEXT, COL_NAME, COL_INT4, COL_TEXT, COL_INET, COL_INT4, COL_INET,
                  COL_INT4, COL_WORD, COL_BOOL, COL_INT4, COL_BOOL, COL_BYTES}},
    [ROWS_ASSIGN] = {.name = "sip_messages (call found)",
                     .sql = "UPDATE sip_messages m SET call_id = u.call_id, leg_id = u.leg_id, "
                            "retransmission = u.again"
                            " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS u(site, at, "
                            "publisher, seq, n, call_id, leg_id, again)"
                            " WHERE m.site = u.site AND m.at = u.at AND m.publisher = u.publisher "
                            "AND m.seq = u.seq AND m.n = u.n",
                     .columns = 8,
                     .kind = {COL_NAME, COL_TIME, COL_NAME, COL_INT8, COL_INT4, COL_UUID, COL_UUID,
                              COL_BOOL}},
    [ROWS_REGISTRATIONS] =
        {.name = "registrations",
         // An empty contact ends all bindings of the address of record.
         .sql =
             "WITH u AS (SELECT DISTINCT ON (site, aor, contact) * FROM unnest($1, $2, $3, $4, $5, "
             "$6, $7, $8)"
             " WITH ORDINALITY AS u(site, aor, contact, user_agent, ip, port, at, until, ord)"
             " ORDER BY site, aor, contact, ord DESC), gone AS (UPDATE registrations r SET "
             "expires_at = u.at FROM u"
             " WHERE u.contact = '' AND r.site = u.site AND r.aor = u.aor AND r.expires_at > u.at)"
             " INSERT INTO registrations (site, aor, contact, user_agent, src_ip, src_port, "
             "registered_at,"
             " expires_at) SELECT site, aor, contact, user_agent, ip, port, at, until FROM u WHERE "
             "contact <> ''"
             " ON CONFLICT (site, aor, contact) DO UPDATE SET user_agent = excluded.user_agent,"
             " src_ip = excluded.src_ip, src_port = excluded.src_port, registered_at = "
             "excluded.registered_at,"
             " expires_at = excluded.expires_at",
         .columns = 8,
         .text_max = 512,
         .kind = {COL_NAME, COL_TEXT, COL_TEXT, COL_TEXT, COL_INET, COL_INT4, COL_TIME, COL_TIME}},
    // A deleted recording stays as a tombstone, whatever is reported of it later.
    [ROWS_RECORDINGS] =
        {.name = "recordings",
         .sql = "WITH u AS (SELECT DISTINCT ON (id) * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, "
                "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)"
                " WITH ORDINALITY AS u(site, started_at, id, call_id, status, reason, ended_at, "
                "duration, codec, rate, container, size, sha, path, recorder, channels, gaps, "
                "sha512, stored, encryption, key_id, chain_hour, chain_n, chain_hash, ord)"
                " ORDER BY id, ord DESC),"
                " gone AS (DELETE FROM recordings r USING u WHERE r.id = u.id AND r.started_at <> "
                "u.started_at AND u.status <> 'deleted' AND r.status <> 'deleted'),"
                " dead AS (UPDATE recordings r SET status = 'deleted', reason = u.reason, "
                "chain_hour = u.chain_hour, chain_n = u.chain_n, chain_hash = u.chain_hash FROM u"
                " WHERE r.id = u.id AND u.status = 'deleted')"
                " INSERT INTO recordings AS r (site, started_at, id, call_id, status, reason, "
                "ended_at, duration_seconds, codec, sample_rate, container, size_bytes, sha256, "
                "path, recorder, channels, gaps, sha512, stored_bytes, encryption, key_id, "
                "chain_hour, chain_n, chain_hash)"
                " SELECT site, started_at, id, call_id, status, reason, ended_at, duration, codec, "
                "rate, container, size, sha, path, recorder, channels::jsonb, gaps::jsonb, sha512, "
                "stored, encryption, key_id, chain_hour, chain_n, chain_hash FROM u"
                " WHERE status <> 'deleted' AND NOT EXISTS (SELECT 1 FROM recordings x WHERE x.id "
                "= u.id AND x.status = 'deleted')"
                " ON CONFLICT (site, started_at, id) DO UPDATE SET status = excluded.status, "
                "reason = excluded.reason, ended_at = excluded.ended_at, duration_seconds = "
                "excluded.duration_seconds, codec = excluded.codec, sample_rate = "
                "excluded.sample_rate, container = excluded.container, size_bytes = "
                "excluded.size_bytes, sha256 = excluded.sha256, path = excluded.path, recorder = "
                "excluded.recorder, channels = excluded.channels, gaps = excluded.gaps, sha512 = "
                "excluded.sha512, stored_bytes = excluded.stored_bytes, encryption = "
                "excluded.encryption, key_id = excluded.key_id, chain_hour = excluded.chain_hour, "
                "chain_n = excluded.chain_n, chain_hash = excluded.chain_hash",
         .columns = 24,
         .text_max = 16384,
         .kind = {COL_NAME, COL_TIME, COL_UUID, COL_UUID, COL_WORD, COL_LINE, COL_TIME, COL_REAL,
                  COL_NAME, COL_INT4, COL_NAME, COL_INT8, COL_NAME, COL_TEXT, COL_NAME, COL_TEXT,
                  COL_TEXT, COL_NAME, COL_INT8, COL_NAME, COL_NAME, COL_NAME, COL_INT8, COL_NAME}},
    [ROWS_RECORDING_STATE] =
        {.name = "calls (recording state)",
         .sql = "UPDATE calls c SET recording_state = u.state, revision = c.revision + 1"
                " FROM unnest($1, $2, $3, $4) AS u(site, at, id, state) WHERE c.site = u.site AND "
                "c.id = u.id"
                " AND c.started_at >= u.at AND c.started_at < u.at + interval '1 ms'"
                " AND c.recording_state <> u.state",
         .columns = 4,
         .kind = {COL_NAME, COL_TIME, COL_UUID, COL_WORD}},
    [ROWS_EVENTS] =
        {.name = "call_events",
         .sql = "INSERT INTO call_events (site, at, call_id, n, leg_id, type, side, sip_status, "
                "detail) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO "
                "NOTHING",
         .columns = 9,
         .kind = {COL_NAME, COL_TIME, COL_UUID, COL_INT4, COL_UUID, COL_WORD, COL_WORD, COL_INT4,
                  COL_LINE}},
    [ROWS_EVIDENCE] =
        {.name = "call_evidence",
         .sql = "INSERT INTO call_evidence (site, at, call_id, n, joined_to, kind, score, detail)"
                " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
         .columns = 8,
         .kind = {COL_NAME, COL_TIME, COL_UUID, COL_INT4, COL_UUID, COL_WORD, COL_INT4, COL_LINE}},
    [ROWS_LOSSES] =
        {.name = "losses",
         .sql =
             "INSERT INTO losses (site, publisher, seq, n, place, count, from_at, to_at, detail, "
             "epoch, first_seq, last_seq, bound)"
             " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
             " ON CONFLICT DO NOTHING",
         .columns = 13,
         .kind = {COL_NAME, COL_NAME, COL_INT8, COL_INT4, COL_NAME, COL_INT8, COL_TIME, COL_TIME,
                  COL_LINE, COL_INT8, COL_INT8, COL_INT8, COL_BOOL}},
    [ROWS_QUARANTINE] = {.name = "quarantine",
                         .sql = "INSERT INTO quarantine (publisher, seq, n, reason, body, site)"
                                " SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO "
                                "NOTHING",
                         .columns = 6,
                         .kind = {COL_NAME, COL_INT8, COL_INT4, COL_LINE, COL_BYTES, COL_NAME}},
};
