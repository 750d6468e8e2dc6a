#include "renderer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "media/apart.h"
#include "stats.h"

#define HELLO_MS                                                                                   \
    4000 // to load the libraries on a busy machine; 70 ms were measured. A stop has 5 s
#define AGAIN_US  US_PER_S
#define AGAIN_MAX (60 * US_PER_S)

struct renderer {
    struct codec_apart apart; // first: what codec.h has of us
    char program[4096];
    pid_t pid;   // 0: not running
    int control; // to it, -1
    int child;   // to the child of this recording, -1
    uint32_t codecs;
    int64_t again_us, pause_us; // when the program may be started again
    uint32_t number, failures;  // of this recording: failures
    int64_t wait_us, credit_us; // what is left to wait
    const char *why;
    bool used[APART_SLOTS];
    uint8_t ask[APART_ASK_MAX], answer[APART_ANSWER_MAX];
};

// ---- the program ----

static bool find_program(struct renderer *r, const char *program)
{
    if (strchr(program, '/')) {
        int n = snprintf(r->program, sizeof r->program, "%s", program);
        return n > 0 && (size_t)n < sizeof r->program;
    }
    ssize_t n = readlink("/proc/self/exe", r->program, sizeof r->program - 1);
    char *name = n > 0 ? memrchr(r->program, '/', (size_t)n) : NULL;
    if (!name || strlen(program) >= sizeof r->program - (size_t)(name + 1 - r->program))
        return false;
    (void)strncpy(name + 1, program, sizeof r->program - (size_t)(name + 1 - r->program) - 1);
    return true;
}

// Nothing goes with it: no descriptor, no environment, no signal of the terminal's.
static int spawn(struct renderer *r, int its_end)
{
    char *argv[] = {r->program, NULL}, *env[] = {NULL};
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&fa) != 0)
        return -ENOMEM;
    (void)posix_spawnattr_init(&at);
    int e = posix_spawn_file_actions_adddup2(&fa, its_end, 0);
    for (int fd = 1; e == 0 && fd <= 2; fd++)
        e = posix_spawn_file_actions_addopen(&fa, fd, "/dev/null", O_WRONLY, 0);
    if (e == 0)
        e = posix_spawn_file_actions_addclosefrom_np(&fa, 3);
    (void)posix_spawnattr_setsigmask(&at, &none);
    (void)posix_spawnattr_setsigdefault(&at, &all);
    (void)posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETPGROUP);
    if (e == 0)
        e = posix_spawn(&r->pid, r->program, &fa, &at, argv, env);
    (void)posix_spawnattr_destroy(&at);
    (void)posix_spawn_file_actions_destroy(&fa);
    if (e != 0)
        r->pid = 0;
    return -e;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void stop_program(struct renderer *r)
{
    close_fd(&r->child);
    close_fd(&r->control);
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL); // its child goes with it
        (void)waitpid(r->pid, NULL, 0);
    }
    r->pid = 0;
}

// The newest message, or less than 0: none in time, or gone.
static ssize_t take_message(int fd, void *buf, size_t cap, int64_t until_us)
{
    for (;;) {
        int64_t left_us = until_us - mono_now_us();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left_us <= 0)
            return -ETIMEDOUT;
        int n = poll(&p, 1, (int)((left_us + 999) / 1000));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            ssize_t got = recv(fd, buf, cap, MSG_DONTWAIT | MSG_TRUNC);
            if (got != -1 || (errno != EAGAIN && errno != EINTR))
                return got > (ssize_t)cap ? -EMSGSIZE : got > 0 ? got : -EPIPE;
        }
    }
}

static int start_program(struct renderer *r)
{
    int two[2];
    uint8_t hello[APART_HELLO_BYTES];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, two) != 0)
        return -errno;
    int e = spawn(r, two[1]);
    close(two[1]);
    r->control = two[0];
    if (e == 0) {
        ssize_t n = take_message(r->control, hello, sizeof hello, mono_now_us() + HELLO_MS * 1000);
        e = n < 0 ? (int)n : apart_parse_hello(span_of(hello, (size_t)n), &r->codecs) ? 0 : -EPROTO;
    }
    if (e < 0)
        stop_program(r);
    return e;
}

// Again, when it is time.
static bool have_program(struct renderer *r)
{
    if (r->pid > 0)
        return true;
    int64_t now_us = mono_now_us();
    if (now_us < r->again_us)
        return false;
    if (now_us - r->again_us > AGAIN_MAX) // it has run for long
        r->pause_us = 0;
    int e = start_program(r);
    r->pause_us = r->pause_us == 0 ? AGAIN_US : 2 * r->pause_us;
    r->pause_us = r->pause_us > AGAIN_MAX ? AGAIN_MAX : r->pause_us;
    r->again_us = mono_now_us() + r->pause_us;
    count(STAT_RENDER_STARTS, 1);
    if (e < 0)
        log_warn("the renderer did not start",
                 "program=%s error=\"%s\" effect=\"its codecs are kept as payload\"", r->program,
                 strerror(-e));
    return e == 0;
}

struct renderer *renderer_free(struct renderer *r)
{
    if (!r)
        return NULL;
    stop_program(r);
    mem_give(r, sizeof *r);
    return NULL;
}

