// Reading a ring. What only the keeper does, opening it, stands in tpring_open.c.
#include "tpring.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include "base/mono.h"

#define ETHERNET_HEAD 14
#define LL_OFFSET     sizeof(struct tpacket3_hdr) // where the kernel puts the sockaddr_ll
_Static_assert(LL_OFFSET % TPACKET_ALIGNMENT == 0, "packet_mmap: TPACKET_ALIGN(hdrlen)");

static struct tpacket_block_desc *block_at(const struct tpring *r, uint64_t n)
{
    void *at = r->map + (n % r->blocks) * (size_t)TPRING_BLOCK_BYTES;
    return at;
}

bool tpring_ready(const struct tpring *r, uint64_t n)
{
    const struct tpacket_block_desc *b = block_at(r, n);
    return (__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) &&
           b->hdr.bh1.seq_num == n + 1;
}

uint32_t tpring_packets(const struct tpring *r, uint64_t n)
{
    return block_at(r, n)->hdr.bh1.num_pkts;
}

uint32_t tpring_waiting(const struct tpring *r, uint64_t n)
{
    uint32_t waiting = 0;
    while (waiting < r->blocks && tpring_ready(r, n + waiting))
        waiting++;
    return waiting;
}

// A cooked packet begins at its network header; the 16 bytes before it are free (packet_mmap: TPACKET_HDRLEN + 16).
static struct span with_ethernet(uint8_t *network, size_t bytes, const struct tpacket3_hdr *h)
{
    const uint8_t *ll = (const uint8_t *)h + LL_OFFSET;
    uint16_t protocol;
    memcpy(&protocol, ll + offsetof(struct sockaddr_ll, sll_protocol), sizeof protocol);
    uint8_t *at = network - ETHERNET_HEAD;
    memset(at, 0, 12);
    memcpy(at + 12, &protocol, 2);
    return span_of(at, bytes + ETHERNET_HEAD);
}

void tpring_read(const struct tpring *r, uint64_t n, source_fn fn, void *ctx)
{
    struct tpacket_block_desc *b = block_at(r, n);
    uint8_t *at = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
    for (uint32_t i = b->hdr.bh1.num_pkts; i > 0; i--) {
        const struct tpacket3_hdr *h = (const void *)at;
        uint8_t *data = at + h->tp_mac;
        struct source_packet p = {
            .frame =
                r->cooked ? with_ethernet(data, h->tp_snaplen, h) : span_of(data, h->tp_snaplen),
            .at_us = (int64_t)h->tp_sec * US_PER_S + h->tp_nsec / 1000,
            .wire_length = h->tp_len + (r->cooked ? ETHERNET_HEAD : 0),
        };
        at += h->tp_next_offset;
        fn(ctx, &p);
    }
}

void tpring_release(const struct tpring *r, uint64_t n)
{
    // Ours only while it bears our number: a successor may come here after the block was given back and filled anew.
    if (tpring_ready(r, n))
        __atomic_store_n(&block_at(r, n)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

void tpring_count(const struct tpring *r, struct tpring_count *sum)
{
    struct tpacket_stats_v3 st;
    socklen_t n = sizeof st;
    if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &st, &n) != 0)
        return;
    sum->seen += st.tp_packets; // with those dropped
    sum->dropped += st.tp_drops;
}

int tpring_error(const struct tpring *r)
{
    int e = 0;
    socklen_t n = sizeof e;
    return getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0 ? -errno : -e;
}
