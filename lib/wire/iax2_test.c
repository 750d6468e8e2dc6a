#include "tests/support/test.h"
#include "wire/iax2.h"
#include "wire/wire_testing.h"

static struct bytes full(unsigned source, unsigned destination, uint32_t ts, unsigned type,
                         unsigned subclass)
{
    struct bytes b = {.n = 0};
    put16(&b, 0x8000 | source);
    put16(&b, destination);
    put32(&b, ts);
    put16(&b, 0);
    put8(&b, type);
    put8(&b, subclass);
    return b;
}

static void element(struct bytes *b, unsigned kind, struct span value)
{
    put8(b, kind);
    put8(b, (unsigned)value.n);
    put(b, value);
}

static struct bytes new_call(void)
{
    struct bytes b = full(4, 0, 1, IAX2_IAX, IAX2_NEW);
    element(&b, 11, SPAN_LIT("\0\2"));
    element(&b, 2, SPAN_LIT("442088205515"));
    element(&b, 4, SPAN_LIT("Ann"));
    element(&b, 1, SPAN_LIT("4477"));
    element(&b, 6, SPAN_LIT("user"));
    return b;
}

static void full_frames(void **state)
{
    (void)state;
    struct bytes b = new_call();
    struct iax2 f;
    struct iax2_elements e;
    assert_int_equal(iax2_parse(bytes_span(&b), &f), WIRE_NONE);
    assert_int_equal(f.kind, IAX2_FULL);
    assert_int_equal(f.source, 4);
    assert_int_equal(f.destination, 0);
    assert_int_equal(f.timestamp, 1);
    assert_string_equal(iax2_name(&f), "NEW");
    assert_int_equal(iax2_elements(f.payload, &e), WIRE_NONE);
    assert_span(e.calling, "442088205515");
    assert_span(e.called, "4477");
    assert_span(e.name, "Ann");
    assert_span(e.username, "user");
    b = full(0x7fff, 0x8004, 0xffffffff, IAX2_VOICE, 0x82); // again; format by power of two
    put(&b, SPAN_LIT("abc"));
    assert_int_equal(iax2_parse(bytes_span(&b), &f), WIRE_NONE);
    assert_true(f.retransmission && f.destination == 4 && f.source == 0x7fff);
    assert_int_equal(f.subclass, 4);
    assert_span(f.payload, "abc");
    assert_string_equal(iax2_name(&f), "voice");
}

static void mini_and_trunk(void **state)
{
    (void)state;
    struct iax2 f, mini;
    assert_int_equal(iax2_parse(SPAN_LIT("\0\4\1\2xyz"), &f), WIRE_NONE);
    assert_int_equal(f.kind, IAX2_MINI);
    assert_int_equal(f.timestamp, 0x102);
    assert_span(f.payload, "xyz");
    assert_int_equal(iax2_parse(SPAN_LIT("\0\0\1\1\0\0\0\0"
                                         "\0\2\0\4\0\x14"
                                         "ab"
                                         "\0\1\0\5\0\x15"
                                         "c"),
                                &f),
                     WIRE_NONE);
    assert_int_equal(f.kind, IAX2_TRUNK);
    assert_true(iax2_trunk_next(&f, &mini));
    assert_true(mini.source == 4 && mini.timestamp == 20 && !mini.untimed);
    assert_span(mini.payload, "ab");
    assert_true(iax2_trunk_next(&f, &mini));
    assert_true(mini.source == 5 && mini.timestamp == 21);
    assert_false(iax2_trunk_next(&f, &mini));
    assert_int_equal(iax2_parse(SPAN_LIT("\0\0\1\0\0\0\0\0"
                                         "\0\4\0\2"
                                         "ab"
                                         "\0\5\0\1"),
                                &f),
                     WIRE_NONE);
    assert_true(iax2_trunk_next(&f, &mini));
    assert_true(mini.source == 4 && mini.untimed);
    assert_false(iax2_trunk_next(&f, &mini)); // its byte is not there
}