// ---- a child for a recording ----

static bool order(struct renderer *r, char what, int fd)
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
        ctl.head.cmsg_level = SOL_SOCKET;
        ctl.head.cmsg_type = SCM_RIGHTS;
        ctl.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&ctl.head), &fd, sizeof fd);
    }
    return sendmsg(r->control, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

static bool have_child(struct renderer *r)
{
    int two[2];
    if (r->child >= 0)
        return true;
    if (!have_program(r) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, two) != 0)
        return false;
    r->child = two[0];
    bool sent = order(r, 'B', two[1]);
    close(two[1]);
    if (sent)
        return true;
    stop_program(r); // it has gone: the next try starts it
    return false;
}

static int failed(struct renderer *r, enum recorder_stat how, const char *why)
{
    close_fd(&r->child);
    if (r->pid > 0 && !order(r, 'E', -1))
        stop_program(r);
    r->failures++;
    r->why = why;
    r->credit_us = r->wait_us;
    count(how, 1);
    return -EIO;
}

static int exchange(struct renderer *r, const struct apart_ask *a, uint32_t samples, int16_t *pcm)
{
    int n;
    size_t size = apart_put_ask(a, r->ask);
    if (size == 0)
        return -EBADMSG;
    int64_t from_us = mono_now_us();
    if (send(r->child, r->ask, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
        return failed(r, STAT_RENDER_DIED, "it died");
    ssize_t got = take_message(r->child, r->answer, sizeof r->answer, from_us + r->credit_us);
    r->credit_us -= mono_now_us() - from_us;
    if (got == -ETIMEDOUT)
        return failed(r, STAT_RENDER_SLOW, "it took too long");
    if (got == -EPIPE || got == -ECONNRESET)
        return failed(r, STAT_RENDER_DIED, "it died");
    if (got < 0 || !apart_parse_answer(span_of(r->answer, (size_t)got), a, samples, pcm, &n) ||
        (n >= 0 && (uint32_t)n != samples))
        return failed(r, STAT_RENDER_NONSENSE, "its answer made no sense");
    return n;
}

// ---- what codec.h asks ----

static struct renderer *of(struct codec_apart *a)
{
    return (struct renderer *)a;
}

static int take_slot(struct codec_apart *a)
{
    struct renderer *r = of(a);
    for (unsigned i = 0; i < APART_SLOTS; i++) {
        if (!r->used[i]) {
            r->used[i] = true;
            return (int)i;
        }
    }
    return -ENOMEM;
}

static int decode(struct codec_apart *a, uint8_t slot, uint32_t codec, struct span payload,
                  uint32_t samples, int16_t *pcm)
{
    struct renderer *r = of(a);
    if (r->failures > RENDERER_TRIES)
        return -EIO;
    if (!have_child(r)) {
        r->why = "it could not be started";
        return -EIO;
    }
    struct apart_ask ask = {APART_DECODE, codec, slot, ++r->number, payload};
    int n = exchange(r, &ask, samples, pcm);
    if (n < 0)
        return n;
    // What it earns by sound it may take for the next packets.
    r->credit_us += (int64_t)samples * US_PER_S / 4 / apart_rate(codec);
    if (r->credit_us > r->wait_us)
        r->credit_us = r->wait_us;
    return n;
}

static void give_slot(struct codec_apart *a, uint8_t slot, uint32_t codec)
{
    struct renderer *r = of(a);
    struct apart_ask ask = {APART_CLOSE, codec, slot, ++r->number, {NULL, 0}};
    r->used[slot] = false;
    if (r->child >= 0)
        (void)exchange(r, &ask, 0, NULL);
}

struct renderer *renderer_new(const char *program, int64_t wait_us)
{
    struct renderer *r = mem_take(sizeof *r);
    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    r->apart = (struct codec_apart){take_slot, decode, give_slot};
    r->control = r->child = -1;
    r->wait_us = wait_us;
    if (program[0] == '\0' || !find_program(r, program)) {
        r->again_us = INT64_MAX;
        return r;
    }
    if (access(r->program, X_OK) != 0) {
        r->again_us = INT64_MAX;
        log_info("no renderer", "program=%s effect=\"its codecs are kept as payload\"", r->program);
    } else if (have_program(r)) {
        log_info("renderer", "program=%s codecs=%#x", r->program, r->codecs);
    }
    gauge(STAT_RENDER_CODECS, (uint64_t)__builtin_popcount(r->codecs));
    return r;
}

bool renderer_decodes(const struct renderer *r, int codec)
{
    return r && codec >= 0 && (r->codecs >> codec & 1u) != 0;
}

void renderer_begin(struct renderer *r)
{
    if (!r)
        return;
    r->failures = 0;
    r->why = NULL;
    r->credit_us = r->wait_us;
}

void renderer_end(struct renderer *r)
{
    if (!r || r->child < 0)
        return;
    close_fd(&r->child);
    if (!order(r, 'E', -1))
        stop_program(r);
}

struct codec_apart *renderer_apart(struct renderer *r)
{
    return &r->apart;
}

const char *renderer_why(const struct renderer *r)
{
    return r ? r->why : NULL;
}

pid_t renderer_pid(const struct renderer *r)
{
    return r->pid;
}
