// Numbers as they stand in SIP and as people write them, by the plans of several countries; plans that are refused; the table.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/test.h"
#include "dialplan.h"

struct plan_words {
    const char *name, *country, *area, *trunk, *base, *international, *outside, *shorts, *extension,
        *national, *local, *plain;
};

static const struct plan_words plans[] = {
    {"berlin", "49", "30", "0", "4930123", "00", "0", "110,112,115", "4", "6,7,8,9,10,11",
     "5,6,7,8", ""},
    {"newyork", "1", "212", "1", "", "011", "9", "911,411", "3", "10", "7", "national"},
    {"london", "44", "20", "0", "", "00", "9", "999,112,101", "4", "9,10", "8", "none"},
    {"rome", "39", "", "", "", "00", "", "112,118", "3", "6,7,8,9,10,11", "", "national"},
    {"paris", "33", "", "0", "33140205", "00", "0", "15,17,18,112,3900", "3", "9", "", ""},
    {"zurich", "41", "44", "0", "", "00", "", "117,144", "2,5", "9", "", ""},
    {"trunk", "49", "", "0", "", "00,810", "", "", "", "6,7,8,9,10,11", "", "international"},
};

static bool read_words(const struct plan_words *w, struct dialplan *ret, const char **why)
{
    struct dialplan_text t = {
        span_str(w->country), span_str(w->area),          span_str(w->trunk),
        span_str(w->base),    span_str(w->international), span_str(w->outside),
        span_str(w->shorts),  span_str(w->extension),     span_str(w->national),
        span_str(w->local),   span_str(w->plain)};
    return dialplan_read(&t, ret, why);
}

static const struct dialplan *plan(const char *name)
{
    static struct dialplan p;
    const char *why = "";
    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        if (strcmp(plans[i].name, name))
            continue;
        if (!read_words(&plans[i], &p, &why))
            fail_msg("%s: %s", name, why);
        return &p;
    }
    return NULL;
}

struct number {
    const char *plan, *text, *want; // "+...", "ext", "ext +...", "short", "other", "name"
};

static const char *said(const struct dialplan *p, struct span text, enum dial_way way)
{
    static char buf[64];
    char e164[DIAL_E164_TEXT];
    uint64_t n = 1;
    enum dial_kind k = dialplan_number(p, text, way, &n);
    size_t len = dial_e164_text(n, e164);
    static const char *const names[] = {"name", "other", "short", "ext", ""};
    (void)snprintf(buf, sizeof buf, "%s%s%s", names[k], k == DIAL_EXTENSION && len ? " " : "",
                   e164);
    return buf;
}

static void all(const struct number *c, size_t n, enum dial_way way)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = said(plan(c[i].plan), span_str(c[i].text), way);
        if (strcmp(got, c[i].want))
            fail_msg("%s \"%s\": %s, not %s", c[i].plan, c[i].text, got, c[i].want);
    }
}

