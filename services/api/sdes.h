// sdes.h: keys of media that SDP carries in the clear (RFC 4568 a=crypto, RFC 4567 a=key-mgmt, RFC 4566 k=) are nobody's to see: blotted
// out of a message before it is shown or given away, each character by an x, so that lengths stay true. Pure.
#pragma once
#include <stddef.h>
#include <stdint.h>

void sdes_blot(uint8_t *p, size_t n);
