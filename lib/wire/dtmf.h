// dtmf.h: digits that SIP INFO says (application/dtmf-relay: "Signal=5"; application/dtmf: "5"). They may be of a card: what is
// stored of such a message has a '*' for each of them. Pure.
#pragma once
#include "wire/sip.h"

// The digit of an INFO's body; 0: none.
char dtmf_digit(struct span body);
// Digits of a body as stored, in place. Returns how many.
size_t dtmf_mask(uint8_t *body, size_t n);
// The message as it may be kept: digits of INFO and of KPML (RFC 4730) are stars. What says none is raw itself; else it is in copy, cut at cap.
struct span dtmf_masked(const struct sip_msg *sip, struct span raw, uint8_t *copy, size_t cap,
                        size_t *ret_n);
// Is this a message whose body may say digits?
bool dtmf_in(const struct sip_msg *sip);
