#include "http/route.h"

#include <string.h>

bool route_match(const char *pattern, const char *path, struct span *ret_param)
{
    const char *open = strchr(pattern, '{');
    if (!open)
        return strcmp(pattern, path) == 0;
    size_t head = (size_t)(open - pattern);
    if (strncmp(pattern, path, head) != 0)
        return false;
    const char *close = strchr(open, '}');
    bool rest = close[-1] == '*';
    const char *value = path + head, *tail = close + 1;
    size_t n = rest ? strlen(value) : strcspn(value, "/");
    if (n == 0 || strcmp(value + n, rest ? "" : tail) != 0)
        return false;
    *ret_param = span_of(value, n);
    return true;
}

const struct route *route_find(const struct route *routes, size_t n, enum http_method m,
                               const char *path, struct span *ret_param, unsigned *ret_allow)
{
    unsigned allow = 0;
    for (size_t i = 0; i < n; i++) {
        const struct route *r = &routes[i];
        struct span param = {NULL, 0};
        if (!route_match(r->pattern, path, &param))
            continue;
        if (r->method == m || (m == HTTP_HEAD && r->method == HTTP_GET && r->head)) {
            *ret_param = param;
            return r;
        }
        allow |= 1u << r->method;
        if (r->head)
            allow |= 1u << HTTP_HEAD;
    }
    *ret_allow = allow;
    return NULL;
}
