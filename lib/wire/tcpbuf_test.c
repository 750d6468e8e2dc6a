#include "wire/tcpbuf.h"
#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define CAP 64

static uint8_t memory[CAP];

static struct tcpbuf begin(uint32_t seq)
{
    struct tcpbuf b;
    tcpbuf_begin(&b, memory, CAP, seq);
    return b;
}

static void in_order_and_taken(void **state)
{
    (void)state;
    struct tcpbuf b = begin(UINT32_MAX - 2); // wraps
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tcpbuf_put(&b, UINT32_MAX - 2 + (uint32_t)i * 6, SPAN_LIT("abcdef"), i),
                         6);
        assert_span(tcpbuf_waiting(&b), "abcdef");
        tcpbuf_take(&b, 4);
        assert_span(tcpbuf_waiting(&b), "ef");
        tcpbuf_take(&b, 99);
        assert_int_equal(tcpbuf_waiting(&b).n, 0);
    }
    assert_int_equal(tcpbuf_seq(&b), (uint32_t)(UINT32_MAX - 2 + 600u));
}

static void what_was_first_stays(void **state)
{
    (void)state;
    struct tcpbuf b = begin(0);
    assert_int_equal(tcpbuf_put(&b, 4, SPAN_LIT("EF"), 7), 2);
    assert_int_equal(b.ahead_at_us, 7);
    assert_int_equal(tcpbuf_put(&b, 2, SPAN_LIT("cdxxgh"), 8), 6); // over the piece and beyond
    assert_int_equal(tcpbuf_put(&b, 0, SPAN_LIT("ab"), 9), 2);
    assert_span(tcpbuf_waiting(&b), "abcdEFgh");
    assert_int_equal(tcpbuf_put(&b, 0, SPAN_LIT("XXXXXXXXij"), 9), 10);
    assert_span(tcpbuf_waiting(&b), "abcdEFghij");
    tcpbuf_take(&b, 4);
    assert_int_equal(tcpbuf_put(&b, 1, SPAN_LIT("zz"), 9), 2); // long gone
    assert_span(tcpbuf_waiting(&b), "EFghij");
}

static void a_hole_is_passed(void **state)
{
    (void)state;
    struct tcpbuf b = begin(0);
    assert_int_equal(tcpbuf_pass_hole(&b), 0);
    tcpbuf_put(&b, 0, SPAN_LIT("ab"), 1);
    tcpbuf_put(&b, 5, SPAN_LIT("fg"), 1);
    tcpbuf_put(&b, 7, SPAN_LIT("hi"), 1); // joins the piece
    tcpbuf_put(&b, 20, SPAN_LIT("u"), 1);
    assert_int_equal(b.aheads, 2);
    assert_int_equal(tcpbuf_pass_hole(&b), 3);
    assert_span(tcpbuf_waiting(&b), "fghi");
    assert_int_equal(tcpbuf_pass_hole(&b), 11);
    assert_span(tcpbuf_waiting(&b), "u");
    tcpbuf_jump(&b, 1000);
    assert_int_equal(tcpbuf_waiting(&b).n, 0);
    assert_int_equal(tcpbuf_next_seq(&b), 1000);
}

static void full(void **state)
{
    (void)state;
    uint8_t big[100] = {1};
    struct tcpbuf b = begin(0);
    assert_int_equal(tcpbuf_put(&b, 0, span_of(big, 100), 1), CAP);
    assert_int_equal(tcpbuf_put(&b, CAP, span_of(big, 1), 1), 0);
    assert_int_equal(tcpbuf_put(&b, CAP + 3, span_of(big, 1), 1), 0);
    tcpbuf_take(&b, 10); // room again, in front
    assert_int_equal(tcpbuf_put(&b, CAP, span_of(big, 100), 1), 10);
    tcpbuf_take(&b, CAP);
    assert_int_equal(tcpbuf_put(&b, CAP + 10 + CAP, span_of(big, 1), 1), 0); // too far ahead
    assert_int_equal(tcpbuf_put(&b, CAP + 10 + CAP - 1, span_of(big, 1), 1), 1);
    for (uint32_t i = 1; i < TCPBUF_AHEAD_MAX; i++)
        assert_int_equal(tcpbuf_put(&b, CAP + 10 + 2 * i, span_of(big, 1), 1), 1);
    assert_int_equal(tcpbuf_put(&b, CAP + 10 + 40, span_of(big, 1), 1), 0); // no place for a piece
    assert_int_equal(tcpbuf_put(&b, CAP + 10 + 3, span_of(big, 1), 1), 1);  // but it may join one
}

// Segments of a text in any order, doubled and overlapping, with taking between: the text comes out.
static void any_order(void **state)
{
    (void)state;
    uint32_t x = 7;
    for (int round = 0; round < 3000; round++) {
        uint8_t text[256];
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (uint8_t)(i * 7 + (size_t)round);
        struct tcpbuf b = begin((uint32_t)round * 77777u);
        uint32_t base = (uint32_t)round * 77777u, read = 0;
        for (int i = 0; i < 4000 && read < sizeof text; i++) {
            x = x * 1103515245 + 12345;
            uint32_t at = read + (x >> 8) % 40, n = 1 + (x >> 16) % 20;
            if (i % 2) // what is needed next
                at = read > 5 ? read - 5 : 0;
            if (at >= sizeof text)
                continue;
            if (n > sizeof text - at)
                n = (uint32_t)sizeof text - at;
            tcpbuf_put(&b, base + at, span_of(text + at, n), 1);
            struct span have = tcpbuf_waiting(&b);
            size_t k = (x >> 24) % (have.n + 1);
            assert_memory_equal(have.p, text + read, have.n);
            tcpbuf_take(&b, k);
            read += (uint32_t)k;
        }
        assert_int_equal(read, sizeof text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_and_taken), cmocka_unit_test(what_was_first_stays),
        cmocka_unit_test(a_hole_is_passed),   cmocka_unit_test(full),
        cmocka_unit_test(any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
