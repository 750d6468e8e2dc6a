#include "wire/frag.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

static struct frag_table *table(uint32_t datagrams)
{
    struct frag_opts o = {.datagrams = datagrams, .max_bytes = 4096, .timeout_us = 1000};
    struct frag_table *t = frag_new(&o);
    assert_non_null(t);
    return t;
}

static struct pkt piece(struct ip4_fields f, struct span data, int64_t at_us)
{
    struct pkt p = {.at_us = at_us, .protocol = 17, .fragment = true};
    p.src.family = p.dst.family = 4;
    p.src.b[3] = (uint8_t)(f.src ? f.src : 1);
    p.dst.b[3] = (uint8_t)(f.dst ? f.dst : 2);
    p.ip_id = f.id;
    p.frag_offset = f.offset;
    p.more_fragments = f.more != 0;
    p.ip_payload = data;
    return p;
}

static bool feed(struct frag_table *t, struct ip4_fields f, const char *text, int64_t at_us,
                 struct pkt *ret, enum wire_event *event)
{
    struct span data = guard_new(span_str(text));
    *ret = piece(f, data, at_us);
    bool whole = frag_join(t, ret, event);
    guard_free(data);
    return whole;
}

#define A "AAAAAAAA"
#define B "BBBBBBBB"
#define C "CCCC"

static void any_order_joins(void **state)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char *const text[3] = {A, B, C};
    struct frag_table *t = table(4);
    (void)state;
    for (unsigned o = 0; o < 6; o++) {
        for (int i = 0; i < 3; i++) {
            int k = orders[o][i];
            struct pkt p;
            enum wire_event event;
            struct ip4_fields f = {.id = 100 + o, .offset = (unsigned)k * 8, .more = k < 2};
            bool whole = feed(t, f, text[k], 0, &p, &event);
            assert_int_equal(event, WIRE_NONE);
            assert_int_equal(whole, i == 2);
            if (whole) {
                assert_span(p.ip_payload, A B C);
                assert_false(p.fragment);
            }
        }
    }
    assert_int_equal(frag_stat(t).joined, 6);
    assert_int_equal(frag_stat(t).fragments, 18);
    frag_free(t);
}

// Trap 21: two hosts, the same identification, interleaved; also another protocol and another destination.
static void the_key_is_all_four(void **state)
{
    struct frag_table *t = table(4);
    struct pkt p;
    enum wire_event event;
    (void)state;
    assert_false(feed(t, (struct ip4_fields){.id = 7, .more = 1}, A, 0, &p, &event));
    assert_false(feed(t, (struct ip4_fields){.id = 7, .more = 1, .src = 9}, B, 0, &p, &event));
    assert_false(
        feed(t, (struct ip4_fields){.id = 7, .more = 1, .dst = 9}, "XXXXXXXX", 0, &p, &event));
    assert_true(feed(t, (struct ip4_fields){.id = 7, .offset = 8}, C, 0, &p, &event));
    assert_span(p.ip_payload, A C);
    assert_true(feed(t, (struct ip4_fields){.id = 7, .offset = 8, .src = 9}, C, 0, &p, &event));
    assert_span(p.ip_payload, B C);
    struct pkt tcp = piece((struct ip4_fields){.id = 8, .more = 1}, SPAN_LIT(A), 0);
    struct pkt udp = piece((struct ip4_fields){.id = 8, .offset = 8}, SPAN_LIT(C), 0);
    tcp.protocol = 6;
    assert_false(frag_join(t, &tcp, &event));
    assert_false(frag_join(t, &udp, &event));
    assert_int_equal(event, WIRE_NONE);
    frag_free(t);
}

