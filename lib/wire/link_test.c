#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define MAC "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc"

static struct bytes frame_make(struct span head, struct span ip)
{
    struct bytes b = {.n = 0};
    put(&b, head);
    put(&b, ip);
    return b;
}

static const struct {
    const char *name;
    enum link_type type;
    struct span head;
    enum wire_event event;
    uint8_t vlans;
} rows[] = {
    {"ethernet", LINK_ETHERNET, SPAN_LIT(MAC "\x08\x00"), WIRE_NONE, 0},
    {"ethernet, IPv6", LINK_ETHERNET, SPAN_LIT(MAC "\x86\xdd"), WIRE_NONE, 0},
    {"VLAN", LINK_ETHERNET, SPAN_LIT(MAC "\x81\x00\0\5\x08\x00"), WIRE_NONE, 1},
    {"QinQ", LINK_ETHERNET, SPAN_LIT(MAC "\x88\xa8\0\5\x81\x00\0\6\x08\x00"), WIRE_NONE, 2},
    {"three tags", LINK_ETHERNET, SPAN_LIT(MAC "\x91\x00\0\5\x91\x00\0\5\x81\x00\0\6\x08\x00"),
     WIRE_NONE, 3},
    {"four tags", LINK_ETHERNET,
     SPAN_LIT(MAC "\x91\x00\0\5\x91\x00\0\5\x81\x00\0\6\x81\x00\0\6\x08\x00"), WIRE_VLAN_DEPTH, 3},
    {"PPPoE", LINK_ETHERNET, SPAN_LIT(MAC "\x88\x64\x11\0\0\1\0\x1f\0\x21"), WIRE_NONE, 0},
    {"PPPoE, LCP", LINK_ETHERNET, SPAN_LIT(MAC "\x88\x64\x11\0\0\1\0\x1f\xc0\x21"),
     WIRE_LINK_UNKNOWN, 0},
    {"802.3 length", LINK_ETHERNET, SPAN_LIT(MAC "\0\x26\x42\x42\3"), WIRE_LINK_UNKNOWN, 0},
    {"ARP", LINK_ETHERNET, SPAN_LIT(MAC "\x08\x06"), WIRE_LINK_UNKNOWN, 0},
    {"SLL", LINK_LINUX_SLL, SPAN_LIT("\0\0\0\1\0\6abcdef\0\0\x08\x00"), WIRE_NONE, 0},
    {"SLL, VLAN", LINK_LINUX_SLL, SPAN_LIT("\0\0\0\1\0\6abcdef\0\0\x81\x00\0\1\x08\x00"), WIRE_NONE,
     1},
    {"SLL2", LINK_LINUX_SLL2, SPAN_LIT("\x08\x00\0\0\0\0\0\3\0\1\0\6abcdef\0\0"), WIRE_NONE, 0},
    {"null, little", LINK_NULL, SPAN_LIT("\2\0\0\0"), WIRE_NONE, 0},
    {"null, big, IPv6", LINK_NULL, SPAN_LIT("\0\0\0\x1e"), WIRE_NONE, 0},
    {"loop", LINK_LOOP, SPAN_LIT("\0\0\0\2"), WIRE_NONE, 0},
    {"null, AppleTalk", LINK_NULL, SPAN_LIT("\x10\0\0\0"), WIRE_LINK_UNKNOWN, 0},
    {"raw", LINK_RAW_101, SPAN_LIT(""), WIRE_NONE, 0},
    {"raw 12", LINK_RAW_12, SPAN_LIT(""), WIRE_NONE, 0},
    {"ipv4", LINK_IPV4, SPAN_LIT(""), WIRE_NONE, 0},
    {"unknown", (enum link_type)147, SPAN_LIT("\0\0\0\2"), WIRE_LINK_UNKNOWN, 0},
};

static void links_give_the_ip_packet(void **state)
{
    struct bytes udp = udp_make(5060, 5061, SPAN_LIT("x"));
    struct bytes ip = ip4_make((struct ip4_fields){.protocol = 17}, bytes_span(&udp));
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bytes b = frame_make(rows[i].head, bytes_span(&ip));
        struct span frame = guard_new(bytes_span(&b)), ret = {NULL, 0};
        struct pkt p = {.vlans = 77};
        enum wire_event event = link_parse(rows[i].type, frame, &p, &ret);
        if (event != rows[i].event)
            fail_msg("%s: %s", rows[i].name, wire_event_name(event));
        assert_int_equal(p.vlans, rows[i].vlans);
        if (event == WIRE_NONE) {
            assert_int_equal(ret.n, ip.n);
            assert_memory_equal(ret.p, ip.b, ip.n);
        }
        guard_free(frame);
    }
}

// Every head, one byte shorter at every length: never a read too far, never good with half a head.
static void links_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t n = 0; n < rows[i].head.n; n++) {
            struct span frame = guard_new(span_sub(rows[i].head, 0, n)), ip;
            struct pkt p = {.vlans = 0};
            enum wire_event event = link_parse(rows[i].type, frame, &p, &ip);
            guard_free(frame);
            if (event == WIRE_NONE)
                fail_msg("%s cut to %zu is good", rows[i].name, n);
        }
    }
}

static void pppoe_padding_is_cut_away(void **state)
{
    struct bytes b =
        frame_make(SPAN_LIT(MAC "\x88\x64\x11\0\0\1\0\5\0\x21"), SPAN_LIT("abc_____________"));
    struct pkt p;
    struct span ip;
    (void)state;
    assert_int_equal(link_parse(LINK_ETHERNET, bytes_span(&b), &p, &ip), WIRE_NONE);
    assert_span(ip, "abc");
}

static void known_link_types(void **state)
{
    (void)state;
    assert_true(link_known(1) && link_known(0) && link_known(113) && link_known(276));
    assert_true(link_known(101) && link_known(12) && link_known(228) && link_known(229));
    assert_false(link_known(105) || link_known(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_give_the_ip_packet),
        cmocka_unit_test(links_cut_short),
        cmocka_unit_test(pppoe_padding_is_cut_away),
        cmocka_unit_test(known_link_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
