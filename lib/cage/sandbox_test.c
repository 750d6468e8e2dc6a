// Each forbidden act is tried by a child in the worker's real cage. Denied: the child was ended by SIGSYS, or the call failed.
// The same act without the cage works or fails for another reason, so the cage is what denies.
#include "cage/fence.h"
#include "cage/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/test.h"

static int inherited[2]; // a socket pair that was open before

static long act_open_read(void)
{
    return open("/etc/passwd", O_RDONLY);
}

static long act_open_write(void)
{
    return open("/tmp/callmesh-sandbox-test", O_WRONLY | O_CREAT | O_TMPFILE, 0600);
}

static long act_open_proc(void)
{
    return open("/proc/self/mem", O_RDWR);
}

static long act_unlink(void)
{
    return unlink("/tmp/callmesh-sandbox-none");
}

static long act_stat(void)
{
    return access("/etc/passwd", R_OK);
}

static long act_chdir(void)
{
    return chdir("/tmp");
}

static long act_socket_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long act_socket_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long act_socket_packet(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long act_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    return connect(inherited[0], (void *)&to, sizeof to);
}

static long act_sendmsg(void)
{
    return send(inherited[0], "x", 1, 0);
}

static long act_exec(void)
{
    char *const argv[] = {NULL};
    return execve("/bin/true", argv, argv);
}

static long act_thread(void)
{
    return syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0);
}

static long act_namespace(void)
{
    return unshare(CLONE_NEWUSER);
}

static long act_ptrace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), 0, 0);
}

static long act_read_other_memory(void)
{
    return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static long act_kill(void)
{
    return kill(getppid(), 0);
}

static long act_mmap_exec(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : 0;
}

static long act_mprotect_exec(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long act_mmap_fd(void)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, inherited[0], 0);
    return p == MAP_FAILED ? -1 : 0;
}

static long act_setuid(void)
{
    return setuid(0);
}

static long act_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long act_io_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL);
}

static long act_mount(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static long act_memfd(void)
{
    return memfd_create("x", 0);
}

static long act_setsockopt(void)
{
    int on = 1;
    return setsockopt(inherited[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static const struct {
    const char *name;
    long (*act)(void);
} acts[] = {
    {"open a file to read", act_open_read},
    {"open a file to write", act_open_write},
    {"open /proc/self/mem", act_open_proc},
    {"unlink", act_unlink},
    {"look whether a file is there", act_stat},
    {"chdir", act_chdir},
    {"socket: TCP", act_socket_inet},
    {"socket: Unix", act_socket_unix},
    {"socket: packets", act_socket_packet},
    {"connect", act_connect},
    {"exec", act_exec},
    {"a thread", act_thread},
    {"a user namespace", act_namespace},
    {"ptrace", act_ptrace},
    {"read another's memory", act_read_other_memory},
    {"a signal to another", act_kill},
    {"memory that can be run", act_mmap_exec},
    {"memory made runnable", act_mprotect_exec},
    {"map a file", act_mmap_fd},
    {"setuid", act_setuid},
    {"bpf", act_bpf},
    {"io_uring", act_io_uring},
    {"mount", act_mount},
    {"memfd", act_memfd},
    // From here on what the reader may, for its health port.
    {"send on an inherited socket", act_sendmsg},
    {"setsockopt on an inherited socket", act_setsockopt},
};
#define ACTS        (sizeof acts / sizeof acts[0])
#define ACTS_READER (ACTS - 2)

#define WORKED  42
#define REFUSED 43
#define NO_CAGE 44

typedef int (*cage_fn)(char *err, size_t err_cap);

static int outcome_of(long (*act)(void), cage_fn cage)
{
    char err[256];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (cage && cage(err, sizeof err) != 0)
            _exit(NO_CAGE);
        _exit(act() >= 0 ? WORKED : REFUSED);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void all_are_denied(cage_fn cage, size_t n)
{
    if (!sandbox_is_built_in())
        skip();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, inherited), 0);
    for (size_t i = 0; i < n; i++) {
        int got = outcome_of(acts[i].act, cage);
        if (got != -SIGSYS && got != REFUSED)
            fail_msg("%s: %d", acts[i].name, got);
    }
}

static void test_every_forbidden_act_is_denied(void **state)
{
    (void)state;
    all_are_denied(sandbox_enter, ACTS);
}

static long act_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child;
}

static void test_the_same_in_the_readers_cage(void **state)
{
    (void)state;
    all_are_denied(sandbox_enter_reader, ACTS_READER);
    int got = outcome_of(act_fork, sandbox_enter_reader);
    assert_true(got == -SIGSYS || got == REFUSED);
}

static long act_poll(void)
{
    return poll(NULL, 0, 0);
}

// It has the shortest list: what the others need and it does not is denied too.
static void test_the_same_in_the_decoders_cage(void **state)
{
    (void)state;
    static long (*const more[])(void) = {act_fork, act_poll};
    all_are_denied(sandbox_enter_decoder, ACTS);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        assert_int_equal(outcome_of(more[i], NULL), WORKED);
        assert_int_equal(outcome_of(more[i], sandbox_enter_decoder), -SIGSYS);
    }
}

static long act_what_the_decoder_does(void)
{
    char b = 0;
    if (read(inherited[1], &b, 1) != 1 || write(inherited[1], &b, 1) != 1)
        return -1;
    void *p = malloc(1 << 20), *q = realloc(p, 8 << 20);
    bool good = q != NULL;
    free(q);
    return good ? 0 : -1;
}

static void test_the_decoder_can_do_its_work(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, inherited), 0);
    assert_int_equal(write(inherited[0], "x", 1), 1);
    assert_int_equal(outcome_of(act_what_the_decoder_does, sandbox_enter_decoder), WORKED);
}

