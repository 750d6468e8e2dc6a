// The server over real sockets: waiting requests, a pool that runs out, feeds that sleep, wake, lag and end.
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mono.h"
#include "base/thread.h"
#include "http/problem.h"
#include "http/reply.h"
#include "http/server.h"

static struct http_server *server;
static struct fanring *ring;
static struct http_req *parked[8];
static unsigned nparked, closed, lost;

static enum http_next on_json(struct http_req *q)
{
    struct json *j = http_json(q);
    if (!j)
        return HTTP_DONE;
    json_obj(j);
    json_kstr(j, "path", q->path);
    json_obj_end(j);
    return http_reply_json(q, 200);
}

static enum http_next on_large(struct http_req *q)
{
    struct json *j = http_json(q);
    json_arr(j);
    for (int i = 0; i < 100000; i++)
        json_str(j, "0123456789");
    json_arr_end(j);
    return http_reply_json(q, 200);
}

// Holds its buffer and waits until the test wakes it.
static enum http_next on_park(struct http_req *q)
{
    if (!http_json(q))
        return HTTP_DONE;
    parked[nparked++] = q;
    q->next = on_json;
    return HTTP_WAIT;
}

static void note_lost(struct http_feed *f)
{
    lost++;
    f->cursor = fanring_head(f->ring);
    feed_say(f, "LOST;", 5);
}

static void note_closed(struct http_feed *f)
{
    (void)f;
    closed++;
}

static void idle(struct http_feed *f)
{
    feed_say(f, "idle;", 5);
}

static enum http_next on_feed(struct http_req *q)
{
    static const struct feed_ops ops = {
        .on_lost = note_lost, .on_idle = idle, .on_close = note_closed};
    q->feed = (struct http_feed){.ops = &ops,
                                 .ring = ring,
                                 .tick_us = 5000,
                                 .idle_us = 300000,
                                 .cursor = fanring_head(ring)};
    feed_say(&q->feed, "hello;", 6);
    return http_reply_feed(q, "text/plain");
}

static const struct route routes[] = {
    {.method = HTTP_GET, .pattern = "/json", .head = true, .handler = on_json},
    {.method = HTTP_GET, .pattern = "/large", .handler = on_large},
    {.method = HTTP_GET, .pattern = "/park", .handler = on_park},
    {.method = HTTP_GET, .pattern = "/feed", .handler = on_feed},
    {.method = HTTP_POST, .pattern = "/json", .handler = on_json},
};

static enum http_next first(struct http_req *q)
{
    return q->route->handler(q);
}

static enum http_next unrouted(struct http_req *q)
{
    return http_problem(q, 404, "not_found", "no \"%s\"", q->path);
}

static int open_server(void **state)
{
    (void)state;
    char err[256];
    struct http_opts o = {.listen = "127.0.0.1:0",
                          .connections = 32,
                          .connection_memory = 8192,
                          .timeout_s = 5,
                          .stream_timeout_s = 5,
                          .stream_sndbuf = 8192,
                          .replies = 2,
                          .reply_bytes = 131072,
                          .routes = routes,
                          .nroutes = COUNT_OF(routes),
                          .first = first,
                          .unrouted = unrouted};
    nparked = closed = lost = 0;
    ring = fanring_new(64 << 10);
    return ring ? http_server_open(&server, &o, err, sizeof(err)) : -1;
}

static int close_server(void **state)
{
    (void)state;
    http_server_stop(server, 2 * US_PER_S);
    server = http_server_free(server);
    ring = fanring_free(ring);
    return 0;
}

static void spin(int64_t us)
{
    for (int64_t end = mono_now_us() + us; mono_now_us() < end;)
        http_server_step(server, 1000);
}

static int dial(const char *request)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)http_server_port(server)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    return fd;
}

// What has arrived until `want` is in it, or a second has passed.
static const char *hear(int fd, const char *want)
{
    static char buf[1 << 20];
    size_t n = 0;
    buf[0] = 0;
    for (int64_t end = mono_now_us() + US_PER_S; mono_now_us() < end && n + 1 < sizeof(buf);) {
        http_server_step(server, 1000);
        ssize_t r = recv(fd, buf + n, sizeof(buf) - 1 - n, MSG_DONTWAIT);
        if (r > 0)
            n += (size_t)r;
        buf[n] = 0;
        if (strstr(buf, want) || r == 0)
            break;
    }
    return buf;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void answers(void **state)
{
    (void)state;
    int fd = dial(GET("/json"));
    const char *r = hear(fd, "}");
    assert_non_null(strstr(r, "200 OK"));
    assert_non_null(strstr(r, "{\"path\":\"/json\"}"));
    assert_non_null(strstr(r, "Cache-Control: no-store"));
    assert_int_equal(write(fd, GET("/none"), strlen(GET("/none"))),
                     strlen(GET("/none"))); // the connection is kept
    r = hear(fd, "request_id");
    assert_non_null(strstr(r, "404 Not Found"));
    assert_non_null(strstr(r, "application/problem+json"));
    assert_non_null(strstr(r, "\"code\":\"not_found\""));
    close(fd);
    fd = dial("DELETE /json HTTP/1.1\r\nHost: x\r\n\r\n");
    r = hear(fd, "request_id");
    assert_non_null(strstr(r, "405 "));
    assert_non_null(strstr(r, "Allow: GET, HEAD, POST"));
    close(fd);
    fd = dial(GET("/large"));
    r = hear(fd, "request_id");
    assert_non_null(strstr(r, "500 "));
    assert_non_null(strstr(r, "response_too_large"));
    close(fd);
}

static void *wake_all(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 2; i++)
        http_wake(parked[i]);
    return NULL;
}

