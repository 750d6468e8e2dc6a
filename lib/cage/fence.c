// Landlock has no library in Debian 12 that would be less than the calls themselves. Its newer structures stand here as the kernel has them:
// the headers of Debian 12 are older than the kernels that it is run on.
#include "cage/fence.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/span.h"

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
    if (!*path)
        return;
    must(f->reads < FENCE_PATHS);
    f->read[f->reads++] = path;
}

static int add_port(uint16_t list[FENCE_PORTS], size_t *n, uint64_t port)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == port)
            return 0;
    if (*n == FENCE_PORTS)
        return -ENOSPC;
    list[(*n)++] = (uint16_t)port;
    return 0;
}

// The digits behind the last colon of "host:port".
static int port_of(struct span at, uint64_t *ret)
{
    size_t colon = at.n;
    while (colon > 0 && at.p[colon - 1] != ':')
        colon--;
    struct span digits = span_sub(at, colon, SIZE_MAX);
    return colon > 0 && digits.n && span_u64(digits, UINT16_MAX, ret) ? 0 : -EINVAL;
}

static int add_url(struct fence *f, struct span url)
{
    size_t slashes = 0;
    uint64_t port;
    while (slashes + 3 <= url.n && memcmp(url.p + slashes, "://", 3) != 0)
        slashes++;
    if (slashes + 3 > url.n)
        return -EINVAL;
    struct span host = span_sub(url, slashes + 3, SIZE_MAX);
    host = span_sub(host, 0, span_find(host, '/'));
    int r = port_of(host, &port);
    if (r < 0 && slashes >= 2 && memcmp(url.p, "ws", 2) == 0) { // RFC 6455 3
        port = slashes == 3 ? 443 : 80;
        r = 0;
    }
    return r < 0 ? r : add_port(f->connect, &f->connects, port);
}

int fence_allow_urls(struct fence *f, const char *urls)
{
    int r = 0;
    for (struct span rest = span_str(urls); r == 0 && rest.n;) {
        size_t comma = span_find(rest, ',');
        r = add_url(f, span_sub(rest, 0, comma));
        rest = span_sub(rest, comma + 1, SIZE_MAX);
    }
    return r;
}

int fence_allow_listen(struct fence *f, const char *listen)
{
    uint64_t port;
    int r = *listen ? port_of(span_str(listen), &port) : 0;
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
    if (a.parent_fd < 0) // what is not there, or not for us: who opens it hears why
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP ? 0
                                                                                        : -errno;
    bool folder = fstat(a.parent_fd, &st) == 0 && S_ISDIR(st.st_mode);
    a.allowed_access =
        LANDLOCK_ACCESS_FS_READ_FILE | (folder ? LANDLOCK_ACCESS_FS_READ_DIR : UINT64_C(0));
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
