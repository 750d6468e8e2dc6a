// Over 450 lines because one table of encapsulations serves every test here: each alone, in pairs, cut, spoilt.
#include "tests/support/test.h"
#include "wire/frag.h"
#include "wire/wire_testing.h"

#define MAC "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc"

enum outer {
    OVER_ETHERNET, // EtherType
    OVER_IP,       // protocol
    OVER_UDP,      // port
};

// One encapsulation: header between the outer packet and the inner one; `frame`: an Ethernet frame stands inside.
struct kind {
    const char *name;
    enum outer outer;
    unsigned number;
    struct span head;
    bool frame;
    uint8_t tunnels;
};

#define FRAME .frame = true
static const struct kind kinds[] = {
    {"IPIP", OVER_IP, 4, SPAN_LIT(""), .tunnels = 1},
    {"GRE", OVER_IP, 47, SPAN_LIT("\0\0\x08\0"), .tunnels = 1},
    {"GRE, checksum", OVER_IP, 47, SPAN_LIT("\x80\0\x08\0\1\2\0\0"), .tunnels = 1},
    {"GRE, key", OVER_IP, 47, SPAN_LIT("\x20\0\x08\0kkkk"), .tunnels = 1},
    {"GRE, sequence", OVER_IP, 47, SPAN_LIT("\x10\0\x08\0ssss"), .tunnels = 1},
    {"GRE, all", OVER_IP, 47, SPAN_LIT("\xb0\0\x08\0cc\0\0kkkkssss"), .tunnels = 1},
    {"GRE, Ethernet", OVER_IP, 47, SPAN_LIT("\x20\0\x65\x58kkkk"), FRAME, .tunnels = 1},
    {"GRE, MPLS", OVER_IP, 47, SPAN_LIT("\0\0\x88\x47\0\1\0\x40\0\2\1\x40"), .tunnels = 2},
    {"GRE, PPP", OVER_IP, 47, SPAN_LIT("\0\0\x88\x0b\0\x21"), .tunnels = 1},
    {"PPTP", OVER_IP, 47, SPAN_LIT("\x30\1\x88\x0b\xff\xff\0\7ssss\xff\3\0\x21"), .tunnels = 1},
    {"PPTP, acknowledged, short protocol", OVER_IP, 47,
     SPAN_LIT("\x30\x81\x88\x0b\xff\xff\0\7ssssaaaa\x21"), .tunnels = 1},
    {"ERSPAN I", OVER_IP, 47, SPAN_LIT("\0\0\x88\xbe"), FRAME, .tunnels = 1},
    {"ERSPAN II", OVER_IP, 47, SPAN_LIT("\x10\0\x88\xbessss\x10\1\0\5\0\0\0\1"), FRAME,
     .tunnels = 1},
    {"ERSPAN III", OVER_IP, 47, SPAN_LIT("\x10\0\x22\xebssss\x20\1\0\5tttt\0\0\0\0"), FRAME,
     .tunnels = 1},
    {"ERSPAN III, subheader", OVER_IP, 47,
     SPAN_LIT("\x10\0\x22\xebssss\x20\1\0\5tttt\0\0\0\1pppppppp"), FRAME, .tunnels = 1},
    {"ERSPAN III, IP", OVER_IP, 47, SPAN_LIT("\x10\0\x22\xebssss\x20\1\0\5tttt\0\0\x08\0"),
     .tunnels = 1},
    {"GTP-U", OVER_UDP, 2152, SPAN_LIT("\x30\xffLLtttt"), .tunnels = 1},
    {"GTP-U, sequence", OVER_UDP, 2152, SPAN_LIT("\x32\xffLLtttt\0\1\0\0"), .tunnels = 1},
    {"GTP-U, extensions", OVER_UDP, 2152, SPAN_LIT("\x36\xffLLtttt\0\1\0\x85\1\0\1\x40\2xxxxxx\0"),
     .tunnels = 1},
    {"VXLAN", OVER_UDP, 4789, SPAN_LIT("\x08\0\0\0vvv\0"), FRAME, .tunnels = 1},
    {"VXLAN, old port", OVER_UDP, 8472, SPAN_LIT("\x08\0\0\0vvv\0"), FRAME, .tunnels = 1},
    {"VXLAN, group policy", OVER_UDP, 4789, SPAN_LIT("\x88\x08\0\5vvv\0"), FRAME, .tunnels = 1},
    {"GENEVE", OVER_UDP, 6081, SPAN_LIT("\0\0\x65\x58vvv\0"), FRAME, .tunnels = 1},
    {"GENEVE, IP", OVER_UDP, 6081, SPAN_LIT("\0\0\x08\0vvv\0"), .tunnels = 1},
    {"GENEVE, options", OVER_UDP, 6081,
     SPAN_LIT("\4\x40\x65\x58vvv\0\1\x08\1\1aaaa\1\x08\2\0\1\x08\3\0"), FRAME, .tunnels = 1},
    {"L2TP", OVER_UDP, 1701, SPAN_LIT("\0\2ttss\xff\3\0\x21"), .tunnels = 1},
    {"L2TP, all", OVER_UDP, 1701, SPAN_LIT("\x4a\2LLttssnnrr\0\3ooo\0\x21"), .tunnels = 1},
    {"TZSP", OVER_UDP, 37008, SPAN_LIT("\1\0\0\1\1"), FRAME, .tunnels = 1},
    {"TZSP, tags", OVER_UDP, 37008, SPAN_LIT("\1\0\0\1\x0a\1\x2a\0\x29\2\5\x14\1"), FRAME,
     .tunnels = 1},
    {"VXLAN, PPPoE", OVER_UDP, 4789, SPAN_LIT("\x08\0\0\0vvv\0" MAC "\x88\x64\x11\0\0\1\0\0\0\x21"),
     .tunnels = 2},
    {"VXLAN, VLANs", OVER_UDP, 4789, SPAN_LIT("\x08\0\0\0vvv\0" MAC "\x88\xa8\0\1\x81\0\0\2\x08\0"),
     .tunnels = 1},
    {"GRE, MPLS, pseudo-wire", OVER_IP, 47, SPAN_LIT("\0\0\x88\x47\0\1\1\x40"), FRAME,
     .tunnels = 2},
    {"GRE, MPLS, control word", OVER_IP, 47, SPAN_LIT("\0\0\x88\x47\0\1\1\x40\0\0\0\x09"), FRAME,
     .tunnels = 2},
};
static const struct kind on_the_link[] = {
    {"PPPoE", OVER_ETHERNET, 0x8864, SPAN_LIT("\x11\0\0\1\0\0\0\x21"), .tunnels = 1},
    {"MPLS", OVER_ETHERNET, 0x8847, SPAN_LIT("\0\1\1\x40"), .tunnels = 1},
    {"MPLS, three labels", OVER_ETHERNET, 0x8848, SPAN_LIT("\0\1\0\x40\0\1\0\x40\0\1\1\x40"),
     .tunnels = 1},
    {"MPLS, pseudo-wire", OVER_ETHERNET, 0x8847, SPAN_LIT("\0\1\1\x40"), FRAME, .tunnels = 1},
    {"MPLS, control word", OVER_ETHERNET, 0x8847, SPAN_LIT("\0\1\1\x40\0\0\0\0"), FRAME,
     .tunnels = 1},
    {"MPLS, address of 4", OVER_ETHERNET, 0x8847,
     SPAN_LIT("\0\1\1\x40\x45\2\3\4\5\6\7\x8\x9\xa\xb\xc\x08\0"), .tunnels = 1},
    {"MPLS, control word, address of 6", OVER_ETHERNET, 0x8847,
     SPAN_LIT("\0\1\1\x40\0\0\0\1\x60\2\3\4\5\6\7\x8\x9\xa\xb\xc\x08\0"), .tunnels = 1},
    {"VLAN, MPLS", OVER_ETHERNET, 0x8100, SPAN_LIT("\0\5\x88\x47\0\1\1\x40"), .tunnels = 1},
};

