// timeline.h: the course of a call, and why its parts are one.
#pragma once
#include "rows.h"

// Evidence about the call $1 and its parts; each row by row_evidence.
#define EVIDENCE_OF_CALL                                                                           \
    "SELECT at, call_id, joined_to, kind, score, detail FROM call_evidence WHERE "                 \
    "call_id " OF_PARTS("$1") " ORDER BY at, call_id, n LIMIT 200"
void row_evidence(struct json *j, const struct store_result *r, size_t row);
