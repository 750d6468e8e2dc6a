#include "policy.h"
#include <string.h>

uint32_t policy_draw(const struct uuid *call_id)
{
    // FNV-1a over all bytes, then mixed: an id begins with the time, and calls of one second must not share their lot.
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof call_id->b; i++)
        h = (h ^ call_id->b[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    return (uint32_t)(h % 10000);
}

void policy_digits(struct span user, char ret[POLICY_NUMBER])
{
    size_t n = 0;
    for (size_t i = 0; i < user.n && n + 1 < POLICY_NUMBER; i++)
        if (user.p[i] >= '0' && user.p[i] <= '9')
            ret[n++] = (char)user.p[i];
    ret[n] = 0;
}

// A name is inside, as anonymous is not: a trunk shows numbers.
static bool is_inside(struct span user, uint32_t inside)
{
    size_t digits = 0, others = 0;
    for (size_t i = 0; i < user.n; i++) {
        if (user.p[i] >= '0' && user.p[i] <= '9')
            digits++;
        else if (user.p[i] != '+' && user.p[i] != '-' && user.p[i] != '.')
            others++;
    }
    if (others)
        return !span_eq(user, SPAN_LIT("anonymous"));
    return digits > 0 && digits <= inside && user.p[0] != '+';
}

enum policy_direction policy_direction_of(struct span from_user, struct span to_user,
                                          uint32_t inside)
{
    bool from = is_inside(from_user, inside), to = is_inside(to_user, inside);
    return from ? (to ? POLICY_INTERNAL : POLICY_OUTBOUND) : to ? POLICY_INBOUND : POLICY_TRANSIT;
}

static bool begins(const char *number, const char *with)
{
    return strncmp(number, with, strlen(with)) == 0;
}

static bool in_net(const struct ip_addr *a, const struct policy_rule *r)
{
    if (a->family != r->peer.family)
        return false;
    size_t whole = r->peer_bits / 8;
    unsigned rest = r->peer_bits % 8;
    if (memcmp(a->b, r->peer.b, whole) != 0)
        return false;
    return !rest || ((a->b[whole] ^ r->peer.b[whole]) & (0xFF00u >> rest) & 0xFFu) == 0;
}

// Both of one person: "Ann of sales" is not Ann and somebody else of sales.
static bool has_agent(const struct policy_rule *r, const struct policy_facts *f)
{
    if (uuid_is_zero(&r->agent) && !r->team[0])
        return true;
    for (size_t i = 0; i < f->agents; i++)
        if ((uuid_is_zero(&r->agent) ||
             memcmp(f->agent[i].id->b, r->agent.b, sizeof r->agent.b) == 0) &&
            (!r->team[0] || span_eq(f->agent[i].team, span_str(r->team))))
            return true;
    return false;
}

static bool matches(const struct policy_rule *r, const struct policy_facts *f)
{
    if (r->site[0] && !span_eq(f->site, span_str(r->site)))
        return false;
    if (r->direction && r->direction != f->direction)
        return false;
    if (!begins(f->from_number, r->number) && !begins(f->to_number, r->number))
        return false;
    if (!begins(f->from_number, r->from_number) || !begins(f->to_number, r->to_number))
        return false;
    if (r->sip_user[0] && !span_eq(f->from_user, span_str(r->sip_user)) &&
        !span_eq(f->to_user, span_str(r->sip_user)))
        return false;
    if (!has_agent(r, f))
        return false;
    return !r->peer.family || in_net(&f->src, r) || in_net(&f->dst, r);
}

static void apply(const struct policy_rule *r, const struct policy_facts *f, struct decision *d)
{
    static const uint8_t reasons[] = {[POLICY_ALL] = POLICY_BY_ALL,
                                      [POLICY_NONE] = POLICY_BY_NONE,
                                      [POLICY_ON_DEMAND] = POLICY_BY_ON_DEMAND,
                                      [POLICY_PERCENT] = POLICY_BY_PERCENT};
    memcpy(d->rule, r->name, sizeof d->rule);
    d->reason = reasons[r->action];
    d->record = r->action == POLICY_ALL ||
                (r->action == POLICY_PERCENT && policy_draw(f->call_id) < r->hundredths);
    d->after_answer = r->after_answer;
    d->from_answer = !r->early_media;
    d->sides = r->sides;
}

const struct policy_rule *policy_find(const struct policy *p, const char *name)
{
    for (uint32_t i = 0; p && name[0] && i < p->rules; i++)
        if (strcmp(p->rule[i].name, name) == 0)
            return &p->rule[i];
    return NULL;
}

void policy_decide(const struct policy *p, const struct policy_facts *f, struct decision *ret)
{
    *ret = (struct decision){.reason = POLICY_NO_RULE, .record = true, .sides = 3};
    for (uint32_t i = 0; p && i < p->rules; i++)
        if (matches(&p->rule[i], f)) {
            apply(&p->rule[i], f, ret);
            return;
        }
}

const char *policy_reason_name(int reason)
{
    static const char *const names[] = {"undecided", "no_rule", "all",          "none",
                                        "on_demand", "percent", "not_answered", "asked"};
    return reason >= 0 && reason < 8 ? names[reason] : names[0];
}
