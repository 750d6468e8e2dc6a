// IAX2 told as short stories, and its voice as RTP has it.
#include "tests/support/test.h"

#include "sigcall_kit.h"
#include "wire/iax2.h"

struct step {
    int at_s;
    bool back; // from the callee
    uint8_t type;
    uint16_t subclass, source, destination, cause;
};

#define NEW(at)                                                                                    \
    {                                                                                              \
        at, false, IAX2_IAX, IAX2_NEW, 4, 0, 0                                                     \
    }
#define BACK(at, t, s)                                                                             \
    {                                                                                              \
        at, true, t, s, 23, 4, 0                                                                   \
    }
#define FORTH(at, t, s)                                                                            \
    {                                                                                              \
        at, false, t, s, 4, 23, 0                                                                  \
    }
#define BYE(at, from_callee, c)                                                                    \
    {                                                                                              \
        at, from_callee, IAX2_IAX, IAX2_HANGUP, (from_callee) ? 23 : 4, (from_callee) ? 4 : 23, c  \
    }
#define MEDIA "SETUP 100>200\n- 100>200 caller@10.0.0.1:4569/L16 callee@10.0.0.2:4569/L16\n"

static struct endpoint a, b;

static bool step(struct sigkit *k, const struct step *s)
{
    struct pkt p = s->back ? sigkit_pkt(b, a, 17, s->at_s * INT64_C(1000000))
                           : sigkit_pkt(a, b, 17, s->at_s * INT64_C(1000000));
    struct iax2 f = {.kind = IAX2_FULL,
                     .type = s->type,
                     .subclass = s->subclass,
                     .source = s->source,
                     .destination = s->destination};
    struct iax2_elements e = {
        .calling = SPAN_LIT("100"), .called = SPAN_LIT("200"), .cause = s->cause};
    return sigcall_iax2(k->t, &p, &f, &e);
}

static const struct {
    const char *name;
    struct step step[10];
    const char *want;
} stories[] = {
    {"answered; the callee hangs up, twice",
     {NEW(1), NEW(2), BACK(2, IAX2_IAX, IAX2_ACCEPT), BACK(2, IAX2_CONTROL, 3),
      BACK(3, IAX2_CONTROL, 3), BACK(4, IAX2_CONTROL, 4), FORTH(5, IAX2_IAX, IAX2_ACK),
      BYE(9, true, 16), BYE(9, true, 16)},
     MEDIA "RINGING 100>200 side=callee\nANSWERED 100>200 side=callee\nENDED 100>200 side=callee "
           "cause=16\n"},
    {"busy",
     {NEW(1), BACK(2, IAX2_CONTROL, 5), BYE(3, false, 0)},
     MEDIA "ENDED 100>200 side=caller cause=17\n"},
    {"refused",
     {NEW(1), {2, true, IAX2_IAX, IAX2_REJECT, 23, 4, 3}},
     MEDIA "ENDED 100>200 side=callee cause=3\n"},
    {"held",
     {NEW(1), BACK(2, IAX2_CONTROL, 4), FORTH(3, IAX2_CONTROL, 16), FORTH(4, IAX2_CONTROL, 17),
      BYE(5, false, 16)},
     MEDIA "ANSWERED 100>200 side=callee\nHELD 100>200 side=caller\nRESUMED 100>200 "
           "side=caller\nENDED 100>200 side=caller cause=16\n"},
    {"hung up by a control frame",
     {NEW(1), BACK(2, IAX2_CONTROL, 1)},
     MEDIA "ENDED 100>200 side=callee\n"},
    {"the number is used again, the end was not seen",
     {NEW(1), BACK(2, IAX2_CONTROL, 4), NEW(60)},
     MEDIA "ANSWERED 100>200 side=callee\nENDED 100>200\n" MEDIA},
    {"frames of no call",
     {BACK(1, IAX2_CONTROL, 4), FORTH(1, IAX2_VOICE, 4), BYE(2, true, 16)},
     ""},
    {"strange controls", {NEW(1), BACK(2, IAX2_CONTROL, 255), BACK(2, IAX2_CONTROL, 0)}, MEDIA},
};

static void each_story(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stories); i++) {
        struct sigkit k;
        sigkit_open(&k, 8);
        for (size_t n = 0; n < COUNT_OF(stories[i].step) && stories[i].step[n].type; n++)
            (void)step(&k, &stories[i].step[n]);
        if (strcmp(k.text, stories[i].want) != 0)
            fail_msg("%s:\n%swanted:\n%s", stories[i].name, k.text, stories[i].want);
        sigkit_close(&k);
    }
}

