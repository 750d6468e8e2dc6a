// Packets that a cloud, a switch or a router sends us in UDP: VXLAN, GENEVE or TZSP. Each datagram is a frame whose link type
// is the encapsulation itself; lib/wire takes it off. Capture time is the kernel's time of arrival.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "listen.h"
#include "source_priv.h"

static enum source_result mirror_read(struct source *s, int64_t timeout_us, source_fn fn, void *ctx)
{
    enum source_result r = udp_in_read(s->own, fn, ctx);
    if (r == SOURCE_IDLE && timeout_us > 0 && listen_wait(s, timeout_us) == SOURCE_MORE)
        r = udp_in_read(s->own, fn, ctx);
    if (r == SOURCE_FAILED)
        snprintf(s->error, sizeof s->error, "recvmmsg: %s", strerror(errno));
    return r;
}

static struct source_stat mirror_stat(struct source *s)
{
    return (struct source_stat){.dropped_kernel = udp_in_dropped(s->own)};
}

static void mirror_close(struct source *s)
{
    s->own = udp_in_free(s->own);
}

static int mirror_pollfds(const struct source *s, struct pollfd *fds, int cap)
{
    if (cap < 1)
        return 0;
    fds[0] = (struct pollfd){.fd = udp_in_fd(s->own), .events = POLLIN};
    return 1;
}

static const struct source_ops mirror_ops = {mirror_read, mirror_stat, mirror_close,
                                             mirror_pollfds};

int source_mirror_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap)
{
    int r = 0;
    struct udp_in *u = udp_in_new(o->name, &r, err, err_cap);
    if (!u)
        return r;
    struct source *s = source_new(&mirror_ops, o->link_type, u);
    if (!s) {
        udp_in_free(u);
        snprintf(err, err_cap, "no memory");
        return EX_OSERR;
    }
    *ret = s;
    return 0;
}
