// SCCP told as short stories: who says what, and what is made of it.
#include "tests/support/test.h"

#include "sigcall_kit.h"
#include "wire/sccp.h"

enum by {
    MANAGER,
    PHONE
};

struct step {
    enum by by;
    uint32_t id, ref, value; // value: call state, call type, key
};

#define STATE(ref, s)                                                                              \
    {                                                                                              \
        MANAGER, SCCP_CALL_STATE, ref, s                                                           \
    }
#define INFO(ref, type)                                                                            \
    {                                                                                              \
        MANAGER, SCCP_CALL_INFO_V2, ref, type                                                      \
    }
#define OPEN(ref)                                                                                  \
    {                                                                                              \
        MANAGER, SCCP_OPEN_RECEIVE_CHANNEL, ref, 0                                                 \
    }
#define ACK(ref)                                                                                   \
    {                                                                                              \
        PHONE, SCCP_OPEN_RECEIVE_CHANNEL_ACK, ref, 0                                               \
    }
#define START(ref)                                                                                 \
    {                                                                                              \
        MANAGER, SCCP_START_MEDIA_TRANSMISSION, ref, 0                                             \
    }
#define ON_HOOK(ref)                                                                               \
    {                                                                                              \
        PHONE, SCCP_ON_HOOK, ref, 0                                                                \
    }

static void play(struct sigkit *k, const struct step *step, size_t n)
{
    struct endpoint phone = sigkit_at("10.0.0.5", 52415), manager = sigkit_at("10.0.0.1", 2000);
    for (size_t i = 0; i < n && step[i].id; i++) {
        const struct step *s = &step[i];
        struct pkt p = s->by == PHONE ? sigkit_pkt(phone, manager, 6, (int64_t)i + 1)
                                      : sigkit_pkt(manager, phone, 6, (int64_t)i + 1);
        struct sccp_msg m = {.id = s->id, .call_ref = s->ref, .pass_through = 9, .codec = 4};
        m.state = m.call_type = m.key = s->value;
        if (s->id == SCCP_CALL_INFO_V2) {
            m.calling = SPAN_LIT("8003");
            m.called = SPAN_LIT("8001");
        }
        m.at = s->id == SCCP_START_MEDIA_TRANSMISSION ? sigkit_at("10.0.0.9", 20000)
                                                      : sigkit_at("10.0.0.5", 16384);
        sigcall_sccp(k->t, &p, &m);
    }
}

