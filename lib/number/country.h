// country.h: the country codes that ITU-T has assigned (E.164). Pure.
#pragma once
#include <stddef.h>

#define COUNTRY_DIGITS 3
// How many of the first digits are the country code; 0: they begin with none, or are fewer than three.
size_t country_of(const char *d, size_t n);
