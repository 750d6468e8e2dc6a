// A live interface through libpcap's TPACKET_V3 ring. Rules learnt by measuring (libpcap 1.10.3): never immediate mode (it
// falls back to TPACKET_V2 and costs ten times the CPU), never a blocking pcap_dispatch (with V3 its timeout does not
// fire when nothing passes the filter); so: non-blocking, and poll with our own timeout.
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "source_priv.h"

#define SNAP_BYTES                                                                                 \
    262144 // frames longer than the MTU appear where the kernel joins TCP segments (GRO)
#define RING_BLOCK_MS 10 // the kernel hands over a block that is not full after so long
#define READ_PACKETS  4096

static enum source_result live_result(struct source *s, int n)
{
    if (n > 0)
        return SOURCE_MORE;
    if (n == 0)
        return SOURCE_IDLE;
    snprintf(s->error, sizeof s->error, "%s", pcap_geterr(s->pcap));
    return SOURCE_FAILED;
}

static enum source_result live_read(struct source *s, int64_t timeout_us, source_fn fn, void *ctx)
{
    struct source_call call = {fn, ctx};
    int n = pcap_dispatch(s->pcap, READ_PACKETS, source_on_packet, (unsigned char *)&call);
    if (n != 0 || timeout_us == 0)
        return live_result(s, n);
    struct pollfd fd = {.fd = s->fd, .events = POLLIN};
    int ms = timeout_us < 1000 ? 1 : (int)(timeout_us / 1000);
    if (poll(&fd, 1, ms) < 0 && errno != EINTR) {
        snprintf(s->error, sizeof s->error, "poll: %s", strerror(errno));
        return SOURCE_FAILED;
    }
    return live_result(
        s, pcap_dispatch(s->pcap, READ_PACKETS, source_on_packet, (unsigned char *)&call));
}

// ps_drop and ps_ifdrop are 32 bits wide and wrap; the caller adds differences.
static struct source_stat live_stat(struct source *s)
{
    struct pcap_stat st = {0};
    if (pcap_stats(s->pcap, &st) != 0)
        return (struct source_stat){0};
    return (struct source_stat){.dropped_kernel = st.ps_drop, .dropped_interface = st.ps_ifdrop};
}

static int live_pollfds(const struct source *s, struct pollfd *fds, int cap)
{
    if (cap < 1)
        return 0;
    fds[0] = (struct pollfd){.fd = s->fd, .events = POLLIN};
    return 1;
}

static const struct source_ops live_ops = {live_read, live_stat, source_close_pcap, live_pollfds};

static void list_interfaces(char *buf, size_t cap)
{
    char err[PCAP_ERRBUF_SIZE];
    pcap_if_t *all = NULL;
    size_t n = 0;
    if (pcap_findalldevs(&all, err) != 0 || !all) {
        snprintf(buf, cap, "none can be seen");
        return;
    }
    buf[0] = 0;
    for (const pcap_if_t *i = all; i && n < cap; i = i->next) {
        int k = snprintf(buf + n, cap - n, "%s%s", n ? " " : "", i->name);
        n += k > 0 ? (size_t)k : 0;
    }
    pcap_freealldevs(all);
}

static int activate_error(pcap_t *pcap, int r, const struct source_opts *o, char *err,
                          size_t err_cap)
{
    char list[512], self[PATH_MAX];
    if (r == PCAP_ERROR_PERM_DENIED || r == PCAP_ERROR_PROMISC_PERM_DENIED) {
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 0] = 0;
        snprintf(err, err_cap,
                 "%s: no permission to capture: run as root, or once: setcap cap_net_raw+ep %s",
                 o->name, self);
        return EX_NOPERM;
    }
    if (r == PCAP_ERROR_NO_SUCH_DEVICE || r == PCAP_ERROR_IFACE_NOT_UP) {
        list_interfaces(list, sizeof list);
        snprintf(err, err_cap, "%s: %s; interfaces here: %s", o->name,
                 r == PCAP_ERROR_IFACE_NOT_UP ? "interface is not up" : "no such interface", list);
        return EX_NOINPUT;
    }
    snprintf(err, err_cap, "%s: %s", o->name, pcap ? pcap_geterr(pcap) : pcap_statustostr(r));
    return EX_UNAVAILABLE;
}

static void live_configure(pcap_t *pcap, uint64_t ring_bytes)
{
    // These fail only on an activated handle.
    pcap_set_snaplen(pcap, SNAP_BYTES);
    pcap_set_promisc(pcap, 1);
    pcap_set_timeout(pcap, RING_BLOCK_MS);
    pcap_set_buffer_size(pcap, (int)(ring_bytes < INT_MAX ? ring_bytes : INT_MAX));
}

int source_live_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap)
{
    char pcap_err[PCAP_ERRBUF_SIZE];
    struct source *s = calloc(1, sizeof *s);
    pcap_t *pcap = s ? pcap_create(o->name, pcap_err) : NULL;
    if (!pcap) {
        snprintf(err, err_cap, "%s: %s", o->name, s ? pcap_err : "no memory");
        free(s);
        return EX_OSERR;
    }
    live_configure(pcap, o->ring_bytes);
    int r = pcap_activate(pcap);
    if (r < 0) {
        r = activate_error(pcap, r, o, err, err_cap);
        pcap_close(pcap);
        free(s);
        return r;
    }
    s->pcap = pcap;
    s->ops = &live_ops;
    r = source_set_filter(s, o->filter, err, err_cap);
    if (r == 0 && pcap_setnonblock(pcap, 1, pcap_err) != 0) {
        snprintf(err, err_cap, "%s: %s", o->name, pcap_err);
        r = EX_OSERR;
    }
    s->fd = pcap_get_selectable_fd(pcap);
    if (r == 0 && s->fd < 0) {
        snprintf(err, err_cap, "%s: cannot be polled", o->name);
        r = EX_UNAVAILABLE;
    }
    if (r) {
        source_close(s);
        return r;
    }
    *ret = s;
    return 0;
}
