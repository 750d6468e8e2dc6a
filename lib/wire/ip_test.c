#include "tests/support/test.h"
#include "wire/wire_testing.h"

static enum wire_event parse(struct span ip, struct pkt *p)
{
    struct span guarded = guard_new(ip);
    *p = (struct pkt){.cut = true};
    enum wire_event event = ip_parse(guarded, p);
    if (event == WIRE_NONE)
        event = p->fragment ? WIRE_NONE : l4_parse(p);
    if (event == WIRE_NONE && p->payload.n > 0) { // the views go on into the caller's bytes
        p->payload = span_of(ip.p + (p->payload.p - guarded.p), p->payload.n);
        p->ip_payload = span_of(ip.p + (p->ip_payload.p - guarded.p), p->ip_payload.n);
    }
    guard_free(guarded);
    return event;
}

static struct bytes plain_udp(const char *text)
{
    struct bytes u = udp_make(1000, 2000, span_str(text));
    return ip4_make((struct ip4_fields){.protocol = 17, .id = 7}, bytes_span(&u));
}

static void ip4_udp_and_tcp(void **state)
{
    struct pkt p;
    struct bytes b = plain_udp("hello");
    (void)state;
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_span(p.payload, "hello");
    assert_int_equal(p.sport, 1000);
    assert_int_equal(p.dport, 2000);
    assert_int_equal(p.ttl, 64);
    assert_int_equal(p.ip_id, 7);
    assert_false(p.cut || p.fragment || p.tunnels);
    struct bytes t = tcp_make(1, 2, 0xfffffff0, 0x18, SPAN_LIT("abc"));
    b = ip4_make((struct ip4_fields){.protocol = 6}, bytes_span(&t));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_span(p.payload, "abc");
    assert_int_equal(p.tcp_seq, 0xfffffff0);
    assert_int_equal(p.tcp_flags, 0x18);
}

static void padding_offload_and_snap_length(void **state)
{
    struct pkt p;
    struct bytes b = plain_udp("hello");
    (void)state;
    put(&b, SPAN_LIT("\0\0\0\0ethernet padding"));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_span(p.payload, "hello");
    b = plain_udp("hello");
    b.b[2] = b.b[3] = 0; // segmentation offload: no total length, no UDP length
    b.b[24] = b.b[25] = 0;
    put(&b, SPAN_LIT(" world"));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_span(p.payload, "hello world");
    b = plain_udp("hello");
    b.n -= 2; // the capture stopped earlier
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_true(p.cut);
    assert_span(p.payload, "hel");
    b.n = 24; // within the UDP header
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_TRUNCATED);
}

static void ip4_flaws(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        enum wire_event event;
    } rows[] = {
        {"version 5", 0, 0x55, WIRE_IP_VERSION},
        {"header of 16", 0, 0x44, WIRE_IP_HEADER_LENGTH},
        {"header longer than the packet", 0, 0x4f, WIRE_IP_SHORT},
        {"total below header", 3, 19, WIRE_IP_TOTAL_LENGTH},
        {"ICMP", 9, 1, WIRE_IP_NOT_UDP_TCP},
        {"UDP length 7", 25, 7, WIRE_UDP_LENGTH},
        {"UDP length beyond", 25, 200, WIRE_UDP_LENGTH},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = plain_udp("hello");
        struct pkt p;
        b.b[rows[i].at] = rows[i].value;
        enum wire_event event = parse(bytes_span(&b), &p);
        if (event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(event));
    }
    struct pkt p;
    struct bytes t = tcp_make(1, 2, 3, 4, SPAN_LIT(""));
    t.b[12] = 0x40;
    struct bytes b = ip4_make((struct ip4_fields){.protocol = 6}, bytes_span(&t));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_TCP_HEADER_LENGTH);
    t.b[12] = 0x60;
    b = ip4_make((struct ip4_fields){.protocol = 6}, bytes_span(&t));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_TCP_HEADER_LENGTH);
}

static void ip4_options_are_passed(void **state)
{
    struct bytes u = udp_make(1, 2, SPAN_LIT("opt")), b = {.n = 0}, whole = plain_udp("opt");
    struct pkt p;
    (void)state;
    put(&b, span_of(whole.b, 20));
    put(&b, SPAN_LIT("\x94\x04\0\0")); // router alert
    put(&b, bytes_span(&u));
    b.b[0] = 0x46;
    b.b[3] = (uint8_t)b.n;
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_span(p.payload, "opt");
}

// One byte shorter at every length, as a capture would cut it.
static void cut_at_every_length(void **state)
{
    struct bytes u = udp_make(1, 2, SPAN_LIT("payload")), d = {.n = 0};
    struct pkt p;
    (void)state;
    put8(&d, 17); // destination options in front
    put_zero(&d, 7);
    put(&d, bytes_span(&u));
    struct bytes kinds[] = {plain_udp("payload"), ip6_make(60, bytes_span(&d)), {.n = 0}};
    struct bytes t = tcp_make(1, 2, 3, 4, SPAN_LIT("payload"));
    kinds[2] = ip4_make((struct ip4_fields){.protocol = 6}, bytes_span(&t));
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        for (size_t n = 0; n < kinds[k].n; n++) {
            enum wire_event event = parse(span_of(kinds[k].b, n), &p);
            if (n + 7 < kinds[k].n)
                assert_true(event == WIRE_IP_SHORT || event == WIRE_TRUNCATED);
            else
                assert_true(event == WIRE_NONE && p.cut && p.payload.n == 7 - (kinds[k].n - n));
        }
    }
}

