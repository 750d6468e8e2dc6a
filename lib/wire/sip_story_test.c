// What hangs dialogs together: each value good, cut short at every length, and as it was seen in the field.
#include "wire/sip_story.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

static void replaces(void **state)
{
    static const struct {
        const char *in, *call_id, *to, *from;
        bool early;
    } rows[] = {
        {"a@b;to-tag=1;from-tag=2", "a@b", "1", "2", false},
        {" a@b ; from-tag=2 ; to-tag=1;early-only", "a@b", "1", "2", true},
        {"a@b;TO-TAG=1;From-Tag=2;x=y", "a@b", "1", "2", false},
        {"a@b;to-tag=1", NULL, "", "", false},
        {"a@b;from-tag=1", NULL, "", "", false},
        {"a@b;to-tag=;from-tag=2", NULL, "", "", false},
        {";to-tag=1;from-tag=2", NULL, "", "", false},
        {"a b;to-tag=1;from-tag=2", NULL, "", "", false},
        {"a,b;to-tag=1;from-tag=2", NULL, "", "", false},
        {"", NULL, "", "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sip_replaces r;
        struct span s = guard_new(span_str(rows[i].in));
        bool good = sip_replaces_parse(s, &r);
        assert_int_equal(good, rows[i].call_id != NULL);
        if (good) {
            assert_true(span_eq(r.call_id, span_str(rows[i].call_id)));
            assert_true(span_eq(r.to_tag, span_str(rows[i].to)));
            assert_true(span_eq(r.from_tag, span_str(rows[i].from)));
            assert_int_equal(r.early_only, rows[i].early);
        }
        guard_free(s);
    }
}

static void refer_to(void **state)
{
    static const struct {
        const char *in, *user, *call_id;
    } rows[] = {
        {"<sip:carol@h>", "carol", NULL},
        {"sip:carol@h", "carol", NULL},
        {"<sip:carol@h?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>", "carol", "x@y"},
        {"<sip:carol@h;method=INVITE?Subject=hi&replaces=x%40y%3bfrom-tag%3d2%3bto-tag%3d1>",
         "carol", "x@y"},
        {"<sip:carol@h?Replaces=x%4>", "carol", NULL},
        {"<sip:carol@h?Replaces=x%>", "carol", NULL},
        {"<sip:carol@h?Replaces=x%zz%3Bto-tag%3D1%3Bfrom-tag%3D2>", "carol", NULL},
        {"<sip:carol@h?Replaces=>", "carol", NULL},
        {"<sip:carol@h?>", "carol", NULL},
        {"<>", NULL, NULL},
        {"", NULL, NULL},
    };
    static struct sip_refer_to r;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span s = guard_new(span_str(rows[i].in));
        assert_int_equal(sip_refer_to_parse(s, &r), rows[i].user != NULL);
        if (rows[i].user) {
            assert_true(span_eq(r.target.user, span_str(rows[i].user)));
            assert_int_equal(r.has_replaces, rows[i].call_id != NULL);
            if (rows[i].call_id)
                assert_true(span_eq(r.replaces.call_id, span_str(rows[i].call_id)));
        }
        guard_free(s);
    }
    // More than the buffer holds is no Replaces, and the target stands all the same.
    char longest[2048] = "<sip:carol@h?Replaces=";
    size_t n = strlen(longest);
    memset(longest + n, 'x', 1200);
    memcpy(longest + n + 1200, "%3Bto-tag%3D1%3Bfrom-tag%3D2>", 30);
    assert_true(sip_refer_to_parse(span_str(longest), &r));
    assert_false(r.has_replaces);
}

