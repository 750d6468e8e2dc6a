#include "http/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "http/reply.h"

const char *http_status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {416, "Range Not Satisfiable"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Error";
}

enum http_next http_problem(struct http_req *q, unsigned status, const char *code,
                            const char *detail, ...)
{
    char type[96], text[400];
    va_list ap;
    va_start(ap, detail);
    vsnprintf(text, sizeof(text), detail, ap);
    va_end(ap);
    snprintf(type, sizeof(type), "urn:callmesh:problem:%s", code);
    http_reply_drop(q);
    struct json j;
    json_init(&j, q->small, sizeof(q->small));
    json_obj(&j);
    json_kstr(&j, "type", type);
    json_kstr(&j, "title", http_status_title(status));
    json_kuint(&j, "status", status);
    json_kstr(&j, "detail", text);
    json_kstr(&j, "code", code);
    json_kstr(&j, "request_id", q->request_id);
    json_obj_end(&j);
    if (j.overflow) { // a detail full of characters to escape
        json_init(&j, q->small, sizeof(q->small));
        json_obj(&j);
        json_kstr(&j, "type", type);
        json_kstr(&j, "title", http_status_title(status));
        json_kuint(&j, "status", status);
        json_kstr(&j, "detail", "");
        json_kstr(&j, "code", code);
        json_kstr(&j, "request_id", q->request_id);
        json_obj_end(&j);
    }
    return http_reply_text(q, status, "application/problem+json", span_of(j.buf, j.n));
}
