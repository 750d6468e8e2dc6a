// source.h: where packets come from: a live interface (source_live.c), a capture file or pipe (source_file.c), mirrored
// packets in UDP (source_mirror.c), HEP senders (source_hep.c). The first two are the only files that know libpcap. Packets are lent to the callback until it returns. One owner thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct source_packet {
    struct span frame;
    int64_t at_us;
    uint32_t wire_length;
};
typedef void (*source_fn)(void *ctx, const struct source_packet *p);

struct source_opts {
    const char *name;     // interface, or file name, or "-"
    const char *filter;   // BPF expression; "" none
    uint64_t ring_bytes;  // live
    double speed;         // file: 0 as fast as it goes, else that many times real time
    int link_type;        // mirror: LINK_VXLAN, LINK_GENEVE, LINK_TZSP
    uint32_t connections; // HEP over TCP at once
    int64_t silence_us;   // one silent for so long makes room for a new one
};

struct source;
struct pollfd;
// 0; or a sysexits code (64 bad filter, 65 not a capture, 66 no such input, 77 no permission) with one clear line in err.

int source_file_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap);
// name is HOST:PORT; an empty host is all addresses.
int source_mirror_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap);
int source_hep_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap);
struct source *source_close(struct source *s);

int source_link_type(const struct source *s); // DLT, or enum link_type
// What to wait for when there are several sources; returns how many. Not for files.
int source_pollfds(const struct source *s, struct pollfd *fds, int cap);

enum source_result {
    SOURCE_MORE,
    SOURCE_IDLE,
    SOURCE_END,
    SOURCE_FAILED
};
// Gives a bounded number of packets to fn. Waits at most timeout_us when there is none (IDLE). FAILED: see source_error.
enum source_result source_read(struct source *s, int64_t timeout_us, source_fn fn, void *ctx);
const char *source_error(const struct source *s);

struct source_stat {
    uint64_t dropped_kernel, dropped_interface;
    uint64_t position, size;                // file, bytes; size 0 unknown
    uint64_t connections, refused, evicted; // HEP over TCP; refused and evicted since start
};
struct source_stat source_stat(struct source *s);
