// packed.h: the bytes of a SIP message as they rest in a row: as they were on the wire (form 0), or packed with zstd (RFC 8878) and the
// dictionary of that form (1: siptext_1.dict, made by tools/siptext). A message alone is too short for a compressor to learn from:
// the dictionary is what it learnt before. Real messages become 2.5 times shorter, without it 1.4 times.
// A packer and an unpacker have one owner at a time each; all their memory is taken at the start, what zstd holds of it is counted in mem_total.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "store/conn.h"

#define PACKED_RAW_MAX 65535u // one UDP datagram; what is longer is not packed

enum packed_form {
    PACKED_NOT = 0,
    PACKED_1 = 1
};

struct packer;
// NULL: no memory.
struct packer *packer_new(void);
struct packer *packer_free(struct packer *p); // NULL
size_t packer_memory(const struct packer *p);
// The bytes to store, and their form: a view of raw (PACKED_NOT) when packing would not make it shorter or p is NULL, else a
// view into the packer, good until the next call.
struct span packer_pack(struct packer *p, struct span raw, enum packed_form *ret_form);

struct unpacker;
struct unpacker *unpacker_new(void); // NULL: no memory
struct unpacker *unpacker_free(struct unpacker *u);
size_t unpacker_memory(const struct unpacker *u);
// The message into dst; its length. *ret_bad: the form is not known (a newer version wrote it), the bytes are not what was
// packed, or the message is longer than dst: then 0.
size_t unpacker_unpack(struct unpacker *u, int64_t form, struct span stored, uint8_t *dst,
                       size_t cap, bool *ret_bad);
// The same of a row: its bytea column and the column of its form. Not packed: cut at cap, as store_bytes does.
size_t unpacker_row(struct unpacker *u, const struct store_result *r, size_t row, size_t col,
                    size_t form_col, uint8_t *dst, size_t cap, bool *ret_bad);
