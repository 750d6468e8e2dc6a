// Landlock has no library in Debian 12 that would be less than the calls themselves. Its newer structures stand here as the kernel has them:
// the headers of Debian 12 are older than the kernels that it is run on.
#include "cage/fence.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NET_BIND    UINT64_C(1)
#define NET_CONNECT UINT64_C(2)
#define RULE_NET    2
#define PORT_DNS    53

// As the kernel's header has it from ABI 6 on; an older kernel takes the first fields.
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};
struct net_rule {
    uint64_t allowed_access, port;
};

void fence_allow_read(struct fence *f, const char *path)
{
    if (*path && f->reads < FENCE_PATHS) // one too many cannot be opened, and who tries hears of it
        f->read[f->reads++] = path;
}

static int add_port(uint16_t list[FENCE_PORTS], size_t *n, unsigned long port)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == port)
            return 0;
    if (*n == FENCE_PORTS)
        return -ENOSPC;
    list[(*n)++] = (uint16_t)port;
    return 0;
}

// The digits behind the last colon of "host:port", n bytes.
static int port_of(const char *at, size_t n, unsigned long *ret)
{
    const char *colon = memrchr(at, ':', n);
    size_t digits = colon ? (size_t)(at + n - colon - 1) : 0;
    if (digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") < digits)
        return -EINVAL;
    unsigned long port = strtoul(colon + 1, NULL, 10);
    if (port > UINT16_MAX)
        return -EINVAL;
    *ret = port;
    return 0;
}

static int add_url(struct fence *f, const char *url, size_t n)
{
    const char *host = memmem(url, n, "://", 3);
    unsigned long port;
    if (!host)
        return -EINVAL;
    size_t scheme = (size_t)(host - url), left = n - scheme - 3;
    const char *path = memchr(host + 3, '/', left);
    int r = port_of(host + 3, path ? (size_t)(path - host - 3) : left, &port);
    if (r < 0 && scheme >= 2 && memcmp(url, "ws", 2) == 0) { // RFC 6455 3
        port = scheme == 3 ? 443 : 80;
        r = 0;
    }
    return r < 0 ? r : add_port(f->connect, &f->connects, port);
}

int fence_allow_urls(struct fence *f, const char *urls)
{
    int r = 0;
    for (size_t n; r == 0 && *urls; urls += n + (urls[n] == ',')) {
        n = strcspn(urls, ",");
        r = add_url(f, urls, n);
    }
    return r;
}

int fence_allow_listen(struct fence *f, const char *listen)
{
    unsigned long port;
    int r = *listen ? port_of(listen, strlen(listen), &port) : 0;
    return r < 0 || !*listen ? r : add_port(f->bind, &f->binds, port);
}

// The modules of nsswitch.conf are libraries that are loaded when the first name is asked for. Name servers may answer by TCP.
void fence_allow_names(struct fence *f)
{
    static const char *const all[] = {"/etc/resolv.conf", "/etc/hosts",     "/etc/nsswitch.conf",
                                      "/etc/gai.conf",    "/etc/host.conf", "/etc/services",
                                      "/etc/ld.so.cache", "/usr/lib",       "/run/systemd/resolve"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        fence_allow_read(f, all[i]);
    (void)add_port(f->connect, &f->connects, PORT_DNS);
}

static int rule_read(int fd, const char *path)
{
    struct stat st;
    struct landlock_path_beneath_attr a = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    if (a.parent_fd < 0 || fstat(a.parent_fd, &st) != 0)
        return 0; // who opens it hears why
    a.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
    if (S_ISDIR(st.st_mode))
        a.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    int r = syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &a, 0) != 0 ? -errno : 0;
    close(a.parent_fd);
    return r == -EBADFD ? 0 : r; // a pipe by a name of /proc: not handled by Landlock at all
}

static int rule_port(int fd, uint64_t access, uint16_t port)
{
    struct net_rule a = {access, port};
    return syscall(SYS_landlock_add_rule, fd, RULE_NET, &a, 0) != 0 ? -errno : 0;
}

static int add_rules(int fd, const struct fence *f, bool net)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < f->reads; i++)
        r = rule_read(fd, f->read[i]);
    for (size_t i = 0; r == 0 && net && i < f->connects; i++)
        r = rule_port(fd, NET_CONNECT, f->connect[i]);
    for (size_t i = 0; r == 0 && net && i < f->binds; i++)
        r = rule_port(fd, NET_BIND, f->bind[i]);
    return r;
}

int fence_close(const struct fence *f)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) // not in this kernel: seccomp alone
        return 0;
    struct ruleset all = {
        .handled_access_fs = abi >= 5   ? (1u << 16) - 1
                             : abi >= 3 ? (1u << 15) - 1
                             : abi >= 2 ? (1u << 14) - 1
                                        : (1u << 13) - 1,
        .handled_access_net = abi >= 4 ? NET_BIND | NET_CONNECT : 0,
        .scoped = abi >= 6 ? 3 : 0, // abstract sockets, signals
    };
    size_t n = abi >= 6 ? sizeof all : abi >= 4 ? offsetof(struct ruleset, scoped) : 8;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &all, n, 0);
    if (fd < 0)
        return -errno;
    int r = add_rules(fd, f, abi >= 4);
    if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        r = -errno;
    close(fd);
    return r;
}
