// pcapng_form.h: packets into a pcapng file (draft-ietf-opsawg-pcapng). Two interfaces: 0 has IP packets made anew around what
// was captured of UDP; 1 has Wireshark's exported PDUs, for messages that came by a stream and have no packet of their own.
// One owner thread. Limit: PCAPNG_MOST bytes, then -EFBIG.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_MOST (UINT64_C(256) << 20)

struct pcapng_ends {
    uint8_t src[16], dst[16];
    int bytes; // of an address: 4 or 16
    uint16_t src_port, dst_port;
};

struct pcapng {
    int fd; // borrowed
    int error;
    uint64_t total;
    size_t n;
    uint8_t buf[1 << 16];
};

void pcapng_begin(struct pcapng *f, int fd);
// Two addresses as text; both of one family. 0 or -EINVAL.
int pcapng_ends(struct pcapng_ends *ret, const char *src, int64_t src_port, const char *dst,
                int64_t dst_port);
// A datagram. n up to 65,507; more goes as pcapng_sip.
void pcapng_udp(struct pcapng *f, int64_t at_us, const struct pcapng_ends *e, const uint8_t *p,
                size_t n);
// A SIP message of a stream.
void pcapng_sip(struct pcapng *f, int64_t at_us, const struct pcapng_ends *e, const uint8_t *p,
                size_t n);
// The rest to the file. 0 or negative errno, the first that happened.
int pcapng_end(struct pcapng *f);
