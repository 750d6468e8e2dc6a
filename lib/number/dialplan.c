#include "dialplan.h"
#include <inttypes.h>
#include <stdio.h>
#include "country.h"

#define GLOBAL_LEAST 7 // of the whole number: Saint Helena (+290) has eight, Niue (+683) seven

// ---- a plan in words ----------------------------------------------------------------------------------------------

static bool digits_read(struct span s, size_t least, size_t most, struct dial_digits *ret)
{
    s = span_trim(s);
    if (s.n < least || s.n > most)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        ret->d[i] = (char)s.p[i];
    }
    ret->n = (uint8_t)s.n;
    return true;
}

// The next of a comma list; false: there is none.
static bool list_next(struct span *rest, struct span *ret)
{
    if (!rest->n)
        return false;
    size_t end = span_find(*rest, ',');
    *ret = span_trim(span_sub(*rest, 0, end));
    *rest = span_sub(*rest, end < rest->n ? end + 1 : end, rest->n);
    return true;
}

static bool list_read(struct span s, size_t most, size_t max, struct dial_digits *ret,
                      uint8_t *ret_n)
{
    struct span one;
    uint8_t n = 0;
    while (list_next(&s, &one)) {
        if (n >= max || !digits_read(one, 1, most, &ret[n]))
            return false;
        n++;
    }
    *ret_n = n;
    return true;
}

static bool lengths_read(struct span s, uint16_t *ret)
{
    struct span one;
    uint16_t mask = 0;
    uint32_t n = 0;
    while (list_next(&s, &one)) {
        if (!span_u32(one, DIALPLAN_DIGITS, &n) || n == 0)
            return false;
        mask = (uint16_t)(mask | 1u << n);
    }
    *ret = mask;
    return true;
}

static bool plain_read(struct span s, uint8_t *ret)
{
    static const char *const words[] = {"none", "national", "international"};
    *ret = DIAL_PLAIN_NONE;
    for (uint8_t i = 0; i < 3; i++) {
        if (span_eq(s, span_str(words[i]))) {
            *ret = i;
            return true;
        }
    }
    return s.n == 0;
}

static unsigned digit(char c)
{
    return (unsigned)(c - '0');
}

static bool is_country(const struct dial_digits *c)
{
    char d[COUNTRY_DIGITS + 1] = "000";
    memcpy(d, c->d, c->n <= COUNTRY_DIGITS ? c->n : COUNTRY_DIGITS);
    return country_of(d, COUNTRY_DIGITS) == c->n;
}

bool dialplan_read(const struct dialplan_text *t, struct dialplan *ret, const char **ret_why)
{
    struct dialplan p = {0};
    const char *why = NULL;
    if (!digits_read(t->country_code, 1, COUNTRY_DIGITS, &p.country) || !is_country(&p.country))
        why = "country_code is one that is assigned (ITU-T E.164)";
    else if (!digits_read(t->area_code, 0, 8, &p.area))
        why = "area_code is at most eight digits, without the trunk prefix";
    else if (!digits_read(t->trunk_prefix, 0, 4, &p.trunk))
        why = "trunk_prefix is at most four digits";
    else if (!digits_read(t->number_base, 0, DIALPLAN_DIGITS - 1, &p.base) ||
             (p.base.n && !country_of(p.base.d, p.base.n)))
        why = "number_base is the digits of a number in E.164 before its extension";
    else if (!list_read(t->international_prefixes, 6, DIALPLAN_PREFIXES, p.international,
                        &p.internationals))
        why = "international_prefixes are at most 4 of at most six digits";
    else if (!list_read(t->outside_prefixes, 4, DIALPLAN_PREFIXES, p.outside, &p.outsides))
        why = "outside_prefixes are at most 4 of at most four digits";
    else if (!list_read(t->short_numbers, 8, DIALPLAN_SHORT, p.short_number, &p.shorts))
        why = "short_numbers are at most 24 of at most eight digits";
    else if (!lengths_read(t->extension_lengths, &p.extension_lengths))
        why = "extension_lengths are numbers from 1 to 15";
    else if (!lengths_read(t->national_lengths, &p.national_lengths))
        why = "national_lengths are numbers from 1 to 15";
    else if (!lengths_read(t->local_lengths, &p.local_lengths))
        why = "local_lengths are numbers from 1 to 15";
    else if (!plain_read(t->plain, &p.plain))
        why = "plain is none, national or international";
    if (why) {
        *ret_why = why;
        return false;
    }
    *ret = p;
    return true;
}

