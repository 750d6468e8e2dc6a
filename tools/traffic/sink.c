// Where packets go: a pcap file (microsecond format), a pipe, or UDP sockets in real time.
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS 16384

struct sink {
    FILE *file; // with --wire: the tee, or NULL
    bool wire;
    uint64_t packets;
    int64_t first_us, clock_us; // wire: at_us of the first packet, monotonic time of its sending
    uint16_t ip_id;
    int fd_of[SOCKETS];
    struct addr addr_of[SOCKETS];
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool put(struct sink *s, const void *p, size_t n)
{
    return fwrite_unlocked(p, 1, n, s->file) == n; // one thread
}

struct sink *sink_new(const struct options *o)
{
    struct sink *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    memset(s->fd_of, -1, sizeof s->fd_of);
    s->wire = o->wire;
    const char *out = s->wire ? o->tee : o->out;
    if (!out)
        return s;
    s->file = strcmp(out, "-") == 0 ? stdout : fopen(out, "wb");
    if (!s->file) {
        fprintf(stderr, "callmesh-traffic: cannot write %s: %s\n", out, strerror(errno));
        free(s);
        return NULL;
    }
    setvbuf(s->file, NULL, _IOFBF, 1 << 20);
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, sigfigs, snap, link;
    } head = {0xa1b2c3d4, 2, 4, 0, 0, 65535, 1};
    if (!put(s, &head, sizeof head)) {
        fprintf(stderr, "callmesh-traffic: cannot write %s: %s\n", out, strerror(errno));
        free(s);
        return NULL;
    }
    return s;
}

static unsigned slot_of(const struct sink *s, struct addr a)
{
    unsigned i = (unsigned)((a.ip * 2654435761U) ^ (a.port * 40503U)) % SOCKETS;
    while (s->fd_of[i] >= 0 && (s->addr_of[i].ip != a.ip || s->addr_of[i].port != a.port))
        i = (i + 1) % SOCKETS;
    return i;
}

bool sink_open_addr(struct sink *s, struct addr a)
{
    if (!s->wire)
        return true;
    unsigned i = slot_of(s, a);
    if (s->fd_of[i] >= 0)
        return true;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(a.port), .sin_addr.s_addr = htonl(a.ip)};
    if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0) {
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &sa.sin_addr, text, sizeof text);
        fprintf(stderr,
                "callmesh-traffic: cannot bind %s:%u: %s (another traffic maker running?)\n", text,
                a.port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    // Nobody reads: the far end is ours too. A small buffer keeps the kernel's copy small; a full
    // one drops silently.
    int small = 2048;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    s->fd_of[i] = fd;
    s->addr_of[i] = a;
    return true;
}

// Until the clock gets there.
static void wire_wait(struct sink *s, int64_t at_us)
{
    if (s->packets == 0) {
        s->first_us = at_us;
        s->clock_us = now_us();
    }
    int64_t wait = (at_us - s->first_us) - (now_us() - s->clock_us);
    if (wait > 0) {
        struct timespec t = {.tv_sec = wait / 1000000, .tv_nsec = (wait % 1000000) * 1000};
        nanosleep(&t, NULL);
    }
}

static bool wire_send(struct sink *s, struct addr src, struct addr dst, const void *p, size_t n)
{
    unsigned i = slot_of(s, src);
    if (s->fd_of[i] < 0)
        return false;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(dst.port), .sin_addr.s_addr = htonl(dst.ip)};
    (void)sendto(s->fd_of[i], p, n, 0, (const struct sockaddr *)&to, sizeof to);
    return true;
}

static int64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void be16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void be32(uint8_t *p, uint32_t v)
{
    be16(p, v >> 16);
    be16(p + 2, v & 0xffff);
}

static bool write_pcap(struct sink *s, int64_t at_us, struct addr src, struct addr dst,
                       const void *p, size_t n)
{
    uint8_t h[42] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};
    be16(h + 16, (unsigned)(20 + 8 + n));
    be16(h + 18, s->ip_id++);
    h[20] = 0x40; // don't fragment
    h[22] = 64;
    h[23] = 17;
    be32(h + 26, src.ip);
    be32(h + 30, dst.ip);
    uint32_t sum = 0;
    for (int i = 14; i < 34; i += 2)
        sum += (unsigned)h[i] << 8 | h[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    be16(h + 24, ~(sum + (sum >> 16)) & 0xffff);
    be16(h + 34, src.port);
    be16(h + 36, dst.port);
    be16(h + 38, (unsigned)(8 + n));
    const uint32_t len = (uint32_t)(sizeof h + n);
    const uint32_t rec[4] = {(uint32_t)(at_us / 1000000), (uint32_t)(at_us % 1000000), len, len};
    return put(s, rec, sizeof rec) && put(s, h, sizeof h) && put(s, p, n);
}

bool sink_udp(struct sink *s, int64_t at_us, struct addr src, struct addr dst, const void *p,
              size_t n)
{
    bool ok = true;
    if (s->wire) {
        wire_wait(s, at_us);
        if (s->file && dst.port == SIP_PORT)
            ok = write_pcap(s, wall_us(), src, dst, p, n);
        ok = wire_send(s, src, dst, p, n) && ok;
    } else {
        ok = write_pcap(s, at_us, src, dst, p, n);
    }
    s->packets++;
    return ok;
}

uint64_t sink_packets(const struct sink *s)
{
    return s->packets;
}

bool sink_close(struct sink *s)
{
    bool ok = true;
    if (s->file)
        ok = fflush(s->file) == 0 && !ferror(s->file);
    if (s->file && s->file != stdout)
        ok = fclose(s->file) == 0 && ok;
    for (unsigned i = 0; i < SOCKETS; i++)
        if (s->fd_of[i] >= 0)
            close(s->fd_of[i]);
    free(s);
    return ok;
}
