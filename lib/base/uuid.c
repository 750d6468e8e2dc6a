#include "base/uuid.h"

#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fail.h"
#include "base/mono.h"

// RFC 9562 5.7: 48 bits of Unix ms, version, 12 bits, variant, 62 bits.
static struct uuid v7(int64_t wall_us, const uint8_t tail[10])
{
    struct uuid u;
    uint64_t ms = wall_us > 0 ? (uint64_t)wall_us / 1000 : 0;
    if (ms >> 48)
        ms = (UINT64_C(1) << 48) - 1;
    for (int i = 0; i < 6; i++)
        u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(u.b + 6, tail, 10);
    u.b[6] = (uint8_t)((u.b[6] & 0x0F) | 0x70);
    u.b[8] = (uint8_t)((u.b[8] & 0x3F) | 0x80);
    return u;
}

struct uuid uuid_v7_derived(int64_t wall_us, struct span identity)
{
    // Never seeded: the ids stand in databases and on other machines.
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits(identity.p, identity.n));
    return v7(wall_us, c.digest);
}

struct uuid uuid_of_recording(const struct uuid *call_id)
{
    static const char what[] = "recording";
    uint8_t identity[sizeof(*call_id) + sizeof(what)];
    memcpy(identity, call_id, sizeof(*call_id));
    memcpy(identity + sizeof(*call_id), what, sizeof(what));
    return uuid_v7_derived(uuid_time_us(call_id), span_of(identity, sizeof(identity)));
}

struct uuid uuid_v7_random(int64_t wall_us)
{
    uint8_t r[10];
    must(getrandom(r, sizeof(r), 0) == (ssize_t)sizeof(r));
    return v7(wall_us, r);
}

void uuid_format(const struct uuid *u, char buf[37])
{
    static const char hex[] = "0123456789abcdef";
    char *o = buf;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *o++ = '-';
        *o++ = hex[u->b[i] >> 4];
        *o++ = hex[u->b[i] & 15];
    }
    *o = 0;
}

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool uuid_parse(struct span s, struct uuid *ret)
{
    struct uuid u;
    if (s.n != 36)
        return false;
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && s.p[at++] != '-')
            return false;
        int hi = hex_of(s.p[at]), lo = hex_of(s.p[at + 1]);
        if (hi < 0 || lo < 0)
            return false;
        u.b[i] = (uint8_t)(hi << 4 | lo);
        at += 2;
    }
    *ret = u;
    return true;
}

bool uuid_is_zero(const struct uuid *u)
{
    static const struct uuid zero;
    return memcmp(u, &zero, sizeof(zero)) == 0;
}

int64_t uuid_time_us(const struct uuid *u)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | u->b[i];
    return (int64_t)ms * US_PER_MS;
}

// The finalizer of SplitMix64: one changed bit changes half of the others.
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t uuid_digest(const struct uuid *u, uint64_t revision)
{
    uint64_t h[2];
    memcpy(h, u->b, sizeof(h));
    return mix(mix(h[0] + UINT64_C(0x9e3779b97f4a7c15)) ^ mix(h[1]) ^ mix(revision + 1));
}
