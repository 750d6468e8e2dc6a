// ladder.h: the endpoints of a ladder diagram, in order of appearance. Pure. Beyond LADDER_ENDPOINTS all share the last place,
// which is then called "others".
#pragma once
#include "base/json.h"
#include "base/span.h"

#define LADDER_ENDPOINTS 32

struct ladder {
    struct {
        char ip[46];
        uint16_t port;
    } endpoint[LADDER_ENDPOINTS];
    size_t n;
    bool full;
};
// Index of this address, added when it is new. any_port: an endpoint with the same IP will do (media has other ports).
size_t ladder_endpoint(struct ladder *l, struct span ip, int64_t port, bool any_port);
// "endpoints": [...]
void ladder_endpoints_json(struct json *j, const struct ladder *l);
