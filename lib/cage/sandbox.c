// libseccomp is included here alone. Landlock and capset have no library in Debian 12 that would be less than the calls themselves.
#include "cage/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
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
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

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

// ---- Landlock: no rule is added, so nothing that is handled is allowed ----

// As the kernel's header has it from ABI 6 on; an older kernel takes the first fields.
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

static int landlock_all(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) // not in this kernel: seccomp alone
        return 0;
    struct ruleset all = {
        .handled_access_fs = abi >= 5   ? (1u << 16) - 1
                             : abi >= 3 ? (1u << 15) - 1
                             : abi >= 2 ? (1u << 14) - 1
                                        : (1u << 13) - 1,
        .handled_access_net = abi >= 4 ? 3 : 0, // bind, connect
        .scoped = abi >= 6 ? 3 : 0,             // abstract sockets, signals
    };
    size_t n = abi >= 6 ? sizeof all : abi >= 4 ? offsetof(struct ruleset, scoped) : 8;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &all, n, 0);
    if (fd < 0)
        return -errno;
    int r = syscall(SYS_landlock_restrict_self, fd, 0) != 0 ? -errno : 0;
    close(fd);
    return r;
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

static int reader_rules(scmp_filter_ctx f)
{
    static const int refused[] = {SCMP_SYS(openat)};
    int r = common_rules(f);
    if (r == 0)
        r = ADD_ALL(f, SCMP_ACT_ALLOW, reader);
    if (r == 0)
        r = ADD_ALL(f, SCMP_ACT_ERRNO(EACCES), refused);
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

static int seccomp_decoder(void)
{
    return seccomp_with(decoder_rules);
}

static int enter(int (*seccomp)(void), char *err, size_t err_cap)
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
        {"Landlock", landlock_all},
        {"seccomp", seccomp},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int r = steps[i].step();
        if (r < 0) {
            snprintf(err, err_cap, "%s: %s", steps[i].what, strerror(-r));
            return r;
        }
    }
    return 0;
}

int sandbox_enter(char *err, size_t err_cap)
{
    return enter(seccomp_worker, err, err_cap);
}

int sandbox_enter_reader(char *err, size_t err_cap)
{
    return enter(seccomp_reader, err, err_cap);
}

int sandbox_enter_decoder(char *err, size_t err_cap)
{
    return enter(seccomp_decoder, err, err_cap);
}

int sandbox_enter_nursery(void)
{
    if (!sandbox_is_built_in())
        return 0;
    (void)no_way_back();
    int r = own_user();
    return r == 0 ? sandbox_drop_rights() : r;
}
