#include "fmtp.h"

enum {
    OCTET_ALIGN = 1,
    UNUSUAL = 2
};

static bool says(struct span fmtp, const char *parameter)
{
    for (;;) {
        size_t n = span_find(fmtp, ';');
        struct span one = span_trim(span_sub(fmtp, 0, n));
        if (span_istarts(one, span_str(parameter)))
            return true;
        if (n >= fmtp.n)
            return false;
        fmtp = span_sub(fmtp, n + 1, fmtp.n);
    }
}

uint8_t fmtp_flags(struct span fmtp)
{
    bool unusual =
        says(fmtp, "crc=1") || says(fmtp, "robust-sorting=1") || says(fmtp, "interleaving=");
    return (uint8_t)((says(fmtp, "octet-align=1") ? OCTET_ALIGN : 0) | (unusual ? UNUSUAL : 0));
}