// What goes into the outer packet. Lengths marked LL are filled in.
static struct bytes inside(const struct kind *k, struct span ip)
{
    struct bytes b = {.n = 0};
    put(&b, k->head);
    if (k->frame) {
        put(&b, SPAN_LIT(MAC));
        put16(&b, ip.n > 0 && ip.p[0] >> 4 == 6 ? 0x86dd : 0x0800);
    }
    put(&b, ip);
    size_t at = span_find_span(k->head, SPAN_LIT("LL"));
    if (at < k->head.n) {
        size_t length = b.n - (k->number == 2152 ? 8 : 0);
        b.b[at] = (uint8_t)(length >> 8);
        b.b[at + 1] = (uint8_t)length;
    }
    return b;
}

static struct bytes outside(const struct kind *k, struct span payload)
{
    struct bytes b = {.n = 0};
    if (k->outer == OVER_UDP) {
        b = udp_make(50000, k->number, payload);
        return ip4_make((struct ip4_fields){.protocol = 17, .src = 99}, bytes_span(&b));
    }
    if (k->outer == OVER_IP)
        return ip4_make((struct ip4_fields){.protocol = k->number, .src = 99}, payload);
    put(&b, SPAN_LIT(MAC));
    put16(&b, k->number);
    put(&b, payload);
    return b;
}