static void flaws(void **state)
{
    (void)state;
    struct iax2 f;
    struct iax2_elements e;
    struct bytes b = full(1, 2, 3, 0, 1);
    assert_int_equal(iax2_parse(bytes_span(&b), &f), WIRE_IAX2_TYPE);
    b = full(1, 2, 3, 13, 1);
    assert_int_equal(iax2_parse(bytes_span(&b), &f), WIRE_IAX2_TYPE);
    assert_int_equal(iax2_parse(SPAN_LIT("\0\0\x80\1\0\0\0\0"), &f), WIRE_IAX2_TYPE); // video
    assert_int_equal(iax2_elements(SPAN_LIT("\1\5ab"), &e), WIRE_IAX2_ELEMENT);
    assert_int_equal(iax2_elements(SPAN_LIT("\1"), &e), WIRE_IAX2_ELEMENT);
    assert_int_equal(iax2_elements(SPAN_LIT("\x2a\2ab\x2a\1\x91"), &e), WIRE_NONE);
    assert_int_equal(e.cause, 0x11); // only the low seven bits; a cause of two bytes is none
    for (unsigned type = 1; type <= 12; type++)
        for (unsigned subclass = 0; subclass < 256; subclass++) {
            b = full(1, 2, 3, type, subclass);
            assert_int_equal(iax2_parse(bytes_span(&b), &f), WIRE_NONE);
            assert_non_null(iax2_name(&f));
        }
}

// What stands behind the bound is not read.
static void many(void **state)
{
    (void)state;
    struct iax2_elements e;
    struct iax2 f, mini;
    struct bytes b = {.n = 0};
    for (int i = 0; i < IAX2_ELEMENTS_MAX - 1; i++)
        put(&b, SPAN_LIT("\x63\0"));
    put(&b, SPAN_LIT("\1\1a"));
    assert_int_equal(iax2_elements(bytes_span(&b), &e), WIRE_NONE);
    assert_span(e.called, "a");
    put(&b, SPAN_LIT("\2\1b"));
    assert_int_equal(iax2_elements(bytes_span(&b), &e), WIRE_NONE);
    assert_span(e.called, "a");
    assert_int_equal(e.calling.n, 0);

    b = (struct bytes){
        .n = 0}; // the frames are the caller's loop: each is whole, the last says that it is
    put(&b, SPAN_LIT("\0\0\1\1\0\0\0\0"));
    for (int i = 0; i < IAX2_TRUNK_MAX + 1; i++)
        put(&b, SPAN_LIT("\0\1\0\4\0\x14x"));
    assert_int_equal(iax2_parse(bytes_span(&b), &f), WIRE_NONE);
    for (int i = 0; i < IAX2_TRUNK_MAX + 1; i++)
        assert_true(iax2_trunk_next(&f, &mini));
    assert_false(iax2_trunk_next(&f, &mini));
}

static void every_length(void **state)
{
    (void)state;
    struct bytes b = new_call();
    for (size_t n = 0; n < b.n; n++) {
        struct span cut = guard_new(span_of(b.b, n));
        struct iax2 f, mini;
        struct iax2_elements e;
        enum wire_event r = iax2_parse(cut, &f);
        assert_int_equal(r, n < 12 ? WIRE_IAX2_SHORT : WIRE_NONE);
        if (r == WIRE_NONE) {
            r = iax2_elements(f.payload, &e);
            assert_true(r == WIRE_NONE || r == WIRE_IAX2_ELEMENT);
        }
        guard_free(cut);
        struct span trunk = guard_new(span_sub(SPAN_LIT("\0\0\1\1\0\0\0\0\0\2\0\4\0\x14"
                                                        "ab"),
                                               0, n));
        if (iax2_parse(trunk, &f) == WIRE_NONE && f.kind == IAX2_TRUNK)
            assert_true(iax2_trunk_next(&f, &mini) == (n >= 16));
        guard_free(trunk);
    }
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        uint64_t format;
        uint8_t payload_type;
        size_t bytes;
        uint32_t ms;
    } row[] = {{4, 0, 160, 20},     {8, 8, 240, 30},      {2, 3, 33, 20},      {0x100, 18, 20, 20},
               {0x40, 96, 320, 20}, {0x1000, 9, 160, 20}, {0x400, 99, 50, 30}, {0x400, 99, 38, 20},
               {1, 4, 24, 30},      {0x10, 97, 80, 20},   {0x200, 98, 30, 0}};
    uint8_t pt;
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        assert_true(iax2_payload_type(row[i].format, &pt));
        assert_int_equal(pt, row[i].payload_type);
        assert_int_equal(iax2_duration_ms(row[i].format, row[i].bytes), row[i].ms);
    }
    assert_false(iax2_payload_type(0, &pt));
    assert_false(iax2_payload_type(UINT64_C(1) << 40, &pt));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_frames), cmocka_unit_test(mini_and_trunk), cmocka_unit_test(flaws),
        cmocka_unit_test(many),        cmocka_unit_test(every_length),   cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
