// The life of a request: the library calls on_request first with nothing (a slot is taken), then with pieces of the body, then
// with none left: q->next runs. It sets a reply (queued at once), or it waits: the connection is suspended and its slot is
// somebody else's until http_wake puts it on the woken list; the next step resumes it, and the library calls on_request again.
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/mem.h"
#include "base/mono.h"
#include "http/priv.h"
#include "http/problem.h"
#include "http/reply.h"

static const struct stat_def stat_defs[M_COUNT] = {
    [M_2XX] = {"http_requests_total", "code=\"2xx\"", "requests answered, by class of status",
               STAT_COUNTER},
    [M_3XX] = {"http_requests_total", "code=\"3xx\"", "requests answered, by class of status",
               STAT_COUNTER},
    [M_4XX] = {"http_requests_total", "code=\"4xx\"", "requests answered, by class of status",
               STAT_COUNTER},
    [M_5XX] = {"http_requests_total", "code=\"5xx\"", "requests answered, by class of status",
               STAT_COUNTER},
    [M_REFUSED] = {"http_requests_refused_total", NULL, "requests dropped: no free slot",
                   STAT_COUNTER},
    [M_NO_BUFFER] = {"http_reply_buffers_out_total", NULL, "503: all reply buffers in use",
                     STAT_COUNTER},
    [M_TOO_LARGE] = {"http_replies_too_large_total", NULL, "500: larger than a reply buffer",
                     STAT_COUNTER},
    [M_FEED_CUT] = {"http_feeds_cut_total", NULL, "long replies cut: overtaken inside a record",
                    STAT_COUNTER},
    [M_CONNECTIONS] = {"http_requests_open", NULL, "requests being answered", STAT_GAUGE},
    [M_FEEDS] = {"http_feeds_open", NULL, "long replies (events, listening)", STAT_GAUGE},
};

const char *http_header_in(struct http_req *q, const char *name)
{
    return MHD_lookup_connection_value(q->conn, MHD_HEADER_KIND, name);
}

const char *http_cookie(struct http_req *q, const char *name)
{
    return MHD_lookup_connection_value(q->conn, MHD_COOKIE_KIND, name);
}

static void name_peer(struct http_req *q)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(q->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!i || !i->client_addr)
        return;
    const struct sockaddr *sa = i->client_addr;
    if (sa->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, q->peer,
                  sizeof(q->peer));
    else if (sa->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, q->peer,
                  sizeof(q->peer));
}

// Echoes a request id that is harmless to print, else makes one.
static void name_request(struct http_req *q)
{
    const char *given = http_header_in(q, "X-Request-Id");
    size_t n =
        given ? strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
              : 0;
    if (n > 0 && n < sizeof(q->request_id) && given[n] == 0) {
        memcpy(q->request_id, given, n + 1);
        return;
    }
    struct uuid u = uuid_v7_random(wall_now_us());
    uuid_format(&u, q->request_id);
}

static struct http_req *request_begin(struct http_server *s, struct MHD_Connection *c,
                                      const char *url, const char *method)
{
    struct http_req *q = slab_take(s->reqs);
    if (!q) {
        stat_add(&s->stat[M_REFUSED], 1);
        return NULL;
    }
    q->server = s;
    q->conn = c;
    q->path = url;
    q->method = !strcmp(method, "GET")      ? HTTP_GET
                : !strcmp(method, "HEAD")   ? HTTP_HEAD
                : !strcmp(method, "POST")   ? HTTP_POST
                : !strcmp(method, "DELETE") ? HTTP_DELETE
                : !strcmp(method, "PUT")    ? HTTP_PUT
                                            : HTTP_OTHER;
    name_peer(q);
    name_request(q);
    stat_set(&s->stat[M_CONNECTIONS], ++s->open_reqs);
    return q;
}

static enum http_next route_request(struct http_req *q)
{
    struct http_server *s = q->server;
    unsigned allow = 0;
    if (q->body_too_large)
        return http_problem(q, 413, "body_too_large", "a body may have %d bytes here",
                            HTTP_BODY_MAX);
    q->route = route_find(s->o.routes, s->o.nroutes, q->method, q->path, &q->param, &allow);
    if (q->route) {
        q->next = q->route->handler;
        return s->o.first(q);
    }
    if (allow) {
        http_problem(q, 405, "method_not_allowed", "this path does not know that method");
        char list[48] = "";
        static const char *const names[] = {NULL, "GET", "HEAD", "POST", "DELETE", "PUT"};
        for (unsigned i = HTTP_GET, n = 0; i <= HTTP_PUT; i++) {
            if (allow & 1u << i)
                n +=
                    (unsigned)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", names[i]);
        }
        http_header(q, "Allow", "%s", list);
        return HTTP_DONE;
    }
    return s->o.unrouted(q);
}

