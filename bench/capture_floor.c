// capture_floor: the least that reading a capture costs: libpcap and nothing else (the last byte of each packet is
// touched, so that it is really read). callmesh-capture is measured against it. Prints one JSON line.
#include <pcap/pcap.h>
#include <stdio.h>
#include <time.h>

struct sums {
    unsigned long long packets, bytes, touched;
};

static void on_packet(unsigned char *user, const struct pcap_pkthdr *h, const unsigned char *data)
{
    struct sums *s = (void *)user;
    s->packets++;
    s->bytes += h->caplen;
    s->touched += h->caplen ? data[h->caplen - 1] : 0;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    char err[PCAP_ERRBUF_SIZE];
    if (argc != 2) {
        fputs("usage: capture_floor FILE\n", stderr);
        return 64;
    }
    pcap_t *p = pcap_open_offline(argv[1], err);
    if (!p) {
        fprintf(stderr, "%s\n", err);
        return 66;
    }
    struct sums s = {0};
    double before = cpu_s();
    pcap_loop(p, -1, on_packet, (unsigned char *)&s);
    double spent = cpu_s() - before;
    printf(
        "{\"bench\":\"capture_floor\",\"packets\":%llu,\"cpu_s\":%.3f,\"packets_per_cpu_s\":%.0f,"
        "\"touched\":%llu}\n",
        s.packets, spent, (double)s.packets / spent, s.touched);
    pcap_close(p);
    return 0;
}
