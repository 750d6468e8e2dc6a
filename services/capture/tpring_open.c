// Opening the rings, with the one right that is needed for it (CAP_NET_RAW). The filter is libpcap's, with two things before it:
// on a loopback each packet passes twice, the outgoing copy is left out; and fragments behind the first always pass, because
// a filter that speaks of ports would take them away from datagrams it lets through.
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>
#include "tpring.h"

#define SNAP_BYTES                                                                                 \
    262144 // frames longer than the MTU appear where the kernel joins TCP segments (GRO)
#define FRAME_BYTES 2048 // the kernel wants one to divide by; V3 packs packets close
#define BLOCKS_MIN  8
#define BPF_MAX     4096

// ---- what the person sees ----

static void list_interfaces(char *buf, size_t cap)
{
    struct if_nameindex *all = if_nameindex();
    size_t n = 0;
    snprintf(buf, cap, "none can be seen");
    for (const struct if_nameindex *i = all; i && i->if_index && n < cap; i++) {
        int k = snprintf(buf + n, cap - n, "%s%s", n ? " " : "", i->if_name);
        n += k > 0 ? (size_t)k : 0;
    }
    if (all)
        if_freenameindex(all);
}

static int no_permission(const struct tpring_opts *o, char *err, size_t err_cap)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    snprintf(err, err_cap,
             "%s: no permission to capture: run as root, or once: setcap cap_net_raw+ep %s",
             o->interface, self);
    return EX_NOPERM;
}

static int no_interface(const struct tpring_opts *o, const char *why, char *err, size_t err_cap)
{
    char list[512];
    list_interfaces(list, sizeof list);
    snprintf(err, err_cap, "%s: %s; interfaces here: %s", o->interface, why, list);
    return EX_NOINPUT;
}

static int refused(const struct tpring_opts *o, const char *what, char *err, size_t err_cap)
{
    snprintf(err, err_cap, "%s: %s: %s", o->interface, what, strerror(errno));
    return EX_UNAVAILABLE;
}

// ---- the filter ----

struct filter {
    struct sock_filter code[BPF_MAX];
    uint16_t n;
};

static void filter_add(struct filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    f->code[f->n++] = (struct sock_filter){code, jt, jf, k};
}

// Jumps are relative, so a program may stand behind another.
static void filter_begin(struct filter *f)
{
    filter_add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, PACKET_OUTGOING);
    filter_add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE));
    filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ARPHRD_LOOPBACK);
    filter_add(f, BPF_RET | BPF_K, 0, 0, 0);
}

// A handle that compiles as for this interface: on a live one "vlan" asks for the tag that the kernel has taken off.
static pcap_t *compiler(const struct tpring_opts *o, bool cooked)
{
    char why[PCAP_ERRBUF_SIZE];
    if (cooked)
        return pcap_open_dead(DLT_RAW, SNAP_BYTES);
    pcap_t *p = pcap_create(o->interface, why);
    if (p && pcap_set_buffer_size(p, 1 << 20) == 0 && pcap_activate(p) >= 0)
        return p;
    if (p)
        pcap_close(p);
    return pcap_open_dead(DLT_EN10MB, SNAP_BYTES);
}

static int filter_compile(struct filter *f, const struct tpring_opts *o, bool cooked, char *err,
                          size_t err_cap)
{
    struct bpf_program prog;
    filter_begin(f);
    if (!*o->filter) {
        filter_add(f, BPF_RET | BPF_K, 0, 0, SNAP_BYTES);
        return 0;
    }
    size_t cap = strlen(o->filter) + 64;
    char *text = malloc(cap);
    pcap_t *p = compiler(o, cooked);
    int r = EX_OSERR;
    snprintf(err, err_cap, "no memory for the filter");
    if (text && p) {
        // In front: behind a "vlan" libpcap counts offsets from the tag on.
        snprintf(text, cap, "(ip[6:2] & 0x1fff != 0) or (ip6[6] == 44) or (%s)", o->filter);
        r = pcap_compile(p, &prog, o->filter, 1, PCAP_NETMASK_UNKNOWN) == 0 ? 0 : EX_USAGE;
        if (r == 0) { // alone first, so that what is refused is what was written
            pcap_freecode(&prog);
            r = pcap_compile(p, &prog, text, 1, PCAP_NETMASK_UNKNOWN) == 0 ? 0 : EX_USAGE;
        }
        if (r)
            snprintf(err, err_cap, "filter \"%s\": %s", o->filter, pcap_geterr(p));
    }
    if (r == 0 && f->n + prog.bf_len > BPF_MAX) {
        snprintf(err, err_cap, "filter \"%s\": too long for the kernel", o->filter);
        r = EX_USAGE;
    }
    for (u_int i = 0; r == 0 && i < prog.bf_len; i++)
        filter_add(f, prog.bf_insns[i].code, prog.bf_insns[i].jt, prog.bf_insns[i].jf,
                   prog.bf_insns[i].k);
    if (r == 0)
        pcap_freecode(&prog);
    if (p)
        pcap_close(p);
    free(text);
    return r;
}