static enum MHD_Result send_reply(struct http_req *q)
{
    struct http_server *s = q->server;
    struct MHD_Response *r = q->response;
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, "X-Request-Id", q->request_id);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    bool cached = false;
    for (unsigned i = 0; i < q->headers; i++) {
        MHD_add_response_header(r, q->header[i].name, q->header[i].value);
        cached = cached || !strcmp(q->header[i].name, "Cache-Control");
    }
    if (!cached)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    unsigned class = q->status / 100;
    stat_add(&s->stat[class == 2 ? M_2XX : class == 3 ? M_3XX : class == 4 ? M_4XX : M_5XX], 1);
    enum MHD_Result ok = MHD_queue_response(q->conn, q->status, r);
    MHD_destroy_response(r);
    q->response = NULL;
    q->queued = true;
    return ok;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_n, void **con_cls)
{
    (void)version;
    struct http_req *q = *con_cls;
    if (!q) {
        *con_cls = request_begin(cls, c, url, method);
        return *con_cls ? MHD_YES : MHD_NO;
    }
    if (*upload_n) {
        if (*upload_n <= sizeof(q->body) - q->body_n) {
            memcpy(q->body + q->body_n, upload, *upload_n);
            q->body_n += *upload_n;
        } else {
            q->body_too_large = true;
        }
        *upload_n = 0;
        return MHD_YES;
    }
    if (q->queued || q->waiting)
        return MHD_YES;
    enum http_next n = HTTP_DONE;
    if (!q->dispatched) {
        q->dispatched = true;
        n = route_request(q);
    } else if (!q->response) {
        n = q->next(q);
    }
    if (n == HTTP_DONE)
        return send_reply(q);
    // Whoever has the request now can only wake it; the resuming is done here, on this thread, later.
    q->waiting = true;
    MHD_suspend_connection(c);
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    (void)c;
    (void)why;
    struct http_server *s = cls;
    struct http_req *q = *con_cls;
    if (!q)
        return;
    must(!q->waiting);
    feed_drop(q);
    pull_drop(q);
    http_reply_drop(q);
    reply_give_buffer(q);
    slab_give(s->reqs, q);
    stat_set(&s->stat[M_CONNECTIONS], --s->open_reqs);
    *con_cls = NULL;
}

// ---- waking

void http_server_poke(struct http_server *s)
{
    uint64_t one = 1;
    if (write(s->wake, &one, sizeof(one)) < 0) {
        // EAGAIN: the counter is full, so the server will look anyway.
    }
}

void http_wake(struct http_req *q)
{
    struct http_server *s = q->server;
    pthread_mutex_lock(&s->lock);
    q->next_woken = s->woken;
    s->woken = q;
    pthread_mutex_unlock(&s->lock);
    http_server_poke(s);
}

static void resume_woken(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct http_req *q = s->woken;
    s->woken = NULL;
    pthread_mutex_unlock(&s->lock);
    while (q) {
        struct http_req *next = q->next_woken;
        q->next_woken = NULL;
        must(q->waiting);
        q->waiting = false;
        MHD_resume_connection(q->conn);
        q = next;
    }
}

void http_server_step(struct http_server *s, int64_t timeout_us)
{
    int64_t wait = feed_tick(s, mono_now_us(), timeout_us);
    unsigned long long mhd_ms = 0;
    if (MHD_get_timeout(s->mhd, &mhd_ms) == MHD_YES && mhd_ms * 1000 < (unsigned long long)wait)
        wait = (int64_t)mhd_ms * 1000;
    struct epoll_event ev[2];
    epoll_wait(s->epoll, ev, 2, (int)((wait + 999) / 1000));
    uint64_t drain;
    if (read(s->wake, &drain, sizeof(drain)) < 0) {
        // EAGAIN: nobody poked.
    }
    resume_woken(s);
    MHD_run(s->mhd);
}

// ---- opening and closing

