#include "outbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/stat.h"
#include "outbox_priv.h"
#include "tests/support/test.h"

struct got {
    unsigned sig_batches, rtp_batches;
    size_t most_events, counters;
    size_t events, packets, bytes, largest_packed, infos, ended, losses;
    bool end_of_input;
    int answer;
};

static void packed(struct got *g, const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    if (n > g->largest_packed)
        g->largest_packed = n;
}

static int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct got *g = ctx;
    packed(g, &b->base);
    g->sig_batches++;
    g->events += b->n_events;
    g->most_events = b->n_events > g->most_events ? b->n_events : g->most_events;
    for (size_t i = 0; i < b->n_events; i++)
        if (b->events[i]->event_case == CALLMESH__V1__SIG_EVENT__EVENT_TICK)
            g->counters = b->events[i]->tick->n_counters;
    return g->answer;
}

static int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct got *g = ctx;
    packed(g, &b->base);
    g->rtp_batches++;
    g->packets += b->index.len / 20;
    g->bytes += b->data.len;
    g->infos += b->n_streams;
    g->ended += b->n_ended;
    g->losses += b->n_losses;
    g->end_of_input = b->end_of_input;
    return g->answer;
}

static struct outbox *box(struct got *g)
{
    *g = (struct got){0};
    struct outbox *o = outbox_new(&(struct outbox_sink){.sig = on_sig, .rtp = on_rtp, .ctx = g});
    assert_non_null(o);
    return o;
}

static uint8_t bytes[70000] = {0x80};

// However large or small the pieces, nothing is left behind and no batch comes near the bus's largest message.
static void batches_close_when_full(void **state)
{
    (void)state;
    static const size_t sizes[] = {12, 13, 172, 1400, 9000, 65535, 70000};
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        struct got g;
        struct outbox *o = box(&g);
        struct pkt p = {.src.family = 6, .dst.family = 6, .protocol = 17};
        for (unsigned i = 0; i < 6000; i++) {
            outbox_media(o, 1, i, span_of(bytes, sizes[k]), false);
            outbox_sip(o, &p, span_of(bytes, sizes[k]), false, i);
        }
        outbox_close_all(o);
        assert_int_equal(g.packets, 6000);
        assert_int_equal(g.events, 6000);
        assert_int_equal(g.bytes, 6000 * (sizes[k] < 65535 ? sizes[k] : 65535));
        assert_in_range(g.largest_packed, 1, 200000);
        outbox_free(o);
    }
}

static void each_kind_of_slot_overflows(void **state)
{
    (void)state;
    struct got g;
    struct outbox *o = box(&g);
    struct stream s = {.family = 4, .no = 1};
    struct stream_cold c = {.payload_types = STREAM_PAYLOAD_TYPES_MAX, .rtcp.packets = 1};
    static struct play p;
    for (unsigned i = 0; i < 5000; i++) {
        outbox_stream_info(o, &s, &c);
        outbox_stream_ended(o, 1);
        outbox_loss(o, &(struct outbox_loss){.place = "kernel", .count = 1}, true);
        outbox_report(o, &s, &c, &p, false);
        outbox_tick(o, i, true);
    }
    outbox_end(o, &(struct outbox_end){0});
    assert_int_equal(g.infos, 5000);
    assert_int_equal(g.ended, 5000);
    assert_int_equal(g.losses, 5000);
    assert_int_equal(g.events, 3 * 5000 + 1);
    assert_true(g.end_of_input);
    outbox_free(o);
}

