// One batch, one transaction. The straight way is one pipeline: cursors first, then a statement a table. When PostgreSQL
// refuses rows, the careful way: the same with a savepoint around halves, quarters ... until the bad rows stand alone.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/log.h"
#include "lease.h"
#include "persist.h"
#include "plant.h"
#include "stats.h"
#include "store/pgtype.h"
#include "store/pipe.h"

// Fails (division by zero) when the cursor is not where we left it, and takes the transaction with it.
static const char *const move_sql =
    "WITH m AS (INSERT INTO feed_cursors AS c (publisher, incarnation, epoch, seq, done, base, "
    "applied, quarantined, lost) VALUES ($1, $2, $3, $6, $7, $8, $9, $10, $11)"
    " ON CONFLICT (publisher, incarnation) DO UPDATE SET epoch = excluded.epoch, seq = "
    "excluded.seq,"
    " done = excluded.done, applied = c.applied + excluded.applied, quarantined = c.quarantined + "
    "excluded.quarantined, lost = c.lost + excluded.lost, updated_at = now() WHERE c.seq = $4 AND "
    "c.done = $5 RETURNING 1)"
    " SELECT 1 / count(*) FROM m";

static void move_args(struct store_args *a, const struct cursor_move *m)
{
    store_args_init(a);
    store_arg_str(a, m->publisher);
    store_arg_bytes(a, span_of(m->incarnation, sizeof m->incarnation));
    store_arg_int(a, (int64_t)m->epoch);
    store_arg_int(a, (int64_t)m->from.seq);
    store_arg_int(a, m->from.done);
    store_arg_int(a, (int64_t)m->to.seq);
    store_arg_int(a, m->to.done);
    store_arg_int(a, (int64_t)m->book.base);
    store_arg_int(a, (int64_t)m->book.applied);
    store_arg_int(a, (int64_t)m->book.quarantined);
    store_arg_int(a, (int64_t)m->book.lost);
}

// The bug: the cursor has a transaction of its own, and the rows come a moment later.
static int plant_cursor(struct pipe *p, struct store *s, int *ret_failed)
{
    int r = pipe_end(p, ret_failed);
    struct timespec t = {.tv_nsec = 10000000};
    (void)nanosleep(&t, NULL);
    return r ? r : pipe_begin(p, s);
}

static int write_straight(struct store *s, struct batch *b, const struct persist_lease *lease,
                          int *ret_failed)
{
    struct pipe p;
    struct store_args a;
    int r = pipe_begin(&p, s);
    if (r)
        return r;
    if (lease->fence && !PLANT_FENCE) {
        lease_args(&a, lease->fence, lease->ttl_us);
        pipe_add(&p, lease_renew_sql, &a);
    }
    for (size_t i = 0; i < b->moves; i++) {
        move_args(&a, &b->move[i]);
        pipe_add(&p, move_sql, &a);
    }
    if (PLANT_CURSOR && (r = plant_cursor(&p, s, ret_failed)) != 0)
        return r;
    for (size_t i = 0; i < ROWS_TABLES; i++) {
        if (!table_rows(b->t[i]))
            continue;
        store_args_init(&a);
        table_args(b->t[i], &a);
        pipe_add(&p, rows_def[i].sql, &a);
    }
    return pipe_end(&p, ret_failed);
}

// After an unknown outcome: is the first cursor where this batch would have moved it? Then it was committed.
static int already_there(struct store *s, const struct batch *b)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_str(&a, b->move[0].publisher);
    store_arg_bytes(&a, span_of(b->move[0].incarnation, sizeof b->move[0].incarnation));
    int st = store_query(
        s, "SELECT seq, done FROM feed_cursors WHERE publisher = $1 AND incarnation = $2", &a, &r);
    if (st)
        return st;
    bool there = store_rows(r) == 1 && store_int(r, 0, 0) == (int64_t)b->move[0].to.seq &&
                 store_int(r, 0, 1) == (int64_t)b->move[0].to.done;
    store_result_free(r);
    return there ? STORE_OK : PERSIST_OVERTAKEN;
}

// ---- the careful way ----------------------------------------------------------------------------------------------

