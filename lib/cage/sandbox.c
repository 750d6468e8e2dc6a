// libseccomp is included here alone. capset has no library that would be less than the call itself.
#include "cage/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
#include "cage/fence.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_OFF 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_OFF 1
#endif

// Users that no person and no package has (the range that systemd gives out for the life of a service): one of our own, so
// that the limit counts our processes alone.
#define USER_FIRST 61184
#define USERS      4336
#define PROCESSES  64 // what a worker that is no longer ours could make of its leave to fork

bool sandbox_is_built_in(void)
{
#ifdef SANDBOX_OFF
    return false;
#else
    return true;
#endif
}

// ---- rights ----

static int no_way_back(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); // needs CAP_SETPCAP, which only root has
    return 0;
}

int sandbox_drop_rights(void)
{
    (void)no_way_back();
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &head, none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return -errno;
    return 0;
}

static int own_user(void)
{
    struct rlimit few = {PROCESSES, PROCESSES};
    // A root that may not change users (a container with CAP_NET_RAW alone) stays user 0, with no right and the same cage.
    if (geteuid() != 0 || (setgroups(0, NULL) != 0 && errno == EPERM))
        return 0;
    id_t own = USER_FIRST + (id_t)getpid() % USERS;
    if (setresgid(own, own, own) != 0)
        return errno == EINVAL ? 0 : -errno; // a user namespace that has no such user
    if (setresuid(own, own, own) != 0 || setrlimit(RLIMIT_NPROC, &few) != 0)
        return -errno;
    return 0;
}

static int fence_all(void)
{
    static const struct fence nothing;
    return fence_close(&nothing);
}

// ---- seccomp ----

#define FORK_FLAGS (CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD)

// The calls that need no look at their arguments: what is open, its own memory and children, time.
static const int plain[] = {
    SCMP_SYS(pread64),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(close),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(setitimer),
    SCMP_SYS(wait4),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrusage),
    SCMP_SYS(rt_sigaction),
};

// What a reader of files needs beside that: its place in the file, the health port that is open already and who asks there,
// the thread that waits for signals.
static const int reader[] = {
    SCMP_SYS(lseek),    SCMP_SYS(accept4),    SCMP_SYS(recvfrom),        SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown), SCMP_SYS(setsockopt), SCMP_SYS(rt_sigtimedwait),
};

// And all that a decoder needs.
static const int decoder[] = {
    SCMP_SYS(read),         SCMP_SYS(write),           SCMP_SYS(brk),   SCMP_SYS(munmap),
    SCMP_SYS(mremap),       SCMP_SYS(madvise),         SCMP_SYS(futex), SCMP_SYS(clock_gettime),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),  SCMP_SYS(exit_group),
};

static int add_all(scmp_filter_ctx f, uint32_t action, const int *call, size_t n)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = seccomp_rule_add(f, action, call[i], 0);
    return r;
}
#define ADD_ALL(f, action, calls) add_all(f, action, calls, sizeof(calls) / sizeof(calls)[0])

// Memory of its own that can never be run.
static int memory_rules(scmp_filter_ctx f)
{
    int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 3,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS),
                             SCMP_A4(SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, 0xFFFFFFFF));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return r;
}

static int common_rules(scmp_filter_ctx f)
{
    int r = ADD_ALL(f, SCMP_ACT_ALLOW, plain);
    if (r == 0) // fstat as the C library makes it: of what is open (the key log that grows)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                             SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    if (r == 0)
        r = memory_rules(f);
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
    return r;
}

// Refused with an error instead of death: printing and OpenSSL ask for them and can do without.
static int worker_rules(scmp_filter_ctx f)
{
    static const int refused[] = {SCMP_SYS(ioctl), SCMP_SYS(openat), SCMP_SYS(lseek)};
    int r = common_rules(f);
    if (r == 0)
        r = ADD_ALL(f, SCMP_ACT_ERRNO(EACCES), refused);
    if (r == 0) // fork, never a thread nor a namespace
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_EQ, FORK_FLAGS, 0));
    return r;
}

// Of both that read a file: all threads of the process are in it.
static int threads_rules(scmp_filter_ctx f)
{
    int r = common_rules(f);
    if (r == 0)
        r = ADD_ALL(f, SCMP_ACT_ALLOW, reader);
    if (r == 0) // is it a terminal?
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, TCGETS, 0));
    if (r == 0) // one thread of ours to another
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    if (r == 0) // all its threads, those that are running too
        r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    return r;
}

static int reader_rules(scmp_filter_ctx f)
{
    static const int refused[] = {SCMP_SYS(openat)};
    int r = threads_rules(f);
    return r ? r : ADD_ALL(f, SCMP_ACT_ERRNO(EACCES), refused);
}

