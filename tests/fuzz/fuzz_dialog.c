// The machines of callstate: messages of two Call-IDs from three parties in any order, ticks, ends of input and restarts; tables are tiny,
// so each of them overflows. After each step: what hangs on what holds together, times are in order, and the calls read back from their
// blobs tell the same story. Input: 3 bytes a step.
#include <stdio.h>
#include "story_kit.h"
#include "fuzz.h"

static void step(struct kit *k, uint8_t what, uint8_t how, uint8_t wait, double *now)
{
    static const char *const methods[] = {"INVITE", "ACK",   "BYE", "CANCEL", "UPDATE", "PRACK",
                                          "INFO",   "REFER", "100", "180",    "183",    "200",
                                          "401",    "408",   "486", "487"};
    static const char *const ways[] = {"A>B", "B>A", "A>P", "P>B", "B>P", "P>A", "A>C", "C>A"};
    char line[256];
    *now += wait * (wait & 0x80 ? 1.0 : 0.01);
    if ((what & 0xf0) == 0xf0) {
        if (how & 1)
            (void)snprintf(line, sizeof line, "%f tick", *now);
        else if (how & 2)
            (void)snprintf(line, sizeof line, "%f rtp 10.0.0.1:4000>10.0.0.2:6000 ssrc=%d n=%d%s",
                           *now, how & 12, how, how & 16 ? " ended" : "");
        else if (how == 0xfc)
            (void)snprintf(line, sizeof line, "%f end", *now);
        else if (how == 0xf8)
            (void)snprintf(line, sizeof line, "drop");
        else
            return;
    } else {
        (void)snprintf(line, sizeof line, "%f %s %s id=%s f=%s n=%d%s%s%s", *now,
                       ways[what >> 4 & 7], methods[what & 15], how & 1 ? "one" : "two",
                       how & 2 ? "f" : "g", 1 + (how >> 2 & 3),
                       how & 16   ? " t=b"
                       : how & 32 ? " t=c"
                                  : "",
                       how & 64 ? " sdp=4000" : "", how & 128 ? " m=INVITE z=z9hG4bKz" : "");
    }
    kit_line(k, line);
}

static void invariants(const struct world *w)
{
    size_t legs = 0;
    for (size_t i = 0; i < w->lim.calls; i++) {
        const struct call *c = slab_at(w->calls, i);
        if (!c)
            continue;
        fuzz_check(c->legs != NULL && c->state <= CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED);
        fuzz_check(!c->ended_us || c->ended_us >= c->started_us);
        fuzz_check(!c->answered_us || c->answered_us >= c->started_us);
        for (const struct leg *l = c->legs; l; l = l->next) {
            fuzz_check(l->call == c && ++legs <= w->lim.legs);
            fuzz_check(!l->ended_us || l->ended_us >= l->started_us);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kit k;
    static struct batch *batch; // large: kept for the next input
    struct limits lim = kit_limits();
    struct cur c = cur_of(span_of(data, size < 600 ? size : 600));
    double now = 0;
    lim.calls = 3;
    lim.legs = 5;
    lim.addresses = 4;
    lim.pending = 2;
    lim.streams = 3;
    if (!batch)
        batch = batch_new(24, lim.publishers);
    k = (struct kit){.w = world_new(&lim), .batch = batch};
    fuzz_check(k.w && k.batch);
    k.w->batch = k.batch;
    k.w->wall_us = KIT_T0;
    k.in = (struct intake){.w = k.w, .seal = kit_seal, .ctx = &k};
    while (cur_left(&c) >= 3) {
        uint8_t what = cur_u8(&c), how = cur_u8(&c), wait = cur_u8(&c);
        step(&k, what, how, wait, &now);
        invariants(k.w);
    }
    kit_sweep(&k);
    invariants(k.w);
    batch = k.batch; // a restart has made another
    batch_reset(batch);
    world_free(k.w);
    return 0;
}
