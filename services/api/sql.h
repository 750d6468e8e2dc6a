// sql.h: a question to PostgreSQL put together from constant pieces; every value is a parameter. Also the parts that lists have
// in common: limit, cursor (time and id of the last row), comma lists. On a bad value the 400 problem is set.
#pragma once
#include "api.h"

struct sql {
    char text[6144];
    size_t n;
    bool overflow;
    struct store_args args;
    char keep[2048]; // values made here (digits), alive until the query
    size_t keep_n;
};

struct page {
    int64_t limit;
    bool has_cursor;
    int64_t at_us;
    struct uuid id;
};

void sql_init(struct sql *s);
// Each '?' in the piece becomes the number of the next parameter added after it: add text first, then its values.
void sql_add(struct sql *s, const char *piece);
const char *sql_keep(struct sql *s, struct span v); // copy that lives as long as s
struct store_result *sql_run(struct store *st, struct http_req *q, struct sql *s);

// limit and cursor. False: the problem is set.
bool page_read(struct http_req *q, struct page *p);
void page_cursor(char *buf, size_t cap, int64_t at_us, const struct uuid *id);
#define PAGE_END_ROOM 256 // bytes that page_end needs at most
// Ends {"data":[ ... with next_cursor and has_more.
void page_end(struct json *j, bool more, const char *cursor);
// {"data":[ in a buffer of the pool; NULL: the problem is set.
struct json *page_begin(struct http_req *q);

// Calls, newest first, by the conditions of the request; the last two columns, before those of `more` (constant text), are the key. False: the problem is set. (calls.c)
bool calls_question(struct store *st, struct http_req *q, struct sql *s, struct page *p,
                    const char *more);
// AND column = any of the comma list, when the parameter is there. words NULL: any text.
bool sql_where_list(struct http_req *q, struct sql *s, const char *param, const char *column,
                    const char *const *words, size_t nwords);
// started_at[gte] and [lt] on this column.
bool sql_where_time(struct http_req *q, struct sql *s, const char *column);