static struct bytes wrap(const struct kind *k, struct span ip)
{
    struct bytes in = inside(k, ip);
    return outside(k, bytes_span(&in));
}

static struct bytes udp_packet(unsigned dport, struct span payload)
{
    struct bytes u = udp_make(1000, dport, payload);
    return ip4_make((struct ip4_fields){.protocol = 17}, bytes_span(&u));
}

// p->payload stays readable: it is moved back into the caller's bytes.
static enum wire_event parse(enum link_type type, struct span frame, struct pkt *p)
{
    struct span guarded = guard_new(frame), ip;
    *p = (struct pkt){.cut = true, .tunnels = 77};
    enum wire_event e = link_parse(type, guarded, p, &ip);
    if (e == WIRE_NONE)
        e = ip_parse(ip, p);
    if (e == WIRE_NONE && !p->fragment)
        e = l4_parse(p);
    if (e == WIRE_NONE && p->payload.n > 0)
        p->payload = span_of(frame.p + (p->payload.p - guarded.p), p->payload.n);
    guard_free(guarded);
    return e;
}

static enum wire_event parse_ip(const struct bytes *b, struct pkt *p)
{
    return parse(LINK_RAW_101, bytes_span(b), p);
}

static void assert_unwrapped(const char *name, const char *inner_name, enum wire_event e,
                             const struct pkt *p, unsigned tunnels)
{
    if (e != WIRE_NONE || p->tunnels != tunnels || p->dport != 2000 ||
        !span_eq(p->payload, SPAN_LIT("hello")) || p->cut)
        fail_msg("%s, %s: %s, tunnels %u, port %u, %zu bytes", name, inner_name, wire_event_name(e),
                 p->tunnels, p->dport, p->payload.n);
    assert_int_not_equal(p->src.b[3], 99);
}

