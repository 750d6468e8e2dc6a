// H.323 told as short stories: c is what the caller sends, d what the callee does; H.245 as parsed channels of real bytes.
#include "tests/support/test.h"

#include "sigcall_kit.h"
#include "wire/h225.h"
#include "wire/h323_vectors.h"

static struct endpoint a, b;

static struct pkt pkt_of(bool back, int64_t at_us)
{
    return back ? sigkit_pkt(b, a, 6, at_us) : sigkit_pkt(a, b, 6, at_us);
}

struct step {
    bool back;
    uint8_t type;
    uint8_t cause;
    bool hold, retrieve;
};

static void step(struct sigkit *k, const struct step *s)
{
    struct pkt p = pkt_of(s->back, 1000000);
    struct h225 m = {.type = s->type,
                     .reference = 6,
                     .by_originator = !s->back,
                     .cause = s->cause,
                     .hold = s->hold,
                     .retrieve = s->retrieve,
                     .calling = SPAN_LIT("100"),
                     .called = SPAN_LIT("200")};
    assert_int_equal(sigcall_h225(k->t, &p, &m), WIRE_NONE);
}

static const struct {
    const char *name;
    struct step step[8];
    const char *want;
} stories[] = {
    {"answered; the callee hangs up",
     {{0, H225_SETUP, 0, 0, 0},
      {1, H225_CALL_PROCEEDING, 0, 0, 0},
      {1, H225_ALERTING, 0, 0, 0},
      {1, H225_CONNECT, 0, 0, 0},
      {1, H225_RELEASE_COMPLETE, 16, 0, 0},
      {0, H225_RELEASE_COMPLETE, 16, 0, 0}},
     "SETUP 100>200\nRINGING 100>200\nANSWERED 100>200\nENDED 100>200 side=callee cause=16\n"},
    {"busy",
     {{0, H225_SETUP, 0, 0, 0}, {1, H225_RELEASE_COMPLETE, 17, 0, 0}},
     "SETUP 100>200\nENDED 100>200 side=callee cause=17\n"},
    {"held by the callee",
     {{0, H225_SETUP, 0, 0, 0},
      {1, H225_CONNECT, 0, 0, 0},
      {1, H225_NOTIFY, 0, 1, 0},
      {1, H225_NOTIFY, 0, 0, 1},
      {0, H225_RELEASE_COMPLETE, 16, 0, 0}},
     "SETUP 100>200\nANSWERED 100>200\nHELD 100>200 side=callee\nRESUMED 100>200 side=callee\n"
     "ENDED 100>200 side=caller cause=16\n"},
    {"of a call that nobody knows",
     {{1, H225_CONNECT, 0, 0, 0}, {1, H225_RELEASE_COMPLETE, 16, 0, 0}},
     ""},
    {"a setup from the wrong side", {{1, H225_SETUP, 0, 0, 0}}, ""},
    {"setup told twice", {{0, H225_SETUP, 0, 0, 0}, {0, H225_SETUP, 0, 0, 0}}, "SETUP 100>200\n"},
};

static void each_story(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        struct sigkit k;
        sigkit_open(&k, 8);
        for (size_t n = 0; n < COUNT_OF(stories[i].step) && stories[i].step[n].type; n++)
            step(&k, &stories[i].step[n]);
        if (strcmp(k.text, stories[i].want) != 0)
            fail_msg("%s:\n%swanted:\n%s", stories[i].name, k.text, stories[i].want);
        sigkit_close(&k);
    }
}

static void say(struct sigkit *k, bool back, const char *hex)
{
    uint8_t buf[1024];
    struct h225 m;
    struct pkt p = pkt_of(back, 1000000);
    assert_int_equal(h225_parse(hex_message(hex, buf, sizeof buf), &m), WIRE_NONE);
    m.reference = 1;
    m.by_originator = !back;
    assert_int_equal(sigcall_h225(k->t, &p, &m), WIRE_NONE);
}

// Fast start from both sides; the answer repeats the caller's address, which is not the callee's. The ends are seen at other
// addresses than they name, so these are told as well.
static void fast_start(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 8);
    say(&k, false, HEX_SETUP_FAST);
    say(&k, true, HEX_PROCEEDING_FAST);
    assert_string_equal(k.text,
                        "SETUP >1234\n"
                        "- >1234 caller@172.18.110.58:8488/PCMU caller@10.0.0.1:8488/PCMU\n"
                        "- >1234 callee@14.50.245.5:16384/PCMU callee@10.0.0.2:16384/PCMU\n"
                        "- >1234 callee@14.50.245.3:16384/PCMU callee@10.0.0.2:16384/PCMU\n");
    sigkit_close(&k);
}

// The connection of H.245 is found by the address that Connect names, or by its port at the host that said so.
static void h245_on_its_own(void **state)
{
    (void)state;
    struct sigkit k;
    uint8_t buf[1024];
    sigkit_open(&k, 8);
    struct endpoint caller = sigkit_at("10.0.0.1", 31000),
                    named = sigkit_at("172.18.110.48", 45907), seen = sigkit_at("10.0.0.2", 45907);
    struct pkt p = sigkit_pkt(caller, named, 6, 1000000);
    assert_false(sigcall_h245_expected(k.t, &p));
    say(&k, false, HEX_SETUP_PLAIN);
    assert_false(sigcall_h245_expected(k.t, &p));
    say(&k, true, HEX_CONNECT_H245);
    assert_true(sigcall_h245_expected(k.t, &p));
    k.n = 0;
    k.text[0] = 0;
    struct span ack = hex_message(HEX_H245_ACK, buf, sizeof buf);
    assert_int_equal(sigcall_h245(k.t, &p, ack), WIRE_NONE);
    p = sigkit_pkt(seen, caller, 6, 1000000);
    assert_true(sigcall_h245_expected(k.t, &p));
    ack = hex_message(HEX_H245_OPEN, buf, sizeof buf); // names nothing
    assert_int_equal(sigcall_h245(k.t, &p, ack), WIRE_NONE);
    assert_string_equal(k.text, "- 8003>98001 caller@14.50.214.57:31046 caller@10.0.0.1:31046\n");
    sigkit_close(&k);
}

static int set_up(void **state)
{
    (void)state;
    a = sigkit_at("10.0.0.1", 40000);
    b = sigkit_at("10.0.0.2", 1720);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story),
        cmocka_unit_test(fast_start),
        cmocka_unit_test(h245_on_its_own),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
