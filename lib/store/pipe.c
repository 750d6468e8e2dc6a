#include "store/pipe.h"
#include "base/mono.h"
#include "store/conn_priv.h"

int pipe_begin(struct pipe *p, struct store *s)
{
    int r = store_connect(s);
    *p = (struct pipe){.s = s};
    if (r)
        return r;
    s->sqlstate[0] = 0;
    if (!PQenterPipelineMode(s->pg)) {
        store_set_error(s, PQerrorMessage(s->pg));
        store_drop(s);
        return STORE_E_AWAY;
    }
    return STORE_OK;
}

void pipe_add(struct pipe *p, const char *sql, const struct store_args *args)
{
    static const struct store_args none;
    const struct store_args *a = args ? args : &none;
    if (p->broken)
        return;
    if (!PQsendQueryParams(p->s->pg, sql, a->n, a->type, a->value, a->length, a->format, 0)) {
        store_set_error(p->s, PQerrorMessage(p->s->pg));
        p->broken = true;
    }
    p->queued++;
}

// The answer of one statement: its results, then NULL. A SYNC answer ends the pipeline.
static int one_answer(struct pipe *p, int64_t deadline, bool *ret_sync)
{
    int kind = STORE_OK;
    for (;;) {
        PGresult *res = NULL;
        int r = store_next_result(p->s, deadline, &res);
        if (r)
            return r;
        if (!res)
            return kind;
        ExecStatusType st = PQresultStatus(res);
        if (st == PGRES_PIPELINE_SYNC)
            *ret_sync = true;
        else if (st == PGRES_FATAL_ERROR || st == PGRES_BAD_RESPONSE)
            kind = store_take_error(p->s, res);
        else if (st == PGRES_PIPELINE_ABORTED && kind == STORE_OK)
            kind = -1; // an earlier one failed
        PQclear(res);
        if (*ret_sync || !p->s->pg)
            return kind;
    }
}

int pipe_end(struct pipe *p, int *ret_failed)
{
    struct store *s = p->s;
    if (p->broken || !PQpipelineSync(s->pg)) {
        store_drop(s);
        return STORE_E_AWAY;
    }
    int64_t deadline = mono_now_us() + s->timeout_us;
    int kind = STORE_OK;
    bool sync = false;
    for (int i = 0; i <= p->queued && !sync; i++) {
        int r = one_answer(p, deadline, &sync);
        if (r == STORE_E_AWAY || !s->pg)
            return STORE_E_AWAY;
        if (r > 0 && kind == STORE_OK) {
            kind = r;
            if (ret_failed)
                *ret_failed = i;
        }
    }
    if (!sync || !PQexitPipelineMode(s->pg)) {
        store_set_error(s, "pipeline out of step");
        store_drop(s);
        return STORE_E_AWAY;
    }
    return kind;
}
