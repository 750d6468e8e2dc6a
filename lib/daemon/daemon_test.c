// A tiny service runs in a child process; the test looks at it from outside: health port, signals, exit codes.
#include "daemon/daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mono.h"
#include "tests/support/port.h"
#include "base/slab.h"
#include "tests/support/test.h"

// ---- the service --------------------------------------------------------------------------------------------------

enum {
    WAITS,
    ENDS_ITSELF,
    HANGS_IN_STOP,
    HANGS_IN_RUN,
    HANGS_IN_START,
    WAITS_IN_START,
    FAILS
};
static int kind;
static struct slab *slab;
static struct stat_cell cells[1];
static const struct stat_def stats[] = {{"tiny_things", NULL, "things", STAT_GAUGE}};
static const struct conf_def defs[] = {
    {"tiny.things", CONF_INT, "16", 1, 1000, "how many", false},
    {"health.listen", CONF_STR, "127.0.0.1:0", 0, 0, "a default of its own", false},
};

static int tiny_start(const struct conf *c)
{
    if (kind == FAILS)
        return EX_NOINPUT;
    if (kind == HANGS_IN_START)
        for (;;)
            pause();
    if (kind == WAITS_IN_START) {
        daemon_start_waits(true);
        usleep(3500000);
        daemon_start_waits(false);
    }
    stat_register(stats, cells, 1);
    slab = slab_new("things", (size_t)conf_int(c, "tiny.things"), 65536);
    stat_set(&cells[0], (uint64_t)conf_int(c, "tiny.things"));
    return 0;
}

static int tiny_run(void)
{
    if (kind == HANGS_IN_RUN)
        pause();
    while (kind != ENDS_ITSELF && !daemon_stopping())
        daemon_wait(US_PER_S);
    return kind == ENDS_ITSELF ? 7 : 0;
}

static void tiny_stop(void)
{
    if (kind == HANGS_IN_STOP)
        for (;;)
            pause();
    slab = slab_free(slab);
    fputs("stop ran\n", stderr);
}

static bool tiny_ready(char *buf, size_t cap)
{
    snprintf(buf, cap, "slab ok\nfeed waiting for callstate\n");
    return true;
}

static struct daemon_service tiny = {
    .name = "tiny",
    .summary = "does little.",
    .examples = "  callmesh-tiny --tiny.things 3",
    .defs = defs,
    .ndefs = COUNT_OF(defs),
    .start = tiny_start,
    .run = tiny_run,
    .stop = tiny_stop,
    .ready = tiny_ready,
};

// ---- from outside -------------------------------------------------------------------------------------------------

struct child {
    pid_t pid;
    int out; // stdout and stderr
    char text[16384];
    size_t n;
};

static void launch(struct child *c, int k, const char *const *args)
{
    int fd[2];
    char *argv[12] = {(char[]){"callmesh-tiny"}};
    int argc = 1;
    memset(c, 0, sizeof(*c));
    for (; *args; args++)
        assert_non_null(argv[argc++] = strdup(*args));
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        dup2(fd[1], STDOUT_FILENO);
        dup2(fd[1], STDERR_FILENO);
        kind = k;
        if (k == WAITS)
            tiny.run = NULL; // the main thread just waits for a signal
        int code = daemon_main(&tiny, argc, argv);
        fflush(NULL);
        _exit(code);
    }
    for (int i = 1; i < argc; i++)
        free(argv[i]);
    close(fd[1]);
    c->out = fd[0];
}
#define LAUNCH(c, k, ...) launch((c), (k), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

// Reads what the child says until it has said `text` (NULL: until it is silent for ever). False when it did not.
static bool hear(struct child *c, const char *text)
{
    int64_t until = mono_now_us() + 20 * US_PER_S;
    while (!text || !strstr(c->text, text)) {
        struct pollfd p = {c->out, POLLIN, 0};
        int64_t left = until - mono_now_us();
        if (left <= 0 || c->n == sizeof(c->text) - 1 || poll(&p, 1, (int)(left / US_PER_MS)) <= 0)
            return false;
        ssize_t r = read(c->out, c->text + c->n, sizeof(c->text) - 1 - c->n);
        if (r <= 0)
            return !text;
        c->n += (size_t)r;
    }
    return true;
}