// ---- digits of a text ---------------------------------------------------------------------------------------------

struct seen {
    char d[DIALPLAN_SEEN];
    size_t n;
    bool plus;
};

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 3261 25.1 escaped.
static bool byte_next(struct span s, size_t *at, uint8_t *ret)
{
    if (*at >= s.n)
        return false;
    uint8_t c = s.p[(*at)++];
    if (c == '%' && s.n - *at >= 2 && hex(s.p[*at]) >= 0 && hex(s.p[*at + 1]) >= 0) {
        c = (uint8_t)(hex(s.p[*at]) << 4 | hex(s.p[*at + 1]));
        *at += 2;
    }
    *ret = c;
    return true;
}

// RFC 3966 visual-separator, and what people write on paper.
static bool is_sign(uint8_t c)
{
    return c == '-' || c == '.' || c == '(' || c == ')' || c == ' ' || c == '/';
}

// "+44 (0)20 ...": a zero for those within the country. In Italy it is part of the number.
static bool zero_in_brackets(struct span s, size_t at, const struct seen *v)
{
    bool italy = v->n == 2 && v->d[0] == '3' && v->d[1] == '9';
    return v->plus && !italy && s.n - at >= 2 && s.p[at] == '0' && s.p[at + 1] == ')';
}

// False: not a number.
static bool digits_of(struct span s, struct seen *ret)
{
    uint8_t c;
    *ret = (struct seen){0};
    s = span_trim(s);
    for (size_t at = 0; byte_next(s, &at, &c);) {
        if (c == '+' && !ret->plus && !ret->n) {
            ret->plus = true;
        } else if (c >= '0' && c <= '9') {
            if (ret->n >= sizeof ret->d)
                return false;
            ret->d[ret->n++] = (char)c;
        } else if (!is_sign(c)) {
            return false;
        } else if (c == '(' && zero_in_brackets(s, at, ret)) {
            at += 2;
        }
    }
    return ret->n > 0;
}

struct split {
    struct span number, context; // of phone-context, empty: none
};

static struct split split_of(struct span text)
{
    struct split r = {.context = span_sub(text, text.n, 0)};
    bool tel = span_istarts(text, SPAN_LIT("tel:"));
    bool sip = span_istarts(text, SPAN_LIT("sip:")), sips = span_istarts(text, SPAN_LIT("sips:"));
    if (tel || sip)
        text = span_sub(text, 4, text.n);
    else if (sips)
        text = span_sub(text, 5, text.n);
    if (!tel) { // userinfo (RFC 3261 19.1): before @, without a password; a URI without it names nobody
        size_t at = span_find(text, '@');
        text = span_sub(text, 0, at < text.n || !(sip || sips) ? at : 0);
        text = span_sub(text, 0, span_find(text, ':'));
    }
    size_t end = span_find(text, ';');
    r.number = span_sub(text, 0, end);
    while (end < text.n) { // RFC 3966 par; each takes a ; away
        text = span_sub(text, end + 1, text.n);
        end = span_find(text, ';');
        if (span_istarts(text, SPAN_LIT("phone-context=")) && !r.context.n)
            r.context = span_sub(text, 14, end < 14 ? 0 : end - 14);
    }
    return r;
}

// ---- the plan -----------------------------------------------------------------------------------------------------

