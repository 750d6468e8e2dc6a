// Workers tell each other what a packet at one means for the tables of the others: SDP and the other signalling name
// addresses whose RTP may be hashed elsewhere, RTCP is about a stream whose ports may be. By message, into an inbox for each pair; no table is shared.
//
// A word that finds no room is lost, counted (place "crossing"): waiting for each other could stop both. So what a successor does
// again cannot go by the ring's content; it goes by the number of the word. Killed between the two stores, a word comes twice: naming
// an address twice is naming it once.
#include <string.h>
#include "live_run.h"

#define BODY_MAX 16384 // of SDP; RFC 3261 messages have a few hundred bytes

static bool told_already(struct lane_run *w)
{
    return ++w->crossed <= atomic_load_explicit(&w->lane->shared->crossed, memory_order_relaxed);
}

static void put_one(struct lane_run *w, uint32_t to, enum in_kind kind, int64_t at_us,
                    const void *head, size_t head_bytes, struct span body)
{
    struct xring_producer p = xring_producer(w->live->lane[to].inbox[w->no]);
    size_t n = head_bytes + body.n;
    uint8_t *at = n <= xring_largest(p.ring) ? xring_reserve(&p, n) : NULL;
    if (!at) {
        atomic_fetch_add(&w->lane->shared->cross_lost, 1);
        return;
    }
    if (head_bytes)
        memcpy(at, head, head_bytes);
    memcpy(at + head_bytes, body.p, body.n);
    xring_publish(&p, kind, n, at_us, 0);
    live_ring_bell(w->live->bell_fd[to]);
}

static void put_all(struct lane_run *w, enum in_kind kind, int64_t at_us, const void *head,
                    size_t head_bytes, struct span body)
{
    if (told_already(w))
        return;
    for (uint32_t i = 0; i < w->live->lanes; i++)
        if (i != w->no)
            put_one(w, i, kind, at_us, head, head_bytes, body);
    atomic_store_explicit(&w->lane->shared->crossed, w->crossed, memory_order_release);
}

void live_cross_sdp(void *ctx, int64_t at_us, struct span body)
{
    put_all(ctx, IN_SDP, at_us, NULL, 0, span_sub(body, 0, BODY_MAX));
}

void live_cross_rtcp(void *ctx, const struct pkt *p)
{
    struct in_rtcp head = {{p->src, p->sport}, {p->dst, p->dport}};
    put_all(ctx, IN_RTCP, p->at_us, &head, sizeof head, span_sub(p->payload, 0, BODY_MAX));
}

void live_cross_media(void *ctx, int64_t at_us, const struct sigmedia *m)
{
    put_all(ctx, IN_MEDIA, at_us, NULL, 0, span_of(m, sizeof *m));
}

// The words of a worker that is no longer ours: what they count and where they end is looked at here.
static bool media_is_whole(const struct sigmedia *m)
{
    bool whole = m->formats <= SIGMEDIA_FORMATS && (m->at.ip.family == 4 || m->at.ip.family == 6);
    for (uint32_t i = 0; whole && i < m->formats; i++)
        whole = memchr(m->format[i].codec, 0, sizeof m->format[i].codec) != NULL;
    return whole;
}

void live_cross_take(struct lane_run *w, const struct xring_record *rec, const uint8_t *payload)
{
    struct span body = span_of(payload, rec->bytes);
    struct in_rtcp head;
    struct sigmedia media;
    if (rec->kind == IN_SDP) {
        worker_sdp(w->worker, rec->a, body);
    } else if (rec->kind == IN_PAUSES && body.n == sizeof(struct pauses)) {
        static struct pauses p; // records stand on 32 bytes, and may be written while they are read
        memcpy(&p, body.p, sizeof p);
        worker_pauses(w->worker, &p);
    } else if (rec->kind == IN_RTCP && body.n >= sizeof head) {
        memcpy(&head, body.p, sizeof head);
        worker_rtcp(w->worker, &head.src, &head.dst, span_sub(body, sizeof head, SIZE_MAX));
    } else if (rec->kind == IN_MEDIA && body.n == sizeof media) {
        memcpy(&media, body.p, sizeof media);
        if (media_is_whole(&media))
            worker_media(w->worker, rec->a, &media);
    }
}
