// conn.h: one connection to PostgreSQL, and one query at a time on it. The only door to libpq.
// Owner: one thread per connection. No session state, no prepared names: it runs behind PgBouncer
// (transaction mode). Nothing here waits without end: connecting and each answer have a limit; a
// connection whose answer is late is cancelled and dropped. After a drop the next store_connect
// obeys a back-off (100 ms doubling to 1 s). Parameters are binary with their type told, so text
// needs no quoting and no zero at the end; it must be clean UTF-8 (span_utf8). What libpq allocates
// per query is bounded by the LIMIT of the query and freed with the result.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"

enum store_error_kind {
    STORE_OK = 0,
    STORE_E_AWAY = 1,  // no connection, or it broke, or no answer in time: the outcome is unknown;
                       // try again later
    STORE_E_DATA = 2,  // the server refused these rows (SQLSTATE classes 21, 22, 23, 54, P0): again
                       // would not help
    STORE_E_SQL = 3,   // the statement itself is wrong for this schema, or a right is missing
    STORE_E_RETRY = 4, // deadlock, serialization, not enough of something: the same again may work
};

struct store;
struct store_opts {
    const char *dsn; // libpq connection string; several hosts and target_session_attrs are welcome
    const char *app; // application_name
    int64_t connect_timeout_us; // 0: 5 s
    int64_t timeout_us;         // for one answer; 0: 30 s
};
// Reserves, does not connect. NULL: no memory. The strings are copied.
struct store *store_new(const struct store_opts *o);
struct store *store_free(struct store *s);
// STORE_OK when there is a connection now; STORE_E_AWAY when not (also while the back-off runs:
// costs nothing then).
int store_connect(struct store *s);
bool store_connected(const struct store *s);
// How long the back-off still runs, for the caller's sleep; 0: try now.
int64_t store_backoff_us(const struct store *s);
void store_drop(struct store *s);
void store_set_timeout(struct store *s, int64_t timeout_us);
// For questions that may take minutes: when *flag turns true, whatever is waited for is too late, within a tenth of a
// second. The flag outlives the store.
void store_set_give_up(struct store *s, const _Atomic bool *flag);
// The last error: one line without the password, never NULL; and its SQLSTATE ("" when there is
// none).
const char *store_error(const struct store *s);
const char *store_sqlstate(const struct store *s);
uint64_t store_connects(const struct store *s); // connections made since start

// ---- parameters
// ---------------------------------------------------------------------------------------------------
// $1 is the first added. Strings and bytes are borrowed until the query has been sent. Types as
// PostgreSQL sees them: text, bigint, double precision, boolean, uuid, timestamptz, bytea; cast in
// the SQL where another is wanted ($1::inet).
#define STORE_ARGS_MAX 48
struct store_args {
    const char *value[STORE_ARGS_MAX];
    int length[STORE_ARGS_MAX];
    int format[STORE_ARGS_MAX];
    uint32_t type[STORE_ARGS_MAX];
    uint8_t num[STORE_ARGS_MAX][16];
    int n;
};
void store_args_init(struct store_args *a);
void store_arg_str(struct store_args *a, const char *s); // NULL is null
void store_arg_span(struct store_args *a, struct span text);
void store_arg_int(struct store_args *a, int64_t v);
void store_arg_real(struct store_args *a, double v);
void store_arg_bool(struct store_args *a, bool v);
void store_arg_uuid(struct store_args *a, const struct uuid *u); // NULL is null
void store_arg_time(struct store_args *a, int64_t wall_us);      // 0 is null
void store_arg_bytes(struct store_args *a, struct span bytes);
void store_arg_null(struct store_args *a); // of type text
// A value made elsewhere in PostgreSQL's binary form (columns.h).
void store_arg_binary(struct store_args *a, uint32_t type, struct span value);

// ---- one query
// ----------------------------------------------------------------------------------------------------
struct store_result;
// Runs one statement and waits. *ret_result (may be NULL: not wanted) is set on STORE_OK only; the
// caller frees it.
int store_query(struct store *s, const char *sql, const struct store_args *args,
                struct store_result **ret_result);
// Several statements in one text, no parameters, one transaction unless the text says otherwise
// (migrations).
int store_script(struct store *s, const char *sql);

struct store_result *store_result_free(struct store_result *r);
size_t store_rows(const struct store_result *r);
uint64_t store_affected(const struct store_result *r); // rows that INSERT, UPDATE, DELETE touched
bool store_null(const struct store_result *r, size_t row, size_t col);
// Views live as long as the result. Values come as text; a null is empty, 0, false.
struct span store_span(const struct store_result *r, size_t row, size_t col);
const char *store_str(const struct store_result *r, size_t row, size_t col);
int64_t store_int(const struct store_result *r, size_t row, size_t col);
double store_real(const struct store_result *r, size_t row, size_t col);
bool store_bool(const struct store_result *r, size_t row, size_t col);
bool store_uuid(const struct store_result *r, size_t row, size_t col, struct uuid *ret);
int64_t store_time(const struct store_result *r, size_t row, size_t col); // timestamptz to Unix us
// bytea into buf; returns its length, cut at cap.
size_t store_bytes(const struct store_result *r, size_t row, size_t col, uint8_t *buf, size_t cap);
// Elements of a one-dimensional text[] in its text form: position 0 starts, false at the end.
// Unescapes into buf.
bool store_array_next(struct span array, size_t *pos, char *buf, size_t cap, size_t *ret_n);
