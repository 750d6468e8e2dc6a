// Codes are found where the digits are; the digits stay: of events, of INFO, in a pause, with the tables full.
#include "digits.h"
#include "pause.h"
#include "worker_kit.h"

static struct digit_codes codes_of(const char *a, const char *b)
{
    struct digit_codes c = {.n = 0};
    assert_true(digit_codes_add(&c, span_str(a)));
    if (b)
        assert_true(digit_codes_add(&c, span_str(b)));
    return c;
}

static void what_is_a_code(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        bool good;
    } cases[] = {{"*9", true},         {"0123456#", true}, {"ABCD", true}, {"", false},
                 {"012345678", false}, {"E", false},       {"1 2", false}, {"a", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct digit_codes c = {.n = 0};
        assert_int_equal(digit_codes_add(&c, span_str(cases[i].code)), cases[i].good);
        assert_int_equal(c.n, cases[i].good);
    }
    struct digit_codes c = {.n = 0};
    for (int i = 0; i < DIGIT_CODES; i++)
        assert_true(digit_codes_add(&c, SPAN_LIT("1")));
    assert_false(digit_codes_add(&c, SPAN_LIT("2")));
    // From shared memory anything may come.
    c.n = 4000000000u;
    memset(c.code, '5', sizeof c.code);
    digit_codes_check(&c);
    assert_int_equal(c.n, DIGIT_CODES);
    struct digit_tail t = {{0}};
    const char *found = NULL;
    for (int i = 0; i < DIGIT_CODE_MAX; i++)
        found = digit_entered(&c, &t, '5');
    assert_non_null(found);
    assert_int_equal(strlen(found), DIGIT_CODE_MAX);
}

static void the_last_digits(void **state)
{
    (void)state;
    static const struct {
        const char *entered, *found; // the last code that was found; NULL: none
        size_t n;
    } cases[] = {
        {"*9", "*9", 1},           {"12*9", "*9", 1}, {"*", NULL, 0},
        {"*89", NULL, 0},          {"*9*9", "*9", 2}, {"**9", "**9", 1}, // the longest
        {"4111111111*9", "*9", 1}, {"9", NULL, 0},    {"", NULL, 0},
    };
    struct digit_codes c = codes_of("*9", "**9");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct digit_tail t = {{0}};
        const char *found = NULL;
        size_t n = 0;
        for (const char *d = cases[i].entered; *d; d++) {
            const char *f = digit_entered(&c, &t, *d);
            found = f ? f : found;
            n += f != NULL;
        }
        assert_int_equal(n, cases[i].n);
        if (cases[i].found)
            assert_string_equal(found, cases[i].found);
        else
            assert_null(found);
    }
    static const char names[] = "0123456789*#ABCD";
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(digit_of_event((uint8_t)i), i < 16 ? names[i] : 0);
}

static size_t info_text(char *buf, size_t cap, const char *call, const char *tag, unsigned cseq,
                        const char *body)
{
    return (size_t)snprintf(buf, cap,
                            "INFO sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK%u\r\n"
                            "From: <sip:a@x>;tag=%s\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: %s\r\nCSeq: "
                            "%u INFO\r\nContent-Type: application/dtmf-relay\r\nContent-Length: "
                            "%zu\r\n\r\n%s",
                            cseq, tag, call, cseq, strlen(body), body);
}

static const char *info(struct digit_calls *t, const struct digit_codes *c, const char *call,
                        const char *tag, unsigned cseq, const char *body)
{
    static struct sip_msg m;
    char buf[800];
    size_t n = info_text(buf, sizeof buf, call, tag, cseq, body);
    assert_true(sip_parse(span_of(buf, n), &m));
    return digit_info(c, t, &m);
}

static void by_messages(void **state)
{
    (void)state;
    static struct digit_calls t;
    struct digit_codes c = codes_of("*9", NULL), none = {.n = 0};
    memset(&t, 0, sizeof t);
    assert_null(info(&t, &c, "c1", "1", 1, "Signal=*"));
    assert_null(info(&t, &c, "c1", "1", 1, "Signal=*")); // the next hop's
    assert_null(info(&t, &c, "c2", "1", 2, "Signal=9")); // another call
    assert_null(info(&t, &c, "c1", "7", 2, "Signal=9")); // the other side
    assert_string_equal(info(&t, &c, "c1", "1", 2, "Signal=9"), "*9");
    assert_null(info(&t, &c, "c1", "1", 2, "Signal=9"));
    assert_null(info(&t, &none, "c1", "1", 3, "Signal=*")); // nothing is looked for, nothing kept
    assert_null(info(&t, &c, "c1", "1", 4, "Signal=9"));
    assert_null(info(&t, &c, "c1", "1", 5, "Duration=9"));
    // More calls than places: of one place the newest stays.
    memset(&t, 0, sizeof t);
    for (unsigned i = 0; i < 4 * DIGIT_CALLS; i++) {
        char call[32];
        (void)snprintf(call, sizeof call, "call-%u", i);
        assert_null(info(&t, &c, call, "1", 1, "Signal=*"));
        assert_string_equal(info(&t, &c, call, "1", 2, "Signal=9"), "*9");
    }
    assert_true(t.overwritten >= 3 * DIGIT_CALLS && t.overwritten < 4 * DIGIT_CALLS);
}

// ---- through the worker

static struct {
    size_t n, sip;
    char code[9], call_id[32];
    bool by_stream, clear;
} told;

