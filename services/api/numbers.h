// numbers.h: numbers as they are typed, for searching; the columns of a dial plan. Store workers.
#pragma once
#include "number/dialplan.h"
#include "sql.h"

// A number as it was typed, to its digits: +, 00 in front and all signs left out. Empty: no digits in it. Pure.
size_t number_digits(struct span typed, char *buf, size_t cap);
// AND the number (comma: or) is one of the parties: both, or the one of "from" / "to". In any notation: as digits, by its last ones, and in
// E.164 by the plans of the sites. False: the problem is set.
bool numbers_where(struct store *st, struct http_req *q, struct sql *s, const char *param,
                   bool from, bool to);

#define DIAL_COLUMNS                                                                               \
    "country_code, area_code, trunk_prefix, number_base, "                                         \
    "array_to_string(international_prefixes, ','), array_to_string(outside_prefixes, ','), "       \
    "array_to_string(short_numbers, ','), array_to_string(extension_lengths, ','), "               \
    "array_to_string(national_lengths, ','), array_to_string(local_lengths, ','), plain"
// The plan in these columns, from column `at` on. False: *ret_why says what is wrong.
bool dial_row(const struct store_result *r, size_t i, size_t at, struct dialplan *ret,
              const char **ret_why);