// What nng needs to go on with its connections and to make them again, and the C library to ask for a host's address.
static const int bus[] = {
    SCMP_SYS(connect), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(sendto),  SCMP_SYS(sendmmsg),    SCMP_SYS(recvmsg),     SCMP_SYS(recvmmsg),
    SCMP_SYS(readv),   SCMP_SYS(epoll_ctl),   SCMP_SYS(epoll_wait),  SCMP_SYS(epoll_pwait),
    SCMP_SYS(fcntl),   SCMP_SYS(newfstatat),  SCMP_SYS(sched_yield), SCMP_SYS(uname),
};

static int allow_sockets(scmp_filter_ctx f)
{
    static const unsigned families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
    int r = 0;
    for (size_t i = 0; r == 0 && i < 4;
         i++) // of any option: SOCK_CLOEXEC, SOCK_NONBLOCK; never SOCK_RAW
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_A0(SCMP_CMP_EQ, families[i / 2], 0),
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, types[i % 2]));
    // The C library asks the kernel for our addresses, and a cache of names; without them it does its own work.
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
    return r;
}

// To read alone; which ones, the fence says (fence.h). A module of names that is not loaded yet cannot be: passed over.
static int allow_files(scmp_filter_ctx f)
{
    int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, O_WRONLY, O_WRONLY));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, O_RDWR, O_RDWR));
    if (r == 0)
        r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), 1,
                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
    return r;
}

static int bus_reader_rules(scmp_filter_ctx f)
{
    static const int refused[] = {SCMP_SYS(bind), SCMP_SYS(access), SCMP_SYS(faccessat)};
    int r = threads_rules(f);
    if (r == 0)
        r = ADD_ALL(f, SCMP_ACT_ALLOW, bus);
    if (r == 0)
        r = ADD_ALL(f, SCMP_ACT_ERRNO(EACCES), refused);
    if (r == 0)
        r = allow_sockets(f);
    if (r == 0) // how much has come: the C library's answer of a name server
        r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
    return r ? r : allow_files(f);
}

static int decoder_rules(scmp_filter_ctx f)
{
    int r = ADD_ALL(f, SCMP_ACT_ALLOW, decoder);
    return r == 0 ? memory_rules(f) : r;
}

static int seccomp_with(int (*rules)(scmp_filter_ctx))
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f)
        return -ENOMEM;
    int r = rules(f);
    if (r == 0)
        r = seccomp_load(f);
    seccomp_release(f);
    return r;
}

static int seccomp_worker(void)
{
    return seccomp_with(worker_rules);
}

static int seccomp_reader(void)
{
    return seccomp_with(reader_rules);
}

static int seccomp_bus_reader(void)
{
    return seccomp_with(bus_reader_rules);
}

static int seccomp_decoder(void)
{
    return seccomp_with(decoder_rules);
}

static int enter(int (*fence)(void), int (*seccomp)(void), char *err, size_t err_cap)
{
    if (!sandbox_is_built_in())
        return 0;
    const struct {
        const char *what;
        int (*step)(void);
    } steps[] = {
        {"giving up what could come back", no_way_back},
        {"changing to a user of its own", own_user},
        {"giving up rights", sandbox_drop_rights},
        {"Landlock", fence},
        {"seccomp", seccomp},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int r = steps[i].step ? steps[i].step() : 0;
        if (r < 0) {
            snprintf(err, err_cap, "%s: %s", steps[i].what, strerror(-r));
            return r;
        }
    }
    return 0;
}

int sandbox_enter(char *err, size_t err_cap)
{
    return enter(fence_all, seccomp_worker, err, err_cap);
}

int sandbox_enter_reader(char *err, size_t err_cap)
{
    return enter(fence_all, seccomp_reader, err, err_cap);
}

int sandbox_fence(const struct fence *f, char *err, size_t err_cap)
{
    if (!sandbox_is_built_in())
        return 0;
    // Rights are a thread's: those to come have none. Root has them for its change of user, which takes them from all threads.
    int r = geteuid() != 0                                ? sandbox_drop_rights()
            : prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -errno
                                                          : 0;
    if (r == 0)
        r = fence_close(f);
    if (r < 0)
        snprintf(err, err_cap, "Landlock: %s", strerror(-r));
    return r;
}

int sandbox_enter_bus_reader(char *err, size_t err_cap)
{
    return enter(NULL, seccomp_bus_reader, err, err_cap);
}

int sandbox_enter_decoder(char *err, size_t err_cap)
{
    return enter(fence_all, seccomp_decoder, err, err_cap);
}

int sandbox_enter_nursery(void)
{
    if (!sandbox_is_built_in())
        return 0;
    (void)no_way_back();
    int r = own_user();
    return r == 0 ? sandbox_drop_rights() : r;
}