static int filter_attach(int fd, const struct filter *f)
{
    struct sock_filter code[BPF_MAX];
    memcpy(code, f->code, f->n * sizeof code[0]);
    struct sock_fprog prog = {f->n, code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog);
}

static int filter_nothing(int fd)
{
    struct sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
    struct sock_fprog prog = {1, &none};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog);
}

// ---- the socket ----

// ifindex (0: all) and whether frames come without a link header of a kind we read.
static int interface_find(const struct tpring_opts *o, int fd, int *ret_index, bool *ret_cooked,
                          char *err, size_t err_cap)
{
    struct ifreq q = {0};
    *ret_index = 0;
    *ret_cooked = true;
    if (strcmp(o->interface, "any") == 0)
        return 0;
    if (strlen(o->interface) >= sizeof q.ifr_name)
        return no_interface(o, "no such interface", err, err_cap);
    strncpy(q.ifr_name, o->interface, sizeof q.ifr_name - 1);
    if (ioctl(fd, SIOCGIFINDEX, &q) != 0)
        return no_interface(o, "no such interface", err, err_cap);
    *ret_index = q.ifr_ifindex;
    if (ioctl(fd, SIOCGIFFLAGS, &q) == 0 && !(q.ifr_flags & IFF_UP))
        return no_interface(o, "interface is not up", err, err_cap);
    if (ioctl(fd, SIOCGIFHWADDR, &q) == 0)
        *ret_cooked =
            q.ifr_hwaddr.sa_family != ARPHRD_ETHER && q.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK;
    return 0;
}

static int ring_map(struct tpring *r, uint64_t bytes)
{
    int version = TPACKET_V3;
    uint64_t blocks = bytes / TPRING_BLOCK_BYTES;
    r->blocks = (uint32_t)(blocks < BLOCKS_MIN ? BLOCKS_MIN : blocks);
    struct tpacket_req3 q = {
        .tp_block_size = TPRING_BLOCK_BYTES,
        .tp_block_nr = r->blocks,
        .tp_frame_size = FRAME_BYTES,
        .tp_frame_nr = r->blocks * (TPRING_BLOCK_BYTES / FRAME_BYTES),
        .tp_retire_blk_tov = TPRING_RETIRE_MS,
    };
    if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof q) != 0)
        return -1;
    void *map = mmap(NULL, (size_t)r->blocks * TPRING_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_SHARED, r->fd, 0);
    r->map = map == MAP_FAILED ? NULL : map;
    return r->map ? 0 : -1;
}

// Bound, in its group, and with a filter that lets nothing pass until all rings stand.
static int ring_open(struct tpring *r, const struct tpring_opts *o, char *err, size_t err_cap)
{
    int index, asked = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (asked < 0)
        return refused(o, "socket", err, err_cap);
    int e = interface_find(o, asked, &index, &r->cooked, err, err_cap);
    close(asked);
    if (e)
        return e;
    r->fd = socket(AF_PACKET, (r->cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);
    if (r->fd < 0)
        return errno == EPERM || errno == EACCES ? no_permission(o, err, err_cap)
                                                 : refused(o, "packet socket", err, err_cap);
    if (ring_map(r, o->bytes / o->rings) != 0)
        return refused(o, "packet ring (capture.ring-bytes)", err, err_cap);
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    if (filter_nothing(r->fd) != 0 || bind(r->fd, (void *)&at, sizeof at) != 0)
        return refused(o, "bind", err, err_cap);
    if (index) // what cannot be promiscuous is heard as it is
        (void)setsockopt(r->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
                         sizeof promiscuous);
    int fanout = (getpid() & 0xFFFF) | (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG) << 16;
    if (o->rings > 1 && setsockopt(r->fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof fanout) != 0)
        return refused(o, "sharing out to workers (capture.workers)", err, err_cap);
    return 0;
}

int tpring_open(struct tpring *ret, const struct tpring_opts *o, char *err, size_t err_cap)
{
    struct filter *f = calloc(1, sizeof *f);
    int r = f ? 0 : EX_OSERR;
    snprintf(err, err_cap, "no memory for the filter");
    for (uint32_t i = 0; i < o->rings; i++)
        ret[i] = (struct tpring){.fd = -1};
    for (uint32_t i = 0; r == 0 && i < o->rings; i++)
        r = ring_open(&ret[i], o, err, err_cap);
    if (r == 0)
        r = filter_compile(f, o, ret[0].cooked, err, err_cap);
    for (uint32_t i = 0; r == 0 && i < o->rings; i++)
        if (filter_attach(ret[i].fd, f) != 0)
            r = refused(o, "filter", err, err_cap);
    if (r)
        tpring_close(ret, o->rings);
    free(f);
    return r;
}

void tpring_close(struct tpring *all, uint32_t rings)
{
    for (uint32_t i = 0; i < rings; i++) {
        if (all[i].map)
            munmap(all[i].map, (size_t)all[i].blocks * TPRING_BLOCK_BYTES);
        if (all[i].fd >= 0)
            close(all[i].fd);
        all[i] = (struct tpring){.fd = -1};
    }
}
