#include "burst.h"

static void group_close(struct burst *b)
{
    if (b->open < 2)
        return; // one alone belongs to the gap
    b->bursts++;
    b->burst_packets += b->end - b->start;
    b->burst_lost += b->open;
}

void burst_lose(struct burst *b, uint32_t at, uint32_t n)
{
    uint32_t played = at - b->end; // since the last loss
    if (b->lost == 0 || played >= BURST_GMIN) {
        group_close(b);
        b->start = at;
        b->open = 0;
    }
    b->runs += b->lost == 0 || played > 0;
    b->open += n;
    b->lost += n;
    b->end = at + n;
}

struct burst_figures burst_figures(const struct burst *open, uint32_t packets)
{
    struct burst b = *open;
    group_close(&b);
    uint32_t gap_packets = packets > b.burst_packets ? packets - b.burst_packets : 0;
    return (struct burst_figures){
        .bursts = b.bursts,
        .burst_density = b.burst_packets ? (double)b.burst_lost / b.burst_packets : 0,
        .gap_density = gap_packets ? (double)(b.lost - b.burst_lost) / gap_packets : 0,
        .burst_packets = b.bursts ? (double)b.burst_packets / b.bursts : 0,
        .gap_packets = (double)gap_packets / (b.bursts + 1.0),
    };
}
