#include "wire/sip.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

static void addresses(void **state)
{
    static const struct {
        const char *in, *display, *uri, *scheme, *user, *host, *port, *params;
    } rows[] = {
        {"\"A. Bell\" <sip:bell@example.com:5070;transport=tcp>;tag=1", "A. Bell",
         "sip:bell@example.com:5070;transport=tcp", "sip", "bell", "example.com", "5070", ";tag=1"},
        {"Bob Smith <sips:bob@h>", "Bob Smith", "sips:bob@h", "sips", "bob", "h", "", ""},
        {"caller<sip:caller@example.com>;tag=323", "caller", "sip:caller@example.com", "sip",
         "caller", "example.com", "", ";tag=323"},
        {"sip:bob@h;tag=2", "", "sip:bob@h", "sip", "bob", "h", "", ";tag=2"},
        {"<sip:ann:secret@[2001:db8::9]:5061>", "", "sip:ann:secret@[2001:db8::9]:5061", "sip",
         "ann", "2001:db8::9", "5061", ""},
        {"<tel:+4930123;phone-context=x>;tag=9", "", "tel:+4930123;phone-context=x", "tel",
         "+4930123", "", "", ";tag=9"},
        {"\"say \\\"hi\\\" <x>\" <sip:q@h>", "say \\\"hi\\\" <x>", "sip:q@h", "sip", "q", "h", "",
         ""},
        {"<sip:user;par=u%40example.net@example.com>", "",
         "sip:user;par=u%40example.net@example.com", "sip", "user;par=u%40example.net",
         "example.com", "", ""},
        {"<sip:h>", "", "sip:h", "sip", "", "h", "", ""},
        {"*", "", "*", "", "", "", "", ""},
        {"<urn:service:sos>", "", "urn:service:sos", "urn", "", "", "", ""},
        {"sip:a@b;x=\"<y>\";tag=3", "", "sip:a@b", "sip", "a", "b", "", ";x=\"<y>\";tag=3"},
        {"\"open <sip:a@b>;tag=4", "open", "sip:a@b", "sip", "a", "b", "", ";tag=4"},
        {"", NULL, "", "", "", "", "", ""},
        {"<sip:a@b", NULL, "", "", "", "", "", ""},
        {"\"no address\"", NULL, "", "", "", "", "", ""},
        {"<>", NULL, "", "", "", "", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sip_addr a;
        struct span s = guard_new(span_str(rows[i].in));
        bool good = sip_addr_parse(s, &a);
        if (good != (rows[i].display != NULL))
            fail_msg("%s: %d", rows[i].in, good);
        if (good) {
            assert_span(a.display, rows[i].display);
            assert_span(a.uri, rows[i].uri);
            assert_span(a.scheme, rows[i].scheme);
            assert_span(a.user, rows[i].user);
            assert_span(a.host, rows[i].host);
            assert_span(a.port, rows[i].port);
            assert_span(a.params, rows[i].params);
        }
        guard_free(s);
        for (size_t n = 0; n < strlen(rows[i].in); n++) {
            s = guard_new(span_of(rows[i].in, n));
            (void)sip_addr_parse(s, &a);
            guard_free(s);
        }
    }
}

static void parameters(void **state)
{
    struct span v, p = SPAN_LIT("; a = 1;b;\r\n c=\"x;y=z\";tagged=no; TAG = q ;a=2");
    (void)state;
    assert_true(sip_param(p, SPAN_LIT("A"), &v));
    assert_span(v, "1");
    assert_true(sip_param(p, SPAN_LIT("b"), &v));
    assert_span(v, "");
    assert_true(sip_param(p, SPAN_LIT("c"), &v));
    assert_span(v, "\"x;y=z\"");
    assert_true(sip_param(p, SPAN_LIT("tag"), &v));
    assert_span(v, "q");
    assert_false(sip_param(p, SPAN_LIT("y"), &v));
    assert_false(sip_param(SPAN_LIT(""), SPAN_LIT("y"), &v));
    assert_false(sip_param(SPAN_LIT(";x=\"y"), SPAN_LIT("y"), &v));
}

static void vias(void **state)
{
    static const struct {
        const char *in, *transport, *host, *port, *params;
    } rows[] = {
        {"SIP/2.0/UDP 192.0.2.1:5060;branch=z9;rport", "UDP", "192.0.2.1", "5060",
         ";branch=z9;rport"},
        {"SIP  / 2.0 \r\n / TLS    spindle.example.com   ;\r\n  branch  = z9 , SIP/2.0/UDP other",
         "TLS", "spindle.example.com", "", ";\r\n  branch  = z9"},
        {"SIP/2.0/TCP [2001:db8::1]:5061;received=1.2.3.4", "TCP", "2001:db8::1", "5061",
         ";received=1.2.3.4"},
        {"sip/2.0/udp host : 5070", "udp", "host", "5070", ""},
        {"SIP/3.0/UDP host", NULL, "", "", ""},
        {"SIP/2.0/UDP", NULL, "", "", ""},
        {"SIP/2.0/UDP ", NULL, "", "", ""},
        {"SIP/2.0 UDP host", NULL, "", "", ""},
        {"", NULL, "", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sip_via v;
        struct span s = guard_new(span_str(rows[i].in));
        bool good = sip_via_parse(s, &v);
        if (good != (rows[i].transport != NULL))
            fail_msg("%s: %d", rows[i].in, good);
        if (good) {
            assert_span(v.transport, rows[i].transport);
            assert_span(v.host, rows[i].host);
            assert_span(v.port, rows[i].port);
            assert_span(v.params, rows[i].params);
        }
        guard_free(s);
        for (size_t n = 0; n < strlen(rows[i].in); n++) {
            s = guard_new(span_of(rows[i].in, n));
            (void)sip_via_parse(s, &v);
            guard_free(s);
        }
    }
}

static void lists(void **state)
{
    struct span rest = SPAN_LIT(" \"a,b\" <sip:x,y@h> , ,<sip:c>;q=\"1,2\",d"), item;
    (void)state;
    assert_true(sip_list_next(&rest, &item));
    assert_span(item, "\"a,b\" <sip:x,y@h>");
    assert_true(sip_list_next(&rest, &item));
    assert_span(item, "<sip:c>;q=\"1,2\"");
    assert_true(sip_list_next(&rest, &item));
    assert_span(item, "d");
    assert_false(sip_list_next(&rest, &item));
    rest = SPAN_LIT("a,<open,b");
    assert_true(sip_list_next(&rest, &item) && sip_list_next(&rest, &item));
    assert_span(item, "<open,b");
}

static void unfolding(void **state)
{
    char out[32] = {0};
    (void)state;
    assert_int_equal(sip_unfold(SPAN_LIT("a  b \t\r\n\t c\n d"), out, sizeof out), 8);
    assert_string_equal(out, "a  b c d");
    assert_int_equal(sip_unfold(SPAN_LIT("abcdef"), out, 3), 3);
    assert_int_equal(sip_unfold(SPAN_LIT("abc"), out, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(parameters), cmocka_unit_test(vias),
        cmocka_unit_test(lists),     cmocka_unit_test(unfolding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
