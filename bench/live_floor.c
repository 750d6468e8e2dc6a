// live_floor INTERFACE RING-BYTES: a TPACKET_V3 ring and nothing else, one word of each packet touched: what nobody can beat live. SIGTERM:
// prints what came, what the kernel dropped, and the CPU it cost. Shares no code with capture.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define BLOCK (128u * 1024)

static volatile sig_atomic_t stop;
static volatile uint64_t touched;

static void on_term(int sig)
{
    (void)sig;
    stop = 1;
}

static int fail(const char *what)
{
    perror(what);
    return 69;
}

static uint64_t read_block(const uint8_t *b)
{
    const struct tpacket_block_desc *d = (const void *)b;
    const uint8_t *at = b + d->hdr.bh1.offset_to_first_pkt;
    for (uint32_t i = 0; i < d->hdr.bh1.num_pkts; i++) {
        const struct tpacket3_hdr *h = (const void *)at;
        touched += at[h->tp_mac];
        at += h->tp_next_offset;
    }
    return d->hdr.bh1.num_pkts;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    int version = TPACKET_V3, fd = socket(AF_PACKET, SOCK_RAW, 0);
    uint32_t blocks = (uint32_t)(strtoull(argv[2], NULL, 10) / BLOCK), n = 0;
    struct tpacket_req3 q = {.tp_block_size = BLOCK,
                             .tp_block_nr = blocks,
                             .tp_frame_size = 2048,
                             .tp_frame_nr = blocks * (BLOCK / 2048),
                             .tp_retire_blk_tov = 10};
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(argv[1])};
    struct packet_mreq promiscuous = {.mr_ifindex = to.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof q) != 0)
        return fail("ring");
    uint8_t *map = mmap(NULL, (size_t)blocks * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || bind(fd, (void *)&to, sizeof to) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) != 0)
        return fail("bind");
    signal(SIGTERM, on_term);
    uint64_t packets = 0;
    while (!stop) {
        uint8_t *b = map + (size_t)n * BLOCK;
        uint32_t *status = &((struct tpacket_block_desc *)(void *)b)->hdr.bh1.block_status;
        if (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
            continue;
        }
        packets += read_block(b);
        __atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        n = (n + 1) % blocks;
    }
    struct tpacket_stats_v3 st = {0};
    socklen_t len = sizeof st;
    struct rusage u;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &st, &len);
    getrusage(RUSAGE_SELF, &u);
    printf("{\"packets\":%llu,\"dropped\":%u,\"cpu_s\":%.3f}\n", (unsigned long long)packets,
           st.tp_drops,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
    return 0;
}