static const struct {
    const char *name;
    struct step step[16];
    const char *want;
} stories[] = {
    {"out, answered, hung up by the phone, which does not say which call",
     {STATE(7, 1), STATE(7, 12), INFO(7, 2), STATE(7, 3), OPEN(7), STATE(7, 5), START(7), ACK(7),
      ON_HOOK(0), STATE(7, 2)},
     "SETUP >\n"
     "- 8003>8001\n"
     "RINGING 8003>8001\n"
     "ANSWERED 8003>8001\n"
     "- 8003>8001 callee@10.0.0.9:20000/PCMU\n"
     "- 8003>8001 caller@10.0.0.5:16384/PCMU\n"
     "ENDED 8003>8001 side=caller\n"},
    {"in, answered, hung up by the far end",
     {STATE(7, 4), INFO(7, 1), STATE(7, 1), STATE(7, 5), ACK(7), STATE(7, 2)},
     "SETUP >\n"
     "RINGING >\n"
     "- 8003>8001\n"
     "ANSWERED 8003>8001\n"
     "- 8003>8001 callee@10.0.0.5:16384\n"
     "ENDED 8003>8001 side=caller\n"},
    {"in, never answered", {STATE(7, 4), STATE(7, 2)}, "SETUP >\nRINGING >\nENDED >\n"},
    {"in, put off while it rings",
     {STATE(7, 4), {PHONE, SCCP_SOFT_KEY_EVENT, 7, 9}, STATE(7, 2)},
     "SETUP >\nRINGING >\nENDED > side=callee\n"},
    {"in while the phone hangs up another call",
     {STATE(6, 12), STATE(6, 5), STATE(7, 9), ON_HOOK(0), STATE(6, 2), STATE(7, 2)},
     "SETUP >\nANSWERED >\nSETUP >\nRINGING >\nENDED > side=caller\nENDED >\n"},
    {"out, busy",
     {STATE(7, 1), STATE(7, 12), STATE(7, 6), ON_HOOK(0), STATE(7, 2)},
     "SETUP >\nENDED > side=caller cause=17\n"},
    {"out, given up while it rings",
     {STATE(7, 12), STATE(7, 3), ON_HOOK(7), STATE(7, 2)},
     "SETUP >\nRINGING >\nENDED > side=caller\n"},
    {"held and resumed",
     {STATE(7, 12), STATE(7, 5), STATE(7, 8), STATE(7, 8), STATE(7, 5), STATE(7, 2)},
     "SETUP >\nANSWERED >\nHELD > side=caller\nRESUMED >\nENDED > side=callee\n"},
    {"off hook and on hook again is no call", {STATE(7, 1), ON_HOOK(7), STATE(7, 2)}, ""},
    {"the end of a call that was not seen", {STATE(7, 2), ON_HOOK(0)}, ""},
    {"known from its middle",
     {STATE(7, 5), INFO(7, 1), STATE(7, 2)},
     "SETUP >\nANSWERED >\n- 8003>8001\nENDED 8003>8001 side=callee\n"},
    {"a copy for a recorder is of no call", {STATE(7, 12), START(8)}, "SETUP >\n"},
    {"what a phone cannot say",
     {{PHONE, SCCP_CALL_STATE, 7, 12}, {PHONE, SCCP_CALL_INFO, 7, 1}},
     ""},
    {"a channel that was refused",
     {STATE(7, 12), {MANAGER, SCCP_OPEN_RECEIVE_CHANNEL_ACK, 7, 0}},
     "SETUP >\n"},
};

static void each_story(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        struct sigkit k;
        sigkit_open(&k, 8);
        play(&k, stories[i].step, COUNT_OF(stories[i].step));
        if (strcmp(k.text, stories[i].want) != 0)
            fail_msg("%s:\n%swanted:\n%s", stories[i].name, k.text, stories[i].want);
        sigkit_close(&k);
    }
}

// Both phones of one conversation are here: the caller's call has the last word on both addresses.
static void two_phones_of_one_manager(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 8);
    struct endpoint manager = sigkit_at("10.0.0.1", 2000), a = sigkit_at("10.0.0.5", 52415),
                    b = sigkit_at("10.0.0.6", 52416);
    const struct {
        bool of_a;
        struct sccp_msg m;
    } say[] = {
        {true, {.id = SCCP_CALL_STATE, .call_ref = 7, .state = SCCP_STATE_PROCEED}},
        {false, {.id = SCCP_CALL_STATE, .call_ref = 8, .state = SCCP_STATE_RING_IN}},
        {true,
         {.id = SCCP_OPEN_RECEIVE_CHANNEL_ACK, .call_ref = 7, .at = sigkit_at("10.0.0.5", 16384)}},
        {true,
         {.id = SCCP_START_MEDIA_TRANSMISSION, .call_ref = 7, .at = sigkit_at("10.0.0.6", 20000)}},
        {false,
         {.id = SCCP_OPEN_RECEIVE_CHANNEL_ACK, .call_ref = 8, .at = sigkit_at("10.0.0.6", 20000)}},
        {false,
         {.id = SCCP_START_MEDIA_TRANSMISSION, .call_ref = 8, .at = sigkit_at("10.0.0.5", 16384)}},
    };
    for (size_t i = 0; i < COUNT_OF(say); i++) {
        bool ack = say[i].m.id == SCCP_OPEN_RECEIVE_CHANNEL_ACK;
        struct endpoint phone = say[i].of_a ? a : b;
        struct pkt p = ack ? sigkit_pkt(phone, manager, 6, 9) : sigkit_pkt(manager, phone, 6, 9);
        if (i == 4) {
            k.n = 0;
            k.text[0] = 0;
        }
        sigcall_sccp(k.t, &p, &say[i].m);
    }
    assert_string_equal(k.text, "- > callee@10.0.0.6:20000\n"
                                "- > caller@10.0.0.5:16384 callee@10.0.0.6:20000\n"
                                "- > caller@10.0.0.5:16384\n"
                                "- > caller@10.0.0.5:16384 callee@10.0.0.6:20000\n");
    sigkit_close(&k);
}

