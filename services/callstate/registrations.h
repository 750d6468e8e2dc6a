// registrations.h: who is where, by the 2xx answers to REGISTER (RFC 3261 10): each Contact of the answer is a binding.
// The User-Agent stands in the request only: a small cache by Call-ID remembers it until the answer comes.
#pragma once
#include "world.h"

struct ua_cache;
struct ua_cache *ua_cache_new(void);
struct ua_cache *ua_cache_free(struct ua_cache *c);
// A REGISTER request or an answer to one. Writes rows into the open batch (at most 16 a message).
void registrations_on_message(struct world *w, const struct message *m);
#define REGISTRATIONS_PER_MESSAGE 16