static void each_is_unwrapped(void **state)
{
    struct bytes u = udp_make(1000, 2000, SPAN_LIT("hello")), four, six;
    struct pkt p;
    (void)state;
    four = udp_packet(2000, SPAN_LIT("hello"));
    six = ip6_make(17, bytes_span(&u));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct bytes b = wrap(&kinds[i], bytes_span(&four));
        enum wire_event e = parse_ip(&b, &p);
        assert_unwrapped(kinds[i].name, "IPv4", e, &p, kinds[i].tunnels);
        if (!kinds[i].frame)
            continue;
        b = wrap(&kinds[i], bytes_span(&six));
        e = parse_ip(&b, &p);
        assert_unwrapped(kinds[i].name, "IPv6", e, &p, kinds[i].tunnels);
        assert_int_equal(p.src.family, 6);
    }
    for (size_t i = 0; i < COUNT_OF(on_the_link); i++) {
        struct bytes b = wrap(&on_the_link[i], bytes_span(&four));
        enum wire_event e = parse(LINK_ETHERNET, bytes_span(&b), &p);
        assert_unwrapped(on_the_link[i].name, "IPv4", e, &p, on_the_link[i].tunnels);
    }
    struct kind six_in_four = {"6in4", OVER_IP, 41, SPAN_LIT(""), .tunnels = 1};
    struct bytes b = wrap(&six_in_four, bytes_span(&six));
    assert_unwrapped("6in4", "", parse_ip(&b, &p), &p, 1);
    b = ip6_make(4, bytes_span(&four));
    assert_unwrapped("4in6", "", parse_ip(&b, &p), &p, 1);
    assert_int_equal(p.src.family, 4);
}

static void every_pair_and_the_depth(void **state)
{
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    struct pkt p;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct bytes one = wrap(&kinds[i], bytes_span(&plain));
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            struct bytes two = wrap(&kinds[k], bytes_span(&one));
            enum wire_event e = parse_ip(&two, &p);
            assert_unwrapped(kinds[k].name, kinds[i].name, e, &p,
                             kinds[i].tunnels + kinds[k].tunnels);
        }
        for (size_t k = 0; k < COUNT_OF(on_the_link); k++) {
            struct bytes two = wrap(&on_the_link[k], bytes_span(&one));
            enum wire_event e = parse(LINK_ETHERNET, bytes_span(&two), &p);
            assert_unwrapped(on_the_link[k].name, kinds[i].name, e, &p,
                             kinds[i].tunnels + on_the_link[k].tunnels);
        }
        struct bytes deep = plain;
        unsigned tunnels = 0;
        for (; tunnels + kinds[i].tunnels <= TUNNELS_MAX; tunnels += kinds[i].tunnels)
            deep = wrap(&kinds[i], bytes_span(&deep));
        enum wire_event e = parse_ip(&deep, &p);
        assert_unwrapped(kinds[i].name, "at the depth", e, &p, tunnels);
        deep = wrap(&kinds[i], bytes_span(&deep));
        e = parse_ip(&deep, &p);
        if (e != WIRE_TUNNEL_DEPTH)
            fail_msg("%s, too deep: %s", kinds[i].name, wire_event_name(e));
    }
}

// A capture that stops anywhere: an event, or plain UDP, or the inner packet cut; never a byte too far.
static void cut_by_the_capture(void **state)
{
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    struct pkt p;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct bytes b = wrap(&kinds[i], bytes_span(&plain));
        for (size_t n = 0; n < b.n; n++) {
            enum wire_event e = parse(LINK_RAW_101, span_of(b.b, n), &p);
            bool event = e == WIRE_IP_SHORT || e == WIRE_TRUNCATED;
            bool inner = e == WIRE_NONE && p.tunnels && p.cut && p.dport == 2000 && p.payload.n < 5;
            bool outer = e == WIRE_NONE && !p.tunnels && p.cut && p.dport == kinds[i].number;
            bool ether = kinds[i].frame && e == WIRE_LINK_UNKNOWN; // half an address tells nothing
            if (!event && !inner && !outer && !ether)
                fail_msg("%s cut to %zu: %s", kinds[i].name, n, wire_event_name(e));
        }
    }
    for (size_t i = 0; i < COUNT_OF(on_the_link); i++) {
        struct bytes b = wrap(&on_the_link[i], bytes_span(&plain));
        for (size_t n = 0; n < b.n; n++) {
            enum wire_event e = parse(LINK_ETHERNET, span_of(b.b, n), &p);
            if (e == WIRE_NONE && !(p.cut && p.dport == 2000 && p.payload.n < 5))
                fail_msg("%s cut to %zu is good", on_the_link[i].name, n);
        }
    }
}