// Two last pieces that end at different places, before what is between has come.
static void two_ends(void **state)
{
    struct frag_table *t = table(4);
    struct pkt p;
    enum wire_event event;
    (void)state;
    assert_false(feed(t, (struct ip4_fields){.id = 1, .offset = 64}, C, 0, &p, &event));
    assert_false(feed(t, (struct ip4_fields){.id = 1, .offset = 32}, C, 0, &p, &event));
    assert_int_equal(event, WIRE_FRAG_OVERLAP);
    assert_false(feed(t, (struct ip4_fields){.id = 2, .offset = 32}, C, 0, &p, &event));
    assert_false(feed(t, (struct ip4_fields){.id = 2, .offset = 64}, C, 0, &p, &event));
    assert_int_equal(event, WIRE_FRAG_OVERLAP);
    assert_false(feed(t, (struct ip4_fields){.id = 3, .offset = 32}, C, 0, &p, &event));
    assert_false(feed(t, (struct ip4_fields){.id = 3, .offset = 40, .more = 1}, A, 0, &p, &event));
    assert_int_equal(event, WIRE_FRAG_OVERLAP);
    frag_free(t);
}

// Trap 29 below IP: mirror ports give each packet twice.
static void doubles_are_harmless(void **state)
{
    struct frag_table *t = table(4);
    struct pkt p;
    enum wire_event event;
    struct ip4_fields first = {.id = 1, .more = 1}, last = {.id = 1, .offset = 8};
    (void)state;
    assert_false(feed(t, first, A, 0, &p, &event));
    assert_false(feed(t, first, A, 0, &p, &event));
    assert_int_equal(event, WIRE_NONE);
    assert_true(feed(t, last, C, 0, &p, &event));
    assert_false(feed(t, last, C, 1, &p, &event)); // swallowed, begins nothing
    assert_int_equal(event, WIRE_NONE);
    assert_int_equal(frag_stat(t).used, 1);
    assert_int_equal(frag_stat(t).refused, 0);
    // The identification comes again with other bytes: a new datagram.
    assert_false(feed(t, first, B, 2, &p, &event));
    assert_true(feed(t, last, C, 2, &p, &event));
    assert_span(p.ip_payload, B C);
    frag_free(t);
}

static void overlaps_drop_the_datagram(void **state)
{
    static const struct {
        const char *name;
        struct ip4_fields f;
        const char *text;
        enum wire_event event;
    } rows[] = {
        {"other bytes", {.id = 1, .more = 1}, B, WIRE_FRAG_OVERLAP},
        {"half over", {.id = 1, .more = 1, .offset = 0}, A A, WIRE_FRAG_OVERLAP},
        {"last one too short", {.id = 1}, "AAAA", WIRE_FRAG_OVERLAP},
        {"too long", {.id = 1, .offset = 4096}, C, WIRE_FRAG_TOO_LONG},
        {"teardrop", {.id = 1, .offset = 0}, "AAA", WIRE_FRAG_OVERLAP},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct frag_table *t = table(4);
        struct pkt p;
        enum wire_event event;
        assert_false(feed(t, (struct ip4_fields){.id = 1, .more = 1}, A, 0, &p, &event));
        assert_false(feed(t, rows[i].f, rows[i].text, 0, &p, &event));
        if (event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(event));
        // Nothing can complete it any more.
        assert_false(feed(t, (struct ip4_fields){.id = 1, .offset = 8}, C, 0, &p, &event));
        assert_int_equal(frag_stat(t).joined, 0);
        assert_int_equal(frag_stat(t).refused, 2);
        frag_free(t);
    }
}

static void bad_pieces_are_refused(void **state)
{
    struct frag_table *t = table(4);
    struct pkt p;
    enum wire_event event;
    (void)state;
    assert_false(feed(t, (struct ip4_fields){.id = 1, .more = 1}, "seven..", 0, &p, &event));
    assert_int_equal(event, WIRE_IP_TOTAL_LENGTH);
    assert_false(feed(t, (struct ip4_fields){.id = 1, .more = 1}, "", 0, &p, &event));
    assert_int_equal(event, WIRE_IP_TOTAL_LENGTH);
    p = piece((struct ip4_fields){.id = 1, .more = 1}, SPAN_LIT(A), 0);
    p.cut = true;
    assert_false(frag_join(t, &p, &event));
    assert_int_equal(event, WIRE_TRUNCATED);
    assert_int_equal(frag_stat(t).used, 0);
    assert_int_equal(frag_stat(t).refused, 3);
    frag_free(t);
}