static void session_id(void **state)
{
    static const struct {
        const char *in;
        bool good;
        uint8_t local, remote; // first bytes
    } rows[] = {
        {"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2", true, 0xab,
         0x47},
        {"AB30317F1A784DC48FF824D0D3715D86", true, 0xab, 0},
        {"ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000", true, 0xab, 0},
        {"ab30317f1a784dc48ff824d0d3715d86;remote=47", false, 0, 0},
        {"ab30317f1a784dc48ff824d0d3715d8", false, 0, 0},
        {"ab30317f1a784dc48ff824d0d3715d86f", false, 0, 0},
        {"ab30317f-1a78-4dc4-8ff8-24d0d3715d86", false, 0, 0},
        {"xx30317f1a784dc48ff824d0d3715d86", false, 0, 0},
        {"", false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sip_session_id id;
        struct span s = guard_new(span_str(rows[i].in));
        assert_int_equal(sip_session_id_parse(s, &id), rows[i].good);
        if (rows[i].good) {
            assert_int_equal(id.local[0], rows[i].local);
            assert_int_equal(id.remote[0], rows[i].remote);
        }
        guard_free(s);
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *in;
        int expires, q850, frag; // -1: none
    } rows[] = {
        {"1800;refresher=uac", 1800, -1, -1},
        {"90", 90, -1, -1},
        {"0", -1, -1, -1},
        {"99999999", -1, -1, -1},
        {"18x", -1, -1, -1},
        {"Q.850;cause=16;text=\"Normal call clearing\"", -1, 16, -1},
        {"SIP;cause=200;text=\"a, b\", q.850 ; cause=17", -1, 17, -1},
        {"Q.850;cause=128", -1, -1, -1},
        {"Q.850;cause=0", -1, -1, -1},
        {"Q.850", -1, -1, -1},
        {"SIP;cause=600", -1, -1, -1},
        {"SIP/2.0 200 OK\r\n", -1, -1, 200},
        {"SIP/2.0 486", -1, -1, 486},
        {"SIP/2.0 1000 x", -1, -1, -1},
        {"SIP/2.0 99", -1, -1, -1},
        {"SIP/2.0 70", -1, -1, -1},
        {"HTTP/1.1 200", -1, -1, -1},
        {"", -1, -1, -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span s = guard_new(span_str(rows[i].in));
        uint32_t seconds = 0;
        uint16_t cause = 0, status = 0;
        assert_int_equal(sip_session_expires_parse(s, &seconds) ? (int)seconds : -1,
                         rows[i].expires);
        assert_int_equal(sip_reason_q850(s, &cause) ? cause : -1, rows[i].q850);
        assert_int_equal(sip_frag_status(s, &status) ? status : -1, rows[i].frag);
        guard_free(s);
    }
    assert_true(sip_contact_is_focus(SPAN_LIT("<sip:conf1@h>;isfocus")));
    assert_true(sip_contact_is_focus(SPAN_LIT("<sip:conf1@h>;x=y;isfocus;z")));
    assert_false(sip_contact_is_focus(SPAN_LIT("<sip:conf1@h;isfocus>")));
    assert_false(sip_contact_is_focus(SPAN_LIT("*")));
}

// One byte shorter at every length: the guard page behind the value says whether a reader went beyond.
static void cut_short(void **state)
{
    static const char *const all[] = {
        "a@b;to-tag=1;from-tag=2;early-only",
        "<sip:c@h?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2",
        "1800;refresher=uac",
        "Q.850;cause=16;text=\"x\"",
        "SIP/2.0 200 OK",
        "<sip:conf1@h>;isfocus",
    };
    static struct sip_refer_to refer;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        for (size_t n = strlen(all[i]); n-- > 0;) {
            struct span s = guard_new(span_of(all[i], n));
            struct sip_replaces r;
            struct sip_session_id id;
            uint32_t seconds;
            uint16_t v;
            (void)sip_replaces_parse(s, &r);
            (void)sip_refer_to_parse(s, &refer);
            (void)sip_session_id_parse(s, &id);
            (void)sip_session_expires_parse(s, &seconds);
            (void)sip_reason_q850(s, &v);
            (void)sip_frag_status(s, &v);
            (void)sip_contact_is_focus(s);
            guard_free(s);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces), cmocka_unit_test(refer_to),  cmocka_unit_test(session_id),
        cmocka_unit_test(numbers),  cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
