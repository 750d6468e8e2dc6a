// apart.h: codecs whose decoders stand in a process of their own (callmesh-render): what a payload of theirs is, and the messages
// to and from that process. Pure; any thread. The messages go over a socket that keeps their borders (SOCK_SEQPACKET), between
// two programs of one build on one machine; each side takes the other for hostile.
// Limits: one payload (APART_PAYLOAD_MAX), one second of audio, APART_SLOTS decoders.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

enum apart_codec {
    APART_G729,
    APART_G723,
    APART_ILBC,
    APART_SPEEX_8,
    APART_SPEEX_16,
    APART_SPEEX_32,
    APART_CODECS
};

#define APART_SLOTS       128u // 32 streams of a recording with 4 payload types each
#define APART_PAYLOAD_MAX 8192u
#define APART_ASK_MAX     (8u + APART_PAYLOAD_MAX)
#define APART_ANSWER_MAX  (8u + 2u * 32000u) // a second of the fastest codec
#define APART_FRAMES_MAX  100u               // a second of the shortest
#define APART_HELLO_BYTES 8u

enum apart_order {
    APART_DECODE = 1, // the slot's decoder is opened when it is not, or is another codec's
    APART_CLOSE = 2
};

struct apart_ask {
    enum apart_order order;
    enum apart_codec codec;
    uint8_t slot;
    uint32_t number; // the answer bears it
    struct span payload;
};

struct apart_frame {
    struct span bytes;
    uint16_t samples;
    bool noise; // comfort noise that the decoder does not know: silence
};

// Hz of the sound, and of the RTP clock: the same for all of these.
uint32_t apart_rate(enum apart_codec c);
// Samples in a payload, by lengths and heads alone; 0: not one of this codec, or over a second.
uint32_t apart_samples(enum apart_codec c, struct span payload);
// The frames of a payload of a codec but Speex, whose frames begin at bits. How many, 0: none such.
size_t apart_frames(enum apart_codec c, struct span payload,
                    struct apart_frame ret[APART_FRAMES_MAX]);
// Speex: frames in a payload (RFC 5574 3.3), 0: none, or a frame that is cut off.
size_t apart_speex_frames(struct span payload);

// Bytes written, 0: does not fit.
size_t apart_put_ask(const struct apart_ask *a, uint8_t buf[APART_ASK_MAX]);
bool apart_parse_ask(struct span s, struct apart_ask *ret);
// n samples, or -EBADMSG or -ENOMEM as n.
size_t apart_put_answer(const struct apart_ask *to, int n, const int16_t *pcm,
                        uint8_t buf[APART_ANSWER_MAX]);
// False: no answer to this ask. ret_n as above; at most `cap` samples, or it is none.
bool apart_parse_answer(struct span s, const struct apart_ask *to, size_t cap, int16_t *pcm,
                        int *ret_n);
// The first word of the process: a bit for each codec that it has.
void apart_put_hello(uint32_t codecs, uint8_t buf[APART_HELLO_BYTES]);
bool apart_parse_hello(struct span s, uint32_t *ret_codecs);