static void as_shown(void **state)
{
    (void)state;
    static const struct number c[] = {
        {"berlin", "+49301234567", "+49301234567"},
        {"berlin", "0301234567", "+49301234567"},
        {"berlin", "0049301234567", "+49301234567"},
        {"berlin", "1234567", "+49301234567"}, // within the town
        {"berlin", "00442079460000", "+442079460000"},
        {"berlin", "4567", "ext +49301234567"}, // the extension behind the base
        {"berlin", "112", "short"},
        {"berlin", "0112", "short"},
        {"berlin", "01701234567", "+491701234567"},
        {"berlin", "301234567", "other"}, // neither local nor with a prefix
        {"berlin", "49301234567", "other"},
        {"berlin", "000442079460000", "+442079460000"}, // outside line, then 00
        {"zurich", "00999123456", "other"}, // no such country, and no trunk prefix before a zero
        {"berlin", "12", "other"},
        {"newyork", "2125551234", "+12125551234"},
        {"newyork", "12125551234", "+12125551234"},
        {"newyork", "5551234", "+12125551234"},
        {"newyork", "01149301234567", "+49301234567"},
        {"newyork", "912125551234", "+12125551234"}, // no reading without the outside line
        {"newyork", "9911", "short"},
        {"newyork", "911", "short"}, // of three digits, as extensions are
        {"newyork", "912", "ext"},
        {"newyork", "+12125551234", "+12125551234"},
        {"london", "02079460000", "+442079460000"},
        {"london", "79460000", "+442079460000"},
        {"london", "00353861234567", "+353861234567"},
        {"london", "01632960123", "+441632960123"},
        {"rome", "0612345678", "+390612345678"}, // the zero is part of the number
        {"rome", "3331234567", "+393331234567"},
        {"rome", "+390612345678", "+390612345678"},
        {"rome", "00390612345678", "+390612345678"},
        {"rome", "118", "short"},
        {"rome", "119", "ext"},
        {"paris", "0140205050", "+33140205050"},
        {"paris", "3900", "short"},
        {"paris", "050", "ext +33140205050"},
        {"paris", "0033140205050", "+33140205050"},
        {"paris", "140205050", "other"},
        {"zurich", "0441234567", "+41441234567"},
        {"zurich", "0791234567", "+41791234567"},
        {"zurich", "0041441234567", "+41441234567"},
        {"zurich", "12", "ext"},
        {"zurich", "12345", "ext"},
        {"zurich", "144", "short"},
        {"trunk", "49301234567", "+49301234567"},
        {"trunk", "442079460000", "+442079460000"},
        {"trunk", "0301234567", "+49301234567"},
        {"trunk", "810442079460000", "+442079460000"},
        {"trunk", "100", "other"},
        {"none", "+49301234567", "+49301234567"},
        {"none", "0301234567", "other"},
        {"none", "0049301234567", "other"},
        {"none", "alice", "name"},
    };
    all(c, COUNT_OF(c), DIAL_SHOWN);
}

static void as_dialled(void **state)
{
    (void)state;
    static const struct number c[] = {
        {"berlin", "00301234567",
         "+49301234567"}, // outside line, trunk prefix; shown it would be Greece
        {"berlin", "000442079460000", "+442079460000"},
        {"berlin", "01234567", "+49301234567"},   // outside line, then the town
        {"berlin", "0301234567", "+49301234567"}, // the box takes a line by itself
        {"berlin", "4567", "ext +49301234567"},
        {"berlin", "0110", "short"},
        {"newyork", "95551234", "+12125551234"},
        {"newyork", "92125551234", "+12125551234"},
        {"newyork", "901149301234567", "+49301234567"},
        {"london", "902079460000", "+442079460000"},
        {"london", "9999", "short"},
        {"london", "1234", "ext"},
        {"paris", "00140205050", "+33140205050"},
        {"paris", "0140205050", "+33140205050"},
        {"rome", "0612345678", "+390612345678"},
    };
    all(c, COUNT_OF(c), DIAL_DIALLED);
    assert_string_equal(said(plan("berlin"), SPAN_LIT("00301234567"), DIAL_SHOWN), "+301234567");
}

