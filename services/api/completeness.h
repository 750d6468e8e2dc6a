// completeness.h: every answered call of a day ends in exactly one of recorded, skipped, lost (with the reason), or is still open. Asked for by
// HTTP it is made anew; each day it is written once for each site, signed, in a chain (completeness_daily.c), by the keeper's thread of any
// api that has the signing key. Limits: 500 open calls and 200 lost ones named in a report, 100 reasons, COMPLETENESS_BYTES of text.
#pragma once
#include "base/json.h"
#include "store/conn.h"

#define COMPLETENESS_BYTES (128u << 10)

// Of the rows that `where` leaves of calls c: what each came to.
#define COMPLETENESS_CALLS(where)                                                                  \
    "SELECT c.id, c.answered_at IS NOT NULL AS answered, coalesce(r.sealed, false) AS sealed, "    \
    "CASE WHEN c.ended_at IS NULL THEN 'open' "                                                    \
    "WHEN r.status IN ('ready', 'deleted') THEN 'recorded' "                                       \
    "WHEN c.story->'recording_policy'->>'decision' = 'skip' AND r.status IS DISTINCT FROM "        \
    "'failed' THEN 'skipped' "                                                                     \
    "WHEN r.status IS NULL AND c.recording_state IN ('active', 'pending') THEN 'open' "            \
    "ELSE 'lost' END AS class, "                                                                   \
    "CASE WHEN r.status = 'deleted' THEN 'erased since' "                                          \
    "WHEN r.status = 'failed' THEN coalesce(nullif(r.reason, ''), 'not said') "                    \
    "WHEN c.story->'recording_policy'->>'decision' = 'skip' THEN concat_ws(': ', 'rule ' || "      \
    "(c.story->'recording_policy'->>'rule'), c.story->'recording_policy'->>'reason') "             \
    "WHEN r.status = 'empty' THEN 'no packet of its media reached a recorder' "                    \
    "WHEN r.status IS NULL AND c.recording_state = 'failed' THEN 'no recorder answered' "          \
    "WHEN r.status IS NULL THEN 'no media was seen' ELSE '' END AS reason "                        \
    "FROM calls c LEFT JOIN LATERAL (SELECT status, reason, chain_hash <> '' AS sealed FROM "      \
    "recordings r WHERE r.call_id = c.id AND r.site = c.site ORDER BY r.status = 'ready' DESC "    \
    "LIMIT 1) r ON true WHERE " where
#define COMPLETENESS_OF_DAY                                                                        \
    "c.started_at >= $1::text::date::timestamp AT TIME ZONE 'UTC' AND c.started_at < "             \
    "($1::text::date + 1)::timestamp AT TIME ZONE 'UTC' AND ($2 = '' OR c.site = $2)"
#define COMPLETENESS_CALLS_OF_DAY COMPLETENESS_CALLS(COMPLETENESS_OF_DAY)
// With c: all calls of the day, and a: those of them that were answered.
#define COMPLETENESS_WORDS                                                                         \
    "'report', 'completeness', 'day', $1::text::date, 'site', nullif($2, ''), 'made_at', "         \
    "rfc3339(now()), 'calls_seen', (SELECT count(*) FROM c), 'answered', (SELECT count(*) FROM "   \
    "a), 'recorded', (SELECT count(*) FROM a WHERE class = 'recorded'), 'skipped', (SELECT "       \
    "count(*) FROM a WHERE class = 'skipped'), 'lost', (SELECT count(*) FROM a WHERE class = "     \
    "'lost'), 'open', (SELECT count(*) FROM a WHERE class = 'open'), 'reasons', (SELECT "          \
    "coalesce(json_agg(json_build_object('class', class, 'reason', reason, 'calls', n) ORDER BY "  \
    "n DESC, reason), '[]') FROM (SELECT class, left(reason, 200) AS reason, count(*) AS n FROM "  \
    "a WHERE reason <> '' AND class <> 'open' GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT 100) x), "    \
    "'lost_calls', (SELECT coalesce(json_agg(id), '[]') FROM (SELECT id FROM a WHERE class = "     \
    "'lost' ORDER BY id LIMIT 200) y)"

// Closes the report's object (its text without the last brace is in j) with key and signature, or with nulls: false.
bool completeness_sign(struct json *j);

void completeness_register(void);
// What is due, in the keeper's thread: at most 63 reports. How many were written; -1: the store does not answer.
int completeness_round(struct store *s);
