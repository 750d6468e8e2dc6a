// packed_test.c: what goes in comes out, whatever it is; what is not ours is said to be.
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "store/packed.h"
#include "store/siptext_1.h"

static const char invite[] =
    "INVITE sip:2001@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP "
    "10.0.0.1:5060;branch=z9hG4bKa7f3;rport\r\n"
    "Max-Forwards: 70\r\nFrom: \"Ann\" <sip:1001@10.0.0.1>;tag=93ab1\r\nTo: <sip:2001@10.0.0.2>\r\n"
    "Call-ID: 8f1c-22@10.0.0.1\r\nCSeq: 102 INVITE\r\nContact: <sip:1001@10.0.0.1:5060>\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO\r\n"
    "Content-Type: application/sdp\r\nContent-Length: 149\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.0.0.1\r\n"
    "s=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 10000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";

#define ANY 99

static struct unpacker *u;

static void back(struct packer *p, struct span raw, int want)
{
    static uint8_t message[PACKED_RAW_MAX + 1];
    enum packed_form form;
    bool bad;
    struct span stored = packer_pack(p, raw, &form);
    assert_true(want == ANY || (int)form == want);
    assert_true(form == PACKED_NOT ? stored.p == raw.p && stored.n == raw.n : stored.n < raw.n);
    size_t n = unpacker_unpack(u, form, stored, message, sizeof(message), &bad);
    assert_false(bad);
    assert_int_equal(n, raw.n);
    assert_memory_equal(message, raw.p, raw.n);
}

static void a_message_comes_back(void **state)
{
    (void)state;
    static uint8_t big[PACKED_RAW_MAX + 1];
    struct packer *p = packer_new();
    enum packed_form form;
    assert_non_null(p);
    assert_true(packer_pack(p, SPAN_LIT(invite), &form).n * 2 < sizeof(invite));
    back(p, SPAN_LIT(invite), PACKED_1);
    for (size_t n = 1; n < sizeof(invite); n++)
        back(p, span_of(invite, n), n > 100 ? PACKED_1 : ANY);
    back(p, span_of(invite, 0), PACKED_NOT);
    memset(big, 'A', sizeof(big));
    back(p, span_of(big, PACKED_RAW_MAX), PACKED_1);
    back(p, span_of(big, sizeof(big)), PACKED_NOT); // no datagram is that long
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    back(p, span_of(big, 3000), PACKED_NOT); // noise
    assert_true(packer_pack(NULL, SPAN_LIT(invite), &form).n == sizeof(invite) - 1);
    assert_int_equal(form, PACKED_NOT);
    p = packer_free(p);
}

static void memory_stays(void **state)
{
    (void)state;
    static uint8_t big[PACKED_RAW_MAX];
    uint64_t total = mem_total();
    struct packer *p = packer_new();
    size_t before = packer_memory(p), beside = unpacker_memory(u);
    assert_true(before + beside < 1 << 20);
    // The gauge of a service's memory has it, what zstd holds too.
    assert_in_range(mem_total() - total, before, before + 128);
    for (size_t n = 1; n <= sizeof(big); n += 977)
        back(p, span_of(big, n), n > 100 ? PACKED_1 : ANY);
    assert_int_equal(packer_memory(p), before);
    assert_int_equal(unpacker_memory(u), beside);
    p = packer_free(p);
    assert_int_equal(mem_total(), total);
    struct unpacker *other = unpacker_new();
    assert_in_range(mem_total() - total, beside, beside + 128);
    other = unpacker_free(other);
    assert_int_equal(mem_total(), total);
}

static void what_is_not_ours_is_said(void **state)
{
    (void)state;
    static uint8_t row[2000], cut[2000], message[sizeof(invite)];
    struct packer *p = packer_new();
    enum packed_form form;
    bool bad;
    struct span stored = packer_pack(p, SPAN_LIT(invite), &form);
    size_t n = stored.n;
    memcpy(row, stored.p, n);
    const size_t room = sizeof(invite) - 1;
    assert_int_equal(unpacker_unpack(u, PACKED_1, span_of(row, n), message, room, &bad), room);
    assert_false(bad);
    assert_int_equal(unpacker_unpack(u, 2, span_of(row, n), message, room, &bad), 0);
    assert_true(bad);
    assert_int_equal(unpacker_unpack(u, PACKED_1, span_of(row, n), message, room - 1, &bad), 0);
    assert_true(bad); // a longer message than there is room for
    for (size_t k = 0; k < n; k++) {
        assert_int_equal(unpacker_unpack(u, PACKED_1, span_of(row, k), message, room, &bad), 0);
        assert_true(bad);
        memcpy(cut, row, n); // a flipped byte: never beyond the room, said or not
        cut[k] ^= 0x10;
        assert_true(unpacker_unpack(u, PACKED_1, span_of(cut, n), message, room, &bad) <= room);
    }
    p = packer_free(p);
}

// Rows are read with the very bytes they were packed with: this file never changes, another dictionary is another form.
static void the_dictionary_is_for_ever(void **state)
{
    (void)state;
    uint8_t sum[32];
    char hex[65];
    assert_int_equal(EVP_Digest(siptext_1, sizeof(siptext_1), sum, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(sum); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    assert_string_equal(hex, "1b4c9a7c5d7d02675f2c650fe043e49de8411e7d1bbe9fb259dbb7e27f476b16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back),
        cmocka_unit_test(memory_stays),
        cmocka_unit_test(what_is_not_ours_is_said),
        cmocka_unit_test(the_dictionary_is_for_ever),
    };
    u = unpacker_new();
    int r = u ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    u = unpacker_free(u);
    return r;
}