static void waiting_and_full(void **state)
{
    (void)state;
    int a = dial(GET("/park")), b = dial(GET("/park"));
    spin(50000);
    assert_int_equal(nparked, 2);
    int c = dial(GET("/json")); // both buffers are out
    const char *r = hear(c, "request_id");
    assert_non_null(strstr(r, "503 "));
    assert_non_null(strstr(r, "overloaded"));
    assert_non_null(strstr(r, "Retry-After: 1"));
    close(c);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, wake_all, NULL), 0); // from another thread
    pthread_join(t, NULL);
    assert_non_null(strstr(hear(a, "}"), "{\"path\":\"/park\"}"));
    assert_non_null(strstr(hear(b, "}"), "{\"path\":\"/park\"}"));
    close(a);
    close(b);
    c = dial(GET("/json"));
    assert_non_null(strstr(hear(c, "}"), "200 OK"));
    close(c);
}

static void client_gone_while_waiting(void **state)
{
    (void)state;
    close(dial(GET("/park")));
    spin(20000);
    assert_int_equal(nparked, 1);
    http_wake(parked[0]);
    spin(50000);
    int c = dial(GET("/json")), d = dial(GET("/json"));
    assert_non_null(strstr(hear(c, "}"), "200 OK")); // its buffer came back
    assert_non_null(strstr(hear(d, "}"), "200 OK"));
    close(c);
    close(d);
}

static void say(const char *text)
{
    assert_int_equal(fanring_write(ring, span_str(text)), 0);
}

static void feeds(void **state)
{
    (void)state;
    int fd = dial(GET("/feed"));
    assert_non_null(strstr(hear(fd, "hello;"), "200 OK"));
    spin(30000); // asleep
    say("one;");
    say("two;");
    const char *r = hear(fd, "two;");
    assert_non_null(strstr(r, "one;"));
    assert_non_null(strstr(hear(fd, "idle;"), "idle;"));
    char large[12001]; // more than the library takes at once
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    memcpy(large + sizeof(large) - 6, "end;", 5);
    large[sizeof(large) - 2] = 0;
    say(large);
    r = hear(fd, "end;");
    assert_non_null(strstr(r, "end;"));
    close(fd);
    spin(700000); // the next sign of life finds nobody
    assert_int_equal(closed, 1);
}

// A reader that takes nothing: the ring goes on without it; when it reads again it hears that it lost something.
static void stalled(void **state)
{
    (void)state;
    int fd = dial(GET("/feed"));
    assert_non_null(strstr(hear(fd, "hello;"), "200 OK"));
    char text[800];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    // Far more than the kernel takes for a slow reader.
    for (int i = 0; i < 3000; i++) {
        say(text);
        http_server_step(server, 0);
        if (i % 20 == 0)
            spin(6000);
    }
    const char *r = hear(fd, "LOST;");
    assert_non_null(strstr(r, "LOST;"));
    assert_true(lost >= 1);
    close(fd);
    spin(700000);
    assert_int_equal(closed, 1);
}

static void port_taken(void **state)
{
    (void)state;
    char err[256] = "", where[64];
    struct http_server *s = NULL;
    snprintf(where, sizeof(where), "127.0.0.1:%u", http_server_port(server));
    struct http_opts o = {.listen = where,
                          .connections = 8,
                          .connection_memory = 8192,
                          .replies = 2,
                          .reply_bytes = 131072};
    assert_int_equal(http_server_open(&s, &o, err, sizeof(err)), -EADDRINUSE);
    assert_non_null(strstr(err, where));
    o.listen = "nonsense";
    assert_int_equal(http_server_open(&s, &o, err, sizeof(err)), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, open_server, close_server),
        cmocka_unit_test_setup_teardown(waiting_and_full, open_server, close_server),
        cmocka_unit_test_setup_teardown(client_gone_while_waiting, open_server, close_server),
        cmocka_unit_test_setup_teardown(feeds, open_server, close_server),
        cmocka_unit_test_setup_teardown(stalled, open_server, close_server),
        cmocka_unit_test_setup_teardown(port_taken, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