// A message row is kept whole as JSON: quarantine_retry of the schema drives it again.
static const char *const quarantine_message_sql =
    "INSERT INTO quarantine (publisher, seq, n, reason, body, site, message)"
    " SELECT u.publisher, u.seq, u.n, $21, u.raw, u.site, to_jsonb(u) FROM unnest($1, $2, $3, $4, "
    "$5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) AS u(site, at, "
    "publisher, "
    "seq, n, call_id, leg_id, sip_call_id, method, status, reason, src_ip, src_port, dst_ip, "
    "dst_port, transport, retransmission, raw_form, sdp, raw) ON CONFLICT DO NOTHING";

static int to_quarantine(struct store *s, const struct batch *b, enum row_table kind, size_t row,
                         const char *why)
{
    struct store_args a;
    char reason[400];
    (void)snprintf(reason, sizeof reason, "%s: %s", rows_def[kind].name, why);
    log_warn("a row was refused by the database: kept in quarantine", "table=\"%s\" error=\"%s\"",
             rows_def[kind].name, why);
    store_args_init(&a);
    if (kind == ROWS_MESSAGES) {
        table_part_args(b->t[kind], row, 1, &a);
        store_arg_str(&a, reason);
        int r = store_query(s, quarantine_message_sql, &a, NULL);
        table_part_end(b->t[kind]);
        return r;
    }
    store_arg_str(&a, b->moves ? b->move[0].publisher : "");
    store_arg_int(&a, b->moves ? (int64_t)b->move[0].to.seq : 0);
    store_arg_int(&a, -1 - (int64_t)(kind * 100000 + row));
    store_arg_str(&a, reason);
    return store_query(s,
                       "INSERT INTO quarantine (publisher, seq, n, reason, body) VALUES ($1, $2, "
                       "$3, $4, '') ON CONFLICT DO NOTHING",
                       &a, NULL);
}

static int insert_range(struct store *s, const struct batch *b, enum row_table kind, size_t from,
                        size_t n)
{
    struct store_args a;
    int r = store_query(s, "SAVEPOINT part", NULL, NULL);
    if (r)
        return r;
    store_args_init(&a);
    table_part_args(b->t[kind], from, n, &a);
    r = store_query(s, rows_def[kind].sql, &a, NULL);
    table_part_end(b->t[kind]);
    if (r == STORE_OK)
        return store_query(s, "RELEASE SAVEPOINT part", NULL, NULL);
    if (r != STORE_E_DATA)
        return r;
    char why[300];
    (void)snprintf(why, sizeof why, "%s", store_error(s));
    r = store_query(s, "ROLLBACK TO SAVEPOINT part", NULL, NULL);
    if (r)
        return r;
    if (n == 1) {
        count(STAT_DB_REFUSED);
        return to_quarantine(s, b, kind, from, why);
    }
    r = insert_range(s, b, kind, from, n / 2);
    return r ? r : insert_range(s, b, kind, from + n / 2, n - n / 2);
}

static int write_carefully(struct store *s, struct batch *b, const struct persist_lease *lease)
{
    int r = store_query(s, "BEGIN", NULL, NULL);
    if (!r && lease->fence)
        r = lease_renew(s, lease->fence, lease->ttl_us);
    for (size_t i = 0; i < b->moves && !r; i++) {
        struct store_args a;
        move_args(&a, &b->move[i]);
        r = store_query(s, move_sql, &a, NULL);
    }
    for (size_t i = 0; i < ROWS_TABLES && !r; i++)
        if (table_rows(b->t[i]))
            r = insert_range(s, b, (enum row_table)i, 0, table_rows(b->t[i]));
    if (!r)
        return store_query(s, "COMMIT", NULL, NULL);
    if (store_connected(s) && store_query(s, "ROLLBACK", NULL, NULL))
        store_drop(s);
    return r == STORE_E_DATA || r == STORE_E_SQL ? STORE_E_RETRY : r;
}

int persist_write(struct store *s, struct batch *b, const struct persist_lease *lease)
{
    int failed = -1;
    int r = write_straight(s, b, lease, &failed);
    if (r == STORE_OK || r == STORE_E_AWAY || r == STORE_E_RETRY)
        return r;
    // The lease is the first statement, the cursors come next.
    if (r == STORE_E_DATA && lease->fence && failed-- == 0)
        return PERSIST_FENCED;
    if (r == STORE_E_DATA && failed >= 0 && (size_t)failed < b->moves)
        return already_there(s, b);
    return r == STORE_E_DATA ? write_carefully(s, b, lease) : STORE_E_RETRY;
}
