#include "store/packed.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "base/mem.h"
#include "store/siptext_1.h"

// 1: the higher levels win 2 % on real messages and take twice the time.
#define LEVEL 1

struct packer {
    size_t foreign; // bytes that zstd holds for it
    ZSTD_CCtx *ctx;
    ZSTD_CDict *dict;
    uint8_t packed[ZSTD_COMPRESSBOUND(PACKED_RAW_MAX)];
};

struct unpacker {
    size_t foreign;
    ZSTD_DCtx *ctx;
    ZSTD_DDict *dict;
    uint8_t stored[PACKED_RAW_MAX];
};

// The context takes what it needs at its first use: here, not at the first message.
static bool warm(struct packer *p)
{
    uint8_t *raw = calloc(1, PACKED_RAW_MAX);
    size_t n = raw ? ZSTD_compress_usingCDict(p->ctx, p->packed, sizeof(p->packed), raw,
                                              PACKED_RAW_MAX, p->dict)
                   : 0;
    free(raw);
    return n > 0 && !ZSTD_isError(n);
}

struct packer *packer_new(void)
{
    struct packer *p = mem_take(sizeof(*p));
    if (!p)
        return NULL;
    p->ctx = ZSTD_createCCtx();
    p->dict = ZSTD_createCDict(siptext_1, sizeof(siptext_1), LEVEL);
    if (!p->ctx || !p->dict || !warm(p))
        return packer_free(p);
    p->foreign = ZSTD_sizeof_CCtx(p->ctx) + ZSTD_sizeof_CDict(p->dict);
    mem_add_foreign(p->foreign);
    return p;
}

struct packer *packer_free(struct packer *p)
{
    if (!p)
        return NULL;
    (void)ZSTD_freeCCtx(p->ctx);
    (void)ZSTD_freeCDict(p->dict);
    mem_sub_foreign(p->foreign);
    mem_give(p, sizeof(*p));
    return NULL;
}

size_t packer_memory(const struct packer *p)
{
    return sizeof(*p) + ZSTD_sizeof_CCtx(p->ctx) + ZSTD_sizeof_CDict(p->dict);
}

struct span packer_pack(struct packer *p, struct span raw, enum packed_form *ret_form)
{
    *ret_form = PACKED_NOT;
    if (!p || raw.n == 0 || raw.n > PACKED_RAW_MAX)
        return raw;
    size_t n =
        ZSTD_compress_usingCDict(p->ctx, p->packed, sizeof(p->packed), raw.p, raw.n, p->dict);
    if (ZSTD_isError(n) || n >= raw.n)
        return raw;
    *ret_form = PACKED_1;
    return span_of(p->packed, n);
}

struct unpacker *unpacker_new(void)
{
    struct unpacker *u = mem_take(sizeof(*u));
    if (!u)
        return NULL;
    u->ctx = ZSTD_createDCtx();
    u->dict = ZSTD_createDDict(siptext_1, sizeof(siptext_1));
    if (!u->ctx || !u->dict)
        return unpacker_free(u);
    u->foreign = ZSTD_sizeof_DCtx(u->ctx) + ZSTD_sizeof_DDict(u->dict);
    mem_add_foreign(u->foreign);
    return u;
}

struct unpacker *unpacker_free(struct unpacker *u)
{
    if (!u)
        return NULL;
    (void)ZSTD_freeDCtx(u->ctx);
    (void)ZSTD_freeDDict(u->dict);
    mem_sub_foreign(u->foreign);
    mem_give(u, sizeof(*u));
    return NULL;
}

size_t unpacker_memory(const struct unpacker *u)
{
    return sizeof(*u) + ZSTD_sizeof_DCtx(u->ctx) + ZSTD_sizeof_DDict(u->dict);
}

size_t unpacker_unpack(struct unpacker *u, int64_t form, struct span stored, uint8_t *dst,
                       size_t cap, bool *ret_bad)
{
    size_t n = 0; // nobody packs an empty one
    if (form == PACKED_NOT && stored.n <= cap) {
        if (stored.n > 0)
            memcpy(dst, stored.p, stored.n);
        *ret_bad = false;
        return stored.n;
    }
    if (form == PACKED_1)
        n = ZSTD_decompress_usingDDict(u->ctx, dst, cap, stored.p, stored.n, u->dict);
    *ret_bad = n == 0 || ZSTD_isError(n);
    return *ret_bad ? 0 : n;
}

size_t unpacker_row(struct unpacker *u, const struct store_result *r, size_t row, size_t col,
                    size_t form_col, uint8_t *dst, size_t cap, bool *ret_bad)
{
    int64_t form = store_int(r, row, form_col);
    *ret_bad = false;
    if (form == PACKED_NOT)
        return store_bytes(r, row, col, dst, cap);
    size_t n = store_bytes(r, row, col, u->stored, sizeof(u->stored));
    return unpacker_unpack(u, form, span_of(u->stored, n), dst, cap, ret_bad);
}
