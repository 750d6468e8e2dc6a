#include "base/json.h"
#include "wire/rtp.h"

#define UNKNOWN 127

static void known(struct json *j, const char *key, int v, int digits)
{
    if (v == UNKNOWN)
        json_knull(j, key);
    else if (digits)
        json_kreal(j, key, v / 10.0, digits);
    else
        json_kint(j, key, v);
}

static void percent(struct json *j, const char *key, uint8_t v)
{
    json_kreal(j, key, v * 100 / 256.0, 2);
}

void rtcp_voip_json(struct json *j, const char *key, const struct rtcp_voip *v)
{
    json_key(j, key);
    json_obj(j);
    percent(j, "loss_pct", v->loss_rate);
    percent(j, "discard_pct", v->discard_rate);
    percent(j, "burst_density_pct", v->burst_density);
    percent(j, "gap_density_pct", v->gap_density);
    json_kuint(j, "burst_duration_ms", v->burst_ms);
    json_kuint(j, "gap_duration_ms", v->gap_ms);
    json_kuint(j, "round_trip_delay_ms", v->round_trip_ms);
    json_kuint(j, "end_system_delay_ms", v->end_system_ms);
    known(j, "signal_level_dbm", v->signal_dbm, 0);
    known(j, "noise_level_dbm", v->noise_dbm, 0);
    known(j, "rerl_db", v->rerl_db, 0);
    known(j, "r_factor", v->r_factor, 0);
    known(j, "external_r_factor", v->external_r, 0);
    known(j, "mos_lq", v->mos_lq, 1);
    known(j, "mos_cq", v->mos_cq, 1);
    json_kuint(j, "jb_nominal_ms", v->buffer_nominal_ms);
    json_kuint(j, "jb_maximum_ms", v->buffer_maximum_ms);
    json_kuint(j, "jb_abs_max_ms", v->buffer_limit_ms);
    json_obj_end(j);
}