static int end_of(struct child *c)
{
    int status = 0;
    assert_true(hear(c, NULL));
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    close(c->out);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *get(unsigned port, const char *path)
{
    static char buf[16384];
    char q[256];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 20};
    size_t got = 0;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    int n = snprintf(q, sizeof(q), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, q, (size_t)n, MSG_NOSIGNAL), n);
    for (ssize_t r;
         got < sizeof(buf) - 1 && (r = recv(fd, buf + got, sizeof(buf) - 1 - got, 0)) > 0;)
        got += (size_t)r;
    buf[got] = 0;
    close(fd);
    return buf;
}

static void expect(unsigned port, const char *path, const char *status, const char *part)
{
    const char *a = get(port, path);
    if (strncmp(a + 9, status, 3) != 0 || !strstr(a, part))
        fail_msg("%s: wanted %s and \"%s\" in:\n%s", path, status, part, a);
}

static void health_and_sigterm(void **state)
{
    (void)state;
    struct child c;
    char listen[64];
    unsigned port = (unsigned)test_free_port();
    snprintf(listen, sizeof(listen), "--health.listen=127.0.0.1:%u", port);
    LAUNCH(&c, WAITS, listen, "--site=berlin", "--node=n1", "--tiny.things=20");
    assert_true(hear(&c, "msg=ready"));
    assert_non_null(strstr(c.text, "memory_at_start_mb=1.3")); // 20 slots of 64 KiB
    assert_non_null(strstr(c.text, "msg=started"));
    assert_non_null(strstr(c.text, "nng="));
    expect(port, "/livez", "200", "\r\n\r\nok\n");
    expect(port, "/readyz", "200", "\r\n\r\nok\n");
    expect(port, "/readyz?verbose", "200", "ok\nslab ok\nfeed waiting for callstate\n");
    expect(port, "/metrics", "200", "\ncallmesh_tiny_things 20\n");
    expect(port, "/metrics", "200", "\nprocess_cpu_seconds_total ");
    expect(port, "/metrics", "200", "\ncallmesh_fixed_memory_late_total 0\n");
    expect(port, "/metrics", "200", "callmesh_build_info{service=\"tiny\",version=\"");
    const char *rss = strstr(get(port, "/metrics"), "\nprocess_resident_memory_bytes ");
    assert_non_null(rss);
    assert_true(strtoll(rss + strlen("\nprocess_resident_memory_bytes "), NULL, 10) > 20 * 65536);
    expect(port, "/version", "200", "\"site\":\"berlin\",\"node\":\"n1\"");

    int64_t began = mono_now_us();
    kill(c.pid, SIGTERM);
    assert_int_equal(end_of(&c), 0);
    assert_true(mono_now_us() - began < 4 * US_PER_S);
    assert_non_null(strstr(c.text, "signal=TERM"));
    assert_non_null(strstr(c.text, "stop ran\n"));
    assert_non_null(strstr(c.text, "msg=stopped"));
}

// Who was killed leaves a child behind that holds the port for a moment: waited for, and a stop ends the wait.
static void a_port_that_is_taken(void **state)
{
    (void)state;
    for (int freed = 0; freed < 2; freed++) {
        struct child c;
        char listen_at[64];
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t n = sizeof(a);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
        snprintf(listen_at, sizeof(listen_at), "--health.listen=127.0.0.1:%u", ntohs(a.sin_port));
        pid_t holder = fork(); // as the child of who was killed: the test's own fd goes below
        assert_true(holder >= 0);
        if (holder == 0)
            for (;;)
                pause();
        close(fd);
        LAUNCH(&c, WAITS, listen_at);
        assert_true(hear(&c, "the health port is taken"));
        if (freed) {
            kill(holder, SIGKILL);
            assert_true(hear(&c, "msg=ready"));
        }
        kill(c.pid, SIGTERM);
        assert_int_equal(end_of(&c), 0);
        if (!freed)
            kill(holder, SIGKILL);
        assert_int_equal(waitpid(holder, NULL, 0), holder);
    }
}

static void run_that_ends_gives_the_code(void **state)
{
    (void)state;
    struct child c;
    LAUNCH(&c, ENDS_ITSELF);
    assert_int_equal(end_of(&c), 7);
    assert_non_null(strstr(c.text, "stop ran\n"));
}

