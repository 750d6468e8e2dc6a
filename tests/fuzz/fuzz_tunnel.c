// Tunnels. Input: one byte that picks the outer packet (EtherType, GRE, IP in IP, or a UDP port), one byte of flags, then
// what the tunnel carries. Two packets, so that pieces inside can be joined: the flag byte says where the input is parted.
#include "fuzz.h"
#include "wire/frag.h"

static const struct {
    uint16_t ethertype, port;
    uint8_t protocol;
} outer[] = {
    {0x8847, 0, 0},     {0x8864, 0, 0},     {0x8100, 0, 0},     {0x0800, 0, 47},
    {0x0800, 0, 4},     {0x0800, 0, 41},    {0x0800, 1701, 17}, {0x0800, 2152, 17},
    {0x0800, 4789, 17}, {0x0800, 6081, 17}, {0x0800, 8472, 17}, {0x0800, 37008, 17},
};

struct frame {
    uint8_t b[14 + 20 + 8 + 8192];
    size_t n;
};

static void put(struct frame *f, const void *p, size_t n)
{
    memcpy(f->b + f->n, p, n);
    f->n += n;
}

static void put16(struct frame *f, size_t v)
{
    put(f, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void wrap(struct frame *f, uint8_t pick, struct span inside)
{
    size_t k = pick, udp = outer[k].port ? 8 : 0;
    if (inside.n > 8192)
        inside.n = 8192;
    f->n = 0;
    put(f, "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc", 12);
    put16(f, outer[k].ethertype);
    if (outer[k].protocol) {
        put16(f, 0x4500);
        put16(f, 20 + udp + inside.n);
        put(f, "\0\1\0\0\x40", 5);
        put(f, &outer[k].protocol, 1);
        put(f, "\0\0\x0a\0\0\1\x0a\0\0\2", 10);
    }
    if (udp) {
        put16(f, 1701);
        put16(f, outer[k].port);
        put16(f, 8 + inside.n);
        put16(f, 0);
    }
    if (inside.n > 0)
        put(f, inside.p, inside.n);
}

static void one_packet(struct frag_table *t, struct span frame, bool wrapped_ip, int64_t at_us)
{
    struct pkt p = {.at_us = at_us, .wire_length = (uint32_t)frame.n};
    struct span ip;
    enum wire_event e = link_parse(LINK_ETHERNET, frame, &p, &ip), why;
    fuzz_check(p.tunnels <= TUNNELS_MAX);
    if (e != WIRE_NONE)
        return;
    fuzz_inside(ip, frame);
    e = ip_parse(ip, &p);
    for (unsigned joins = 0; e == WIRE_NONE; joins++) {
        fuzz_check(p.tunnels <= TUNNELS_MAX && joins <= TUNNELS_MAX + 1);
        if (p.fragment) {
            if (!frag_join(t, &p, &why))
                return;
            if (p.fragment)
                continue;
        }
        e = l4_parse(&p);
        if (!p.fragment)
            break;
    }
    fuzz_check(p.tunnels <= TUNNELS_MAX);
    if (e != WIRE_NONE)
        return;
    fuzz_check(p.protocol == 17 || p.protocol == 6);
    fuzz_inside(p.payload, p.ip_payload);
    (void)fuzz_touch(p.payload);
    if (p.tunnels == 0 && wrapped_ip) // plain: nothing of the wrapping's addresses was touched
        fuzz_check(p.src.family == 4 && p.src.b[0] == 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame f;
    struct cur c = cur_of(span_of(data, size));
    uint8_t pick = cur_u8(&c) % (sizeof outer / sizeof outer[0]), part = cur_u8(&c);
    struct frag_table *t = frag_new(&(struct frag_opts){2, 4096, 1000});
    fuzz_check(t);
    struct span all = cur_rest(&c);
    size_t first = part ? all.n * part / 256 : all.n;
    wrap(&f, pick, span_sub(all, 0, first));
    one_packet(t, span_of(f.b, f.n), outer[pick].protocol != 0, 1);
    if (part) {
        wrap(&f, pick, span_sub(all, first, all.n));
        one_packet(t, span_of(f.b, f.n), outer[pick].protocol != 0, 2);
    }
    frag_free(t);
    return 0;
}