// A phone that names another address than the one it is seen at has two.
static void behind_a_translator(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 8);
    play(&k, (const struct step[]){STATE(7, 12)}, 1);
    struct pkt p = sigkit_pkt(sigkit_at("10.0.0.5", 52415), sigkit_at("10.0.0.1", 2000), 6, 9);
    struct sccp_msg m = {.id = SCCP_OPEN_RECEIVE_CHANNEL_ACK, .call_ref = 7};
    m.at = sigkit_at("192.168.1.2", 16384);
    sigcall_sccp(k.t, &p, &m);
    assert_string_equal(k.text, "SETUP >\n- > caller@192.168.1.2:16384 caller@10.0.0.5:16384\n");
    sigkit_close(&k);
}

// Of an older phone the messages of media carry no reference, only the party.
static void by_pass_through_party(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 8);
    static const struct step s[] = {STATE(7, 12), OPEN(7), ACK(0)};
    play(&k, s, COUNT_OF(s));
    assert_string_equal(k.text, "SETUP >\n- > caller@10.0.0.5:16384/PCMU\n");
    sigkit_close(&k);
}

// Full: the one that has been silent longest goes, counted; the others go on.
static void a_full_table(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 4);
    for (uint32_t ref = 1; ref <= 4; ref++)
        play(&k, (const struct step[]){STATE(ref, 12)}, 1);
    play(&k, (const struct step[]){STATE(1, 3)}, 1); // speaks, so 2 is the one
    play(&k, (const struct step[]){STATE(5, 12)}, 1);
    struct sigcalls_stat s = sigcalls_stat(k.t);
    assert_int_equal(s.used, 4);
    assert_int_equal(s.evicted, 1);
    assert_int_equal(s.begun[SIGPROTO_SCCP], 5);
    k.n = 0;
    k.text[0] = 0;
    play(&k, (const struct step[]){STATE(2, 2), STATE(1, 2), STATE(5, 2)}, 3);
    assert_string_equal(k.text, "ENDED >\nENDED >\n");
    (void)sigcalls_stat(k.t);
    assert_int_equal(sigcalls_stat(k.t).used, 2);
    sigkit_close(&k);
}

static void keys_run_out(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 2); // 12 keys
    struct sigcall *c = sigcalls_begin(k.t, SIGPROTO_SCCP, 1);
    struct endpoint a = sigkit_at("10.0.0.1", 1);
    for (uint64_t i = 0; i < 14; i++) {
        struct sigkey key = sigkey_of(SIGKEY_SCCP_CALL, &a, NULL, i);
        sigcalls_key(k.t, c, &key, (uint32_t)i);
    }
    assert_int_equal(sigcalls_stat(k.t).keys_refused, 2);
    struct sigkey key = sigkey_of(SIGKEY_SCCP_CALL, &a, NULL, 11);
    uint32_t tag = 0;
    assert_ptr_equal(sigcalls_find(k.t, &key, &tag), c);
    assert_int_equal(tag, 11);
    struct sigcall *d = sigcalls_begin(k.t, SIGPROTO_SCCP, 2);
    sigcalls_key(k.t, d, &key, 5); // a key goes over to another call
    assert_ptr_equal(sigcalls_find(k.t, &key, NULL), d);
    sigcalls_end(k.t, c);
    assert_ptr_equal(sigcalls_find(k.t, &key, NULL), d);
    sigcalls_unkey(k.t, &key);
    assert_null(sigcalls_find(k.t, &key, NULL));
    sigcalls_age(k.t, INT64_C(3600000003)); // an hour of silence
    assert_int_equal(sigcalls_stat(k.t).used, 0);
    sigkit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story),          cmocka_unit_test(two_phones_of_one_manager),
        cmocka_unit_test(behind_a_translator), cmocka_unit_test(by_pass_through_party),
        cmocka_unit_test(a_full_table),        cmocka_unit_test(keys_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
