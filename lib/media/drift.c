#include "media/drift.h"

#include <string.h>

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static double slope_of(const struct drift *d)
{
    bool best = d->points >= DRIFT_POINTS && d->xx > 0;
    return clamp(best ? d->xy / d->xx : d->before, d->lo, d->hi);
}

double drift_slope(const struct drift *d)
{
    double x = (double)d->last_us / (double)DRIFT_ONE, off = (double)(d->offset_us - d->home_us);
    return slope_of(d) + (x > 0 ? clamp(off / x, -DRIFT_BACK, DRIFT_BACK) : 0);
}

void drift_begin(struct drift *d)
{
    *d = (struct drift){.lo = -DRIFT_MOST, .hi = DRIFT_MOST};
}

void drift_join(struct drift *d, bool bent)
{
    *d = (struct drift){.before = slope_of(d),
                        .lo = -DRIFT_MOST,
                        .hi = DRIFT_MOST,
                        .home_us = d->home_us,
                        .homed = bent};
}

static void base(struct drift *d, int64_t x_us, int64_t y_us)
{
    d->lo = -DRIFT_MOST;
    d->hi = DRIFT_MOST;
    d->from_us = x_us;
    d->offset_us = y_us;
    d->home_us = d->homed ? d->home_us : y_us;
    d->based = true;
}

// The quickest packet of a window.
static bool on_point(struct drift *d, int64_t x_us, int64_t y_us, bool *ret_bent)
{
    if (!d->based) {
        base(d, x_us, y_us);
        return false;
    }
    if (x_us <= d->from_us) // a late packet of before
        return false;
    double x = (double)(x_us - d->from_us) / (double)DRIFT_ONE, y = (double)(y_us - d->offset_us);
    double lo = (y - DRIFT_TUBE_US) / x, hi = (y + DRIFT_TUBE_US) / x;
    lo = lo > d->lo ? lo : d->lo;
    hi = hi < d->hi ? hi : d->hi;
    if (lo <= hi) {
        d->lo = lo;
        d->hi = hi;
        d->xx += x * x;
        d->xy += x * y;
        d->last_us = x_us;
        d->points++;
        d->outside = 0;
        return false;
    }
    if (d->points == 0) { // the first point was no good one, or this is none
        base(d, x_us, y_us);
        return false;
    }
    *ret_bent = (lo - hi) * x <= DRIFT_BEND_US;
    return *ret_bent || ++d->outside >= DRIFT_STEP;
}

bool drift_on(struct drift *d, int64_t rtp_us, int64_t delay_us, bool *ret_bent)
{
    if (d->window == 0 || delay_us < d->least_us) {
        d->least_us = delay_us;
        d->least_at_us = rtp_us;
    }
    if (++d->window < DRIFT_WINDOW)
        return false;
    d->window = 0;
    return on_point(d, d->least_at_us, d->least_us, ret_bent);
}
