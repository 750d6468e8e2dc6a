// query.h: the parameters after the question mark, and the values that APIs put there. The first of several with one name
// counts; names with operators (started_at[gte]) are names like others. Handlers answer what is wrong with a 400 problem.
#pragma once
#include "http/request.h"

// The decoded value or NULL. Valid as long as the request.
const char *query_get(struct http_req *q, const char *name);

// Below: pure.
// RFC 3339 with Z or an offset, to Unix microseconds. Fractions beyond microseconds are cut.
bool query_time(struct span s, int64_t *ret_us);
// Every value of the comma list is one of the words.
bool query_words_known(struct span list, const char *const *words, size_t n);
// Next value of a comma list, trimmed; false at the end. Empty values are passed over.
bool query_list_next(struct span *rest, struct span *ret);
// One ETag among those of If-None-Match or If-Range; weak ones match only when weak_too; * matches.
bool query_etag_match(struct span header, struct span etag, bool weak_too);
