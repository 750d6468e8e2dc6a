#include "sock.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "tls.h"

#define RECONNECT_MIN_MS 10
#define RECONNECT_MAX_MS 200
#define RECONNECT_WSS_MS                                                                           \
    1000 // a handshake costs both sides a millisecond: who is refused does not try it 5 times a second

const char *bus_nng_version(void)
{
    return nng_version();
}

const char *bus_version_refusal(uint64_t version)
{
    return version > BUS_PROTOCOL_VERSION
               ? "your protocol version is newer than this side's: upgrade the centre first, then "
                 "the sites"
               : "your protocol version is too old for this side: upgrade this site";
}

int sock_errno(int e)
{
    switch (e) {
    case 0:
        return 0;
    case NNG_ENOMEM:
        return -ENOMEM;
    case NNG_ENOENT:
        return -ENOENT;
    case NNG_EINVAL:
        return -EINVAL;
    case NNG_EBUSY:
        return -EBUSY;
    case NNG_ETIMEDOUT:
        return -ETIMEDOUT;
    case NNG_ECONNREFUSED:
        return -ECONNREFUSED;
    case NNG_ECLOSED:
        return -ECANCELED;
    case NNG_EAGAIN:
        return -EAGAIN;
    case NNG_ENOTSUP:
        return -EOPNOTSUPP;
    case NNG_EADDRINUSE:
        return -EADDRINUSE;
    case NNG_EADDRINVAL:
        return -EADDRNOTAVAIL;
    case NNG_EPERM:
        return -EPERM;
    case NNG_EMSGSIZE:
        return -EMSGSIZE;
    default:
        return -EIO;
    }
}

// Only carriers without known holes in 1.5.2: its ipc listener can die, its tls+tcp listener leaks.
static bool url_allowed(const char *url)
{
    static const char *const good[] = {"tcp://", "tcp4://", "tcp6://", "ws://", "wss://"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (strncmp(url, good[i], strlen(good[i])) == 0)
            return true;
    return false;
}

static void on_pipe(nng_pipe p, nng_pipe_ev ev, void *arg)
{
    struct sock_pipes *all = arg;
    for (size_t i = 0; i < SOCK_PIPES; i++) {
        int was = ev == NNG_PIPE_EV_ADD_POST ? 0 : nng_pipe_id(p);
        int now = ev == NNG_PIPE_EV_ADD_POST ? nng_pipe_id(p) : 0;
        if (atomic_compare_exchange_strong(&all->id[i], &was, now))
            break;
    }
    if (ev == NNG_PIPE_EV_REM_POST)
        atomic_fetch_add(&all->gone, 1);
}

// Before the dial: the first connection can stand before the next line is reached, and would never be seen.
static int watch_pipes(nng_socket s, struct sock_pipes *all)
{
    int r = nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, on_pipe, all);
    return r ? r : nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, on_pipe, all);
}

bool sock_connected(const struct sock_pipes *p)
{
    for (size_t i = 0; i < SOCK_PIPES; i++)
        if (atomic_load(&p->id[i]) > 0)
            return true;
    return false;
}

void sock_drop(struct sock_pipes *p)
{
    for (size_t i = 0; i < SOCK_PIPES; i++) {
        int id = atomic_load(&p->id[i]);
        if (id > 0)
            nng_pipe_close((nng_pipe){.id = (uint32_t)id});
    }
}

static int set_all(nng_socket s, const struct sock_opts *o)
{
    int r = nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, SOCK_MESSAGE_MAX);
    if (r == 0)
        r = nng_socket_set_ms(s, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    if (r == 0)
        r = nng_socket_set_ms(s, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    if (r == 0 && o->send_buffer)
        r = nng_socket_set_int(s, NNG_OPT_SENDBUF, o->send_buffer);
    if (r == 0 && o->recv_buffer)
        r = nng_socket_set_int(s, NNG_OPT_RECVBUF, o->recv_buffer);
    if (r == 0 && o->send_timeout_ms)
        r = nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, o->send_timeout_ms);
    if (r == 0 && o->recv_timeout_ms)
        r = nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, o->recv_timeout_ms);
    if (r == 0 && o->pipes)
        r = watch_pipes(s, o->pipes);
    return r;
}

bool sock_is_wss(const char *url)
{
    return strncmp(url, "wss://", 6) == 0;
}

enum sock_path sock_path_of(const nng_msg *m)
{
    bool v;
    int r = nng_pipe_get_bool(nng_msg_get_pipe(m), NNG_OPT_TLS_VERIFIED, &v);
    return r == 0 ? SOCK_TLS : r == NNG_ENOTSUP ? SOCK_PLAIN : SOCK_GONE;
}

// Sockets with the same host and port share one server of nng, whose TLS is set by the first of them: one port to open in a
// firewall for all paths of a process.
static int listener_tls(nng_listener l, const struct sock_opts *o)
{
    nng_tls_config *t = tls_listen_config(o->to_all);
    if (!t)
        return NNG_ENOENT;
    int r = nng_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, t);
    return r == NNG_EBUSY ? 0 : r;
}

