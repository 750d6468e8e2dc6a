#include "http/small.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/fail.h"
#include "base/span.h"

#define CONNECTIONS_MAX  16
#define TIMEOUT_S        5
#define REQUEST_BYTES    4096
#define ANSWER_BYTES_MAX (256 * 1024)

struct small {
    struct MHD_Daemon *mhd;
    const struct small_route *routes;
    size_t nroutes;
    void *ctx;
    uint16_t port;
    char body[ANSWER_BYTES_MAX]; // one thread calls the handlers, so one buffer is enough
};

struct small_request {
    struct MHD_Connection *connection;
};

const char *small_arg(const struct small_request *q, const char *name)
{
    const char *v = NULL;
    size_t n = 0;
    enum MHD_Result found = MHD_lookup_connection_value_n(q->connection, MHD_GET_ARGUMENT_KIND,
                                                          name, strlen(name), &v, &n);
    return found == MHD_NO ? NULL : v ? v : "";
}

static enum MHD_Result answer(struct MHD_Connection *c, const struct small_reply *r)
{
    // Copied: a slow client may still be reading when the next handler writes into the buffer.
    struct MHD_Response *resp =
        MHD_create_response_from_buffer(r->n, r->buf, MHD_RESPMEM_MUST_COPY);
    if (!resp)
        return MHD_NO;
    MHD_add_response_header(resp, "Content-Type", r->content_type);
    MHD_add_response_header(resp, "Cache-Control", "no-store");
    if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(resp, "Allow", "GET, HEAD");
    enum MHD_Result ok = MHD_queue_response(c, (unsigned)r->status, resp);
    MHD_destroy_response(resp);
    return ok;
}

static void say(struct small_reply *r, int status, const char *text)
{
    r->status = status;
    r->content_type = "text/plain; charset=utf-8";
    r->n = span_copy(span_str(text), r->buf, r->cap);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_n, void **request_state)
{
    struct small *s = cls;
    struct small_request q = {c};
    struct small_reply r = {.buf = s->body,
                            .cap = sizeof(s->body),
                            .status = MHD_HTTP_OK,
                            .content_type = "text/plain; charset=utf-8"};
    (void)version;
    (void)upload;
    (void)upload_n;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        say(&r, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        return answer(c, &r);
    }
    if (!*request_state) { // headers only so far; the answer is due at the second call
        *request_state = s;
        return MHD_YES;
    }
    const struct small_route *route = NULL;
    for (size_t i = 0; i < s->nroutes && !route; i++)
        if (strcmp(s->routes[i].path, url) == 0)
            route = &s->routes[i];
    if (!route)
        say(&r, MHD_HTTP_NOT_FOUND, "no such page\n");
    else
        route->fn(s->ctx, &q, &r);
    if (r.n > r.cap)
        say(&r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is larger than 256 KiB\n");
    return answer(c, &r);
}

__attribute__((format(printf, 4, 5))) static int fail(int code, char *err, size_t cap,
                                                      const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err, cap, fmt, ap);
    va_end(ap);
    must(n >= 0);
    return code;
}

// "host:port" or "[v6]:port" to an address to bind.
static int resolve(const char *listen, struct sockaddr_storage *ret, char *err, size_t err_cap)
{
    const char *colon = strrchr(listen, ':');
    struct span host = span_of(listen, colon ? (size_t)(colon - listen) : 0);
    uint32_t port;
    char name[256], service[8];
    if (!colon || host.n == 0 || host.n >= sizeof(name) ||
        !span_u32(span_str(colon + 1), UINT16_MAX, &port))
        return fail(-EINVAL, err, err_cap, "\"%s\" is not host:port, like 127.0.0.1:7651", listen);
    if (host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = span_sub(host, 1, host.n - 2);
    span_copy(host, name, sizeof(name));
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(name, service, &hints, &found);
    if (r != 0)
        return fail(-EADDRNOTAVAIL, err, err_cap, "cannot listen on %s: %s", listen,
                    gai_strerror(r));
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

int small_start(struct small **ret, const char *listen, const struct small_route *routes, size_t n,
                void *ctx, char *err, size_t err_cap)
{
    struct sockaddr_storage addr;
    memset(&addr, 0, sizeof(addr));
    int r = resolve(listen, &addr, err, err_cap);
    if (r < 0)
        return r;
    struct small *s = calloc(1, sizeof(*s));
    if (!s)
        return fail(-ENOMEM, err, err_cap, "out of memory");
    s->routes = routes;
    s->nroutes = n;
    s->ctx = ctx;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                     (addr.ss_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0);
    errno = 0;
    s->mhd =
        MHD_start_daemon(flags, 0, NULL, NULL, on_request, s,                    //
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&addr,         //
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, //
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,     //
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES, MHD_OPTION_END);
    if (!s->mhd) {
        int e = errno ? errno : EIO;
        free(s);
        return fail(-e, err, err_cap, "cannot listen on %s: %s", listen, strerror(e));
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_BIND_PORT);
    s->port = info ? info->port : 0;
    *ret = s;
    return 0;
}

uint16_t small_port(const struct small *s)
{
    return s->port;
}

struct small *small_stop(struct small *s)
{
    if (!s)
        return NULL;
    MHD_stop_daemon(s->mhd);
    free(s);
    return NULL;
}