static void watchdog_ends_a_stop_that_hangs(void **state)
{
    (void)state;
    struct child c;
    LAUNCH(&c, HANGS_IN_STOP);
    assert_true(hear(&c, "msg=ready"));
    int64_t began = mono_now_us();
    kill(c.pid, SIGINT);
    assert_int_equal(end_of(&c), 1);
    int64_t took = mono_now_us() - began;
    assert_true(took > 4500 * US_PER_MS && took < 15 * US_PER_S);
    assert_non_null(strstr(c.text, "the stop took more than 5 s"));
}

static void watchdog_ends_a_start_that_hangs(void **state)
{
    (void)state;
    struct child c;
    int64_t began = mono_now_us();
    LAUNCH(&c, HANGS_IN_START, "--start.limit=1s");
    assert_int_equal(end_of(&c), EX_OSERR);
    assert_true(mono_now_us() - began >= US_PER_S);
    assert_non_null(strstr(c.text, "the start does not come to its end"));
    assert_non_null(strstr(c.text, "limit_ms=1000 setting=start.limit"));
    assert_null(strstr(c.text, "msg=ready"));
}

// What waits for another process may wait, and what runs is not watched any more.
static void a_start_that_waits_is_left_alone(void **state)
{
    (void)state;
    struct child c;
    LAUNCH(&c, WAITS_IN_START, "--start.limit=3s");
    assert_true(hear(&c, "msg=ready"));
    usleep(3300000);
    kill(c.pid, SIGTERM);
    assert_int_equal(end_of(&c), 0);
}

static void second_signal_ends_at_once(void **state)
{
    (void)state;
    struct child c;
    LAUNCH(&c, HANGS_IN_RUN);
    assert_true(hear(&c, "msg=ready"));
    int64_t began = mono_now_us();
    kill(c.pid, SIGTERM);
    assert_true(hear(&c, "signal=TERM"));
    kill(c.pid, SIGTERM); // at once: the same signal to the process and its group
    usleep(400000);
    assert_int_equal(kill(c.pid, 0), 0);
    kill(c.pid, SIGTERM);
    assert_int_equal(end_of(&c), 1);
    assert_true(mono_now_us() - began < 4 * US_PER_S);
    assert_non_null(strstr(c.text, "second signal"));
}

static void exit_codes_and_lines(void **state)
{
    (void)state;
    static const struct {
        const char *arg;
        int code;
        const char *line;
    } cases[] = {
        {"--nope", EX_USAGE, "callmesh-tiny: unknown option --nope; --help shows all\n"},
        {"--tiny.things=0", EX_USAGE, "--tiny.things: 0 is out of range; allowed are 1 to 1000\n"},
        {"--log.level=loud", EX_CONFIG, "log.level: \"loud\" is not allowed; see --help\n"},
        {"--site=a b", EX_CONFIG,
         "site: \"a b\" is not a name of 1 to 63 letters, digits, . _ -\n"},
        {"--health.listen=nowhere", EX_UNAVAILABLE, "is not host:port"},
        {"--help", 0, "callmesh-tiny 0."},
        {"-h", 0, "--tiny.things N"},
        {"--help", 0, "\nExamples:\n  callmesh-tiny --tiny.things 3\n"},
        {"--help", 0, "a default of its own [127.0.0.1:0]"},
        {"--version", 0, "callmesh-tiny 0."},
        {"--print-config", 0, "tiny.things = 16  (default)\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct child c;
        LAUNCH(&c, ENDS_ITSELF, cases[i].arg);
        int code = end_of(&c);
        if (code != cases[i].code || !strstr(c.text, cases[i].line))
            fail_msg("%s: wanted %d and \"%s\", got %d and:\n%s", cases[i].arg, cases[i].code,
                     cases[i].line, code, c.text);
    }
    struct child c;
    LAUNCH(&c, FAILS);
    assert_int_equal(end_of(&c), EX_NOINPUT);
    assert_null(strstr(c.text, "stop ran"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_and_sigterm),
        cmocka_unit_test(a_port_that_is_taken),
        cmocka_unit_test(run_that_ends_gives_the_code),
        cmocka_unit_test(watchdog_ends_a_stop_that_hangs),
        cmocka_unit_test(watchdog_ends_a_start_that_hangs),
        cmocka_unit_test(a_start_that_waits_is_left_alone),
        cmocka_unit_test(second_signal_ends_at_once),
        cmocka_unit_test(exit_codes_and_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