static int start_listener(nng_socket s, const char *url, const struct sock_opts *o)
{
    nng_listener l;
    int r = nng_listener_create(&l, s, url);
    if (r != 0)
        return r;
    if (sock_is_wss(url))
        r = listener_tls(l, o);
    if (r == 0)
        r = nng_listener_set_bool(l, NNG_OPT_TCP_KEEPALIVE, true);
    return r ? r : nng_listener_start(l, 0);
}

static int start_dialer(nng_socket s, const char *url)
{
    nng_dialer d;
    int r = nng_dialer_create(&d, s, url);
    if (r != 0)
        return r;
    if (sock_is_wss(url)) {
        nng_tls_config *t = tls_dial_config();
        r = t ? nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, t) : NNG_ENOENT;
        if (r == 0)
            r = nng_dialer_set_ms(d, NNG_OPT_RECONNMAXT, RECONNECT_WSS_MS);
    }
    if (r == 0)
        r = nng_dialer_set_bool(d, NNG_OPT_TCP_KEEPALIVE, true);
    return r ? r : nng_dialer_start(d, NNG_FLAG_NONBLOCK);
}

// One, or several with commas between.
static int start_each(nng_socket s, const char *urls, bool listen, const struct sock_opts *o,
                      char *err, size_t err_cap)
{
    const char *what = listen ? "listen on" : "dial";
    for (const char *at = urls; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char url[512];
        size_t n = strcspn(at, ",");
        if (n >= sizeof(url)) {
            snprintf(err, err_cap, "%s: the address is too long", what);
            return -EINVAL;
        }
        memcpy(url, at, n);
        url[n] = 0;
        if (!url_allowed(url)) {
            snprintf(err, err_cap, "%s %s: only tcp:// and wss:// are carried", what, url);
            return -EINVAL;
        }
        int r = listen ? start_listener(s, url, o) : start_dialer(s, url);
        if (r == NNG_ENOENT && sock_is_wss(url))
            snprintf(err, err_cap, "%s %s: needs bus.tls-ca%s", what, url,
                     listen ? ", bus.tls-cert and bus.tls-key" : "");
        else if (r != 0)
            snprintf(err, err_cap, "%s %s: %s", what, url, nng_strerror(r));
        if (r != 0)
            return sock_errno(r);
        log_debug("socket open", "url=%s listen=%d nng=%s", url, listen, nng_version());
    }
    return 0;
}

int sock_open(nng_socket *ret, sock_open_fn open, const char *url, bool listen,
              const struct sock_opts *o, char *err, size_t err_cap)
{
    nng_socket s;
    int r = open(&s);
    if (r == 0)
        r = set_all(s, o);
    if (r != 0) {
        snprintf(err, err_cap, "socket for %s: %s", url ? url : "(no url)", nng_strerror(r));
        return sock_errno(r);
    }
    int e = start_each(s, url ? url : "(no url)", listen, o, err, err_cap);
    if (e < 0) {
        nng_close(s); // it has no peer yet: this close is safe
        return e;
    }
    *ret = s;
    return 0;
}

void sock_keep(struct sock_kept *k)
{
    static _Atomic(struct sock_kept *) list;
    k->next = atomic_load(&list);
    while (!atomic_compare_exchange_weak(&list, &k->next, k))
        ;
}

static _Atomic long held;

nng_msg *sock_msg(const void *bytes, size_t n)
{
    nng_msg *m;
    if (nng_msg_alloc(&m, n) != 0)
        return NULL;
    atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
    if (bytes && n)
        memcpy(nng_msg_body(m), bytes, n);
    return m;
}

void sock_free(nng_msg *m)
{
    if (!m)
        return;
    atomic_fetch_sub_explicit(&held, 1, memory_order_relaxed);
    nng_msg_free(m);
}

long sock_held(void)
{
    return atomic_load_explicit(&held, memory_order_relaxed);
}

int sock_recv_fd(int *ret, nng_socket s, const char *url, char *err, size_t err_cap)
{
    int r = nng_socket_get_int(s, NNG_OPT_RECVFD, ret);
    if (r != 0)
        snprintf(err, err_cap, "receive on %s: %s", url, nng_strerror(r));
    return sock_errno(r);
}

static nng_msg *recv_now(nng_socket s, int flags)
{
    nng_msg *m;
    if (nng_recvmsg(s, &m, flags) != 0)
        return NULL;
    atomic_fetch_add_explicit(&held, 1, memory_order_relaxed);
    return m;
}

nng_msg *sock_recv_reply(nng_socket s)
{
    return recv_now(s, 0);
}

nng_msg *sock_recv(nng_socket s, int fd, int64_t timeout_us)
{
    nng_msg *m = recv_now(s, NNG_FLAG_NONBLOCK);
    if (m)
        return m;
    if (timeout_us <= 0)
        return NULL;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timespec t = {.tv_sec = timeout_us / US_PER_S, .tv_nsec = timeout_us % US_PER_S * 1000};
    return ppoll(&p, 1, &t, NULL) > 0 ? recv_now(s, NNG_FLAG_NONBLOCK) : NULL;
}

bool sock_send(nng_socket s, nng_msg *m, int flags)
{
    if (!m)
        return false;
    if (nng_sendmsg(s, m, flags) != 0) {
        sock_free(m);
        return false;
    }
    atomic_fetch_sub_explicit(&held, 1, memory_order_relaxed); // nng's own from here on
    return true;
}