// The sender itself stops anywhere: over UDP the bytes stay what they are, plain UDP.
static void short_at_every_length(void **state)
{
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    struct pkt p;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct bytes in = inside(&kinds[i], bytes_span(&plain));
        for (size_t n = 0; n < in.n; n++) {
            struct bytes b = outside(&kinds[i], span_of(in.b, n));
            enum wire_event e = parse_ip(&b, &p);
            bool good = kinds[i].outer == OVER_UDP
                            ? e == WIRE_NONE && p.tunnels == 0 && p.payload.n == n && !p.cut
                            : e != WIRE_NONE || p.cut;
            if (!good)
                fail_msg("%s of %zu: %s", kinds[i].name, n, wire_event_name(e));
        }
    }
}

static void checksum_set(struct bytes *ip)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum += (uint32_t)ip->b[i] << 8 | ip->b[i + 1];
    sum = ~((sum & 0xffff) + (sum >> 16));
    ip->b[10] = (uint8_t)(sum >> 8);
    ip->b[11] = (uint8_t)sum;
}

// Cloud mirrors may send the first bytes of each packet only: its checksum says that it is one.
static void mirrors_that_cut(void **state)
{
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    struct pkt p;
    (void)state;
    checksum_set(&plain);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].outer != OVER_UDP || !kinds[i].frame)
            continue;
        struct bytes in = inside(&kinds[i], bytes_span(&plain));
        struct bytes b = outside(&kinds[i], span_of(in.b, in.n - 2));
        enum wire_event e = parse_ip(&b, &p);
        if (e != WIRE_NONE || p.tunnels != 1 || !p.cut || !span_eq(p.payload, SPAN_LIT("hel")))
            fail_msg("%s: %s", kinds[i].name, wire_event_name(e));
    }
}

// The payloads alone, as a listener gets them.
static void datagrams_of_mirrors(void **state)
{
    static const struct {
        const char *kind;
        enum link_type type;
    } rows[] = {
        {"VXLAN", LINK_VXLAN},       {"GENEVE", LINK_GENEVE},
        {"GENEVE, IP", LINK_GENEVE}, {"GENEVE, options", LINK_GENEVE},
        {"TZSP", LINK_TZSP},         {"TZSP, tags", LINK_TZSP},
    };
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    struct pkt p;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kind *k = kinds;
        while (strcmp(k->name, rows[i].kind) != 0)
            k++;
        struct bytes b = inside(k, bytes_span(&plain));
        assert_unwrapped(k->name, "", parse(rows[i].type, bytes_span(&b), &p), &p, 1);
        for (size_t n = 0; n < b.n; n++)
            if (parse(rows[i].type, span_of(b.b, n), &p) == WIRE_NONE)
                assert_true(p.cut && p.payload.n < 5);
        b.b[0] ^= 0x40;
        assert_int_equal(parse(rows[i].type, bytes_span(&b), &p), WIRE_TUNNEL_HEADER);
    }
}

