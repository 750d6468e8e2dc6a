#include "numbers.h"
#include "base/log.h"
#include "stats.h"

static const char plans_sql[] =
    "SELECT site, country_code, area_code, trunk_prefix, number_base, "
    "array_to_string(international_prefixes, ','), array_to_string(outside_prefixes, ','), "
    "array_to_string(short_numbers, ','), array_to_string(extension_lengths, ','), "
    "array_to_string(national_lengths, ','), array_to_string(local_lengths, ','), plain FROM "
    "dial_plans ORDER BY site LIMIT 257";

static bool add_one(struct dialplans *to, const struct store_result *r, size_t i)
{
    struct dialplan p;
    const char *why = "too many plans";
    struct dialplan_text t = {store_span(r, i, 1),  store_span(r, i, 2), store_span(r, i, 3),
                              store_span(r, i, 4),  store_span(r, i, 5), store_span(r, i, 6),
                              store_span(r, i, 7),  store_span(r, i, 8), store_span(r, i, 9),
                              store_span(r, i, 10), store_span(r, i, 11)};
    if (dialplan_read(&t, &p, &why) && dialplans_add(to, store_span(r, i, 0), &p))
        return true;
    count(STAT_FULL_DIAL_PLANS);
    log_error("a dial plan is not used", "site=%s why=\"%s\"", store_str(r, i, 0), why);
    return false;
}

int numbers_load(struct store *s, struct dialplans *ret)
{
    struct store_result *r = NULL;
    int st = store_query(s, plans_sql, NULL, &r);
    if (st)
        return st;
    ret->n = 0;
    for (size_t i = 0; i < store_rows(r); i++)
        (void)add_one(ret, r, i);
    store_result_free(r);
    gauge(STAT_USED_DIAL_PLANS, ret->n);
    return STORE_OK;
}

// What a tel URI says beside the digits stands in its parameters; of a SIP URI the user has all.
static struct span text_of(const struct party *p)
{
    struct span uri = span_of(p->uri, p->uri_n), user = span_of(p->user, p->user_n);
    if (p->user_cut)
        return span_of("", 0); // what is left of a number is another number
    return span_istarts(uri, SPAN_LIT("tel:")) ? uri : user;
}

static enum dial_kind read_one(const struct dialplan *plan, struct party *p, enum dial_way way)
{
    static const enum callstate_stat by[] = {[DIAL_NAME] = STAT_NUMBERS_NAME,
                                             [DIAL_OTHER] = STAT_NUMBERS_OTHER,
                                             [DIAL_SHORT] = STAT_NUMBERS_SHORT,
                                             [DIAL_EXTENSION] = STAT_NUMBERS_EXTENSION,
                                             [DIAL_E164] = STAT_NUMBERS};
    enum dial_kind k = dialplan_number(plan, text_of(p), way, &p->e164);
    count(by[k]);
    return k;
}

void numbers_read(struct world *w, struct call *c)
{
    const struct dialplan *plan = dialplans_of(w->plans, span_str(w->site[c->site].name));
    // Only a telephone of the house dials a prefix for an outside line.
    bool house = read_one(plan, &c->from, DIAL_SHOWN) == DIAL_EXTENSION;
    (void)read_one(plan, &c->to, house ? DIAL_DIALLED : DIAL_SHOWN);
}
