// numbers_send ADDRESS FIRST COUNT RATE: datagrams that each carry a number, from 100 RTP streams, every 200th a SIP request. For the
// oracle numbers_count: what reaches the end is counted by number, so one lost and one doubled do not cancel out.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS   100
#define SIP_EVERY 200
#define PORT      20000
#define PAYLOAD   160

static int sock[STREAMS + 1];
static uint16_t seq[STREAMS];
static struct sockaddr_in to;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void send_all(int fd, uint16_t port, const void *p, size_t n)
{
    to.sin_port = htons(port);
    while (sendto(fd, p, n, 0, (void *)&to, sizeof to) < 0)
        if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) {
            perror("sendto");
            exit(1);
        }
}

static void send_rtp(uint64_t number)
{
    struct {
        uint8_t v, pt;
        uint16_t seq;
        uint32_t timestamp, ssrc;
        uint64_t number;
        uint8_t rest[PAYLOAD - 8];
    } __attribute__((packed)) p = {.v = 0x80};
    unsigned i = (unsigned)(number % STREAMS);
    p.seq = htons(seq[i]);
    p.timestamp = htonl(seq[i]++ * 160u);
    p.ssrc = htonl(1000 + i);
    p.number = htobe64(number);
    send_all(sock[i], (uint16_t)(PORT + 2 * i), &p, sizeof p);
}

static void send_sip(uint64_t number)
{
    char text[512];
    int n = snprintf(
        text, sizeof text,
        "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK%llu\r\n"
        "From: <sip:b@192.0.2.2>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\nCall-ID: number-%llu\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        (unsigned long long)number, (unsigned long long)number);
    send_all(sock[STREAMS], 5060, text, (size_t)n);
}

static int open_socket(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = 4 << 20;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (fd < 0 || bind(fd, (void *)&at, sizeof at) != 0) {
        perror("bind");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: numbers_send ADDRESS FIRST COUNT RATE\n");
        return 64;
    }
    uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
    double rate = strtod(argv[4], NULL);
    to.sin_family = AF_INET;
    for (unsigned i = 0; i < STREAMS; i++) {
        sock[i] = open_socket((uint16_t)(30000 + 2 * i));
        seq[i] = (uint16_t)(first / STREAMS);
    }
    sock[STREAMS] = open_socket(5060);
    int64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        int64_t due = begin + (int64_t)((double)i * 1e9 / rate), ahead = due - now_ns();
        if (ahead > 500000)
            nanosleep(&(struct timespec){0, ahead}, NULL);
        if ((first + i) % SIP_EVERY == SIP_EVERY - 1)
            send_sip(first + i);
        else
            send_rtp(first + i);
    }
    printf("{\"sent\":%llu,\"seconds\":%.3f}\n", (unsigned long long)count,
           (double)(now_ns() - begin) / 1e9);
    return 0;
}
