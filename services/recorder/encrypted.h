// encrypted.h: the packets of encrypted streams on their way to the decoders (SRTP with the keys of SDES). As captured they stay in the
// spool and in the .rtp file; clear is only the packet at work. Contexts begin anew with each pass and end with it. One thread (cutter).
#pragma once
#include "render.h"

// A pass over this track begins.
void encrypted_begin(const struct render *r, struct track *t);
// *packet: as captured; SRTP_CLEAR: it is RTP, in r->clear until the next call, or as it was when the stream is not encrypted.
enum srtp_verdict encrypted_take(struct render *r, struct track *t, const struct chain_packet *p,
                                 struct span *packet);
// All contexts go.
void encrypted_end(struct render *r);
// What the pass has seen, into the result.
void encrypted_sum(const struct render *r, struct render_result *res);
// Why packets stayed encrypted.
void encrypted_why(const struct render *r, const struct render_result *res, char *buf, size_t cap);