static void uris_and_signs(void **state)
{
    (void)state;
    static const struct number c[] = {
        {"berlin", "tel:+49-30-1234567", "+49301234567"},
        {"berlin", "TEL:+49(30)123.4567;ext=12", "+49301234567"},
        {"berlin", "tel:301234567;phone-context=+49", "+49301234567"},
        {"berlin", "tel:0301234567;phone-context=+49", "+49301234567"},
        {"berlin", "tel:1234567;phone-context=+4930", "+49301234567"},
        {"berlin", "tel:1234567;phone-context=+4940", "other"}, // not our town
        {"berlin", "tel:4567;phone-context=+4930123", "ext +49301234567"},
        {"berlin", "tel:7042;phone-context=example.com", "ext +49301237042"},
        {"berlin", "tel:0301234567;phone-context=example.com", "+49301234567"},
        {"berlin", "tel:2125551234;phone-context=+1", "+12125551234"},
        {"berlin", "tel:0125551234;phone-context=+44", "other"},
        {"newyork", "tel:863-1234;phone-context=+1-914-555", "other"}, // RFC 3966 5.1.5
        {"newyork", "tel:863-1234;phone-context=+1-212", "+12128631234"},
        {"none", "tel:301234567;phone-context=+49", "+49301234567"},
        {"none", "tel:7042;phone-context=+1-914", "other"},
        {"none", "tel:7042;phone-context=+1", "other"},
        {"berlin", "sip:+49301234567@gw.example;user=phone", "+49301234567"},
        {"berlin", "sips:0301234567:secret@gw.example:5061", "+49301234567"},
        {"berlin", "sip:%2B49301234567@gw", "+49301234567"},
        {"berlin", "sip:+49301234567;npdi;phone-context=+49@gw;user=phone", "+49301234567"},
        {"berlin", "sip:0301234567;phone-context=+49@gw", "+49301234567"},
        {"berlin", "sip:10.0.0.1", "name"},
        {"berlin", "sip:10.0.0.1:5060;transport=udp", "name"},
        {"berlin", "alice", "name"},
        {"berlin", "sip:alice@10.0.0.1", "name"},
        {"berlin", "user0301234567", "name"},
        {"berlin", "0301234567x", "name"},
        {"berlin", "1234567-a", "name"},
        {"berlin", "*21*0301234567#", "name"},
        {"berlin", "%zz0301234567", "name"},
        {"berlin", "%", "name"},
        {"berlin", "", "name"},
        {"berlin", "tel:", "name"},
        {"berlin", "sip:@", "name"},
        {"berlin", "+", "name"},
        {"berlin", "++49301234567", "name"},
        {"berlin", "030+1234567", "name"},
        {"berlin", "anonymous", "name"},
        {"berlin", "+49 (0)30 1234567", "+49301234567"},
        {"berlin", "+49 (0) 30 1234567", "+49301234567"},
        {"rome", "+39 (0)6 12345678", "+390612345678"},
        {"berlin", "030 / 123 45-67", "+49301234567"},
        {"berlin", " (030) 1234567 ", "+49301234567"},
        {"berlin", "+1234567890123456", "other"}, // sixteen
        {"berlin", "+999123456789", "other"},
        {"berlin", "+0301234567", "other"},
        {"berlin", "+4930", "other"},
        {"berlin", "1234567890123456789012345678901234567890", "name"},
    };
    all(c, COUNT_OF(c), DIAL_SHOWN);
    char longer[300];
    memset(longer, '7', sizeof longer);
    assert_string_equal(said(plan("berlin"), span_of(longer, sizeof longer), DIAL_SHOWN), "name");
    memset(longer, '-', sizeof longer);
    memcpy(longer, "+49301234567", 12); // what is cut may have said more
    assert_string_equal(said(plan("berlin"), span_of(longer, sizeof longer), DIAL_SHOWN), "name");
}

// One byte shorter at every length: nothing behind the text is read (Asan), and no shorter text is the whole number.
static void shorter_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"sip:%2B49301234567;phone-context=+49@gw",
                                        "tel:301234567;phone-context=+49", "+49 (0)30 1234567"};
    for (size_t k = 0; k < COUNT_OF(texts); k++) {
        for (size_t n = 0; n < strlen(texts[k]); n++) {
            char *copy = malloc(n + 1);
            assert_non_null(copy);
            memcpy(copy, texts[k], n);
            (void)said(plan("berlin"), span_of(copy, n), DIAL_SHOWN);
            (void)said(NULL, span_of(copy, n), DIAL_DIALLED);
            free(copy);
        }
    }
}

