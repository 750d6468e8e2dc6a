#include "policy_load.h"
#include <string.h>
#include "base/log.h"
#include "stats.h"

void policy_board_init(struct policy_board *b)
{
    memset(b->place, 0, sizeof b->place);
    b->now = &b->place[0];
    b->mine = &b->place[1];
    b->have = -1;
    atomic_init(&b->next, NULL);
    atomic_init(&b->spare, &b->place[2]);
}

static const char rules_sql[] =
    "SELECT name, action, coalesce((percent * 100)::int, 0), site, direction, number, from_number, "
    "to_number, sip_user,"
    " coalesce(host(peer), ''), coalesce(masklen(peer), 0), after_answer, early_media, sides, "
    "agent, team, pause_code, resume_code, coalesce(pause_seconds, 0)"
    " FROM recording_rules ORDER BY position, created_at, id LIMIT $1";

static uint8_t word_of(const char *s, const char *const *words, uint8_t n)
{
    for (uint8_t i = 0; i < n; i++)
        if (strcmp(s, words[i]) == 0)
            return i;
    return 0;
}

static void rule_of(const struct store_result *r, size_t i, struct policy_rule *ret)
{
    static const char *const actions[] = {"all", "none", "on_demand", "percent"};
    static const char *const directions[] = {"", "inbound", "outbound", "internal", "transit"};
    const char *sides = store_str(r, i, 13);
    *ret = (struct policy_rule){.hundredths = (uint16_t)store_int(r, i, 2),
                                .peer_bits = (uint8_t)store_int(r, i, 10),
                                .after_answer = store_bool(r, i, 11),
                                .early_media = store_bool(r, i, 12)};
    (void)span_copy(store_span(r, i, 0), ret->name, sizeof ret->name);
    ret->action = word_of(store_str(r, i, 1), actions, 4);
    (void)span_copy(store_span(r, i, 3), ret->site, sizeof ret->site);
    ret->direction = word_of(store_str(r, i, 4), directions, 5);
    (void)span_copy(store_span(r, i, 5), ret->number, sizeof ret->number);
    (void)span_copy(store_span(r, i, 6), ret->from_number, sizeof ret->from_number);
    (void)span_copy(store_span(r, i, 7), ret->to_number, sizeof ret->to_number);
    (void)span_copy(store_span(r, i, 8), ret->sip_user, sizeof ret->sip_user);
    if (store_span(r, i, 9).n)
        (void)ip_addr_parse(store_span(r, i, 9), &ret->peer);
    if (!store_null(r, i, 14))
        (void)store_uuid(r, i, 14, &ret->agent);
    (void)span_utf8(store_span(r, i, 15), ret->team, sizeof ret->team); // cut as the list's
    (void)span_copy(store_span(r, i, 16), ret->pause_code, sizeof ret->pause_code);
    (void)span_copy(store_span(r, i, 17), ret->resume_code, sizeof ret->resume_code);
    ret->pause_seconds = (uint32_t)store_int(r, i, 18);
    ret->sides = strcmp(sides, "caller") == 0 ? 1 : strcmp(sides, "callee") == 0 ? 2 : 3;
}

int policy_read(struct store *s, int64_t have, struct policy *ret, bool *ret_news)
{
    struct store_args a;
    struct store_result *r = NULL;
    *ret_news = false;
    int e = store_query(s, "SELECT coalesce(max(n), 0) FROM recording_rule_changes", NULL, &r);
    if (e)
        return e;
    int64_t version = store_int(r, 0, 0);
    r = store_result_free(r);
    if (version == have)
        return STORE_OK;
    store_args_init(&a);
    store_arg_int(&a, POLICY_RULES + 1);
    e = store_query(s, rules_sql, &a, &r);
    if (e)
        return e;
    if (store_rows(r) > POLICY_RULES)
        log_error("too many rules of recording: those behind the last are not looked at",
                  "rules=%d", POLICY_RULES);
    ret->version = version;
    ret->rules = 0;
    for (size_t i = 0; i < store_rows(r) && i < POLICY_RULES; i++)
        rule_of(r, i, &ret->rule[ret->rules++]);
    store_result_free(r);
    *ret_news = true;
    return STORE_OK;
}

int policy_refresh(struct policy_board *b, struct store *s)
{
    bool news = false;
    if (!b->mine)
        b->mine = atomic_exchange(&b->spare, NULL);
    bool unseen =
        !b->mine; // what nobody fetched is taken back, and given again when it is still the newest
    if (unseen && !(b->mine = atomic_exchange(&b->next, NULL)))
        return STORE_OK; // the other thread is about to give one
    int e = policy_read(s, b->have, b->mine, &news);
    if (e || !news) {
        if (unseen)
            b->mine = atomic_exchange(&b->next, b->mine);
        return e;
    }
    b->have = b->mine->version;
    gauge(STAT_POLICY_RULES, b->mine->rules);
    log_info("rules of recording", "version=%lld rules=%u", (long long)b->have, b->mine->rules);
    b->mine = atomic_exchange(&b->next, b->mine);
    return STORE_OK;
}

const struct policy *policy_current(struct policy_board *b)
{
    struct policy *next = atomic_exchange(&b->next, NULL);
    if (next) {
        atomic_store(&b->spare, b->now);
        b->now = next;
    }
    return b->now;
}
