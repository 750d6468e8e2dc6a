// callmesh-render: decodes what the recorder would not have decoded beside its keys. Started by the recorder, with one socket as
// descriptor 0 and nothing else. This process only makes others: "B" with a socket makes the one for a recording, "E" ends it, and
// it is ended when the recorder is. The other one is in the cage before it reads its first byte: its memory and that socket.
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include "cage/sandbox.h"
#include "decoders.h"

#define CONTROL 0
#define MEMORY  ((rlim_t)64 << 20) // beyond what the libraries take before the first decoder
// 24 hours of two sides take 4 to 6 minutes; the recorder's clock is the stricter one.
#define CPU_SECONDS 1800u

static uint8_t ask[APART_ASK_MAX + 1], answer[APART_ANSWER_MAX];
static rlim_t memory = RLIM_INFINITY;

static bool is_ours(void)
{
    int type;
    socklen_t n = sizeof type;
    return getsockopt(CONTROL, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET;
}

static void measure(void)
{
    unsigned long pages;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu", &pages) == 1)
        memory = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY;
    if (f)
        (void)fclose(f);
}

static bool set_limit(int what, rlim_t most)
{
    struct rlimit l = {most, most};
    return setrlimit((__rlimit_resource_t)what, &l) == 0;
}

// Two descriptors: the socket, and one that the way into the cage takes and gives back.
static bool set_limits(void)
{
    return (!sandbox_is_built_in() || set_limit(RLIMIT_AS, memory)) &&
           set_limit(RLIMIT_CPU, CPU_SECONDS) && set_limit(RLIMIT_FSIZE, 0) &&
           set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_NOFILE, 2) && set_limit(RLIMIT_NPROC, 0);
}

__attribute__((noreturn)) static void decode(int fd, pid_t parent)
{
    char err[128];
    struct decoders *d = decoders_new();
    (void)prctl(PR_SET_NAME, "cm-decoder", 0, 0, 0);
    if (!d || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent ||
        dup2(fd, CONTROL) < 0 || syscall(SYS_close_range, 1, ~0u, 0) != 0 || !set_limits() ||
        sandbox_enter_decoder(err, sizeof err) != 0)
        _exit(EX_OSERR);
    for (;;) {
        ssize_t n = read(CONTROL, ask, sizeof ask);
        if (n <= 0)
            _exit(0);
        size_t said = decoders_answer(d, span_of(ask, (size_t)n), answer);
        if (said == 0 || write(CONTROL, answer, said) != (ssize_t)said)
            _exit(EX_PROTOCOL);
    }
}

static void end(pid_t *child)
{
    if (*child > 0) {
        (void)kill(*child, SIGKILL);
        (void)waitpid(*child, NULL, 0);
    }
    *child = 0;
}

// The order, and the socket that came with it, or -1. 0: the recorder has gone.
static char next_order(int *ret_fd)
{
    char order = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct iovec one = {&order, 1};
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl};
    ssize_t n;
    do {
        n = recvmsg(CONTROL, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    *ret_fd = -1;
    const struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
    return n == 1 ? order : 0;
}

int main(void)
{
    uint8_t hello[APART_HELLO_BYTES];
    pid_t child = 0, self = getpid();
    int fd;
    if (!is_ours()) {
        (void)fputs("callmesh-render decodes for callmesh-recorder, which starts it\n", stderr);
        return EX_USAGE;
    }
    (void)prctl(PR_SET_NAME, "cm-render", 0, 0, 0);
    measure();
    if (sandbox_enter_nursery() < 0)
        return EX_OSERR;
    apart_put_hello(decoders_codecs(), hello);
    if (send(CONTROL, hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello)
        return 0;
    for (char order; (order = next_order(&fd)) != 0;) {
        end(&child);
        if (order == 'B' && fd >= 0 && (child = fork()) == 0)
            decode(fd, self);
        if (fd >= 0)
            close(fd);
    }
    end(&child);
    return 0;
}
