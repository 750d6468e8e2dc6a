// sip_text.h: the text of a SIP message out of its row, packed or not (lib/store/packed.h). Any worker may ask: one unpacker serves
// them in turn, some microseconds each.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "store/conn.h"

int sip_text_open(void); // 0 or -ENOMEM
void sip_text_close(void);
// Bytes of the message into dst, cut at cap. Bytes that cannot be read (a newer version packed them, the row is damaged) are a
// sentence that says so, and a line in the log.
size_t sip_text(const struct store_result *r, size_t row, size_t col, size_t form_col, uint8_t *dst,
                size_t cap);
