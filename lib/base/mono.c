#include "base/mono.h"

#include <stdio.h>
#include <time.h>

#include "base/fail.h"

static int64_t now(clockid_t clock)
{
    struct timespec t;
    must(clock_gettime(clock, &t) == 0);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

int64_t mono_now_us(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t wall_now_us(void)
{
    return now(CLOCK_REALTIME);
}

int64_t cpu_now_us(void)
{
    return now(CLOCK_PROCESS_CPUTIME_ID);
}

// Days since 1970 to a date, by eras of 400 years that begin on 1 March (H. Hinnant). No time zone,
// no lock, unlike gmtime_r, which takes one.
static void date_of(int64_t days, int *ret_y, int *ret_m, int *ret_d)
{
    int64_t z = days + 719468; // never negative: years from 1970 on
    int64_t era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *ret_d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_y = (int)(yoe + era * 400 + (*ret_m <= 2));
}

size_t wall_format(int64_t wall_us, char *buf, size_t cap)
{
    const int64_t last = INT64_C(253402300799999999); // 9999-12-31T23:59:59.999999Z
    if (wall_us < 0)
        wall_us = 0;
    if (wall_us > last)
        wall_us = last;
    int y, m, d;
    int64_t s = wall_us / US_PER_S, in_day = s % 86400;
    date_of(s / 86400, &y, &m, &d);
    int n = snprintf(buf, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", y, m, d, (int)(in_day / 3600),
                     (int)(in_day / 60 % 60), (int)(in_day % 60),
                     (int)(wall_us % US_PER_S / US_PER_MS));
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap ? cap - 1 : 0;
}
