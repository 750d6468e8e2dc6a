// duplicates.h: the same packet seen twice: a mirror (SPAN) of both ports of a switch, or of both sides of a router. The copy
// is dropped before anything counts it; what a sender sent again is not a copy and stays.
//
// A copy has the same bytes from the IP payload on (checksums apart: offloading and routing change them), addresses and IP
// identification, and comes within the window. Host stacks number what they send again anew. Where there is no number
// (IPv6; 0 beside DF, as Linux does) another TTL proves a copy. With the same TTL nothing does: programs that say a thing twice
// within microseconds exist. Such a packet is a copy when it comes within a tenth of the window and the mirror is known to double:
// copies that were proved, or a run of eight such pairs. VLAN tags, tunnels and TTL may differ.
//
// Media is compared only while copies are about: for 2 s after the start and after the last copy or repeated sequence number.
// Else an RTP packet pays one branch. Fixed table; a set is full: its oldest entry goes, counted when still within the window.
#pragma once
#include "wire/pkt.h"

struct duplicates_opts {
    size_t entries; // rounded up to a power of two
    int64_t window_us;
};
struct duplicates;
struct duplicates *duplicates_new(const struct duplicates_opts *o);
struct duplicates *duplicates_free(struct duplicates *d);
// True: seen already. Of each packet with addresses, ports and payload.
bool duplicates_is(struct duplicates *d, const struct pkt *p);
// A stream saw a sequence number again.
void duplicates_suspect(struct duplicates *d, int64_t at_us);
struct duplicates_stat {
    size_t entries, bytes;
    uint64_t found, evicted;
};
struct duplicates_stat duplicates_stat(const struct duplicates *d);
