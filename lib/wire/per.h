// per.h: aligned PER (X.691) as far as H.225 and H.245 need it: a bit cursor over bytes, bounded, with the sticky flag of
// struct cur. A read past the end yields zero. Pure.
#pragma once
#include "base/span.h"

#define PER_EXTENSIONS_MAX 64

struct per {
    struct span s;
    size_t bit; // next bit
    bool failed;
};

struct per per_of(struct span s);
bool per_bool(struct per *p);
uint32_t per_bits(struct per *p, unsigned n); // at most 16
void per_align(struct per *p);
uint32_t per_u8(struct per *p); // aligned octet: INTEGER of 256 values
uint32_t
per_u16(struct per *p); // two aligned octets: INTEGER of more than 256 and at most 65536 values
struct span per_octets(struct per *p, size_t n); // aligned
// An unconstrained length (X.691 10.9) below 16384; larger ones fail.
size_t per_length(struct per *p);
struct span
per_open(struct per *p); // length and octets: an open type, OCTET STRING, OBJECT IDENTIFIER
uint32_t per_small(struct per *p); // normally small number, below 64
// Index of a CHOICE with an extension mark: root_bits are those of the index of its root. *ret_extended: behind the mark, the
// value is an open type.
uint32_t per_choice(struct per *p, unsigned root_bits, bool *ret_extended);
// The extension additions of a SEQUENCE whose extension bit was set: ret[i] is that of addition i, empty where it is absent.
struct per_extensions {
    struct span at[PER_EXTENSIONS_MAX];
    uint32_t n;
};
void per_extensions(struct per *p, bool present, struct per_extensions *ret);
