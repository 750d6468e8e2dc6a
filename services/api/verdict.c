#include "verdict.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOSS_HEARD_PCT 1.0 // below, concealment hides it
#define MOS_BAD        3.6 // "many dissatisfied" of ITU-T G.107 annex B begins here
#define LATE_HEARD_PCT 1.0 // of an adaptive playout buffer

static const char *const who[] = {"caller", "callee"};

static double share(double lost, double packets)
{
    return lost > 0 && packets + lost > 0 ? 100 * lost / (packets + lost) : 0;
}

size_t verdict_segments(const struct direction *d, int side, struct segment *ret)
{
    size_t n = 0;
    double before = 0;
    for (size_t i = 0; i < d->n; i++) {
        double pct = share(d->at[i].lost, d->at[i].packets);
        ret[n++] = (struct segment){i ? d->at[i - 1].tap : who[side], d->at[i].tap,
                                    pct > before ? pct - before : 0};
        before = pct > before ? pct : before;
    }
    const struct heard *last = d->n ? &d->at[d->n - 1] : NULL;
    if (last && last->reported) {
        double pct = share(last->far_lost, last->packets + last->lost - last->far_lost);
        ret[n++] = (struct segment){last->tap, who[1 - side], pct > before ? pct - before : 0};
    }
    return n;
}

double verdict_loss_pct(const struct direction *d)
{
    struct segment s[VERDICT_PLACES + 1];
    double sum = 0;
    for (size_t i = 0, n = verdict_segments(d, 0, s); i < n; i++)
        sum += s[i].lost_pct;
    return sum;
}

double verdict_mos(const struct direction *d)
{
    double mos = 0;
    for (size_t i = 0; i < d->n; i++)
        if (d->at[i].mos > 0 && (mos == 0 || d->at[i].mos < mos))
            mos = d->at[i].mos;
    return mos;
}

struct out {
    char *buf;
    size_t n, cap;
};

__attribute__((format(printf, 2, 3))) static void say(struct out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(o->buf + o->n, o->cap - o->n, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->n = o->n + (size_t)n < o->cap ? o->n + (size_t)n : o->cap - 1;
}

static double late_of(const struct direction *d)
{
    return d->n ? d->at[d->n - 1].late_pct : 0;
}

static bool is_bad(const struct direction *d)
{
    double mos = verdict_mos(d);
    return d->n && ((mos > 0 && mos < MOS_BAD) || verdict_loss_pct(d) >= LOSS_HEARD_PCT ||
                    late_of(d) >= LATE_HEARD_PCT);
}

static void where(struct out *o, const struct segment *s, int side)
{
    if (s->from == who[side])
        say(o, ", lost before they came to %s", s->to);
    else if (s->to == who[1 - side])
        say(o, ", lost behind %s", s->from);
    else
        say(o, ", lost between %s and %s", s->from, s->to);
}

static void bad(struct out *o, const struct direction *d, int side)
{
    struct segment s[VERDICT_PLACES + 1];
    size_t n = verdict_segments(d, side, s), most = 0;
    double loss = verdict_loss_pct(d), mos = verdict_mos(d);
    say(o, "%sThe %s heard the %s badly", o->n ? " " : "", who[1 - side], who[side]);
    if (mos > 0)
        say(o, " (MOS %.1f at worst)", mos);
    for (size_t i = 1; i < n; i++)
        if (s[i].lost_pct > s[most].lost_pct)
            most = i;
    if (loss >= LOSS_HEARD_PCT) {
        say(o, ": %.1f %% of the packets were missing", loss);
        where(o, &s[most], side);
        if (s[most].lost_pct < 0.8 * loss)
            say(o, " (%.1f %%) for the greater part", s[most].lost_pct);
    }
    if (late_of(d) >= LATE_HEARD_PCT)
        say(o, "%s jitter of up to %.0f ms made %.1f %% too late to be played",
            loss >= LOSS_HEARD_PCT ? ", and" : ":", d->at[d->n - 1].jitter_ms, late_of(d));
    say(o, ".");
}

static void good(struct out *o, const struct verdict_in *v)
{
    for (int side = 0; side < 2; side++) {
        double mos = verdict_mos(&v->said[side]);
        if (!v->said[side].n || is_bad(&v->said[side]))
            continue;
        say(o, "%sThe %s was heard well", o->n ? " " : "", who[side]);
        if (mos > 0)
            say(o, " (MOS %.1f at worst)", mos);
        say(o, ".");
    }
}

void verdict_sentence(const struct verdict_in *v, char *buf, size_t cap)
{
    struct out o = {buf, 0, cap};
    buf[0] = 0;
    bool any = v->said[0].n || v->said[1].n;
    if (!any)
        say(&o, v->answered ? "No sound of this call was seen." : "There was nothing to hear.");
    if (v->one_way[0]) {
        bool caller = strcmp(v->one_way, "caller") == 0;
        say(&o, "Only the %s was heard after the answer; nothing came from the %s.",
            who[caller ? 0 : 1], who[caller ? 1 : 0]);
    }
    for (int side = 0; side < 2; side++)
        if (is_bad(&v->said[side]))
            bad(&o, &v->said[side], side);
    if (!v->one_way[0] || o.n < cap)
        good(&o, v);
    if (v->capture_lost > 0)
        say(&o, " %s%.0f packets were lost by the harvester itself: nobody heard that.",
            v->capture_lost_bound ? "At most " : "", v->capture_lost);
}
