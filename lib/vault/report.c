#include "vault/report.h"
#include <openssl/sha.h>
#include <string.h>
#include "vault/keyring.h"

#define TAIL SPAN_LIT(",\"sig\":\"")

// What stands behind "name": at its first place; PostgreSQL and we set blanks differently. Empty: it is not there.
static struct span behind(struct span line, struct span name)
{
    size_t at = span_find_span(line, name);
    if (at >= line.n)
        return span_of(line.p, 0);
    struct span s = span_trim(span_sub(line, at + name.n, line.n));
    if (s.n == 0 || s.p[0] != ':')
        return span_of(line.p, 0);
    return span_trim(span_sub(s, 1, s.n));
}

static bool quoted(struct span s, struct span *ret)
{
    if (s.n < 2 || s.p[0] != '"')
        return false;
    s = span_sub(s, 1, s.n);
    *ret = span_sub(s, 0, span_find(s, '"'));
    return true;
}

static bool signed_by(struct span line, const uint8_t key[32])
{
    struct span tail = TAIL;
    uint8_t sig[KEYRING_SIGNATURE];
    size_t end = tail.n + 2 * (size_t)KEYRING_SIGNATURE + 2; // with "}
    if (line.n <= end || !span_eq(span_sub(line, line.n - end, tail.n), tail) ||
        !span_eq(span_sub(line, line.n - 2, 2), SPAN_LIT("\"}")) ||
        !hex_get(span_sub(line, line.n - end + tail.n, 2 * (size_t)KEYRING_SIGNATURE), sig,
                 KEYRING_SIGNATURE))
        return false;
    return keyring_verify(key, line.p, line.n - end, sig);
}

// Its number: digits up to what is none.
static bool number(struct span s, uint64_t *ret)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return span_u64(span_sub(s, 0, n), UINT64_MAX, ret);
}

// c NULL: it is the first.
static bool follows(const struct report_chain *c, uint64_t n, struct span prev)
{
    uint8_t hash[32];
    struct span hex;
    if (!c || n == 1)
        return !c && span_eq(span_sub(prev, 0, 4), SPAN_LIT("null"));
    return n == c->n + 1 && quoted(prev, &hex) && hex.n == 64 && hex_get(hex, hash, 32) &&
           memcmp(hash, c->hash, 32) == 0;
}

enum report_result report_check(struct span line, const uint8_t public_key[32],
                                struct report_chain *chain)
{
    struct span first = SPAN_LIT("{\"n\""), site;
    uint64_t n = 0;
    if (line.n < 2 || line.p[0] != '{')
        return REPORT_UNREADABLE;
    if (!signed_by(line, public_key))
        return REPORT_FORGED;
    if (!span_eq(span_sub(line, 0, first.n), first))
        return REPORT_GOOD; // one that was asked for stands alone
    if (!number(behind(line, SPAN_LIT("\"n\"")), &n) || n == 0 ||
        !quoted(behind(line, SPAN_LIT("\"site\"")), &site))
        return REPORT_UNREADABLE;
    // The first that is shown of a site may be any: where the chain begins, the reader says.
    bool known = chain->n > 0 && span_eq(site, chain->site);
    bool good = (known || n == 1)
                    ? follows(known ? chain : NULL, n, behind(line, SPAN_LIT("\"prev\"")))
                    : true;
    chain->site = site;
    chain->n = n;
    (void)SHA256(line.p, line.n, chain->hash);
    return good ? REPORT_GOOD : REPORT_UNCHAINED;
}
