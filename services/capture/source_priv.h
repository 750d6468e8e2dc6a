// source_priv.h: what the kinds of source share. Only for source_*.c.
#pragma once
#include <pcap/pcap.h>
#include <stdio.h>
#include "source.h"

struct source {
    pcap_t *pcap;
    const struct source_ops *ops;
    char error[PCAP_ERRBUF_SIZE + 64];
    // file
    FILE *fp;
    char *buffer; // of fp
    uint64_t size;
    double speed;
    int64_t first_at_us, first_mono_us; // pacing
    struct pcap_pkthdr *held;           // a packet read but not yet due
    const uint8_t *held_data;
    // live
    int fd;
    // listeners
    int link_type;
    void *own; // of source_mirror.c or source_hep.c
};

struct source_ops {
    enum source_result (*read)(struct source *s, int64_t timeout_us, source_fn fn, void *ctx);
    struct source_stat (*stat)(struct source *s);
    void (*close)(struct source *s); // what is its own
    int (*pollfds)(const struct source *s, struct pollfd *fds,
                   int cap); // NULL: cannot be waited for
};

// A source without libpcap. NULL: no memory.
struct source *source_new(const struct source_ops *ops, int link_type, void *own);

struct source_call { // what libpcap's callback carries
    source_fn fn;
    void *ctx;
};
void source_on_packet(unsigned char *user, const struct pcap_pkthdr *h, const unsigned char *data);
void source_close_pcap(struct source *s);
// 0, or 64 with the reason in err.
int source_set_filter(struct source *s, const char *filter, char *err, size_t err_cap);
