#include "fmtp.h"
#include <string.h>
#include <strings.h>

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

// Encoding names are case-insensitive (RFC 8866 6.6); the usual ones are shown as they are registered.
void fmtp_registered_name(char *codec)
{
    static const char *const names[] = {
        "PCMU",    "PCMA", "G722",   "G723", "G726-16", "G726-24", "G726-32",
        "G726-40", "G728", "G729",   "GSM",  "GSM-EFR", "iLBC",    "speex",
        "opus",    "AMR",  "AMR-WB", "EVS",  "L16",     "CN",      "telephone-event",
        "SILK",    "red",  "VP8",    "VP9",  "H264",    "H263"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(codec, names[i]) == 0)
            memcpy(codec, names[i], strlen(names[i]));
}