static int note(void *ctx, const Callmesh__V1__SigBatch *b)
{
    (void)ctx;
    for (size_t i = 0; i < b->n_events; i++) {
        const Callmesh__V1__SigEvent *e = b->events[i];
        if (e->event_case == CALLMESH__V1__SIG_EVENT__EVENT_SIP) {
            told.sip++;
            told.clear |= memmem(e->sip->raw.data, e->sip->raw.len, "Signal=*", 8) == NULL &&
                          memmem(e->sip->raw.data, e->sip->raw.len, "Signal", 6) != NULL;
        }
        if (e->event_case != CALLMESH__V1__SIG_EVENT__EVENT_CODE)
            continue;
        told.n++;
        (void)span_copy(span_str(e->code->code), told.code, sizeof told.code);
        told.by_stream = e->code->stream_id.len == 16;
        (void)span_copy(span_of(e->code->sip_call_id.data, e->code->sip_call_id.len), told.call_id,
                        sizeof told.call_id);
    }
    return 0;
}

static struct bench *bench_for(bool keep, struct pauses *p)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    memset(&told, 0, sizeof told);
    b->out = outbox_new(&(struct outbox_sink){.sig = note, .rtp = on_rtp, .ctx = &b->told});
    b->w = worker_new(&(struct worker_opts){.link_type = LINK_RAW_12,
                                            .live = true,
                                            .publisher = "test/worker",
                                            .out = b->out,
                                            .streams = STREAMS,
                                            .stream_idle_us = 60000000,
                                            .media_addresses = 16,
                                            .media_age_us = 600000000,
                                            .fragments = 4,
                                            .tcp = 4,
                                            .signalled_calls = 4,
                                            .framed_tcp = 4,
                                            .keep_digits = keep});
    assert_non_null(b->w);
    b->at_us = START_US;
    *p = (struct pauses){.version = 1};
    assert_true(digit_codes_add(&p->codes, SPAN_LIT("*9")));
    worker_pauses(b->w, p);
    return b;
}

static void bench_free(struct bench *b)
{
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
}

// An event: first packet, one more, the end three times; all with one time stamp.
static void press(struct bench *b, unsigned *seq, uint8_t event)
{
    unsigned timestamp = *seq * 160;
    for (unsigned i = 0; i < 5; i++) {
        uint8_t p[16] = {0x80, 101, 0, 0, 0, 0,     0,
                         0,    0,   0, 0, 7, event, (uint8_t)(i > 1 ? 0x8A : 10)};
        put16(p + 2, (*seq)++);
        put16(p + 4, timestamp >> 16);
        put16(p + 6, timestamp);
        udp(b, 2, 5000, 1, 4000, span_of(p, sizeof p));
        b->at_us += 20000;
    }
}

static void by_events(void **state)
{
    (void)state;
    static struct pauses p;
    for (int keep = 0; keep < 2; keep++) {
        struct bench *b = bench_for(keep, &p);
        unsigned seq = 1;
        invite(b, "0 101\r\na=rtpmap:101 telephone-event/8000");
        press(b, &seq, 10);
        outbox_close_all(b->out);
        assert_int_equal(told.n, 0);
        press(b, &seq, 9);
        outbox_close_all(b->out);
        assert_int_equal(told.n, 1);
        assert_true(told.by_stream);
        assert_string_equal(told.code, "*9");
        assert_int_equal(count(b, CAPTURE_CODES), 1);
        // It is paused by it: its digits are heard all the same.
        struct pauses q = p;
        q.version = 2;
        q.n = 1;
        q.order[0].until_us = b->at_us + 3600 * INT64_C(1000000);
        q.order[0].addrs = 1;
        q.order[0].at[0].port = 4000;
        assert_true(ip_addr_parse(SPAN_LIT("10.0.0.1"), &q.order[0].at[0].ip));
        worker_pauses(b->w, &q);
        uint64_t media = b->told.media;
        press(b, &seq, 10);
        press(b, &seq, 9);
        outbox_close_all(b->out);
        assert_int_equal(told.n, 2);
        assert_int_equal(b->told.media, media);
        // Nobody looks for codes any more.
        worker_pauses(b->w, &(struct pauses){.version = 3});
        press(b, &seq, 10);
        press(b, &seq, 9);
        outbox_close_all(b->out);
        assert_int_equal(told.n, 2);
        bench_free(b);
    }
}

static void say(struct bench *b, unsigned cseq, const char *body)
{
    char buf[800];
    size_t n = info_text(buf, sizeof buf, "c1", "1", cseq, body);
    udp(b, 1, 9999, 2, 12345, span_of(buf, n));
    b->at_us += 20000;
}

static void by_info_that_leaves_as_stars(void **state)
{
    (void)state;
    static struct pauses p;
    for (int keep = 0; keep < 2; keep++) {
        struct bench *b = bench_for(keep, &p);
        invite(b, "0");
        say(b, 2, "Signal=#\r\nDuration=160\r\n");
        say(b, 3, "Signal=*\r\nDuration=160\r\n");
        say(b, 4, "Signal=9\r\nDuration=160\r\n");
        outbox_close_all(b->out);
        assert_int_equal(told.n, 1);
        assert_false(told.by_stream);
        assert_string_equal(told.call_id, "c1");
        assert_int_equal(told.clear, keep);
        assert_int_equal(told.sip, 4);
        assert_int_equal(count(b, CAPTURE_INFO_MASKED), keep ? 0 : 3);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_code),
        cmocka_unit_test(the_last_digits),
        cmocka_unit_test(by_messages),
        cmocka_unit_test(by_events),
        cmocka_unit_test(by_info_that_leaves_as_stars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
