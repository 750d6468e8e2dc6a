// listen.h: UDP and TCP listeners of a source. A UDP listener reads datagrams in batches into memory of its own, with
// the kernel's time of each and the kernel's count of those it dropped. One owner thread.
#pragma once
#include "source.h"

#define LISTEN_DATAGRAM_BYTES 65536

// fd of a bound, non-blocking socket (listening, for SOCK_STREAM) at HOST:PORT, [IPV6]:PORT or :PORT; or a negative sysexits
// code with one line in err.
int listen_open(const char *name, int socktype, char *err, size_t err_cap);

struct udp_in;
struct udp_in *udp_in_new(const char *name, int *ret_error, char *err, size_t err_cap);
struct udp_in *udp_in_free(struct udp_in *u);
int udp_in_fd(const struct udp_in *u);
// Gives a bounded number of datagrams. SOURCE_IDLE: there was none. FAILED: errno.
enum source_result udp_in_read(struct udp_in *u, source_fn fn, void *ctx);
uint64_t
udp_in_dropped(const struct udp_in *u); // by the kernel, the socket's buffer was full; 32 bits
// IDLE after at most timeout_us, or MORE when one of the n can be read.
enum source_result listen_wait(struct source *s, int64_t timeout_us);
