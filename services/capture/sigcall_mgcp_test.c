// MGCP told as short stories: messages as text, 'a' from the agent to gateway 1, 'g' back, 'b' and 'h' with gateway 2.
#include "tests/support/test.h"

#include "sigcall_kit.h"
#include "wire/mgcp.h"

#define SDP(ip, port) "\n\nv=0\nc=IN IP4 " ip "\nm=audio " #port " RTP/AVP 0\n"

static const struct {
    const char *name;
    const char *say[16];
    const char *want;
} stories[] = {
    {"a phone is called, answers, the far end hangs up",
     {"aCRCX 1 aaln/1@G1 MGCP 1.0\nC: c1\nM: recvonly\nS: L/rg, L/ci(1/2/3/4,2002,\"Ann\")",
      "g200 1 OK\nI: 3" SDP("10.0.0.2", 16386), "gNTFY 7 AALN/1@g1 MGCP 1.0\nO: L/hd",
      "aMDCX 2 aaln/1@G1 MGCP 1.0\nC: c1\nI: 3\nM: sendrecv\nS:" SDP("10.9.9.9", 2000), "g200 2 OK",
      "aMDCX 3 aaln/1@G1 MGCP 1.0\nC: c1\nM: recvonly", "aDLCX 4 aaln/1@G1 MGCP 1.0\nC: c1",
      "gNTFY 8 aaln/1@G1 MGCP 1.0\nO: L/hu"},
     "SETUP 2002>aaln/1\n"
     "RINGING 2002>aaln/1\n"
     "- 2002>aaln/1 callee@10.0.0.2:16386/PCMU\n"
     "ANSWERED 2002>aaln/1\n"
     "- 2002>aaln/1 caller@10.9.9.9:2000/PCMU\n"
     "ENDED 2002>aaln/1 side=caller\n"},
    {"a phone calls, digit by digit, one told twice; answered; hangs up",
     {"gNTFY 1 aaln/1@g1 MGCP 1.0\nO: L/hd", "aRQNT 1 aaln/1@g1 MGCP 1.0\nS: L/dl",
      "gNTFY 2 aaln/1@g1 MGCP 1.0\nO: D/2", "gNTFY 2 aaln/1@g1 MGCP 1.0\nO: D/2",
      "gNTFY 3 aaln/1@g1 MGCP 1.0\nO: 0,0,D/7", "aCRCX 2 aaln/1@g1 MGCP 1.0\nC: c\nM: recvonly",
      "g200 2 OK" SDP("10.0.0.2", 16384), "aRQNT 3 aaln/1@g1 MGCP 1.0\nS: G/rt",
      "aMDCX 4 aaln/1@g1 MGCP 1.0\nC: c\nM: sendrecv\nS:" SDP("10.9.9.9", 2000),
      "gNTFY 4 aaln/1@g1 MGCP 1.0\nO: L/hu", "aDLCX 5 aaln/1@g1 MGCP 1.0\nC: c"},
     "SETUP aaln/1>2007\n"
     "- aaln/1>2007 caller@10.0.0.2:16384/PCMU\n"
     "RINGING aaln/1>2007\n"
     "- aaln/1>2007 callee@10.9.9.9:2000/PCMU\n"
     "ANSWERED aaln/1>2007\n"
     "ENDED aaln/1>2007 side=caller\n"},
    {"busy",
     {"gNTFY 1 a@g MGCP 1.0\nO: hd", "aCRCX 2 a@g MGCP 1.0\nC: c\nM: recvonly",
      "aRQNT 3 a@g MGCP 1.0\nS: L/bz", "gNTFY 4 a@g MGCP 1.0\nO: hu", "aDLCX 5 a@g MGCP 1.0\nC: c"},
     "SETUP a>\nENDED a> side=caller cause=17\n"},
    {"given up while it rings",
     {"aCRCX 2 a@g MGCP 1.0\nC: c\nM: sendrecv", "aRQNT 3 a@g MGCP 1.0\nS: rt",
      "gNTFY 4 a@g MGCP 1.0\nO: hu", "aRQNT 4 a@g MGCP 1.0\nS:", "aDLCX 5 a@g MGCP 1.0\nC: c"},
     "SETUP a>\nRINGING a>\nENDED a> side=caller\n"},
    {"two phones of one agent",
     {"gNTFY 1 a@g MGCP 1.0\nO: hd", "gNTFY 2 a@g MGCP 1.0\nO: 5,5",
      "aCRCX 1 a@g MGCP 1.0\nC: c\nM: recvonly", "g200 1 OK" SDP("10.0.0.2", 1000),
      "bCRCX 2 b@h MGCP 1.0\nC: c\nM: sendrecv\nS: rg" SDP("10.0.0.2", 1000),
      "h200 2 OK" SDP("10.0.0.3", 2000), "aMDCX 3 a@g MGCP 1.0\nC: c\nS: rt" SDP("10.0.0.3", 2000),
      "hNTFY 1 b@h MGCP 1.0\nO: hd", "aMDCX 4 a@g MGCP 1.0\nC: c\nM: sendrecv\nS:",
      "hNTFY 2 b@h MGCP 1.0\nO: hu", "bDLCX 5 b@h MGCP 1.0\nC: c", "aDLCX 6 a@g MGCP 1.0\nC: c"},
     "SETUP a>55\n"
     "- a>55 caller@10.0.0.2:1000/PCMU\n"
     "RINGING a>55\n"
     "- a>55 caller@10.0.0.2:1000/PCMU\n"
     "- a>55 callee@10.0.0.3:2000/PCMU\n"
     "- a>55 callee@10.0.0.3:2000/PCMU\n"
     "ANSWERED a>55\n"
     "ENDED a>55 side=callee\n"},
    {"it rings before the call has a name, and is answered before too",
     {"aRQNT 1 a@g MGCP 1.0\nS: L/rg", "gNTFY 1 a@g MGCP 1.0\nO: L/hd",
      "aCRCX 2 a@g MGCP 1.0\nC: c\nM: sendrecv"},
     "SETUP >a\nRINGING >a\nANSWERED >a\n"},
    {"it rings for nothing", {"aRQNT 1 a@g MGCP 1.0\nS: L/rg", "aRQNT 2 a@g MGCP 1.0\nS:"}, ""},
    {"off the hook and on again",
     {"gNTFY 1 a@g MGCP 1.0\nO: L/hd", "gNTFY 2 a@g MGCP 1.0\nO: L/hu"},
     ""},
    {"refused by the gateway",
     {"aCRCX 2 a@g MGCP 1.0\nC: c\nM: sendrecv", "g100 2 wait", "g502 2 no"},
     "SETUP a>\nENDED a> cause=41\n"},
    {"held and resumed",
     {"aCRCX 2 a@g MGCP 1.0\nC: c\nM: recvonly", "aMDCX 3 a@g MGCP 1.0\nC: c\nM: sendrecv",
      "aMDCX 4 a@g MGCP 1.0\nC: c\nM: inactive", "aMDCX 5 a@g MGCP 1.0\nC: c\nM: sendrecv",
      "gDLCX 6 a@g MGCP 1.0\nC: c"}, // the gateway gives up
     "SETUP a>\nANSWERED a>\nHELD a> side=callee\nRESUMED a>\nENDED a> side=callee\n"},
    {"of calls that nobody knows",
     {"aMDCX 3 a@g MGCP 1.0\nC: c\nM: sendrecv", "aDLCX 4 a@g MGCP 1.0\nC: c", "g200 3 OK",
      "aCRCX 5 a@g MGCP 1.0\nM: sendrecv", "gNTFY 1 a@g MGCP 1.0\nO: L/hu,5"},
     ""},
};