static void other_things_on_these_ports(void **state)
{
    static const unsigned ports[] = {1701, 2152, 4789, 6081, 8472, 37008};
    static const struct span others[] = {
        SPAN_LIT("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n"),
        SPAN_LIT("SIP/2.0 200 OK\r\nCall-ID: 1\r\n\r\n"),
        SPAN_LIT("\x80\0\0\1\0\0\0\xa0ssrc0123456789012345678901234567890123456789"),
        SPAN_LIT("\x88\x08\0\1\0\0\0\0ssrcccccccccccccccccccccccccccccccccccccc\x45\0\0\x14"),
        SPAN_LIT("\x80\xc8\0\6ssrcnnnnnnnnttttppppoooo"),
        SPAN_LIT("\0\1\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1"), // DNS
        SPAN_LIT("\x08\0\x08\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1"),
        SPAN_LIT("\0\1\0\0\x21\x12\xa4\x42idididididid"), // STUN
        SPAN_LIT("\r\n\r\n"),
        SPAN_LIT(""),
        SPAN_LIT("\x08\0\0\0vvv\0" MAC "\x08\x06\0\1\x08\0\6\4\0\1"), // VXLAN, ARP
        SPAN_LIT("\x30\1\0\0tttt"),                                   // GTP echo
        SPAN_LIT("\xc8\2\0\x0c\0\0\0\0\0\0\0\0"),                     // L2TP control
        SPAN_LIT("\1\4\0\1\1"),                                       // TZSP keepalive
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ports); i++) {
        for (size_t k = 0; k < COUNT_OF(others); k++) {
            struct bytes b = udp_packet(ports[i], others[k]);
            struct pkt p;
            enum wire_event e = parse_ip(&b, &p);
            if (e != WIRE_NONE || p.tunnels || p.vlans || p.dport != ports[i] || p.cut ||
                !span_eq(p.payload, others[k]))
                fail_msg("port %u, row %zu: %s", ports[i], k, wire_event_name(e));
        }
    }
}

// One bit that must be 0, or must be 1, of a good header: plain UDP.
static void reserved_bits(void **state)
{
    static const struct {
        const char *kind;
        size_t at;
        uint8_t flip;
    } rows[] = {
        {"VXLAN", 0, 0x01},         {"VXLAN", 0, 0x08},  {"VXLAN", 1, 0x01},
        {"VXLAN", 3, 0x80},         {"VXLAN", 7, 0x01},  {"VXLAN, group policy", 1, 0x01},
        {"GENEVE", 0, 0x40},        {"GENEVE", 1, 0x01}, {"GENEVE", 7, 0x01},
        {"GENEVE", 2, 0x01},        {"GENEVE", 0, 0x04}, {"GENEVE, options", 11, 0x20},
        {"GENEVE, options", 11, 8}, {"GTP-U", 0, 0x08},  {"GTP-U", 0, 0x10},
        {"GTP-U", 0, 0x20},         {"GTP-U", 1, 0x01},  {"GTP-U", 3, 0x01},
        {"L2TP", 0, 0x80},          {"L2TP", 0, 0x04},   {"L2TP", 0, 0x10},
        {"L2TP", 1, 0x01},          {"L2TP", 1, 0x10},   {"L2TP, all", 2, 0x40},
        {"TZSP", 0, 0x02},          {"TZSP", 1, 0x02},   {"TZSP", 3, 0x02},
        {"TZSP", 4, 0x02},          {"L2TP", 8, 0xc0},   {"GTP-U, extensions", 12, 0x01},
    };
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kind *k = kinds;
        while (strcmp(k->name, rows[i].kind) != 0)
            k++;
        struct bytes in = inside(k, bytes_span(&plain));
        in.b[rows[i].at] ^= rows[i].flip;
        struct bytes b = outside(k, bytes_span(&in));
        struct pkt p;
        enum wire_event e = parse_ip(&b, &p);
        if (e != WIRE_NONE || p.tunnels || !span_eq(p.payload, bytes_span(&in)))
            fail_msg("%s, byte %zu: %s, tunnels %u", k->name, rows[i].at, wire_event_name(e),
                     p.tunnels);
    }
}

