// spool_form.h: what writer and reader of the spool share: names and sums. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "spool.h"

#define SPOOL_BLOCK_MAGIC   0x31424D43u // "CMB1"
#define SPOOL_SEGMENT_MAGIC "CMSPOOL1"
#define SPOOL_SEGMENT_HEAD  64u

// "seg-0000000042.spool" in the directory fd's folder.
void spool_form_name(uint32_t segment, char buf[32]);
// The number in such a name, 0 when it is none.
uint32_t spool_form_number(const char *name);
uint32_t spool_form_sum(const void *p, size_t n);
uint32_t spool_form_head_sum(const struct spool_head *h);
bool spool_form_head_good(const struct spool_head *h);