static void each_story(void **state)
{
    (void)state;
    struct endpoint agent = sigkit_at("10.0.0.1", 2727), g1 = sigkit_at("10.0.0.2", 2427),
                    g2 = sigkit_at("10.0.0.3", 2427);
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        struct sigkit k;
        sigkit_open(&k, 8);
        for (size_t n = 0; n < COUNT_OF(stories[i].say) && stories[i].say[n]; n++) {
            const char *s = stories[i].say[n];
            struct endpoint g = *s == 'b' || *s == 'h' ? g2 : g1;
            struct pkt p = *s == 'a' || *s == 'b' ? sigkit_pkt(agent, g, 17, (int64_t)n + 1)
                                                  : sigkit_pkt(g, agent, 17, (int64_t)n + 1);
            struct mgcp_msg m;
            assert_int_equal(mgcp_parse(span_str(s + 1), &m), WIRE_NONE);
            sigcall_mgcp(k.t, &p, &m);
        }
        if (strcmp(k.text, stories[i].want) != 0)
            fail_msg("%s:\n%swanted:\n%s", stories[i].name, k.text, stories[i].want);
        sigkit_close(&k);
    }
}

// Hooks and connections without end: a full table goes on, and nothing of it stays behind.
static void a_flood(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 4);
    struct endpoint agent = sigkit_at("10.0.0.1", 2727), g = sigkit_at("10.0.0.2", 2427);
    for (int i = 0; i < 1000; i++) {
        char text[100];
        struct mgcp_msg m;
        bool hook = i % 3 == 0;
        snprintf(text, sizeof text,
                 hook ? "NTFY %d a%d@g MGCP 1.0\nO: hd" : "CRCX %d a%d@g MGCP 1.0\nC: %d", i, i % 7,
                 i % 11);
        struct pkt p = hook ? sigkit_pkt(g, agent, 17, i) : sigkit_pkt(agent, g, 17, i);
        assert_int_equal(mgcp_parse(span_str(text), &m), WIRE_NONE);
        sigcall_mgcp(k.t, &p, &m);
        k.n = 0;
    }
    assert_true(sigcalls_stat(k.t).used == 4 && sigcalls_stat(k.t).evicted > 0);
    sigcalls_age(k.t, INT64_C(3600002000));
    assert_int_equal(sigcalls_stat(k.t).used, 0);
    sigkit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story),
        cmocka_unit_test(a_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