static void what_gre_and_labels_refuse(void **state)
{
    static const struct {
        const char *name;
        struct span head;
        bool frame;
        enum wire_event event;
    } rows[] = {
        {"source route", SPAN_LIT("\x40\0\x08\0\0\0\0\0"), false, WIRE_LINK_UNKNOWN},
        {"version 2", SPAN_LIT("\0\2\x08\0"), false, WIRE_LINK_UNKNOWN},
        {"keepalive", SPAN_LIT("\0\0\0\0"), false, WIRE_LINK_UNKNOWN},
        {"PPTP without key", SPAN_LIT("\0\1\x88\x0b\0\0\0\0"), false, WIRE_LINK_UNKNOWN},
        {"PPP, LCP", SPAN_LIT("\0\0\x88\x0b\xc0\x21"), false, WIRE_LINK_UNKNOWN},
        {"ERSPAN II of version 3", SPAN_LIT("\x10\0\x88\xbessss\x30\1\0\5\0\0\0\1"), true,
         WIRE_LINK_UNKNOWN},
        {"IP of version 7", SPAN_LIT("\0\0\x08\0\x75"), false, WIRE_IP_VERSION},
        {"four VLAN tags",
         SPAN_LIT("\0\0\x65\x58" MAC "\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x08\0"), false,
         WIRE_VLAN_DEPTH},
        {"nine labels",
         SPAN_LIT("\0\0\x88\x47\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1"
                  "\0\1\1\1"),
         false, WIRE_TUNNEL_DEPTH},
    };
    struct bytes plain = udp_packet(2000, SPAN_LIT("hello"));
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kind k = {"", OVER_IP, 47, rows[i].head, rows[i].frame, 0};
        struct bytes b = wrap(&k, bytes_span(&plain));
        struct pkt p;
        enum wire_event e = parse_ip(&b, &p);
        if (e != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(e));
    }
}

// A datagram too long for the inner path, and its pieces too long for the outer one.
static void fragments_inside_and_outside(void **state)
{
    struct frag_table *t = frag_new(&(struct frag_opts){2, 4096, 1000000});
    struct bytes u = udp_make(1000, 2000, SPAN_LIT("0123456789abcdefghijklmnopqrstuvwxyz"));
    unsigned whole = 0;
    struct pkt p;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ip4_fields f = {.protocol = 17, .id = 9, .offset = i * 24, .more = i == 0};
        struct bytes ip = ip4_make(f, span_of(u.b + i * 24, i == 0 ? 24 : u.n - 24));
        struct bytes vxlan = wrap(&kinds[19], bytes_span(&ip));
        assert_string_equal(kinds[19].name, "VXLAN");
        for (unsigned k = 0; k < 2; k++) {
            struct ip4_fields g = {.protocol = 17, .id = 70 + i, .offset = k * 32, .more = k == 0};
            struct span data = span_sub(bytes_span(&vxlan), 20 + k * 32, k == 0 ? 32 : 4096);
            struct bytes piece = ip4_make(g, data);
            enum wire_event e = parse_ip(&piece, &p);
            assert_int_equal(e, WIRE_NONE);
            assert_true(p.fragment);
            p.ip_payload = data;
            p.at_us = 1000 + i;
            if (!frag_join(t, &p, &e))
                continue;
            assert_int_equal(k, 1);
            assert_int_equal(l4_parse(&p), WIRE_NONE);
            assert_true(p.fragment && p.tunnels == 1 && p.payload.n == 0);
            if (!frag_join(t, &p, &e))
                continue;
            assert_int_equal(l4_parse(&p), WIRE_NONE);
            assert_false(p.fragment);
            assert_span(p.payload, "0123456789abcdefghijklmnopqrstuvwxyz");
            whole++;
        }
    }
    assert_int_equal(whole, 1);
    frag_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_unwrapped),
        cmocka_unit_test(every_pair_and_the_depth),
        cmocka_unit_test(cut_by_the_capture),
        cmocka_unit_test(short_at_every_length),
        cmocka_unit_test(mirrors_that_cut),
        cmocka_unit_test(datagrams_of_mirrors),
        cmocka_unit_test(other_things_on_these_ports),
        cmocka_unit_test(reserved_bits),
        cmocka_unit_test(what_gre_and_labels_refuse),
        cmocka_unit_test(fragments_inside_and_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