// Time stamps of frames of 20 ms, and the sequence numbers that they get, counted from the first.
static void voice_gets_sequence_numbers(void **state)
{
    (void)state;
    static const struct {
        bool full, untimed;
        uint32_t ts;
        int seq;
        bool marker;
    } row[] = {
        {true, false, 65500, 0, true}, {false, false, 65520, 1, false},
        {false, false, 4, 2, false},  // the low 16 bits have wrapped
        {false, false, 64, 5, false}, // two lost
        {false, false, 44, 4, false}, // one of them late
        {false, false, 64, 5, false}, // again
        {false, false, 83, 6, false}, // a millisecond early
        {false, false, 104, 7, false}, {false, true, 0, 8, false},
        {false, false, 5104, 9, true}, // five seconds of silence
    };
    struct sigkit k;
    sigkit_open(&k, 2);
    assert_true(step(&k, &(struct step)NEW(1)));
    assert_true(step(&k, &(struct step)FORTH(1, IAX2_VOICE, 4)));
    struct pkt p = sigkit_pkt(a, b, 17, 2000000);
    struct iax2_voice v, first = {0};
    uint8_t sound[160] = {0};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct iax2 f = {.kind = row[i].full ? IAX2_FULL : IAX2_MINI,
                         .source = 4,
                         .timestamp = row[i].ts,
                         .untimed = row[i].untimed};
        f.payload = span_of(sound, sizeof sound);
        assert_true(sigcall_iax2_voice(k.t, &p, &f, &v));
        if (i == 0)
            first = v;
        assert_int_equal((uint16_t)(v.seq - first.seq), row[i].seq);
        assert_int_equal(v.marker, row[i].marker);
        assert_int_equal(v.payload_type, 0);
        assert_int_equal(v.ssrc, first.ssrc);
        assert_int_equal(v.media.ssrc, v.ssrc);
        assert_true(endpoint_eq(&v.media.at, &b));
    }
    struct iax2 f = {.kind = IAX2_MINI, .source = 5, .payload = span_of(sound, 20)};
    assert_false(sigcall_iax2_voice(k.t, &p, &f, &v)); // of no call
    f.source = 4;
    f.payload.n = 0;
    assert_false(sigcall_iax2_voice(k.t, &p, &f, &v)); // nothing in it
    p = sigkit_pkt(b, a, 17, 2000000);
    f.source = 23;
    f.payload.n = 160;
    assert_false(sigcall_iax2_voice(k.t, &p, &f, &v)); // a number that has not been seen
    assert_true(step(&k, &(struct step)BACK(2, IAX2_CONTROL, 4)));
    assert_true(sigcall_iax2_voice(k.t, &p, &f, &v)); // the caller's format until it has its own
    assert_int_equal(v.payload_type, 0);
    assert_true(step(&k, &(struct step)BACK(2, IAX2_VOICE, 8)));
    assert_true(sigcall_iax2_voice(k.t, &p, &f, &v));
    assert_int_equal(v.payload_type, 8);
    sigkit_close(&k);
}

// Two calls between the same hosts: another SSRC for each side of each.
static void ssrcs_differ(void **state)
{
    (void)state;
    struct sigkit k;
    sigkit_open(&k, 8);
    uint32_t seen[8];
    size_t n = 0;
    for (uint16_t number = 4; number < 8; number++)
        for (int back = 0; back <= 1; back++) {
            assert_true(step(&k, &(struct step){1, false, IAX2_IAX, IAX2_NEW, number, 0, 0}));
            assert_true(
                step(&k, &(struct step){1, back, IAX2_VOICE, 8, back ? number + 100 : number,
                                        back ? number : number + 100, 0}));
            struct pkt p = back ? sigkit_pkt(b, a, 17, 1) : sigkit_pkt(a, b, 17, 1);
            struct iax2 f = {.kind = IAX2_MINI,
                             .source = (uint16_t)(back ? number + 100 : number),
                             .payload = SPAN_LIT("x")};
            struct iax2_voice v;
            assert_true(sigcall_iax2_voice(k.t, &p, &f, &v));
            for (size_t i = 0; i < n; i++)
                assert_int_not_equal(seen[i], v.ssrc);
            seen[n++] = v.ssrc;
        }
    sigkit_close(&k);
}

static int set_up(void **state)
{
    (void)state;
    a = sigkit_at("10.0.0.1", 4569);
    b = sigkit_at("10.0.0.2", 4569);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_story),
        cmocka_unit_test(voice_gets_sequence_numbers),
        cmocka_unit_test(ssrcs_differ),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
