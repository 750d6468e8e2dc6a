#include "wire/hep.h"

#define CHUNKS_MAX 64

// Chunk types of vendor 0 (HEP3 revision 32, section 3).
enum chunk {
    CHUNK_FAMILY = 1,
    CHUNK_PROTOCOL = 2,
    CHUNK_SRC4 = 3,
    CHUNK_DST4 = 4,
    CHUNK_SRC6 = 5,
    CHUNK_DST6 = 6,
    CHUNK_SPORT = 7,
    CHUNK_DPORT = 8,
    CHUNK_SECONDS = 9,
    CHUNK_MICROSECONDS = 10,
    CHUNK_TYPE = 11,
    CHUNK_CAPTURE_ID = 12,
    CHUNK_AUTH_KEY = 14,
    CHUNK_PAYLOAD = 15,
    CHUNK_COMPRESSED = 16,
    CHUNK_CORRELATION_ID = 17,
};

#define MICROSECONDS_MAX 999999

struct times { // as they come, in any order
    uint32_t seconds, microseconds;
};

static void address_take(struct ip_addr *a, struct cur *c, uint8_t family)
{
    struct span s = cur_take(c, family == 4 ? 4 : 16);
    if (c->failed)
        return;
    *a = (struct ip_addr){.family = family};
    memcpy(a->b, s.p, s.n);
}

// The value fills its chunk, neither more nor less. Unknown types are passed.
static bool chunk_value(uint16_t type, struct cur c, struct hep *h, struct times *t)
{
    struct span all = cur_rest(&c);
    switch (type) {
    case CHUNK_FAMILY: // the addresses say it again
        cur_skip(&c, 1);
        break;
    case CHUNK_PROTOCOL:
        h->protocol = cur_u8(&c);
        break;
    case CHUNK_SRC4:
    case CHUNK_SRC6:
        address_take(&h->src.ip, &c, type == CHUNK_SRC4 ? 4 : 6);
        break;
    case CHUNK_DST4:
    case CHUNK_DST6:
        address_take(&h->dst.ip, &c, type == CHUNK_DST4 ? 4 : 6);
        break;
    case CHUNK_SPORT:
        h->src.port = cur_u16be(&c);
        break;
    case CHUNK_DPORT:
        h->dst.port = cur_u16be(&c);
        break;
    case CHUNK_SECONDS:
        t->seconds = cur_u32be(&c);
        break;
    case CHUNK_MICROSECONDS:
        t->microseconds = cur_u32be(&c);
        return !c.failed && cur_left(&c) == 0 && t->microseconds <= MICROSECONDS_MAX;
    case CHUNK_TYPE:
        h->type = cur_u8(&c);
        break;
    case CHUNK_CAPTURE_ID:
        h->capture_id = cur_u32be(&c);
        break;
    case CHUNK_AUTH_KEY:
        h->auth_key = all;
        return true;
    case CHUNK_PAYLOAD:
        h->payload = all;
        return true;
    case CHUNK_COMPRESSED:
        h->compressed = true;
        return true;
    case CHUNK_CORRELATION_ID:
        h->correlation_id = all;
        return true;
    default:
        return true;
    }
    return !c.failed && cur_left(&c) == 0;
}

static enum wire_event hep3_parse(struct cur c, struct hep *h)
{
    struct times t = {0, 0};
    for (unsigned chunks = 0; cur_left(&c) > 0; chunks++) {
        uint16_t vendor = cur_u16be(&c);
        uint16_t type = cur_u16be(&c);
        size_t length = cur_u16be(&c);
        if (c.failed || length < 6)
            return WIRE_HEP_CHUNK;
        if (chunks == CHUNKS_MAX)
            return WIRE_HEP_CHUNKS_MANY;
        struct cur value = cur_part(&c, length - 6);
        if (c.failed || (vendor == 0 && !chunk_value(type, value, h, &t)))
            return WIRE_HEP_CHUNK;
    }
    if (h->src.ip.family == 0 || h->src.ip.family != h->dst.ip.family)
        return WIRE_HEP_ADDRESS;
    h->at_us = t.seconds ? (int64_t)t.seconds * 1000000 + t.microseconds : HEP_AT_UNKNOWN;
    if (h->payload.n > 0)
        return WIRE_NONE;
    return h->compressed ? WIRE_HEP_COMPRESSED : WIRE_HEP_EMPTY;
}

// Version, header length, address family of the sender's system, protocol, ports, addresses; in version 2 then the time and
// a capture id in the sender's byte order (all senders are little-endian), padded to 12 bytes.
static enum wire_event hep12_parse(struct cur c, struct hep *h)
{
    cur_skip(&c, 2);
    uint8_t family = cur_u8(&c);
    h->protocol = cur_u8(&c);
    h->src.port = cur_u16be(&c);
    h->dst.port = cur_u16be(&c);
    if (!c.failed && family != 2 && family != 10 && family != 24 && family != 28 && family != 30)
        return WIRE_HEP_ADDRESS;
    address_take(&h->src.ip, &c, family == 2 ? 4 : 6);
    address_take(&h->dst.ip, &c, family == 2 ? 4 : 6);
    if (h->version == 2) {
        uint32_t seconds = cur_u32le(&c);
        uint32_t microseconds = cur_u32le(&c);
        h->capture_id = cur_u16le(&c);
        cur_skip(&c, 2);
        if (!c.failed && microseconds > MICROSECONDS_MAX)
            return WIRE_HEP_CHUNK;
        h->at_us = seconds ? (int64_t)seconds * 1000000 + microseconds : HEP_AT_UNKNOWN;
    }
    if (c.failed)
        return WIRE_HEP_SHORT;
    h->type = HEP_SIP;
    h->payload = cur_rest(&c);
    return h->payload.n > 0 ? WIRE_NONE : WIRE_HEP_EMPTY;
}

enum wire_event hep_parse(struct span s, struct hep *ret)
{
    struct span none = span_of(s.p, 0); // empty views point at something
    struct hep h = {
        .at_us = HEP_AT_UNKNOWN, .auth_key = none, .payload = none, .correlation_id = none};
    enum wire_event e;
    *ret = h;
    if (s.n == 0)
        return WIRE_HEP_SHORT;
    if (s.p[0] == 1 || s.p[0] == 2) {
        h.version = s.p[0];
        e = hep12_parse(cur_of(s), &h);
    } else {
        size_t n;
        enum hep_frame f = hep_frame(s, &n);
        if (f != HEP_FRAME_WHOLE)
            return f == HEP_FRAME_MORE ? WIRE_HEP_SHORT : WIRE_HEP_VERSION;
        h.version = 3;
        e = hep3_parse(cur_of(span_sub(s, HEP_HEADER_BYTES, n - HEP_HEADER_BYTES)), &h);
    }
    *ret = h;
    return e;
}

enum hep_frame hep_frame(struct span s, size_t *ret_n)
{
    size_t magic = s.n < 4 ? s.n : 4;
    if (magic > 0 && memcmp(s.p, "HEP3", magic) != 0)
        return HEP_FRAME_BAD;
    if (s.n < HEP_HEADER_BYTES)
        return HEP_FRAME_MORE;
    size_t n = (size_t)s.p[4] << 8 | s.p[5];
    if (n < HEP_HEADER_BYTES)
        return HEP_FRAME_BAD;
    if (s.n < n)
        return HEP_FRAME_MORE;
    *ret_n = n;
    return HEP_FRAME_WHOLE;
}