static struct bytes extension(unsigned next, unsigned length_field, size_t bytes,
                              const struct bytes *inner)
{
    struct bytes b = {.n = 0};
    put8(&b, next);
    put8(&b, length_field);
    put_zero(&b, bytes - 2);
    put(&b, bytes_span(inner));
    return b;
}

static void ip6_extension_headers(void **state)
{
    struct bytes u = udp_make(1, 2, SPAN_LIT("six")), chain = u, b;
    struct pkt p;
    unsigned next = 17;
    (void)state;
    chain = extension(next, 4, 24, &chain); // AH
    chain = extension(51, 0, 8, &chain);    // destination options
    chain = extension(60, 1, 16, &chain);   // routing
    chain = extension(43, 0, 8, &chain);    // hop by hop
    b = ip6_make(0, bytes_span(&chain));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_span(p.payload, "six");
    assert_int_equal(p.src.family, 6);
    assert_int_equal(p.src.b[15], 1);
    assert_int_equal(p.dst.b[15], 2);
    chain = u;
    next = 17;
    for (int i = 0; i < 8; i++, next = 60)
        chain = extension(next, 0, 8, &chain);
    b = ip6_make(60, bytes_span(&chain));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    chain = extension(60, 0, 8, &chain);
    b = ip6_make(60, bytes_span(&chain));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_IP6_EXTENSION);
    chain = extension(17, 200, 8, &u); // longer than the packet
    b = ip6_make(60, bytes_span(&chain));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_IP6_EXTENSION);
    b = ip6_make(59, bytes_span(&u)); // no next header
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_IP_NOT_UDP_TCP);
}

static void fragments_are_named_not_read(void **state)
{
    struct bytes u = udp_make(1, 2, SPAN_LIT("0123456789abcdef")), b, f = {.n = 0};
    struct pkt p;
    (void)state;
    b = ip4_make((struct ip4_fields){.protocol = 17, .id = 5, .offset = 8, .more = 1},
                 span_of(u.b + 8, 8));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_true(p.fragment && p.more_fragments && p.frag_offset == 8 && p.ip_id == 5);
    assert_int_equal(p.ip_payload.n, 8);
    b = ip4_make((struct ip4_fields){.protocol = 17, .id = 5, .offset = 65528}, span_of(u.b, 4));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_true(p.fragment && !p.more_fragments && p.frag_offset == 65528);
    put16(&f, 17 << 8);
    put16(&f, 16 | 1);
    put32(&f, 0xdeadbeef);
    put(&f, span_of(u.b, 8));
    b = ip6_make(44, bytes_span(&f));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_true(p.fragment && p.more_fragments && p.frag_offset == 16 && p.ip_id == 0xdeadbeef);
    assert_int_equal(p.protocol, 17);
    f.n = 0; // an atomic fragment is a whole packet
    put16(&f, 17 << 8);
    put16(&f, 0);
    put32(&f, 1);
    put(&f, bytes_span(&u));
    b = ip6_make(44, bytes_span(&f));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_false(p.fragment);
    assert_span(p.payload, "0123456789abcdef");
}

static void tunnels_are_unwrapped(void **state)
{
    struct bytes b = plain_udp("in"), six;
    struct pkt p;
    (void)state;
    b.b[12] = 10; // the addresses that count are the inner ones
    for (unsigned i = 1; i <= TUNNELS_MAX; i++) {
        b = ip4_make((struct ip4_fields){.protocol = 4}, bytes_span(&b));
        assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
        assert_int_equal(p.tunnels, i);
        assert_int_equal(p.src.b[0], 10);
        assert_span(p.payload, "in");
    }
    b = ip4_make((struct ip4_fields){.protocol = 4}, bytes_span(&b));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_TUNNEL_DEPTH);
    struct bytes u = udp_make(1, 2, SPAN_LIT("6in4"));
    six = ip6_make(17, bytes_span(&u));
    b = ip4_make((struct ip4_fields){.protocol = 41}, bytes_span(&six));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_NONE);
    assert_int_equal(p.src.family, 6);
    assert_span(p.payload, "6in4");
    b = ip4_make((struct ip4_fields){.protocol = 4}, SPAN_LIT("\x45\0\0"));
    assert_int_equal(parse(bytes_span(&b), &p), WIRE_TUNNEL_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4_udp_and_tcp),
        cmocka_unit_test(padding_offload_and_snap_length),
        cmocka_unit_test(ip4_flaws),
        cmocka_unit_test(ip4_options_are_passed),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(ip6_extension_headers),
        cmocka_unit_test(fragments_are_named_not_read),
        cmocka_unit_test(tunnels_are_unwrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
