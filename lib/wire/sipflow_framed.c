// Bytes in order cut into messages that have their length in front (TPKT, SCCP). There is no mark to look for behind a
// hole, so what stands at the beginning of a segment is tried, which is where senders begin their messages; what fits
// nothing is dropped whole. Each byte is looked at a bounded number of times.
#include "wire/sipflow.h"

static void lose(struct flow *f, struct flow_out *out)
{
    f->start = f->n;
    if (f->messages == 0 && !f->joined_late)
        f->state = FLOW_NOT_SIP;
    else if (f->state != FLOW_RESYNC)
        flow_resync_for(f, out, WIRE_TCP_RESYNC);
}

void flow_cut_framed(struct flow *f, struct flow_out *out)
{
    while (f->state != FLOW_NOT_SIP) {
        if (!flow_skip(f) || f->start == f->n)
            return;
        if (f->head_end == 0) {
            int32_t n = f->frame(span_of(f->buf + f->start, f->n - f->start));
            if (n == 0)
                return;
            if (n < 0 || (uint32_t)n > f->cap) {
                lose(f, out);
                return;
            }
            f->state = FLOW_MESSAGE;
            f->head_end = f->start + 1; // known; 0 would say that it is not
            f->total = (uint32_t)n;
        }
        if (f->n - f->start < f->total)
            return;
        flow_give(f, f->total, false, out);
        f->start += f->total;
        flow_message_begin(f);
    }
}
