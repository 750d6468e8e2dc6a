// db.h: the store workers. A request that needs PostgreSQL is queued here and sleeps; a worker runs its job on a connection of
// its own and wakes it. Limits: db.threads workers for questions and one for files (peaks), a queue of db.queue requests
// (full: 503 overloaded, counted), 5 s for an answer of the store (503). Until the store is there and has the right schema
// each job is answered 503 store_unavailable.
#pragma once
#include "api.h"
#include "store/schema.h"

#define API_SCHEMA_VERSION STORE_SCHEMA_VERSION

int db_start(void);
void db_stop(void);
// From a handler: return what this returns. then: the step after the job (NULL: the job sets the reply).
enum http_next db_submit(struct http_req *q, db_fn job, http_handler_fn then);
// The same on the worker for files.
enum http_next db_submit_file(struct http_req *q, db_fn job, http_handler_fn then);
bool db_ready(void);
// "": ready; else one line that says why not.
void db_why_not(char *buf, size_t cap);
// Exit code when the store can never serve (wrong schema: 76), else 0.
int db_fatal(void);

// In jobs: runs the query; on failure sets the problem (503 away, 500 otherwise) and returns NULL.
struct store_result *db_query(struct store *s, struct http_req *q, const char *sql,
                              const struct store_args *a);
// A write as every page of settings does it: $1 the body ({} when there is none), $2 the actor, $3 the address, $4 the id of the path.
struct store_result *db_write(struct store *s, struct http_req *q, const char *sql);
// Replies with the JSON of the first row of r and frees it. False: there was no row, and no reply is set. r NULL (a question that
// failed, its problem is set): true.
bool db_reply_row(struct http_req *q, struct store_result *r, unsigned status);
// One row of the audit; false: not written, and the problem is set (what cannot be audited is not done).
bool db_audit(struct store *s, struct http_req *q, const char *action, const char *object,
              const char *result);
