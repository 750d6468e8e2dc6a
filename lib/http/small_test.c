#include "http/small.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/span.h"
#include "tests/support/test.h"

static void on_hello(void *ctx, const struct small_request *q, struct small_reply *r)
{
    const char *who = small_arg(q, "who");
    r->n = (size_t)snprintf(r->buf, r->cap, "hello %s %s\n", (const char *)ctx,
                            who ? *who ? who : "(empty)" : "(none)");
}

static void on_teapot(void *ctx, const struct small_request *q, struct small_reply *r)
{
    (void)ctx;
    (void)q;
    r->status = 503;
    r->content_type = "application/json";
    r->n = span_copy(SPAN_LIT("{}"), r->buf, r->cap);
}

static void on_huge(void *ctx, const struct small_request *q, struct small_reply *r)
{
    (void)ctx;
    (void)q;
    r->n = r->cap + 1;
}

static const struct small_route routes[] = {
    {"/hello", on_hello}, {"/teapot", on_teapot}, {"/huge", on_huge}};
static struct small *server;
static char world[] = "world";

static int up(void **state)
{
    (void)state;
    char err[256] = "";
    int r = small_start(&server, "127.0.0.1:0", routes, COUNT_OF(routes), world, err, sizeof(err));
    if (r < 0)
        fprintf(stderr, "%s\n", err);
    return r;
}

static int down(void **state)
{
    (void)state;
    server = small_stop(server);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(small_port(server))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

// Sends a request line with "Connection: close", returns the whole answer.
static const char *ask(const char *line)
{
    static char buf[8192];
    char q[8192];
    int fd = dial();
    size_t n = (size_t)snprintf(q, sizeof(q), "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                line),
           got = 0;
    assert_int_equal(send(fd, q, n, MSG_NOSIGNAL), n);
    for (ssize_t r;
         got < sizeof(buf) - 1 && (r = recv(fd, buf + got, sizeof(buf) - 1 - got, 0)) > 0;)
        got += (size_t)r;
    buf[got] = 0;
    close(fd);
    return buf;
}

static void expect(const char *line, const char *status, const char *part)
{
    const char *a = ask(line);
    if (strncmp(a + 9, status, 3) != 0 || !strstr(a, part))
        fail_msg("%s: wanted %s and \"%s\" in:\n%s", line, status, part, a);
}

static void answers(void **state)
{
    (void)state;
    expect("GET /hello", "200", "\r\n\r\nhello world (none)\n");
    expect("GET /hello?who=you%20two&x", "200", "hello world you two\n");
    expect("GET /hello?who", "200", "hello world (empty)\n");
    expect("GET /teapot", "503", "Content-Type: application/json\r\n");
    expect("GET /teapot", "503", "Cache-Control: no-store\r\n");
    expect("GET /nope", "404", "no such page");
    expect("GET /huge", "500", "larger than 256 KiB");
    expect("POST /hello", "405", "Allow: GET, HEAD\r\n");
    expect("DELETE /hello", "405", "GET and HEAD only");
    const char *a = ask("HEAD /hello");
    assert_non_null(strstr(a, "Content-Length: 19\r\n"));
    assert_string_equal(a + strlen(a) - 4, "\r\n\r\n"); // no body
}

static void limits_hold(void **state)
{
    (void)state;
    char line[6000] = "GET /hello?who=";
    memset(line + 15, 'x', sizeof(line) - 16);
    const char *a = ask(line);
    assert_true(strncmp(a + 9, "414", 3) == 0 || strncmp(a + 9, "431", 3) == 0 || *a == 0);

    // 16 idle connections; the next one waits in the kernel until a place is free.
    static const char q[] = "GET /hello HTTP/1.0\r\n\r\n";
    int fd[17];
    for (int i = 0; i < 17; i++)
        fd[i] = dial();
    assert_int_equal(send(fd[16], q, sizeof(q) - 1, MSG_NOSIGNAL), sizeof(q) - 1);
    struct pollfd p = {fd[16], POLLIN, 0};
    assert_int_equal(poll(&p, 1, 200), 0);
    close(fd[3]);
    assert_int_equal(poll(&p, 1, 20000), 1);
    char c[16];
    assert_int_equal(recv(fd[16], c, 12, MSG_WAITALL), 12);
    assert_memory_equal(c + 9, "200", 3);
    for (int i = 0; i < 17; i++)
        if (i != 3)
            close(fd[i]);
}

static void addresses(void **state)
{
    static const struct {
        const char *listen, *err;
    } cases[] = {
        {"127.0.0.1", "\"127.0.0.1\" is not host:port, like 127.0.0.1:7651"},
        {"", "\"\" is not host:port, like 127.0.0.1:7651"},
        {":80", "\":80\" is not host:port, like 127.0.0.1:7651"},
        {"127.0.0.1:65536", "\"127.0.0.1:65536\" is not host:port, like 127.0.0.1:7651"},
        {"127.0.0.1:8o", "\"127.0.0.1:8o\" is not host:port, like 127.0.0.1:7651"},
    };
    char err[256], taken[64];
    struct small *s = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(small_start(&s, cases[i].listen, routes, 1, NULL, err, sizeof(err)),
                         -EINVAL);
        assert_string_equal(err, cases[i].err);
    }
    snprintf(taken, sizeof(taken), "127.0.0.1:%u", small_port(server));
    assert_int_equal(small_start(&s, taken, routes, 1, NULL, err, sizeof(err)), -EADDRINUSE);
    assert_non_null(strstr(err, "Address already in use"));
    assert_null(s);
    assert_null(small_stop(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, up, down),
        cmocka_unit_test_setup_teardown(limits_hold, up, down),
        cmocka_unit_test_setup_teardown(addresses, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
