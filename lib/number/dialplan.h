// dialplan.h: what a telephone number that was seen or typed is in E.164 (ITU-T), by the plan of the site where it was seen: what its
// telephones dial before a number, and what digits without any of that are. Pure, any thread, no allocation. Limits: the first
// DIALPLAN_TEXT bytes of a text and DIALPLAN_SEEN digits (more is no number), the lists below, DIALPLANS_MAX plans of a table
// (full: refused). docs/decisions/0020-numbers.md says why this is own code.
#pragma once
#include "base/span.h"

#define DIALPLAN_DIGITS   15 // of a number in E.164 (ITU-T E.164 6.1)
#define DIALPLAN_SEEN     32
#define DIALPLAN_TEXT     96
#define DIALPLAN_PREFIXES 4
#define DIALPLAN_SHORT    24
#define DIALPLANS_MAX     256
#define DIALPLAN_SITE_MAX 63

struct dial_digits {
    uint8_t n;
    char d[DIALPLAN_DIGITS];
};

enum dial_plain { // what digits without a prefix are that are no extension and no local number
    DIAL_PLAIN_NONE,
    DIAL_PLAIN_NATIONAL,      // all of a national number: Italy, Spain, ten digits in North America
    DIAL_PLAIN_INTERNATIONAL, // a country code stands first: what many trunks say
};

struct dialplan {
    struct dial_digits country, area, trunk,
        base; // base: a number without the extension that ends it
    uint16_t extension_lengths, national_lengths, local_lengths; // bit n: n digits
    uint8_t plain;                                               // enum dial_plain
    uint8_t internationals, outsides, shorts;
    struct dial_digits international[DIALPLAN_PREFIXES], outside[DIALPLAN_PREFIXES],
        short_number[DIALPLAN_SHORT];
};

// A plan as people write it: digits; lists with commas between. plain: none, national, international ("": none).
struct dialplan_text {
    struct span country_code, area_code, trunk_prefix, number_base, international_prefixes,
        outside_prefixes, short_numbers, extension_lengths, national_lengths, local_lengths, plain;
};
// False: *ret_why says which part is wrong, in words of the fields above.
bool dialplan_read(const struct dialplan_text *t, struct dialplan *ret, const char **ret_why);

enum dial_kind {
    DIAL_NAME,  // no number at all
    DIAL_OTHER, // digits that the plan does not explain
    DIAL_SHORT, // an emergency or service number: the same digits are somebody else elsewhere
    DIAL_EXTENSION,
    DIAL_E164,
};

enum dial_way {
    DIAL_SHOWN, // as a trunk or a display says it: a prefix of an outside line only where nothing else fits
    DIAL_DIALLED, // by a telephone of the house: that prefix first
};

// text: a user part, a SIP or tel URI, or what somebody has typed. p: NULL, no plan: only what says itself that it is international (+) is
// one. *ret_e164: the number as an integer (no E.164 number begins with 0), 0 where there is none; an extension has one by the base.
enum dial_kind dialplan_number(const struct dialplan *p, struct span text, enum dial_way way,
                               uint64_t *ret_e164);

#define DIAL_E164_TEXT 17
// "+49301234", zero-ended; "" for 0. Returns the length.
size_t dial_e164_text(uint64_t e164, char ret[DIAL_E164_TEXT]);

// ---- the plans of all sites

struct dialplans {
    size_t n;
    struct {
        uint8_t site_n;
        char site[DIALPLAN_SITE_MAX];
        struct dialplan plan;
    } at[DIALPLANS_MAX];
};

// False: full, or the site's name is too long.
bool dialplans_add(struct dialplans *t, struct span site, const struct dialplan *p);
// The site's own, else that of "*"; NULL: neither.
const struct dialplan *dialplans_of(const struct dialplans *t, struct span site);
