#include "alerts.h"
#include <stdio.h>
#include "base/log.h"
#include "stats.h"

static void text(char *to, size_t cap, const struct store_result *r, size_t row, size_t col)
{
    (void)span_copy(span_str(store_str(r, row, col)), to, cap);
}

static void take(const struct store_result *r, size_t i, struct ring *told)
{
    struct alert a = {.value = store_real(r, i, 5),
                      .threshold = store_real(r, i, 6),
                      .raised_us = store_time(r, i, 7),
                      .cleared_us = store_null(r, i, 8) ? 0 : store_time(r, i, 8)};
    text(a.id, sizeof a.id, r, i, 0);
    text(a.rule, sizeof a.rule, r, i, 1);
    text(a.kind, sizeof a.kind, r, i, 2);
    text(a.site, sizeof a.site, r, i, 3);
    text(a.subject, sizeof a.subject, r, i, 4);
    count(a.cleared_us ? STAT_ALERTS_CLEARED : STAT_ALERTS_RAISED);
    if (a.cleared_us)
        log_info("alert cleared", "rule=\"%s\" site=%s subject=\"%s\"", a.rule, a.site, a.subject);
    else
        log_warn("alert", "rule=\"%s\" site=%s subject=\"%s\" value=%.2f threshold=%.2f", a.rule,
                 a.site, a.subject, a.value, a.threshold);
    if (told && !ring_push(told, &a))
        count(STAT_ALERTS_UNTOLD);
}

int alerts_look(struct store *s, int64_t now_us, struct ring *told)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_time(&a, now_us);
    int st = store_query(s,
                         "SELECT id::text, rule, kind, site, subject, value, threshold, raised_at, "
                         "cleared_at FROM alerts_round($1)",
                         &a, &r);
    for (size_t i = 0; !st && i < store_rows(r); i++)
        take(r, i, told);
    store_result_free(r);
    if (st)
        return st;
    r = NULL;
    st = store_query(
        s, "SELECT count(*) FILTER (WHERE alert IS NOT NULL), count(*) FROM alert_watch", NULL, &r);
    if (!st) {
        gauge(STAT_ALERTS_UP, (uint64_t)store_int(r, 0, 0));
        gauge(STAT_ALERTS_WATCHED, (uint64_t)store_int(r, 0, 1));
    }
    store_result_free(r);
    return st;
}