static void plans_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct plan_words w;
        const char *why;
    } c[] = {
        {{"", "", "", "", "", "", "", "", "", "", "", ""}, "country_code"},
        {{"", "0", "", "", "", "", "", "", "", "", "", ""}, "country_code"},
        {{"", "999", "", "", "", "", "", "", "", "", "", ""}, "country_code"},
        {{"", "4930", "", "", "", "", "", "", "", "", "", ""}, "country_code"},
        {{"", "49x", "", "", "", "", "", "", "", "", "", ""}, "country_code"},
        {{"", "49", "123456789", "", "", "", "", "", "", "", "", ""}, "area_code"},
        {{"", "49", "", "00000", "", "", "", "", "", "", "", ""}, "trunk_prefix"},
        {{"", "49", "", "", "+4930", "", "", "", "", "", "", ""}, "number_base"},
        {{"", "49", "", "", "0301", "", "", "", "", "", "", ""}, "number_base"},
        {{"", "49", "", "", "", "0,1,2,3,4", "", "", "", "", "", ""}, "international_prefixes"},
        {{"", "49", "", "", "", "", "0,", "", "", "", "", "some"}, "plain"},
        {{"", "49", "", "", "", "", "0,,1", "", "", "", "", ""}, "outside_prefixes"},
        {{"", "49", "", "", "", "", "", "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5", "", "",
          "", ""},
         "short_numbers"},
        {{"", "49", "", "", "", "", "", "", "16", "", "", ""}, "extension_lengths"},
        {{"", "49", "", "", "", "", "", "", "", "0", "", ""}, "national_lengths"},
        {{"", "49", "", "", "", "", "", "", "", "", "a", ""}, "local_lengths"},
    };
    for (size_t i = 0; i < COUNT_OF(c); i++) {
        struct dialplan p;
        const char *why = "";
        if (read_words(&c[i].w, &p, &why) || strncmp(why, c[i].why, strlen(c[i].why)))
            fail_msg("case %zu: \"%s\", not %s", i, why, c[i].why);
    }
}

static void table_fills_up(void **state)
{
    (void)state;
    static struct dialplans t;
    struct dialplan p = *plan("berlin");
    char site[80];
    assert_null(dialplans_of(NULL, SPAN_LIT("x")));
    assert_null(dialplans_of(&t, SPAN_LIT("x")));
    for (size_t i = 0; i < DIALPLANS_MAX; i++) {
        p.area.n = (uint8_t)(i % 8);
        (void)snprintf(site, sizeof site, "s%zu", i);
        assert_true(dialplans_add(&t, i ? span_str(site) : SPAN_LIT("*"), &p));
    }
    assert_false(dialplans_add(&t, SPAN_LIT("one more"), &p));
    assert_int_equal(dialplans_of(&t, SPAN_LIT("s13"))->area.n, 5);
    assert_ptr_equal(dialplans_of(&t, SPAN_LIT("one more")), &t.at[0].plan);
    t.n = 0;
    memset(site, 's', sizeof site);
    assert_false(dialplans_add(&t, span_of(site, DIALPLAN_SITE_MAX + 1), &p));
    assert_true(dialplans_add(&t, span_of(site, DIALPLAN_SITE_MAX), &p));
    assert_non_null(dialplans_of(&t, span_of(site, DIALPLAN_SITE_MAX)));
    assert_null(dialplans_of(&t, SPAN_LIT("s")));
}

static void as_text(void **state)
{
    (void)state;
    char text[DIAL_E164_TEXT];
    assert_int_equal(dial_e164_text(UINT64_C(999999999999999), text), 16);
    assert_string_equal(text, "+999999999999999");
    assert_int_equal(dial_e164_text(UINT64_C(1000000000000000), text), 0);
    assert_string_equal(text, "");
    assert_int_equal(dial_e164_text(0, text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_shown),
        cmocka_unit_test(as_dialled),
        cmocka_unit_test(uris_and_signs),
        cmocka_unit_test(shorter_texts),
        cmocka_unit_test(plans_that_are_refused),
        cmocka_unit_test(table_fills_up),
        cmocka_unit_test(as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
