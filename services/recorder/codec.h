// codec.h: what a payload type means in a stream: the SDP's map first, then RFC 3551's table. Pure; any thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "job.h"
#include "media/codec.h"

enum codec_kind {
    CODEC_PCMU, // G.711 at 8 kHz
    CODEC_PCMA,
    CODEC_NOISE, // comfort noise (RFC 3389): no audio
    CODEC_EVENT, // telephone-event (RFC 4733): no audio
    CODEC_DECODED, // by a decoder of lib/media, or by the renderer where codec_apart() says so and it is there
    CODEC_OTHER, // audio that is not rendered
};

struct codec {
    enum codec_kind kind;
    const char *name; // in the stream's map or a literal
    uint32_t clock;
    const struct codec_impl *impl; // of PCMU, PCMA and DECODED
    uint8_t channels, flags;
};

// The table already says this of this type.
bool codec_is_fixed(uint32_t payload_type, const char *name);
// payload_bytes: an unnamed dynamic type with 4 bytes of payload is taken for telephone-event.
struct codec codec_of(const struct job_stream *s, uint8_t payload_type, size_t payload_bytes);
static inline struct codec_params codec_params_of(const struct codec *c)
{
    return (struct codec_params){c->name, c->clock, c->channels, c->flags};
}
