#include "digits.h"
#include <string.h>
#include "base/map.h"
#include "wire/dtmf.h"

static const char names[] = "0123456789*#ABCD";

static bool is_name(uint8_t c)
{
    return c && memchr(names, c, sizeof names - 1) != NULL;
}

bool digit_codes_add(struct digit_codes *c, struct span code)
{
    if (code.n == 0 || code.n > DIGIT_CODE_MAX || c->n >= DIGIT_CODES)
        return false;
    for (size_t i = 0; i < code.n; i++)
        if (!is_name(code.p[i]))
            return false;
    (void)span_copy(code, c->code[c->n++], sizeof c->code[0]);
    return true;
}

void digit_codes_check(struct digit_codes *c)
{
    if (c->n > DIGIT_CODES)
        c->n = DIGIT_CODES;
    for (uint32_t i = 0; i < DIGIT_CODES; i++)
        c->code[i][DIGIT_CODE_MAX] = 0;
}

char digit_of_event(uint8_t code)
{
    return code < sizeof names - 1 ? names[code] : 0;
}

static bool ends_with(const struct digit_tail *t, const char *code, size_t n)
{
    return n > 0 && n <= sizeof t->d && memcmp(t->d + sizeof t->d - n, code, n) == 0;
}

const char *digit_entered(const struct digit_codes *c, struct digit_tail *t, char digit)
{
    const char *found = NULL;
    size_t length = 0;
    memmove(t->d, t->d + 1, sizeof t->d - 1);
    t->d[sizeof t->d - 1] = digit >= 'a' && digit <= 'd' ? (char)(digit - 'a' + 'A') : digit;
    for (uint32_t i = 0; i < c->n; i++) {
        size_t n = strlen(c->code[i]);
        if (n > length && ends_with(t, c->code[i], n)) {
            found = c->code[i];
            length = n;
        }
    }
    if (found)
        memset(t, 0, sizeof *t);
    return found;
}

static struct digit_call *place_of(struct digit_calls *calls, uint64_t key)
{
    struct digit_call *set = calls->call[(key >> 32) % (DIGIT_CALLS / DIGIT_WAYS)], *oldest = set;
    for (size_t i = 0; i < DIGIT_WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    calls->overwritten += oldest->key != 0;
    *oldest = (struct digit_call){.key = key};
    return oldest;
}

const char *digit_info(const struct digit_codes *c, struct digit_calls *calls,
                       const struct sip_msg *m)
{
    char digit = dtmf_in(m) ? dtmf_digit(m->body) : 0;
    if (!digit || c->n == 0)
        return NULL;
    struct hash128 call = map_hash128(m->call_id.p, m->call_id.n, 0);
    uint64_t key = map_hash128(m->from_tag.p, m->from_tag.n, call.low).low | 1;
    struct digit_call *at = place_of(calls, key);
    bool again = at->used && m->cseq == at->cseq;
    at->used = ++calls->turn;
    if (again)
        return NULL;
    at->cseq = m->cseq;
    return digit_entered(c, &at->tail, digit);
}
