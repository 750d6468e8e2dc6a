#include "pcapng_form.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINK_RAW       101
#define LINK_UPPER_PDU 252
#define UDP_MOST       65507u

static void flush(struct pcapng *f)
{
    for (size_t done = 0; done < f->n && f->error == 0;) {
        ssize_t k = write(f->fd, f->buf + done, f->n - done);
        if (k < 0 && errno != EINTR)
            f->error = -errno;
        else if (k > 0)
            done += (size_t)k;
    }
    f->n = 0;
}

static void put(struct pcapng *f, const void *p, size_t n)
{
    const uint8_t *b = p;
    f->total += n;
    if (f->total > PCAPNG_MOST && f->error == 0)
        f->error = -EFBIG;
    while (n > 0 && f->error == 0) {
        size_t part = sizeof(f->buf) - f->n < n ? sizeof(f->buf) - f->n : n;
        memcpy(f->buf + f->n, b, part);
        f->n += part;
        b += part;
        n -= part;
        if (f->n == sizeof(f->buf))
            flush(f);
    }
}

// Numbers of the blocks are little-endian, as their magic says; those of packets are the network's.
static uint8_t *le(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        *p++ = (uint8_t)v;
    return p;
}

static uint8_t *be(uint8_t *p, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--)
        *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

static void put_interface(struct pcapng *f, unsigned link)
{
    uint8_t b[32], *p = b;
    p = le(p, 1, 4);
    p = le(p, 32, 4);
    p = le(p, link, 2);
    p = le(p, 0, 2);
    p = le(p, 0, 4); // no snap length
    p = le(p, 9, 2); // if_tsresol: microseconds
    p = le(p, 1, 2);
    p = le(p, 6, 4);
    p = le(p, 0, 4); // end of options
    p = le(p, 32, 4);
    put(f, b, (size_t)(p - b));
}

void pcapng_begin(struct pcapng *f, int fd)
{
    f->fd = fd;
    f->error = 0;
    f->total = 0;
    f->n = 0;
    uint8_t b[28], *p = b;
    p = le(p, 0x0A0D0D0A, 4);
    p = le(p, 28, 4);
    p = le(p, 0x1A2B3C4D, 4);
    p = le(p, 1, 2);
    p = le(p, 0, 2);
    p = le(p, UINT64_MAX, 8); // length not said
    p = le(p, 28, 4);
    put(f, b, (size_t)(p - b));
    put_interface(f, LINK_RAW);
    put_interface(f, LINK_UPPER_PDU);
}

int pcapng_ends(struct pcapng_ends *ret, const char *src, int64_t src_port, const char *dst,
                int64_t dst_port)
{
    struct pcapng_ends e = {.src_port = (uint16_t)src_port, .dst_port = (uint16_t)dst_port};
    if (inet_pton(AF_INET, src, e.src) == 1 && inet_pton(AF_INET, dst, e.dst) == 1)
        e.bytes = 4;
    else if (inet_pton(AF_INET6, src, e.src) == 1 && inet_pton(AF_INET6, dst, e.dst) == 1)
        e.bytes = 16;
    else
        return -EINVAL;
    *ret = e;
    return 0;
}

// An enhanced packet block: head, then the data.
static void put_packet(struct pcapng *f, unsigned interface, int64_t at_us, const uint8_t *head,
                       size_t head_n, const uint8_t *p, size_t n)
{
    static const uint8_t zeros[4];
    size_t data = head_n + n, pad = (4 - data % 4) % 4, length = 32 + data + pad;
    uint8_t b[28], *w = b;
    w = le(w, 6, 4);
    w = le(w, length, 4);
    w = le(w, interface, 4);
    w = le(w, (uint64_t)at_us >> 32, 4);
    w = le(w, (uint64_t)at_us, 4);
    w = le(w, data, 4);
    w = le(w, data, 4);
    put(f, b, (size_t)(w - b));
    put(f, head, head_n);
    put(f, p, n);
    put(f, zeros, pad);
    (void)le(b, length, 4);
    put(f, b, 4);
}

// RFC 1071.
static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        s += (uint32_t)p[i] << 8 | p[i + 1];
    if (n % 2)
        s += (uint32_t)p[n - 1] << 8;
    while (s >> 16)
        s = (s & 0xFFFF) + (s >> 16);
    return s;
}

static uint8_t *put_ip(uint8_t *w, const struct pcapng_ends *e, size_t payload)
{
    uint8_t *start = w;
    if (e->bytes == 4) {
        w = be(w, 0x4500, 2);
        w = be(w, 20 + payload, 2);
        w = be(w, 0x4000, 4);       // id 0, do not fragment
        w = be(w, 64 << 8 | 17, 2); // hops, UDP
        w = be(w, 0, 2);
    } else {
        w = be(w, 0x60000000, 4);
        w = be(w, payload, 2);
        w = be(w, 17 << 8 | 64, 2);
    }
    memcpy(w, e->src, (size_t)e->bytes);
    memcpy(w + e->bytes, e->dst, (size_t)e->bytes);
    w += 2 * e->bytes;
    if (e->bytes == 4)
        (void)be(start + 10, ~sum(0, start, 20) & 0xFFFF, 2);
    return w;
}

void pcapng_udp(struct pcapng *f, int64_t at_us, const struct pcapng_ends *e, const uint8_t *p,
                size_t n)
{
    if (n > UDP_MOST) {
        pcapng_sip(f, at_us, e, p, n);
        return;
    }
    uint8_t head[48], *udp = put_ip(head, e, n + 8), *w = udp;
    w = be(w, e->src_port, 2);
    w = be(w, e->dst_port, 2);
    w = be(w, n + 8, 2);
    w = be(w, 0, 2);
    uint32_t s = sum(17 + (uint32_t)n + 8, e->src, (size_t)e->bytes);
    s = sum(s, e->dst, (size_t)e->bytes);
    s = sum(sum(s, udp, 8), p, n);
    s = ~s & 0xFFFF;
    (void)be(udp + 6, s ? s : 0xFFFF, 2);
    put_packet(f, 0, at_us, head, (size_t)(w - head), p, n);
}

static uint8_t *tag(uint8_t *w, unsigned kind, const void *p, size_t n)
{
    w = be(w, kind, 2);
    w = be(w, n, 2);
    memcpy(w, p, n);
    return w + n;
}

static uint8_t *tag_u32(uint8_t *w, unsigned kind, uint32_t v)
{
    uint8_t b[4];
    (void)be(b, v, 4);
    return tag(w, kind, b, 4);
}

void pcapng_sip(struct pcapng *f, int64_t at_us, const struct pcapng_ends *e, const uint8_t *p,
                size_t n)
{
    // Tags of Wireshark's exported PDUs: 12 dissector, 20 to 23 addresses, 24 kind of port (2: TCP), 25, 26 ports, 0 end.
    uint8_t head[128], *w = head;
    unsigned v6 = e->bytes == 16 ? 2 : 0;
    w = tag(w, 12, "sip\0", 4);
    w = tag(w, 20 + v6, e->src, (size_t)e->bytes);
    w = tag(w, 21 + v6, e->dst, (size_t)e->bytes);
    w = tag_u32(w, 24, 2);
    w = tag_u32(w, 25, e->src_port);
    w = tag_u32(w, 26, e->dst_port);
    w = be(w, 0, 4);
    put_packet(f, 1, at_us, head, (size_t)(w - head), p, n);
}

int pcapng_end(struct pcapng *f)
{
    flush(f);
    return f->error;
}
