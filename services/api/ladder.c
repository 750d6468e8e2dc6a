#include "ladder.h"

#include <stdio.h>

size_t ladder_endpoint(struct ladder *l, struct span ip, int64_t port, bool any_port)
{
    for (size_t i = 0; i < l->n; i++) {
        if (span_eq(ip, span_str(l->endpoint[i].ip)) && (any_port || l->endpoint[i].port == port))
            return i;
    }
    if (l->n == LADDER_ENDPOINTS) {
        l->full = true;
        return LADDER_ENDPOINTS - 1;
    }
    span_copy(ip, l->endpoint[l->n].ip, sizeof(l->endpoint[0].ip));
    l->endpoint[l->n].port = (uint16_t)port;
    return l->n++;
}

void ladder_endpoints_json(struct json *j, const struct ladder *l)
{
    json_key(j, "endpoints");
    json_arr(j);
    for (size_t i = 0; i < l->n; i++) {
        char label[64];
        bool v6 = strchr(l->endpoint[i].ip, ':') != NULL;
        snprintf(label, sizeof(label), v6 ? "[%s]:%u" : "%s:%u", l->endpoint[i].ip,
                 l->endpoint[i].port);
        json_obj(j);
        json_kuint(j, "index", i);
        json_kstr(j, "ip", l->endpoint[i].ip);
        json_kuint(j, "port", l->endpoint[i].port);
        json_kstr(j, "label", l->full && i == LADDER_ENDPOINTS - 1 ? "others" : label);
        json_obj_end(j);
    }
    json_arr_end(j);
}
