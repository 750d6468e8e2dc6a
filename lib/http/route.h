// route.h: method and path to handler, one constant table. A pattern is literal text with at most one {name}: it matches
// one path part, or with {name*} the rest (names that hold a slash). Pure.
#pragma once
#include "http/request.h"

struct route {
    enum http_method method; // HTTP_GET answers HEAD too where head is set
    const char *pattern;
    uint32_t scope; // the service's bits; 0: anyone who is known
    bool open;      // no need to be known
    bool head;
    http_handler_fn handler;
};

bool route_match(const char *pattern, const char *path, struct span *ret_param);
// NULL: *ret_allow says which methods the path has, as bits 1 << enum http_method; 0: no such path.
const struct route *route_find(const struct route *routes, size_t n, enum http_method m,
                               const char *path, struct span *ret_param, unsigned *ret_allow);