static void too_many_pieces(void **state)
{
    struct frag_table *t = table(4);
    struct pkt p;
    enum wire_event event = WIRE_NONE;
    (void)state;
    for (unsigned i = 0; i <= 64; i++) {
        assert_int_equal(event, WIRE_NONE);
        assert_false(
            feed(t, (struct ip4_fields){.id = 1, .more = 1, .offset = i * 16}, A, 0, &p, &event));
    }
    assert_int_equal(event, WIRE_FRAG_TOO_MANY);
    frag_free(t);
}

// Fill the table, pass it, let it drain by time.
static void full_and_old(void **state)
{
    struct frag_table *t = table(4);
    struct pkt p;
    enum wire_event event;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_false(feed(t, (struct ip4_fields){.id = i, .more = 1}, A, i, &p, &event));
        assert_int_equal(event, WIRE_NONE);
    }
    assert_int_equal(frag_stat(t).used, 4);
    assert_false(feed(t, (struct ip4_fields){.id = 4, .more = 1}, A, 4, &p, &event));
    assert_int_equal(event, WIRE_FRAG_TABLE_FULL);
    assert_int_equal(frag_stat(t).evicted, 1);
    assert_int_equal(frag_stat(t).used, 4);
    // The oldest went: id 0 cannot be joined, id 1 can.
    assert_true(feed(t, (struct ip4_fields){.id = 1, .offset = 8}, C, 5, &p, &event));
    assert_false(feed(t, (struct ip4_fields){.id = 9, .more = 1}, A, 5000000, &p, &event));
    assert_int_equal(event, WIRE_FRAG_TIMEOUT);
    assert_int_equal(frag_stat(t).timed_out, 3);
    assert_int_equal(frag_stat(t).used, 1);
    // Capture time may also step back.
    assert_false(feed(t, (struct ip4_fields){.id = 10, .more = 1}, A, 0, &p, &event));
    assert_int_equal(event, WIRE_NONE);
    frag_free(t);
    assert_null(frag_free(NULL));
}

static void what_follows_the_join(void **state)
{
    struct frag_opts o = {0}; // defaults
    struct frag_table *t = frag_new(&o);
    struct bytes u = udp_make(1, 2, SPAN_LIT("inner"));
    struct bytes inner = ip4_make((struct ip4_fields){.protocol = 17, .src = 77}, bytes_span(&u));
    struct pkt p = piece((struct ip4_fields){.id = 1, .more = 1}, span_of(inner.b, 24), 0);
    enum wire_event event;
    (void)state;
    assert_non_null(t);
    assert_int_equal(frag_stat(t).slots, 256);
    p.protocol = 4; // a fragmented tunnel packet
    assert_false(frag_join(t, &p, &event));
    p = piece((struct ip4_fields){.id = 1, .offset = 24}, span_of(inner.b + 24, inner.n - 24), 0);
    p.protocol = 4;
    assert_true(frag_join(t, &p, &event));
    assert_int_equal(p.protocol, 17);
    assert_int_equal(p.src.b[3], 77);
    assert_int_equal(l4_parse(&p), WIRE_NONE);
    assert_span(p.payload, "inner");
    // IPv6 with destination options behind the fragment header.
    struct bytes d = {.n = 0};
    put8(&d, 17);
    put_zero(&d, 7);
    put(&d, bytes_span(&u));
    p = piece((struct ip4_fields){.id = 2, .more = 1}, span_of(d.b, 8), 0);
    p.protocol = 60;
    p.src.family = p.dst.family = 6;
    assert_false(frag_join(t, &p, &event));
    p = piece((struct ip4_fields){.id = 2, .offset = 8}, span_of(d.b + 8, d.n - 8), 0);
    p.protocol = 60;
    p.src.family = p.dst.family = 6;
    assert_true(frag_join(t, &p, &event));
    assert_int_equal(l4_parse(&p), WIRE_NONE);
    assert_span(p.payload, "inner");
    frag_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_joins),
        cmocka_unit_test(the_key_is_all_four),
        cmocka_unit_test(two_ends),
        cmocka_unit_test(doubles_are_harmless),
        cmocka_unit_test(overlaps_drop_the_datagram),
        cmocka_unit_test(bad_pieces_are_refused),
        cmocka_unit_test(too_many_pieces),
        cmocka_unit_test(full_and_old),
        cmocka_unit_test(what_follows_the_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