// Events of other signalling have fewer places than others: the batch goes when these are taken.
static void other_signalling_fills_its_places(void **state)
{
    (void)state;
    struct got g;
    struct outbox *o = box(&g);
    static struct sigcall c;
    struct sigcall_event e = {.message = "SETUP", .kind = SIGKIND_SETUP};
    for (unsigned i = 0; i < SIGNALLING_SLOTS; i++)
        outbox_signalling(o, &c, &e, i);
    assert_int_equal(g.sig_batches, 0);
    outbox_signalling(o, &c, &e, SIGNALLING_SLOTS);
    assert_int_equal(g.sig_batches, 1);
    assert_int_equal(g.most_events, SIGNALLING_SLOTS);
    for (unsigned i = 1; i < 1000; i++)
        outbox_signalling(o, &c, &e, i);
    outbox_close_all(o);
    assert_int_equal(g.events, SIGNALLING_SLOTS + 1000);
    assert_int_equal(g.most_events, SIGNALLING_SLOTS);
    outbox_free(o);
}

static void add(void *ctx, const struct stat_def *def, uint64_t value)
{
    uint64_t *n = ctx;
    n[0]++;
    if (strcmp(def->name, "capture_counters_untold") == 0)
        n[1] = value;
}

// More counters than a Tick has places: the first are told, the rest is counted.
static void counters_of_a_tick_are_bounded(void **state)
{
    (void)state;
    static struct stat_def def[COUNTERS_MAX + 10];
    static struct stat_cell cell[COUNTERS_MAX + 10];
    struct got g;
    struct outbox *o = box(&g);
    outbox_tick(o, 1, true);
    outbox_close_all(o);
    size_t some = g.counters;
    assert_in_range(some, 1, COUNTERS_MAX - 1);
    for (size_t i = 0; i < COUNT_OF(def); i++)
        def[i] = (struct stat_def){"test_total", NULL, "of the test", STAT_COUNTER};
    stat_register(def, cell, COUNTERS_MAX - some);
    outbox_tick(o, 2, true);
    outbox_close_all(o);
    assert_int_equal(g.counters, COUNTERS_MAX);
    uint64_t n[2] = {0};
    stat_each(add, n);
    assert_int_equal(n[0], COUNTERS_MAX);
    assert_int_equal(n[1], 0);
    stat_register(def + 1, cell + 1, 10);
    outbox_tick(o, 3, true);
    outbox_close_all(o);
    assert_int_equal(g.counters, COUNTERS_MAX);
    stat_each(add, n);
    assert_int_equal(n[1], 10);
    outbox_free(o);
}

static void batches_close_when_old(void **state)
{
    (void)state;
    struct got g;
    struct outbox *o = box(&g);
    outbox_close_old(o, 1000000);
    outbox_tick(o, 1, false);
    outbox_media(o, 1, 1, span_of(bytes, 172), false);
    outbox_close_old(o, 1000000 + OUTBOX_SIG_AGE_US - 1);
    assert_int_equal(g.sig_batches, 0);
    outbox_close_old(o, 1000000 + OUTBOX_SIG_AGE_US);
    assert_int_equal(g.sig_batches, 1);
    assert_int_equal(g.rtp_batches, 0);
    outbox_close_old(o, 1000000 + OUTBOX_RTP_AGE_US);
    assert_int_equal(g.rtp_batches, 1);
    outbox_close_old(o, 9000000); // nothing there: nothing is sent
    assert_int_equal(g.sig_batches + g.rtp_batches, 2);
    outbox_free(o);
}

static void a_sink_that_stopped_is_not_asked_again(void **state)
{
    (void)state;
    struct got g;
    struct outbox *o = box(&g);
    g.answer = -ECANCELED;
    for (unsigned i = 0; i < 5; i++) {
        outbox_media(o, 1, 1, span_of(bytes, 172), false);
        outbox_close_all(o);
    }
    assert_int_equal(g.rtp_batches, 1);
    assert_int_equal(outbox_error(o), -ECANCELED);
    outbox_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_close_when_full),
        cmocka_unit_test(each_kind_of_slot_overflows),
        cmocka_unit_test(other_signalling_fills_its_places),
        cmocka_unit_test(counters_of_a_tick_are_bounded),
        cmocka_unit_test(batches_close_when_old),
        cmocka_unit_test(a_sink_that_stopped_is_not_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