// ---- the cage of a reader that sends ----

static struct door {
    int fd;
    uint16_t port;
} allowed, other; // both are listened on

static void door_open(struct door *d)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(d->fd, (void *)&at, sizeof at), 0);
    assert_int_equal(listen(d->fd, 4), 0);
    assert_int_equal(getsockname(d->fd, (void *)&at, &n), 0);
    d->port = ntohs(at.sin_port);
}

static int bus_cage(char *err, size_t err_cap)
{
    static char urls[128];
    struct fence f = {0};
    snprintf(urls, sizeof urls, "tcp://127.0.0.1:%u,wss://[::1]:%u/x", allowed.port, allowed.port);
    fence_allow_names(&f);
    int r = fence_allow_urls(&f, urls);
    r = r ? r : sandbox_fence(&f, err, err_cap);
    return r ? r : sandbox_enter_bus_reader(err, err_cap);
}

static long call(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    return connect(fd, (void *)&to, sizeof to) == 0 || errno == EINPROGRESS ? fd : -1;
}

static long act_call_allowed(void)
{
    return call(allowed.port);
}

static long act_call_other(void)
{
    return call(other.port);
}

static long act_listen(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? -1 : listen(fd, 1);
}

static long act_bind(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd < 0 ? -1 : bind(fd, (void *)&at, sizeof at);
}

static long act_socket_raw(void)
{
    return socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
}

static long act_names(void)
{
    struct addrinfo *a = NULL;
    int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || getaddrinfo("localhost", "7641", NULL, &a) != 0)
        return -1;
    freeaddrinfo(a);
    return 0;
}