static uint64_t number_of(const char *a, size_t a_n, const char *b, size_t b_n, const char *c,
                          size_t c_n)
{
    uint64_t v = 0;
    if (a_n + b_n + c_n > DIALPLAN_DIGITS)
        return 0;
    for (size_t i = 0; i < a_n; i++)
        v = v * 10 + digit(a[i]);
    for (size_t i = 0; i < b_n; i++)
        v = v * 10 + digit(b[i]);
    for (size_t i = 0; i < c_n; i++)
        v = v * 10 + digit(c[i]);
    return v;
}

// Digits that begin with a country code.
static uint64_t global(const char *d, size_t n)
{
    return n >= GLOBAL_LEAST && n <= DIALPLAN_DIGITS && country_of(d, n)
               ? number_of(d, n, "", 0, "", 0)
               : 0;
}

static bool length_in(uint16_t lengths, size_t n)
{
    return n <= DIALPLAN_DIGITS && (lengths >> n & 1);
}

static bool begins(const struct dial_digits *prefix, const char *d, size_t n)
{
    return prefix->n && n > prefix->n && memcmp(prefix->d, d, prefix->n) == 0;
}

static uint64_t national(const struct dialplan *p, const char *d, size_t n)
{
    return length_in(p->national_lengths, n) ? number_of(p->country.d, p->country.n, d, n, "", 0)
                                             : 0;
}

static bool is_short(const struct dialplan *p, const char *d, size_t n)
{
    for (uint8_t i = 0; i < p->shorts; i++)
        if (p->short_number[i].n == n && memcmp(p->short_number[i].d, d, n) == 0)
            return true;
    return false;
}

// Digits as they are dialled on an outside line.
static enum dial_kind outside_line(const struct dialplan *p, const char *d, size_t n, uint64_t *ret)
{
    if (is_short(p, d, n))
        return DIAL_SHORT;
    for (uint8_t i = 0; !*ret && i < p->internationals; i++)
        if (begins(&p->international[i], d, n))
            *ret = global(d + p->international[i].n, n - p->international[i].n);
    // A national number that begins with 0 has no trunk prefix before it: what is left of an unknown international prefix does.
    if (!*ret && begins(&p->trunk, d, n) && d[p->trunk.n] != '0')
        *ret = national(p, d + p->trunk.n, n - p->trunk.n);
    if (!*ret && p->area.n && length_in(p->local_lengths, n) && !begins(&p->trunk, d, n))
        *ret = number_of(p->country.d, p->country.n, p->area.d, p->area.n, d, n);
    if (!*ret && p->plain == DIAL_PLAIN_NATIONAL)
        *ret = national(p, d, n);
    if (!*ret && p->plain == DIAL_PLAIN_INTERNATIONAL)
        *ret = global(d, n);
    return *ret ? DIAL_E164 : DIAL_OTHER;
}

static enum dial_kind without_outside(const struct dialplan *p, const char *d, size_t n,
                                      uint64_t *ret)
{
    for (uint8_t i = 0; i < p->outsides; i++) {
        if (!begins(&p->outside[i], d, n))
            continue;
        enum dial_kind k = outside_line(p, d + p->outside[i].n, n - p->outside[i].n, ret);
        if (k != DIAL_OTHER)
            return k;
    }
    return DIAL_OTHER;
}

static enum dial_kind in_the_house(const struct dialplan *p, const char *d, size_t n,
                                   enum dial_way way, uint64_t *ret)
{
    if (is_short(p, d, n))
        return DIAL_SHORT;
    for (uint8_t i = 0; i < p->outsides; i++)
        if (begins(&p->outside[i], d, n) && is_short(p, d + p->outside[i].n, n - p->outside[i].n))
            return DIAL_SHORT;
    if (length_in(p->extension_lengths, n)) {
        *ret = p->base.n ? number_of(p->base.d, p->base.n, d, n, "", 0) : 0;
        return DIAL_EXTENSION;
    }
    enum dial_kind k = way == DIAL_DIALLED ? without_outside(p, d, n, ret) : DIAL_OTHER;
    if (k == DIAL_OTHER)
        k = outside_line(p, d, n, ret);
    return k != DIAL_OTHER || way == DIAL_DIALLED ? k : without_outside(p, d, n, ret);
}

