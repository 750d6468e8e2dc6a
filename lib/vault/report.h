// report.h: a signed report of one line: everything before ,"sig" is signed (Ed25519). The daily ones of completeness begin with "n" and "prev" and follow each
// other by site: n counts from 1, prev is the SHA-256 of the line before. Reads views, allocates nothing. Any thread.
#pragma once
#include <stdint.h>
#include "base/span.h"

enum report_result {
    REPORT_GOOD,
    REPORT_UNREADABLE, // not such a line
    REPORT_FORGED,     // the signature is not of this key and these bytes
    REPORT_UNCHAINED,  // does not follow the one before: changed, left out or swapped
};

// The last one of a site. Zero before the first.
struct report_chain {
    struct span site; // borrowed from its line
    uint64_t n;
    uint8_t hash[32];
};

// The next line (without its end) of reports in the order of site and n. *chain moves on, or begins with the first of another site.
enum report_result report_check(struct span line, const uint8_t public_key[32],
                                struct report_chain *chain);
