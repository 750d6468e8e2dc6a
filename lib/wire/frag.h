// frag.h: IP fragments joined in given slots (RFC 791, RFC 8200 4.5; overlaps drop the datagram, in the spirit of RFC 5722).
// Key: source, destination, protocol, identification. One owner thread. Memory is fixed at creation;
// full: the oldest datagram goes, counted.
#pragma once
#include "wire/pkt.h"

struct frag_table;
struct frag_opts {
    uint32_t datagrams; // default 256
    uint32_t max_bytes; // largest datagram, default 65535
    int64_t timeout_us; // default 30 s of capture time
};
struct frag_table *frag_new(const struct frag_opts *o);
struct frag_table *frag_free(struct frag_table *t);
// Takes a packet with p->fragment set. True when the datagram is whole: p->ip_payload is then the joined
// payload (valid until the next call), and fragment is false, unless a tunnel in it carries a fragment: then join again. *ret_event says what went wrong, or WIRE_NONE.
bool frag_join(struct frag_table *t, struct pkt *p, enum wire_event *ret_event);
struct frag_stat {
    uint64_t fragments, joined, timed_out, evicted, refused;
    uint32_t used, slots;
    size_t bytes;
};
struct frag_stat frag_stat(const struct frag_table *t);
