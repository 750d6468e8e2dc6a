#include "render.h"

#include <errno.h>
#include "base/mono.h"
#include "render_priv.h"

static void put_be(uint8_t *p, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

int render_dump(struct render *r, const struct job *j, const char *path, struct sink_sums *ret)
{
    r->seal.part = SEAL_PAYLOAD;
    int e = sink_open(&r->sink, path, &r->seal);
    if (e < 0)
        return e;
    render_rewind(r, j);
    const struct track *first = render_earliest(r);
    int64_t zero_us = first ? first->next.at_us : 0;
    static const char line[] = "#!rtpplay1.0 0.0.0.0/0\n";
    uint8_t head[16] = {0}; // RD_hdr_t: start, source, port
    put_be(head, (uint64_t)(zero_us / 1000000), 4);
    put_be(head + 4, (uint64_t)(zero_us % 1000000), 4);
    sink_write(&r->sink, line, sizeof(line) - 1);
    sink_write(&r->sink, head, sizeof(head));
    for (struct track *t = render_earliest(r); t; t = render_earliest(r)) {
        if (t->other > 0 || r->keep_all) { // whole streams, what could be decoded of them too
            uint8_t ph[8]; // RD_packet_t: length with this head, length on the wire, ms
            put_be(ph, t->next.packet.n + sizeof(ph), 2);
            put_be(ph + 2, t->next.packet.n, 2);
            put_be(ph + 4, (uint64_t)((t->next.at_us - zero_us) / 1000), 4);
            sink_write(&r->sink, ph, sizeof(ph));
            sink_write(&r->sink, t->next.packet.p, t->next.packet.n);
        }
        (void)render_next(r, j, t);
        if (r->cancelled && r->cancelled(r->cancelled_ctx)) {
            sink_abandon(&r->sink);
            return -ECANCELED;
        }
    }
    return sink_commit(&r->sink, ret);
}
