// Digits of SIP INFO: what is masked says no digit any more, nothing but digits was changed, and masking again changes nothing.
#include "base/fail.h"
#include "wire/dtmf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool says_something(char c)
{
    return c != 0 && c != '*'; // the star is a key too, and what stands for any of them
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t body[8192];
    if (size > sizeof body)
        size = sizeof body;
    if (size == 0)
        return 0;
    memcpy(body, data, size);
    char first = dtmf_digit(span_of(body, size));
    size_t masked = dtmf_mask(body, size), changed = 0;
    for (size_t i = 0; i < size; i++) {
        if (body[i] == data[i])
            continue;
        changed++;
        must(body[i] == '*' && data[i] < 0x80 &&
             memchr("0123456789#ABCDabcd", data[i], 19) != NULL);
    }
    must(changed <= masked);
    must(first == 0 || masked > 0);
    must(!says_something(dtmf_digit(span_of(body, size))));
    static uint8_t again[8192];
    memcpy(again, body, size);
    must(dtmf_mask(again, size) == masked && memcmp(again, body, size) == 0);
    return 0;
}
