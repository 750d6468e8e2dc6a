// decoders.h: one ask to one answer: the decoders of a recording. One thread.
// Limits: APART_SLOTS, each one decoder.
#pragma once
#include "media/apart.h"

struct decoders;

struct decoders *decoders_new(void);
struct decoders *decoders_free(struct decoders *d);
// A bit for each codec that the libraries have.
uint32_t decoders_codecs(void);
// Bytes of the answer; 0: this was no ask, who sent it is not to be talked to.
size_t decoders_answer(struct decoders *d, struct span ask, uint8_t answer[APART_ANSWER_MAX]);
