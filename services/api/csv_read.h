// csv_read.h: a CSV text (RFC 4180) with a header line becomes a JSON array of objects of text members. Strict, no allocation, pure:
// columns that are not asked for are refused, so that a wrong header is no empty import. Lines end by CRLF or LF; blank lines count for nothing.
#pragma once
#include "base/json.h"
#include "base/span.h"

#define CSV_COLUMNS_MAX 16

// false: *ret_line (from 1) is where it goes wrong and *ret_why what, or the JSON does not fit (j->overflow). Rows into *ret_rows.
bool csv_read(struct span csv, const char *const *columns, size_t n, struct json *j,
              size_t *ret_rows, size_t *ret_line, const char **ret_why);
