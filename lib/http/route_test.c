#include "tests/support/test.h"

#include "http/route.h"

static const struct route table[] = {
    {.method = HTTP_GET, .pattern = "/v1/calls", .head = true},
    {.method = HTTP_GET, .pattern = "/v1/calls/active"},
    {.method = HTTP_GET, .pattern = "/v1/calls/{id}", .head = true},
    {.method = HTTP_POST, .pattern = "/v1/calls/{id}/tickets"},
    {.method = HTTP_GET, .pattern = "/v1/harvesters/{name*}"},
};

static void finds(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
        int route; // -1: none
        const char *param;
        unsigned allow;
    } cases[] = {
        {HTTP_GET, "/v1/calls", 0, "", 0},
        {HTTP_HEAD, "/v1/calls", 0, "", 0},
        {HTTP_GET, "/v1/calls/active", 1, "", 0},
        {HTTP_GET, "/v1/calls/x1", 2, "x1", 0},
        {HTTP_POST, "/v1/calls/x1/tickets", 3, "x1", 0},
        {HTTP_GET, "/v1/harvesters/main/eth0", 4, "main/eth0", 0},
        {HTTP_GET, "/v1/calls/x1/tickets", -1, NULL, 1u << HTTP_POST},
        {HTTP_POST, "/v1/calls", -1, NULL, 1u << HTTP_GET | 1u << HTTP_HEAD},
        {HTTP_HEAD, "/v1/harvesters/x", -1, NULL, 1u << HTTP_GET},
        {HTTP_GET, "/v1/calls/", -1, NULL, 0},
        {HTTP_GET, "/v1/calls//tickets", -1, NULL, 0},
        {HTTP_GET, "/v1/calls/x/y", -1, NULL, 0},
        {HTTP_GET, "/v1/harvesters/", -1, NULL, 0},
        {HTTP_GET, "/v1/call", -1, NULL, 0},
        {HTTP_GET, "", -1, NULL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span p = {NULL, 0};
        unsigned allow = 0;
        const struct route *r =
            route_find(table, COUNT_OF(table), cases[i].method, cases[i].path, &p, &allow);
        int at = r ? (int)(r - table) : -1;
        if (at != cases[i].route || allow != cases[i].allow ||
            (r && (p.n != strlen(cases[i].param) ||
                   memcmp(p.n ? (const char *)p.p : "", cases[i].param, p.n) != 0)))
            fail_msg("%s: route %d, allow %u", cases[i].path, at, allow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
