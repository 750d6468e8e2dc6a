#include "rtpdump.h"

#include <errno.h>
#include <string.h>

#include "base/span.h"
#include "peaks.h"

#define LINE_MAX 128u
#define HEAD     16u // RD_hdr_t: seconds, microseconds, source, port
#define PACKET   8u  // RD_packet_t: length with this head, length on the wire, ms

int rtpdump_open(struct rtpdump *d, struct reader *in)
{
    static const char magic[] = "#!rtpplay1.0 ";
    uint8_t b[LINE_MAX + HEAD];
    size_t n = 0;
    d->in = in;
    d->has = false;
    int e = wav_read(in, 0, b, sizeof(b), &n);
    const uint8_t *end = e ? NULL : memchr(b, '\n', n < LINE_MAX ? n : LINE_MAX);
    if (e || !end || n < sizeof(magic) || memcmp(b, magic, sizeof(magic) - 1) != 0)
        return e ? e : -EBADMSG;
    size_t line = (size_t)(end - b) + 1;
    struct cur c = cur_of(span_of(b + line, n - line));
    d->zero_us = (int64_t)cur_u32be(&c) * 1000000;
    d->zero_us += cur_u32be(&c);
    cur_skip(&c, HEAD - 8);
    if (c.failed)
        return -EBADMSG;
    d->offset = line + HEAD;
    return rtpdump_next(d);
}

int rtpdump_next(struct rtpdump *d)
{
    uint8_t b[PACKET];
    size_t n = 0;
    d->has = false;
    if (d->offset >= d->in->content)
        return 0;
    int e = wav_read(d->in, d->offset, b, sizeof(b), &n);
    if (e)
        return e;
    struct cur c = cur_of(span_of(b, n));
    size_t length = cur_u16be(&c);
    cur_skip(&c, 2);
    d->at_us = d->zero_us + (int64_t)cur_u32be(&c) * 1000;
    if (c.failed || length < PACKET || length - PACKET > sizeof(d->packet))
        return -EBADMSG;
    e = wav_read(d->in, d->offset + PACKET, d->packet, length - PACKET, &d->n);
    if (e || d->n != length - PACKET)
        return e ? e : -EBADMSG;
    d->offset += length;
    d->has = true;
    return 0;
}

uint32_t rtpdump_ssrc(const struct rtpdump *d)
{
    struct cur c = cur_of(span_of(d->packet, d->n));
    cur_skip(&c, 8);
    uint32_t ssrc = cur_u32be(&c);
    return c.failed ? 0 : ssrc;
}
