// The real program, asked as the recorder asks: its child is in its cage before it reads a byte, and everybody ends when they should.
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cage/sandbox.h"
#include "media/apart.h"
#include "tests/support/test.h"

static pid_t program;
static int control, child;

static void order(char what, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl = {0};
    struct iovec one = {&what, 1};
    struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = &ctl;
        m.msg_controllen = sizeof ctl;
        ctl.head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(&ctl.head), &fd, sizeof fd);
    }
    assert_int_equal(sendmsg(control, &m, 0), 1);
}

static void begin(void)
{
    int two[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, two), 0);
    child = two[0];
    order('B', two[1]);
    close(two[1]);
}

static int start(void **state)
{
    (void)state;
    int two[2];
    char path[] = RENDERER, *argv[] = {path, NULL}, *env[] = {NULL};
    uint8_t hello[64];
    uint32_t codecs;
    posix_spawn_file_actions_t fa;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, two), 0);
    assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&fa, two[1], 0), 0);
    assert_int_equal(posix_spawn(&program, path, &fa, NULL, argv, env), 0);
    (void)posix_spawn_file_actions_destroy(&fa);
    close(two[1]);
    control = two[0];
    ssize_t n = recv(control, hello, sizeof hello, 0);
    assert_true(n > 0 && apart_parse_hello(span_of(hello, (size_t)n), &codecs));
    begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    int status;
    close(control);
    close(child);
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

static bool says(enum apart_codec codec, uint8_t slot, struct span payload, int samples)
{
    static uint8_t ask[APART_ASK_MAX], answer[APART_ANSWER_MAX];
    static int16_t pcm[32000];
    int got = 0;
    struct apart_ask a = {APART_DECODE, codec, slot, 7, payload};
    size_t size = apart_put_ask(&a, ask);
    if (send(child, ask, size, MSG_NOSIGNAL) != (ssize_t)size)
        return false;
    ssize_t n = recv(child, answer, sizeof answer, 0);
    return n > 0 &&
           apart_parse_answer(span_of(answer, (size_t)n), &a, (size_t)samples, pcm, &got) &&
           got == samples;
}

static bool speaks(void)
{
    return says(APART_G729, 0, SPAN_LIT("0123456789"), 80);
}

static pid_t pid_of_child(void)
{
    char path[64], text[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", program, program);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

// Lines of a file of /proc that begin with one of these.
static unsigned lines_of(pid_t pid, const char *file, const char *const *begins, size_t n)
{
    char path[64], line[256];
    unsigned good = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        for (size_t i = 0; i < n; i++)
            good += strncmp(line, begins[i], strlen(begins[i])) == 0;
    (void)fclose(f);
    return good;
}

static void the_child_is_caged(void **state)
{
    (void)state;
    static const char *const cage[] = {"Seccomp:\t2\n", "NoNewPrivs:\t1\n",
                                       "CapPrm:\t0000000000000000\n", "Threads:\t1\n"};
    static const char *const limits[] = {
        "Max open files            2 ", "Max file size             0 ",
        "Max core file size        0 ", "Max processes             0 ",
        "Max cpu time              1800 "};
    assert_true(speaks());
    pid_t pid = pid_of_child();
    assert_int_equal(lines_of(pid, "limits", limits, COUNT_OF(limits)), COUNT_OF(limits));
    if (!sandbox_is_built_in())
        return;
    static const char *const unbounded[] = {"Max address space         unlimited "};
    assert_int_equal(lines_of(pid, "status", cage, COUNT_OF(cage)), COUNT_OF(cage));
    assert_int_equal(lines_of(pid, "limits", unbounded, 1), 0);
}

static unsigned long kib_of(pid_t pid, const char *what)
{
    char path[64], line[256];
    unsigned long v = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0)
            v = strtoul(line + strlen(what), NULL, 10);
    (void)fclose(f);
    return v;
}

// All slots at once, of the largest decoders: within its memory, and again without growing.
static void all_slots_fit(void **state)
{
    (void)state;
    static const uint8_t ilbc[38] = {1};
    unsigned long first = 0, grown = 0;
    pid_t pid = 0;
    for (int round = 0; round < 4; round++) {
        for (unsigned i = 0; i < APART_SLOTS; i++) {
            assert_true(says(APART_SPEEX_32, (uint8_t)i, SPAN_LIT("\0"), 640));
            pid = pid ? pid : pid_of_child();
            first = first ? first : kib_of(pid, "VmSize:");
        }
        grown = kib_of(pid, "VmSize:");
        for (unsigned i = 0; i < APART_SLOTS; i++)
            assert_true(says(APART_ILBC, (uint8_t)i, span_of(ilbc, sizeof ilbc), 160));
    }
    print_message("128 decoders: %lu KiB\n", grown - first);
    assert_true(!sandbox_is_built_in() || grown - first < 32u << 10);
    assert_true(speaks());
}

static void what_is_no_ask_ends_it(void **state)
{
    (void)state;
    char c;
    assert_true(speaks());
    assert_int_equal(send(child, "rubbish!", 8, 0), 8);
    assert_int_equal(recv(child, &c, 1, 0), 0);
    assert_false(speaks());
    close(child);
    begin(); // and another one is made
    assert_true(speaks());
}

static void an_order_ends_it(void **state)
{
    (void)state;
    char c;
    assert_true(speaks());
    assert_int_equal(kill(pid_of_child(), SIGSTOP), 0); // though it hangs
    order('E', -1);
    assert_int_equal(recv(child, &c, 1, 0), 0);
    for (int i = 0; i < 1000 && pid_of_child() != 0; i++) // its end is taken in right after
        (void)usleep(1000);
    assert_int_equal(pid_of_child(), 0);
}

static void it_is_for_nobody_else(void **state)
{
    (void)state;
    int status = system(RENDERER " </dev/null 2>/dev/null");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_child_is_caged, start, end),
        cmocka_unit_test_setup_teardown(all_slots_fit, start, end),
        cmocka_unit_test_setup_teardown(what_is_no_ask_ends_it, start, end),
        cmocka_unit_test_setup_teardown(an_order_ends_it, start, end),
        cmocka_unit_test(it_is_for_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
