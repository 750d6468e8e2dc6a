// Reading a line of the chain. Hostile until its signature was found good, and read with bounds even then.
#include <openssl/sha.h>
#include <string.h>
#include "vault/ledger.h"

#define SIG_TAIL (sizeof(",\"sig\":\"\"}") - 1 + 128)
#define MEMBERS  32

static bool eat(struct cur *c, char what)
{
    if (cur_left(c) == 0 || *c->p != (uint8_t)what)
        return false;
    c->p++;
    return true;
}

// A text as it stands between its quotes.
static bool text(struct cur *c, struct span *ret)
{
    if (!eat(c, '"'))
        return false;
    const uint8_t *from = c->p;
    while (cur_left(c) && *c->p != '"')
        c->p += *c->p == '\\' && cur_left(c) > 1 ? 2 : 1;
    *ret = span_of(from, (size_t)(c->p - from));
    return eat(c, '"');
}

// Any value: a text without its quotes, else what stands up to the comma or bracket that ends it.
static bool value(struct cur *c, struct span *ret)
{
    if (cur_left(c) && *c->p == '"')
        return text(c, ret);
    const uint8_t *from = c->p;
    for (unsigned depth = 0; cur_left(c);) {
        struct span skip;
        uint8_t b = *c->p;
        if (b == '"') {
            if (!text(c, &skip))
                return false;
            continue;
        }
        if (depth == 0 && (b == ',' || b == '}' || b == ']'))
            break;
        depth += b == '{' || b == '[' ? 1u : 0u;
        depth -= b == '}' || b == ']' ? 1u : 0u;
        c->p++;
    }
    *ret = span_of(from, (size_t)(c->p - from));
    return ret->n > 0;
}

static bool member(struct cur *c, struct span *name, struct span *v)
{
    return text(c, name) && eat(c, ':') && value(c, v);
}

static bool is(struct span name, const char *what)
{
    return span_eq(name, span_str(what));
}

// False: a member that has not the form it must have.
static bool take(struct ledger_line *l, struct span name, struct span v, unsigned *have)
{
    if (is(name, "n")) {
        *have |= 1;
        return span_u64(v, UINT64_MAX, &l->n);
    }
    if (is(name, "prev")) {
        *have |= 2;
        return hex_get(v, l->prev, sizeof(l->prev));
    }
    if (is(name, "kind")) {
        *have |= 4;
        l->kind = is(v, "begin")       ? LEDGER_BEGIN
                  : is(v, "recording") ? LEDGER_RECORDING
                  : is(v, "erased")    ? LEDGER_ERASED
                                       : LEDGER_OTHER;
    } else if (is(name, "id")) {
        *have |= 8;
        return uuid_parse(v, &l->id);
    } else if (is(name, "key")) {
        *have |= 16;
        return hex_get(v, l->key, sizeof(l->key));
    } else if (is(name, "hour")) {
        l->hour = v;
    } else if (is(name, "prev_hour")) {
        l->prev_hour = v;
    } else if (is(name, "files")) {
        *have |= 32;
        l->files = v;
    }
    return true;
}

bool ledger_parse(struct span line, struct ledger_line *ret)
{
    static const unsigned need[] = {[LEDGER_OTHER] = 7,
                                    [LEDGER_BEGIN] = 7 | 16,
                                    [LEDGER_RECORDING] = 7 | 8 | 32,
                                    [LEDGER_ERASED] = 7 | 8};
    unsigned have = 0;
    memset(ret, 0, sizeof(*ret));
    if (line.n < SIG_TAIL + 2 || line.n >= LEDGER_LINE)
        return false;
    struct cur sig = cur_of(span_sub(line, line.n - SIG_TAIL, SIG_TAIL));
    ret->signed_part = span_sub(line, 0, line.n - SIG_TAIL);
    struct span lead = cur_take(&sig, 8), hex = cur_take(&sig, 128), tail = cur_take(&sig, 2);
    if (!is(lead, ",\"sig\":\"") || !is(tail, "\"}") ||
        !hex_get(hex, ret->signature, sizeof(ret->signature)))
        return false;
    (void)SHA256(line.p, line.n, ret->hash);
    struct cur c = cur_of(ret->signed_part);
    if (!eat(&c, '{'))
        return false;
    for (int i = 0; i < MEMBERS; i++) {
        struct span name, v;
        if (!member(&c, &name, &v) || !take(ret, name, v, &have))
            return false;
        if (cur_left(&c) == 0)
            return (have & need[ret->kind]) == need[ret->kind];
        if (!eat(&c, ','))
            return false;
    }
    return false;
}

static bool take_file(struct ledger_stored *f, struct span name, struct span v, unsigned *have)
{
    uint64_t n = 0;
    if (is(name, "path")) {
        *have |= 1;
        return v.n > 0 && v.n < sizeof(f->path) && span_find(v, '\\') == v.n &&
               span_copy(v, f->path, sizeof(f->path)) == v.n;
    }
    if (is(name, "root")) {
        *have |= 2;
        return hex_get(v, f->proof.root, PROOF_HASH);
    }
    if (is(name, "pieces")) {
        *have |= 4;
        f->proof.pieces = (uint32_t)(v.n / (2 * PROOF_HASH));
        return v.n > 0 && v.n % (2 * PROOF_HASH) == 0 && f->proof.pieces <= PROOF_PIECES &&
               hex_get(v, f->proof.piece[0], (size_t)f->proof.pieces * PROOF_HASH);
    }
    bool number = span_u64(v, UINT64_MAX, &n);
    if (is(name, "bytes")) {
        *have |= 8;
        f->proof.bytes = n;
    } else if (is(name, "lead")) {
        *have |= 16;
        f->proof.lead = (uint32_t)n;
        number = number && n < 1u << 24;
    } else if (is(name, "chunk")) {
        *have |= 32;
        f->proof.chunk = (uint32_t)n;
        number = number && n > 0 && n < 1u << 24;
    } else if (is(name, "level")) {
        *have |= 64;
        f->proof.level = (uint32_t)n;
        number = number && n < PROOF_LEVELS;
    } else {
        number = true;
    }
    return number;
}

bool ledger_next_file(const struct ledger_line *l, size_t *at, struct ledger_stored *ret,
                      bool *ret_bad)
{
    struct cur c = cur_of(span_sub(l->files, *at, l->files.n));
    unsigned have = 0;
    *ret_bad = true;
    if (*at > 0 && eat(&c, ']')) {
        *ret_bad = cur_left(&c) > 0;
        return false;
    }
    if (!eat(&c, *at == 0 ? '[' : ','))
        return false;
    if (*at == 0 && eat(&c, ']')) {
        *ret_bad = cur_left(&c) > 0;
        return false;
    }
    memset(ret, 0, sizeof(*ret));
    if (!eat(&c, '{'))
        return false;
    for (int i = 0; i < MEMBERS; i++) {
        struct span name, v;
        if (!member(&c, &name, &v) || !take_file(ret, name, v, &have))
            return false;
        if (eat(&c, '}'))
            break;
        if (!eat(&c, ','))
            return false;
    }
    *at = l->files.n - cur_left(&c);
    *ret_bad = have != 127;
    return !*ret_bad;
}
