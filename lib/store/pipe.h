// pipe.h: several statements in one round trip and one transaction (libpq's pipeline mode:
// everything up to the end is one implicit transaction, so no BEGIN is needed and a pooler in
// transaction mode keeps it together). A statement that fails takes all of them back. Parameters
// are borrowed until pipe_end. Owner: the connection's thread.
#pragma once
#include "store/conn.h"

struct pipe {
    struct store *s;
    int queued;
    bool broken;
};
int pipe_begin(struct pipe *p, struct store *s); // connects when needed
// Sends; the error of a broken connection comes at the end.
void pipe_add(struct pipe *p, const char *sql, const struct store_args *args);
// Waits for all answers. STORE_OK: committed. STORE_E_DATA, _SQL, _RETRY: nothing was stored;
// *ret_failed (may be NULL) is the number of the first statement that failed, from 0. STORE_E_AWAY:
// unknown, it may have been committed.
int pipe_end(struct pipe *p, int *ret_failed);