// One begins with the other.
static bool along(const char *a, size_t a_n, const char *b, size_t b_n)
{
    return memcmp(a, b, a_n < b_n ? a_n : b_n) == 0;
}

static bool is_here(const struct dialplan *p, const struct seen *context)
{
    char at[COUNTRY_DIGITS + DIALPLAN_DIGITS];
    memcpy(at, p->country.d, p->country.n);
    memcpy(at + p->country.n, p->area.d, p->area.n);
    return context->n >= p->country.n &&
           (along(context->d, context->n, at, (size_t)p->country.n + p->area.n) ||
            (p->base.n && along(context->d, context->n, p->base.d, p->base.n)));
}

// RFC 3966 5.1.5: a context says where the number is one, it is not simply put before it. A country code alone is: what has no trunk prefix
// is national there. One where the plan is, and a domain, leave it to the plan; another place leaves it open.
static bool by_context(const struct dialplan *p, struct span context, const struct seen *v,
                       bool *ret_plan, uint64_t *ret)
{
    struct seen c;
    *ret_plan = true;
    if (!context.n || context.p[0] != '+' || !digits_of(context, &c))
        return false;
    bool ours = p && is_here(p, &c);
    *ret_plan = ours;
    size_t country = country_of(c.d, c.n);
    bool alone = c.n <= COUNTRY_DIGITS && (country == c.n || (c.n < COUNTRY_DIGITS && !country));
    if (!alone || v->d[0] == '0' || (ours && !length_in(p->national_lengths, v->n)))
        return false;
    uint64_t n = number_of(c.d, c.n, v->d, v->n, "", 0);
    char text[DIAL_E164_TEXT];
    size_t len = dial_e164_text(n, text);
    *ret = len && v->n > 4 ? global(text + 1, len - 1) : 0;
    return *ret != 0;
}

enum dial_kind dialplan_number(const struct dialplan *p, struct span text, enum dial_way way,
                               uint64_t *ret_e164)
{
    struct seen v;
    bool ask_plan = true;
    *ret_e164 = 0;
    if (text.n > DIALPLAN_TEXT)
        text = span_sub(text, 0, DIALPLAN_TEXT + 1); // one more: a number that is cut is none
    struct split s = split_of(text);
    if (s.number.n >= DIALPLAN_TEXT || !digits_of(s.number, &v))
        return DIAL_NAME;
    if (v.plus) {
        *ret_e164 = global(v.d, v.n);
        return *ret_e164 ? DIAL_E164 : DIAL_OTHER;
    }
    if (by_context(p, s.context, &v, &ask_plan, ret_e164))
        return DIAL_E164;
    return p && ask_plan ? in_the_house(p, v.d, v.n, way, ret_e164) : DIAL_OTHER;
}

size_t dial_e164_text(uint64_t e164, char ret[DIAL_E164_TEXT])
{
    ret[0] = 0;
    if (!e164 || e164 > UINT64_C(999999999999999))
        return 0;
    return (size_t)snprintf(ret, DIAL_E164_TEXT, "+%" PRIu64, e164);
}

// ---- the plans of all sites ---------------------------------------------------------------------------------------

bool dialplans_add(struct dialplans *t, struct span site, const struct dialplan *p)
{
    if (t->n >= DIALPLANS_MAX || site.n > DIALPLAN_SITE_MAX)
        return false;
    t->at[t->n].site_n = (uint8_t)site.n;
    if (site.n)
        memcpy(t->at[t->n].site, site.p, site.n);
    t->at[t->n++].plan = *p;
    return true;
}

const struct dialplan *dialplans_of(const struct dialplans *t, struct span site)
{
    const struct dialplan *any = NULL;
    for (size_t i = 0; t && i < t->n; i++) {
        struct span name = span_of(t->at[i].site, t->at[i].site_n);
        if (span_eq(name, site))
            return &t->at[i].plan;
        if (span_eq(name, SPAN_LIT("*")))
            any = &t->at[i].plan;
    }
    return any;
}
