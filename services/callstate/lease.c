#include "lease.h"

#define NAME "callstate"

const char *const lease_renew_sql =
    "WITH l AS (UPDATE lease SET until = now() + $2 * interval '1 microsecond' WHERE name = '" NAME
    "' AND fence = $1 RETURNING 1) SELECT 1 / count(*) FROM l";

void lease_args(struct store_args *a, int64_t fence, int64_t ttl_us)
{
    store_args_init(a);
    store_arg_int(a, fence);
    store_arg_int(a, ttl_us);
}

int lease_take(struct store *s, const char *holder, int64_t ttl_us, int64_t *ret_fence)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_str(&a, holder);
    store_arg_int(&a, ttl_us);
    int st = store_query(
        s,
        "INSERT INTO lease AS l (name, holder, fence, until) VALUES ('" NAME
        "', $1, 1, now() + $2 * interval '1 microsecond') ON CONFLICT (name) DO UPDATE SET"
        " holder = $1, fence = l.fence + 1, until = excluded.until"
        " WHERE l.until < now() OR l.holder = $1 RETURNING fence",
        &a, &r);
    if (st)
        return st;
    if (store_rows(r) != 1)
        st = LEASE_E_HELD;
    else
        *ret_fence = store_int(r, 0, 0);
    store_result_free(r);
    return st;
}

int lease_renew(struct store *s, int64_t fence, int64_t ttl_us)
{
    struct store_args a;
    lease_args(&a, fence, ttl_us);
    return store_query(s, lease_renew_sql, &a, NULL);
}

void lease_release(struct store *s, int64_t fence)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_int(&a, fence);
    (void)store_query(
        s, "UPDATE lease SET until = now() - interval '1 s' WHERE name = '" NAME "' AND fence = $1",
        &a, NULL); // not done: the next one waits for the end
}
