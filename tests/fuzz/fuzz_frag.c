// Fragments of up to four datagrams in any order, doubled, overlapping, without end: what is joined must be, byte for byte, what a
// second joiner makes that only remembers which byte came. Input: pieces of 4 bytes: which datagram (2 bits), last (1 bit), offset
// in units of 8 (1 byte), length in units of 8 (4 bits), fill.
#include "fuzz.h"
#include "wire/frag.h"

#define BYTES 4096

struct model {
    uint8_t byte[BYTES];
    bool have[BYTES];
    size_t total; // 0: the last piece has not come
    bool
        spoilt; // overlap, or pieces that do not agree: the datagram is given up, what follows is not compared
    unsigned pieces;
};

static void model_put(struct model *m, size_t at, struct span data, bool more)
{
    m->pieces++;
    for (size_t i = 0; i < data.n && at + i < BYTES; i++) {
        if (m->have[at + i])
            m->spoilt = true;
        m->have[at + i] = true;
        m->byte[at + i] = data.p[i];
    }
    if (!more) {
        if (m->total && m->total != at + data.n)
            m->spoilt = true;
        m->total = at + data.n;
    }
    for (size_t i = m->total; m->total && i < BYTES; i++)
        if (m->have[i])
            m->spoilt = true; // bytes behind the end
}

static bool model_whole(const struct model *m)
{
    for (size_t i = 0; i < m->total; i++)
        if (!m->have[i])
            return false;
    return m->total > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model models[4];
    struct frag_opts o = {.datagrams = 8, .max_bytes = BYTES, .timeout_us = 1000000};
    struct frag_table *t = frag_new(&o);
    struct cur c = cur_of(span_of(data, size));
    fuzz_check(t);
    memset(models, 0, sizeof models);
    while (cur_left(&c) >= 4) {
        uint8_t head = cur_u8(&c), unit = cur_u8(&c), len = cur_u8(&c), fill = cur_u8(&c);
        struct model *m = &models[head & 3];
        uint8_t piece[128];
        struct span body = span_of(piece, (size_t)(1 + (len & 15)) * 8);
        memset(piece, fill, sizeof piece);
        bool more = !(head & 4);
        if (!more && (head & 8))
            body.n -= 3; // only the last piece may have another length
        struct pkt p = {
            .protocol = 17, .fragment = true, .more_fragments = more, .ip_payload = body};
        p.src.family = p.dst.family = 4;
        p.src.b[3] = 1;
        p.dst.b[3] = head & 3;
        p.ip_id = 7;
        p.frag_offset = (uint32_t)unit * 8;
        enum wire_event e;
        bool whole = frag_join(t, &p, &e);
        model_put(m, p.frag_offset, body, more);
        if (m->spoilt || m->pieces > 60) {
            m->spoilt = true;
            continue;
        }
        fuzz_check(whole == model_whole(m));
        if (whole) {
            fuzz_check(!p.fragment && p.ip_payload.n == m->total);
            fuzz_check(memcmp(p.ip_payload.p, m->byte, m->total) == 0);
            m->spoilt = true; // the same identification again would be another datagram
        }
    }
    struct frag_stat s = frag_stat(t);
    fuzz_check(s.used <= s.slots && s.joined + s.refused <= s.fragments);
    frag_free(t);
    return 0;
}
