#include "books.h"

enum {
    OFF_WIRE,
    OFF_WAYS,
    OFF_HANDED,
    SEEN,
    RESTARTS,
    FAULTS,
    RESETS,
    PARKED,
    PARK_REFUSED,
    SENDER_RESTARTS,
    HANDOVER,
    HANDOVER_BROKEN,
    WAITING,
    CELLS
};

static const struct stat_def defs[CELLS] = {
    [OFF_WIRE] = {"capture_books_off", "book=\"wire\"",
                  "packets that are neither read nor counted as dropped, or read twice; must be 0",
                  STAT_GAUGE},
    [OFF_WAYS] = {"capture_books_off", "book=\"ways\"", "packets on no way or on two; must be 0",
                  STAT_GAUGE},
    [OFF_HANDED] = {"capture_books_off", "book=\"handed\"",
                    "batches and packets lost or doubled between worker and sender; must be 0",
                    STAT_GAUGE},
    [SEEN] = {"capture_kernel_packets_total", NULL,
              "packets that passed the filter, with those the kernel dropped", STAT_COUNTER},
    [RESTARTS] = {"capture_worker_restarts_total", NULL, "workers that died and were succeeded",
                  STAT_COUNTER},
    [FAULTS] = {"capture_worker_faults_total", NULL, "of these, by a crash or an endless step",
                STAT_COUNTER},
    [RESETS] = {"capture_worker_resets_total", NULL, "workers that had to begin with empty tables",
                STAT_COUNTER},
    [PARKED] = {"capture_worker_parked_total", NULL, "states parked for a successor", STAT_COUNTER},
    [PARK_REFUSED] = {"capture_worker_park_refused_total", NULL,
                      "states not parked, for no process could be made; tried again", STAT_COUNTER},
    [SENDER_RESTARTS] = {"capture_sender_restarts_total", NULL, "senders that died", STAT_COUNTER},
    [HANDOVER] = {"capture_handover_bytes", NULL,
                  "batches between workers and sender, with those not yet stored", STAT_GAUGE},
    [HANDOVER_BROKEN] = {"capture_handover_broken_total", NULL,
                         "places in that ring where no record could be: a worker wrote nonsense",
                         STAT_COUNTER},
    [WAITING] = {"capture_ring_waiting_blocks", NULL, "blocks of the kernel's rings not yet read",
                 STAT_GAUGE},
};
static struct stat_cell cells[CELLS];

void books_register(void)
{
    stat_register(defs, cells, CELLS);
}

void books_batch(struct books *b, uint32_t lane, bool media, uint64_t packets)
{
    struct book_lane *k = &b->lane[lane];
    k->sig_batches += !media;
    k->rtp_batches += media;
    k->rtp_packets += packets;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint64_t books_ways_off(const struct capture_counts *c)
{
    uint64_t sum = c->n[CAPTURE_DROP_WORKER] + c->n[CAPTURE_DUPLICATES] + c->n[CAPTURE_DTLS] +
                   c->n[CAPTURE_STUN] + c->n[CAPTURE_TURN];
    for (size_t i = CAPTURE_WAY_SIP; i <= CAPTURE_WAY_HEP; i++)
        sum += c->n[i];
    return apart(sum, c->n[CAPTURE_PACKETS]);
}

static uint64_t in_ring(const struct live *l, uint32_t lane, uint32_t *ret_blocks)
{
    const struct tpring *r = &l->lane[lane].ring;
    uint64_t from = atomic_load(&l->lane[lane].shared->begun_blocks), packets = 0;
    uint32_t n = tpring_waiting(r, from);
    for (uint32_t i = 0; i < n; i++)
        packets += tpring_packets(r, from + i);
    *ret_blocks = n;
    return packets;
}

// What the kernel had delivered at the last tick must have been read by now; what had been read then, delivered.
static void wire(struct book_lane *k, const struct live *l, uint32_t lane, uint64_t read)
{
    const struct lane_shared *s = l->lane[lane].shared;
    uint64_t delivered = atomic_load(&s->kernel_seen) - atomic_load(&s->kernel_dropped);
    uint32_t blocks;
    k->wire_off = above(k->delivered, read + in_ring(l, lane, &blocks)) + above(k->read, delivered);
    k->delivered = delivered;
    k->read = read;
}

void books_tick(struct books *b, const struct live *l, uint32_t lane, const struct lane_tick *t)
{
    struct book_lane *k = &b->lane[lane];
    // A worker without forerunner counts from 0 again; a new sender has not seen the beginning.
    bool known = k->begun && t->sig_batches >= k->told_sig && t->rtp_batches >= k->told_rtp;
    if (known)
        k->handed_off = apart(t->sig_batches - k->told_sig, k->sig_batches) +
                        apart(t->rtp_batches - k->told_rtp, k->rtp_batches) +
                        apart(t->rtp_packets - k->told_packets, k->rtp_packets);
    wire(k, l, lane, t->input_packets[0]);
    k->ways_off = books_ways_off(&t->counts);
    k->told_sig = t->sig_batches;
    k->told_rtp = t->rtp_batches;
    k->told_packets = t->rtp_packets;
    k->sig_batches = k->rtp_batches = k->rtp_packets = 0;
    k->begun = true;
}

void books_publish(const struct books *b, const struct live *l)
{
    uint64_t v[CELLS] = {0};
    for (uint32_t i = 0; i < l->lanes; i++) {
        const struct lane_shared *s = l->lane[i].shared;
        uint32_t blocks;
        v[OFF_WIRE] += b->lane[i].wire_off;
        v[OFF_WAYS] += b->lane[i].ways_off;
        v[OFF_HANDED] += b->lane[i].handed_off;
        v[SEEN] += atomic_load(&s->kernel_seen);
        v[RESTARTS] += atomic_load(&s->heirs.restarts);
        v[FAULTS] += atomic_load(&s->heirs.faults);
        v[RESETS] += atomic_load(&s->heirs.resets);
        v[PARKED] += atomic_load(&s->heirs.parked);
        v[PARK_REFUSED] += atomic_load(&s->heirs.fork_failed);
        v[HANDOVER] += xring_used(l->lane[i].out);
        v[HANDOVER_BROKEN] += b->lane[i].broken;
        (void)in_ring(l, i, &blocks);
        v[WAITING] += blocks;
    }
    v[SENDER_RESTARTS] = atomic_load(&l->shared->sender_restarts);
    for (size_t i = 0; i < CELLS; i++)
        stat_set(&cells[i], v[i]);
}
