// Link, IP, fragments, UDP and TCP. Input: one byte of link type, then packets, each behind two bytes of length.
#include "fuzz.h"
#include "wire/frag.h"

static const enum link_type types[] = {
    LINK_ETHERNET,   LINK_NULL, LINK_RAW_101, LINK_LINUX_SLL,
    LINK_LINUX_SLL2, LINK_LOOP, LINK_IPV4,    LINK_IPV6,
};

static void one_packet(struct frag_table *t, enum link_type type, struct span frame, int64_t at_us)
{
    struct pkt p = {.at_us = at_us, .wire_length = (uint32_t)frame.n};
    struct span ip;
    enum wire_event event;
    if (link_parse(type, frame, &p, &ip) != WIRE_NONE)
        return;
    fuzz_inside(ip, frame);
    if (ip_parse(ip, &p) != WIRE_NONE)
        return;
    fuzz_inside(p.ip_payload, ip);
    if (p.fragment && !frag_join(t, &p, &event))
        return;
    fuzz_touch(p.ip_payload);
    if (l4_parse(&p) != WIRE_NONE)
        return;
    fuzz_inside(p.payload, p.ip_payload);
    fuzz_touch(p.payload);
}

// Whatever a file's head says of its link: what is not known is refused, never guessed at.
static void any_type(struct span frame)
{
    struct pkt p = {.wire_length = (uint32_t)frame.n};
    struct span ip;
    int dlt = frame.n ? frame.p[frame.n - 1] + 100 * (frame.p[0] & 3) : 0;
    enum wire_event event = link_parse((enum link_type)dlt, frame, &p, &ip);
    fuzz_check(link_known(dlt) || event == WIRE_LINK_UNKNOWN);
    if (event == WIRE_NONE)
        fuzz_inside(ip, frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    any_type(span_of(data, size));
    struct cur c = cur_of(span_of(data, size));
    enum link_type type = types[cur_u8(&c) % (sizeof types / sizeof types[0])];
    struct frag_opts o = {.datagrams = 4, .max_bytes = 2048, .timeout_us = 1000};
    struct frag_table *t = frag_new(&o);
    fuzz_check(t);
    for (int64_t at_us = 0; cur_left(&c) > 2; at_us += 100) {
        size_t n = cur_u16be(&c);
        one_packet(t, type, cur_take(&c, n < cur_left(&c) ? n : cur_left(&c)), at_us);
    }
    struct frag_stat s = frag_stat(t);
    fuzz_check(s.used <= s.slots);
    fuzz_check(s.joined + s.refused <= s.fragments);
    frag_free(t);
    return 0;
}
