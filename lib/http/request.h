// request.h: one HTTP request from its first line to its last byte: what handlers see and fill. It lives in a fixed
// slot of the server. Owner: the server's thread; while a request waits (HTTP_WAIT) whoever it was handed to owns it,
// until http_wake. Limits: body HTTP_BODY_MAX, reply headers HTTP_HEADERS_MAX.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/json.h"
#include "base/span.h"
#include "http/feed.h"
#include "http/pull.h"

enum http_method {
    HTTP_OTHER,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_DELETE,
    HTTP_PUT
};

enum http_next {
    HTTP_DONE, // a reply has been set
    HTTP_WAIT, // the request waits; http_wake lets it go on with q->next, or with its reply when one was set
};

struct http_req;
typedef enum http_next (*http_handler_fn)(struct http_req *q);

#define HTTP_BODY_MAX    2048
#define HTTP_HEADERS_MAX 10
#define HTTP_USER_BYTES  768

struct MHD_Connection;
struct MHD_Response;
struct http_server;
struct route;

struct http_req {
    struct http_server *server;
    struct MHD_Connection *conn;
    struct http_req *next_woken; // the server's list of woken requests
    http_handler_fn next;        // where it goes on
    const struct route *route;
    enum http_method method;
    const char *path;    // decoded by the library; lives as long as the connection's request
    struct span param;   // the {name} of the route's pattern
    char peer[48];       // address of the client, without the port
    char request_id[65]; // echoed X-Request-Id, or ours
    char body[HTTP_BODY_MAX];
    size_t body_n;
    bool body_too_large, dispatched, waiting, queued;
    // The reply.
    unsigned status;
    struct MHD_Response *response;
    char *buf; // of the server's pool, or NULL
    struct json json;
    struct {
        char name[24];
        char value[160];
    } header[HTTP_HEADERS_MAX];
    unsigned headers;
    char small[1024]; // problems live here: they need no pool
    struct http_feed feed;
    struct http_pull pull;
    // The service's own: who asks, what a handler keeps between two steps. Zero at the start of each request.
    _Alignas(16) unsigned char user[HTTP_USER_BYTES];
};

// Request header or NULL. Valid as long as the request.
const char *http_header_in(struct http_req *q, const char *name);
// Cookie or NULL.
const char *http_cookie(struct http_req *q, const char *name);