static const struct {
    const char *name;
    long (*act)(void);
} bus_denied[] = {
    {"a file that is not named", act_open_read},
    {"a file to write", act_open_write},
    {"/proc/self/mem", act_open_proc},
    {"unlink", act_unlink},
    {"chdir", act_chdir},
    {"a Unix socket", act_socket_unix},
    {"a packet socket", act_socket_packet},
    {"a raw socket", act_socket_raw},
    {"listen", act_listen},
    {"bind", act_bind},
    {"exec", act_exec},
    {"fork", act_fork},
    {"a thread", act_thread},
    {"a user namespace", act_namespace},
    {"ptrace", act_ptrace},
    {"another's memory", act_read_other_memory},
    {"a signal to another", act_kill},
    {"memory that can be run", act_mmap_exec},
    {"memory made runnable", act_mprotect_exec},
    {"map a file", act_mmap_fd},
    {"setuid", act_setuid},
    {"bpf", act_bpf},
    {"io_uring", act_io_uring},
    {"mount", act_mount},
    {"memfd", act_memfd},
};

static void test_a_reader_that_sends_reaches_its_centre_alone(void **state)
{
    (void)state;
    if (!sandbox_is_built_in())
        skip();
    door_open(&allowed);
    door_open(&other);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, inherited), 0);
    for (size_t i = 0; i < sizeof bus_denied / sizeof bus_denied[0]; i++) {
        int got = outcome_of(bus_denied[i].act, bus_cage);
        if (got != -SIGSYS && got != REFUSED)
            fail_msg("%s: %d", bus_denied[i].name, got);
    }
    assert_int_equal(outcome_of(act_call_allowed, bus_cage), WORKED);
    assert_int_equal(outcome_of(act_names, bus_cage), WORKED);
    assert_int_equal(outcome_of(act_call_other, NULL), WORKED);
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 4) // TCP: Linux 6.7
        assert_int_equal(outcome_of(act_call_other, bus_cage), REFUSED);
}

static void test_ports_of_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *urls;
        int r;
        size_t n;
        uint16_t port[2];
    } cases[] = {{"tcp://127.0.0.1:7641", 0, 1, {7641, 0}},
                 {"tcp://a:1,tcp://[::1]:2", 0, 2, {1, 2}},
                 {"tcp://a:1,wss://b:1/sig", 0, 1, {1, 0}},
                 {"wss://b/sig", 0, 1, {443, 0}},
                 {"ws://b", 0, 1, {80, 0}},
                 {"", 0, 0, {0, 0}},
                 {"tcp://a", -EINVAL, 0, {0, 0}},
                 {"tcp://a:", -EINVAL, 0, {0, 0}},
                 {"tcp://a:70000", -EINVAL, 0, {0, 0}},
                 {"a:1", -EINVAL, 0, {0, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fence f = {0};
        if (fence_allow_urls(&f, cases[i].urls) != cases[i].r || f.connects != cases[i].n ||
            memcmp(f.connect, cases[i].port, cases[i].n * sizeof f.connect[0]) != 0)
            fail_msg("%s", cases[i].urls);
    }
    struct fence f = {0};
    char url[32];
    for (unsigned i = 0; i < FENCE_PORTS; i++) {
        snprintf(url, sizeof url, "tcp://a:%u", i + 1);
        assert_int_equal(fence_allow_urls(&f, url), 0);
    }
    assert_int_equal(fence_allow_urls(&f, "tcp://a:999"), -ENOSPC);
    assert_int_equal(fence_allow_urls(&f, "tcp://a:1"), 0); // is in it
    assert_int_equal(fence_allow_listen(&f, "127.0.0.1:7651"), 0);
    assert_int_equal(f.bind[0], 7651);
}

// A thread that runs already when the cage closes is in it too.
static atomic_bool closed;

static void *opens_a_file(void *ctx)
{
    (void)ctx;
    while (!closed)
        ; // no system call: any that is not on the list ends the process
    return open("/etc/passwd", O_RDONLY) < 0 ? NULL : &closed;
}

static long act_thread_of_before(void)
{
    char err[128];
    pthread_t t;
    void *opened;
    if (pthread_create(&t, NULL, opens_a_file, NULL) != 0 ||
        sandbox_enter_reader(err, sizeof err) != 0)
        return 0; // WORKED: the test fails
    closed = true;
    return pthread_join(t, &opened) == 0 && !opened ? -1 : 0;
}

static void test_threads_of_before_are_in_the_readers_cage(void **state)
{
    (void)state;
    if (!sandbox_is_built_in())
        skip();
    assert_int_equal(outcome_of(act_thread_of_before, NULL), REFUSED);
}

static long act_what_the_reader_does(void)
{
    static char buf[8];
    FILE *f = tmpfile();
    char err[128];
    if (!f || fputs("x", f) < 0 || fflush(f) != 0 || sandbox_enter_reader(err, sizeof err) != 0)
        return -1;
    rewind(f);
    (void)isatty(2);
    if (fread(buf, 1, 1, f) != 1 || ftell(f) != 1)
        return -1;
    struct iovec one = {buf, 1};
    if (sendmsg(inherited[0], &(struct msghdr){.msg_iov = &one, .msg_iovlen = 1}, 0) != 1 ||
        recv(inherited[1], buf, 1, 0) != 1)
        return -1;
    return shutdown(inherited[1], SHUT_RDWR);
}

static void test_the_reader_can_do_its_work(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, inherited), 0);
    assert_int_equal(outcome_of(act_what_the_reader_does, NULL), WORKED);
}