static int listen_on(const char *where, unsigned *ret_port, char *err, size_t cap)
{
    char host[256];
    const char *colon = strrchr(where, ':');
    size_t n = colon ? (size_t)(colon - where) : 0;
    if (!colon || n >= sizeof(host)) {
        snprintf(err, cap, "http.listen=%s is not host:port", where);
        return -EINVAL;
    }
    bool v6 = n >= 2 && where[0] == '[' && where[n - 1] == ']';
    memcpy(host, where + (v6 ? 1 : 0), n - (v6 ? 2 : 0));
    host[n - (v6 ? 2 : 0)] = 0;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *ai = NULL;
    int r = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &ai);
    if (r) {
        snprintf(err, cap, "http.listen=%s: %s", where, gai_strerror(r));
        return -EINVAL;
    }
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    r = fd < 0 ? -errno : 0;
    if (!r)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!r && (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 511)))
        r = -errno;
    freeaddrinfo(ai);
    struct sockaddr_storage ss = {0};
    socklen_t sl = sizeof(ss);
    if (!r && getsockname(fd, (struct sockaddr *)&ss, &sl) == 0)
        *ret_port = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&ss)->sin6_port
                                                   : ((struct sockaddr_in *)(void *)&ss)->sin_port);
    if (r) {
        snprintf(err, cap, "cannot listen on %s: %s; %s", where, strerror(-r),
                 r == -EADDRINUSE
                     ? "stop what holds the port (ss -ltnp shows it) or set http.listen"
                     : "set http.listen to an address and port of this machine that you may use");
        if (fd >= 0)
            close(fd);
        return r;
    }
    return fd;
}

static int take_memory(struct http_server *s)
{
    s->reqs = slab_new("http_requests", s->o.connections, sizeof(struct http_req));
    s->scratch = mem_take(FEED_SCRATCH);
    s->free_buf = mem_take(s->o.replies * sizeof(char *));
    s->buf_mem = mem_take(s->o.replies * s->o.reply_bytes);
    if (!s->reqs || !s->scratch || !s->free_buf || !s->buf_mem)
        return -ENOMEM;
    for (uint32_t i = 0; i < s->o.replies; i++)
        s->free_buf[s->nfree++] = s->buf_mem + i * s->o.reply_bytes;
    return 0;
}

static int start_library(struct http_server *s)
{
    s->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_SUSPEND_RESUME, 0, NULL, NULL, on_request, s,
                              MHD_OPTION_LISTEN_SOCKET, s->listen, MHD_OPTION_CONNECTION_LIMIT,
                              s->o.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                              s->o.connection_memory, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
                              (size_t)1024, MHD_OPTION_CONNECTION_TIMEOUT, s->o.timeout_s,
                              MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
                              MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!s->mhd)
        return -EIO;
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!i || s->epoll < 0 || s->wake < 0)
        return -EIO;
    struct epoll_event a = {.events = EPOLLIN, .data.fd = i->epoll_fd},
                       b = {.events = EPOLLIN, .data.fd = s->wake};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, i->epoll_fd, &a) ||
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->wake, &b))
        return -errno;
    return 0;
}

int http_server_open(struct http_server **ret, const struct http_opts *o, char *err, size_t err_cap)
{
    struct http_server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->o = *o;
    s->epoll = s->wake = s->listen = -1;
    pthread_mutex_init(&s->lock, NULL);
    int r = listen_on(o->listen, &s->port, err, err_cap);
    if (r >= 0) {
        s->listen = r;
        r = take_memory(s);
        if (!r)
            r = start_library(s);
        if (r)
            snprintf(err, err_cap, "the HTTP server did not start: %s", strerror(-r));
    }
    if (r) {
        http_server_free(s);
        return r;
    }
    stat_register(stat_defs, s->stat, M_COUNT);
    *ret = s;
    return 0;
}

unsigned http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_stop(struct http_server *s, int64_t timeout_us)
{
    int64_t end = mono_now_us() + timeout_us;
    MHD_quiesce_daemon(s->mhd);
    s->stopping = true;
    while (s->open_reqs && mono_now_us() < end)
        http_server_step(s, 20 * US_PER_MS);
}

struct http_server *http_server_free(struct http_server *s)
{
    if (!s)
        return NULL;
    // The library aborts when it is stopped over a suspended connection; a process that ends needs no stop.
    bool suspended = false;
    for (size_t i = 0; s->reqs && i < s->o.connections; i++) {
        struct http_req *q = slab_at(s->reqs, i);
        suspended = suspended || (q && (q->waiting || (q->feed.open && q->feed.suspended)));
    }
    if (suspended)
        return NULL;
    if (s->mhd)
        MHD_stop_daemon(s->mhd);
    if (s->listen >= 0)
        close(s->listen);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->wake >= 0)
        close(s->wake);
    slab_free(s->reqs);
    mem_give(s->scratch, FEED_SCRATCH);
    mem_give(s->free_buf, s->o.replies * sizeof(char *));
    mem_give(s->buf_mem, s->o.replies * s->o.reply_bytes);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}
