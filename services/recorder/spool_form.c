#include "spool_form.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the spool is little-endian");

void spool_form_name(uint32_t segment, char buf[32])
{
    (void)snprintf(buf, 32, "seg-%010u.spool", segment);
}

uint32_t spool_form_number(const char *name)
{
    if (strlen(name) != 20 || memcmp(name, "seg-", 4) != 0 || memcmp(name + 14, ".spool", 6) != 0)
        return 0;
    uint64_t v = 0;
    for (int i = 4; i < 14; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        v = v * 10 + (uint64_t)(name[i] - '0');
    }
    return v <= UINT32_MAX ? (uint32_t)v : 0;
}

uint32_t spool_form_sum(const void *p, size_t n)
{
    return (uint32_t)XXH3_64bits(p, n);
}

uint32_t spool_form_head_sum(const struct spool_head *h)
{
    return spool_form_sum((const uint8_t *)h + 8, sizeof(*h) - 8);
}

bool spool_form_head_good(const struct spool_head *h)
{
    return h->magic == SPOOL_BLOCK_MAGIC && h->bytes <= SPOOL_DATA_MAX &&
           h->head_sum == spool_form_head_sum(h);
}