// The same acts are possible without it: else the test above would say nothing of the cage.
static void test_without_the_cage_they_work(void **state)
{
    (void)state;
    static long (*const free_acts[])(void) = {act_open_read,     act_socket_inet, act_socket_unix,
                                              act_sendmsg,       act_kill,        act_mmap_exec,
                                              act_mprotect_exec, act_memfd,       act_setsockopt};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, inherited), 0);
    for (size_t i = 0; i < sizeof free_acts / sizeof free_acts[0]; i++)
        assert_int_equal(outcome_of(free_acts[i], NULL), WORKED);
}

static long act_what_the_worker_does(void)
{
    char b = 0;
    int status;
    if (write(inherited[0], "x", 1) != 1 || read(inherited[1], &b, 1) != 1 || b != 'x')
        return -1;
    void *p = malloc(1 << 20), *q = realloc(p, 8 << 20);
    free(q);
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    return child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7 ? 0 : -1;
}

static void test_the_worker_can_do_its_work(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, inherited), 0);
    assert_int_equal(outcome_of(act_what_the_worker_does, sandbox_enter), WORKED);
}

static long act_have_rights(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long caps = 1, nnp = 0;
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "CapPrm:", 7) == 0)
            caps = strtoull(line + 7, NULL, 16);
        if (strncmp(line, "NoNewPrivs:", 11) == 0)
            nnp = strtoull(line + 11, NULL, 10);
    }
    return caps == 0 && nnp == 1 ? 0 : -1;
}

static long act_drop_and_look(void)
{
    return sandbox_drop_rights() == 0 ? act_have_rights() : -1;
}

static void test_rights_are_gone_after_dropping(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(act_drop_and_look, NULL), WORKED);
}

static long act_nursery(void)
{
    return sandbox_enter_nursery() == 0 ? act_have_rights() : -1;
}

static void test_a_nursery_has_no_right(void **state)
{
    (void)state;
    if (!sandbox_is_built_in())
        skip();
    assert_int_equal(outcome_of(act_nursery, NULL), WORKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_forbidden_act_is_denied),
        cmocka_unit_test(test_the_same_in_the_readers_cage),
        cmocka_unit_test(test_the_same_in_the_decoders_cage),
        cmocka_unit_test(test_the_decoder_can_do_its_work),
        cmocka_unit_test(test_a_nursery_has_no_right),
        cmocka_unit_test(test_a_reader_that_sends_reaches_its_centre_alone),
        cmocka_unit_test(test_ports_of_addresses),
        cmocka_unit_test(test_threads_of_before_are_in_the_readers_cage),
        cmocka_unit_test(test_the_reader_can_do_its_work),
        cmocka_unit_test(test_without_the_cage_they_work),
        cmocka_unit_test(test_the_worker_can_do_its_work),
        cmocka_unit_test(test_rights_are_gone_after_dropping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
