// sock.h: how this library opens nng sockets. Sizes, buffers and keepalive are set before listen and dial; dialers
// start in the background, so it does not matter who starts first. Nothing here ever closes a socket that has carried
// traffic: nng_close of 1.5.2 can hang (docs of lib/bus); a process ends by _exit with its sockets open.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <nng/nng.h>

#define SOCK_MESSAGE_MAX ((size_t)(1u << 20) + 4096) // BUS_MESSAGE_MAX and our heads

struct sock_opts {
    int send_buffer, recv_buffer;         // messages; 0: nng's default
    int send_timeout_ms, recv_timeout_ms; // 0: nng's default (for ever)
    struct sock_pipes *pipes;             // follows the connections; may be NULL
    bool to_all;                          // a wss:// listener that asks for no certificate
};

// What a dialler may name: "tcp://a:7641,tcp://b:7641" are consumers of which one leads and listens, the others stand by. All are
// dialled; a connection more than SOCK_PIPES is not followed.
#define SOCK_PIPES 4
struct sock_pipes {
    _Atomic int id[SOCK_PIPES]; // 0: free
    _Atomic unsigned gone;      // rises when a connection goes
};
bool sock_connected(const struct sock_pipes *p);
// Drops all connections; nng dials again.
void sock_drop(struct sock_pipes *p);

typedef int (*sock_open_fn)(nng_socket *);
// Opens, sets, and listens or dials. 0 or negative errno with one clear line in err. Several URLs to listen on: commas between.
int sock_open(nng_socket *ret, sock_open_fn open, const char *url, bool listen,
              const struct sock_opts *o, char *err, size_t err_cap);
// What holds an open socket lives as long as the process; in this list it stays reachable for leak checkers.
struct sock_kept {
    struct sock_kept *next;
};
void sock_keep(struct sock_kept *k);

// nng's error number as a negative errno.
int sock_errno(int nng_error);
// A new message with these bytes (NULL: the caller fills them). NULL: no memory.
nng_msg *sock_msg(const void *bytes, size_t n);
// Lets go of one that sock_msg or sock_recv gave. NULL: nothing.
void sock_free(nng_msg *m);
// How many messages this library has taken and neither sent nor let go of. 0 when nobody is in the middle of something:
// leak checkers cannot say it, because nng 1.5.2 loses messages of its own (README).
long sock_held(void);
// The next message, waiting at most timeout_us. NULL: none in that time. fd is what sock_recv_fd gave. The wait is ours
// (poll), not nng's: a receive of 1.5.2 that runs into its own timeout makes the library's expire thread spin for up to
// a millisecond, and threads that look around every 20 ms cost 4 % of a core so.
nng_msg *sock_recv(nng_socket s, int fd, int64_t timeout_us);
// The reply to what was sent, waiting as long as the socket's own limit says.
nng_msg *sock_recv_reply(nng_socket s);
int sock_recv_fd(int *ret, nng_socket s, const char *url, char *err, size_t err_cap);
// Sends and lets go of m in any case. False: not sent (not connected, or the queue is full).
bool sock_send(nng_socket s, nng_msg *m, int flags);

bool sock_is_wss(const char *url);
enum sock_path {
    SOCK_PLAIN, // a tcp:// or ws:// listener
    SOCK_TLS,
    SOCK_GONE // the connection is closed: nobody can say
};
// How a received message came.
enum sock_path sock_path_of(const nng_msg *m);
