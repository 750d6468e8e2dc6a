#include "vault/proof.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/fail.h"

int proof_init(struct proof *p)
{
    memset(p, 0, sizeof(*p));
    p->digest = EVP_MD_CTX_new();
    return p->digest ? 0 : -ENOMEM;
}

void proof_deinit(struct proof *p)
{
    EVP_MD_CTX_free(p->digest);
    p->digest = NULL;
}

static void start_leaf(struct proof *p)
{
    static const uint8_t mark = 0;
    must(EVP_DigestInit_ex(p->digest, EVP_sha256(), NULL) == 1);
    must(EVP_DigestUpdate(p->digest, &mark, 1) == 1);
    p->in_chunk = 0;
}

void proof_begin(struct proof *p, uint32_t lead, uint32_t chunk)
{
    p->bytes = p->chunks = 0;
    p->lead = lead;
    p->chunk = chunk;
    p->pieces = p->level = 0;
    start_leaf(p);
}

static void node(const uint8_t *left, const uint8_t *right, uint8_t *ret)
{
    uint8_t both[1 + 2 * PROOF_HASH] = {1};
    memcpy(both + 1, left, PROOF_HASH);
    memcpy(both + 1 + PROOF_HASH, right, PROOF_HASH);
    must(EVP_Digest(both, sizeof(both), ret, NULL, EVP_sha256(), NULL) == 1);
}

static void halve(struct proof *p)
{
    for (uint32_t i = 0; i < PROOF_PIECES / 2; i++)
        node(p->piece[2 * i], p->piece[2 * i + 1], p->piece[i]);
    p->pieces = PROOF_PIECES / 2;
    p->level++;
}

// A binary counter: stack[i] holds a tree of 2^i leaves when bit i of chunks is set.
static void end_leaf(struct proof *p)
{
    uint8_t h[PROOF_HASH];
    must(EVP_DigestFinal_ex(p->digest, h, NULL) == 1);
    uint32_t i = 0;
    for (; p->chunks >> i & 1; i++)
        node(p->stack[i], h, h);
    must(i < PROOF_LEVELS);
    memcpy(p->stack[i], h, PROOF_HASH);
    p->chunks++;
    if (p->chunks == UINT64_C(1) << p->level) {
        memcpy(p->piece[p->pieces++], p->stack[p->level], PROOF_HASH);
        p->chunks = 0;
        if (p->pieces == PROOF_PIECES)
            halve(p);
    }
    start_leaf(p);
}

void proof_add(struct proof *p, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    while (n > 0) {
        size_t size = p->bytes < p->lead ? p->lead : p->chunk;
        size_t part = size - p->in_chunk < n ? size - p->in_chunk : n;
        must(EVP_DigestUpdate(p->digest, b, part) == 1);
        p->in_chunk += part;
        p->bytes += part;
        b += part;
        n -= part;
        if (p->in_chunk == size)
            end_leaf(p);
    }
}

// The trees of the stack, small ones first, to one.
static bool fold(uint8_t (*stack)[PROOF_HASH], uint64_t count, uint8_t *ret)
{
    bool any = false;
    for (uint32_t i = 0; count >> i; i++) {
        if (!(count >> i & 1))
            continue;
        if (any)
            node(stack[i], ret, ret);
        else
            memcpy(ret, stack[i], PROOF_HASH);
        any = true;
    }
    return any;
}

void proof_end(struct proof *p)
{
    if (p->in_chunk > 0 || p->bytes == 0)
        end_leaf(p);
    uint32_t whole = p->pieces;
    if (fold(p->stack, p->chunks, p->piece[p->pieces]))
        p->pieces++;
    uint8_t stack[PROOF_LEVELS][PROOF_HASH], h[PROOF_HASH];
    uint64_t count = 0;
    for (uint32_t k = 0; k < whole; k++) {
        memcpy(h, p->piece[k], PROOF_HASH);
        uint32_t i = 0;
        for (; count >> i & 1; i++)
            node(stack[i], h, h);
        memcpy(stack[i], h, PROOF_HASH);
        count++;
    }
    bool any = fold(stack, count, h);
    if (whole == p->pieces)
        memcpy(p->root, h, PROOF_HASH);
    else if (any)
        node(h, p->piece[whole], p->root);
    else
        memcpy(p->root, p->piece[whole], PROOF_HASH);
}

void proof_range(const struct proof *p, uint32_t i, uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t first = (uint64_t)i << p->level, last = first + (UINT64_C(1) << p->level);
    uint64_t skip = p->lead ? 1 : 0; // chunk 0 is the lead
    *ret_from = first < skip ? 0 : p->lead + (first - skip) * p->chunk;
    *ret_to = p->lead + (last - skip) * p->chunk;
    if (*ret_to > p->bytes)
        *ret_to = p->bytes;
}
