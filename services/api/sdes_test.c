#include "tests/support/test.h"

#include <string.h>
#include "sdes.h"

static void keys_are_blotted(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19z+/=|2^20|1:32 "
         "UNENCRYPTED_SRTP\r\na=sendrecv\r\n",
         "v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxxxx|2^20|1:32 "
         "UNENCRYPTED_SRTP\r\na=sendrecv\r\n"},
        {"A=CRYPTO:2 X INLINE:abc;inline:def\n", "A=CRYPTO:2 X INLINE:xxx;inline:xxx\n"},
        {"a=crypto:1 X inline:abc", "a=crypto:1 X inline:xxx"},
        {"a=crypto:1 X inline:", "a=crypto:1 X inline:"},
        {"a=key-mgmt:mikey AQAFgM\r\n", "a=key-mgmt:xxxxxxxxxxxx\r\n"},
        {"k=base64:c2VjcmV0\r\nk=prompt\r\n", "k=base64:xxxxxxxx\r\nk=prompt\r\n"},
        {"Subject: inline:abc\r\nb=a=crypto:1 inline:abc\r\n",
         "Subject: inline:abc\r\nb=a=crypto:1 inline:abc\r\n"},
        {"", ""},
        {"\r\n\n\r", "\r\n\n\r"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        size_t n = strlen(cases[i].in);
        memcpy(text, cases[i].in, n + 1);
        sdes_blot((uint8_t *)text, n);
        assert_string_equal(text, cases[i].out);
        // Cut at each length: never past its end, and no key is left.
        for (size_t k = 0; k <= n; k++) {
            memcpy(text, cases[i].in, n + 1);
            sdes_blot((uint8_t *)text, k);
            assert_memory_equal(text + k, cases[i].in + k, n - k + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_blotted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
