// What payload types mean, by what the sides of a leg have said.
#include <string.h>
#include "fmtp.h"
#include "media_join.h"

void media_on_format(struct leg *l, enum side side, const struct sdp_format *f)
{
    struct leg_format *at = NULL;
    for (uint8_t i = 0; i < l->formats[side]; i++)
        if (l->format[side - 1][i].payload_type == f->payload_type)
            at = &l->format[side - 1][i];
    if (!at && l->formats[side] < FORMATS_MAX)
        at = &l->format[side - 1][l->formats[side]++];
    if (!at || !f->codec.n)
        return;
    at->payload_type = f->payload_type;
    at->channels = f->channels;
    at->clock_rate = f->clock_rate;
    at->fmtp_flags = fmtp_flags(f->fmtp);
    uint8_t had = at->codec;
    at->codec = codec_take(f->codec);
    codec_give(had);
}

struct format media_leg_format(const struct leg_format *f)
{
    struct format r = {.payload_type = f->payload_type,
                       .channels = f->channels,
                       .fmtp_flags = f->fmtp_flags,
                       .clock_rate = f->clock_rate};
    (void)span_copy(span_str(codec_name(f->codec)), r.codec, sizeof r.codec);
    return r;
}

bool media_format(const struct stream *s, uint8_t payload_type, struct format *ret)
{
    const struct leg *l = s->leg;
    if (l && s->side) {
        enum side receiver = s->side == SIDE_CALLER ? SIDE_CALLEE : SIDE_CALLER;
        enum side order[2] = {receiver, (enum side)s->side};
        for (int k = 0; k < 2; k++)
            for (uint8_t i = 0; i < l->formats[order[k]]; i++)
                if (l->format[order[k] - 1][i].payload_type == payload_type &&
                    l->format[order[k] - 1][i].codec != CODEC_NONE) {
                    *ret = media_leg_format(&l->format[order[k] - 1][i]);
                    return true;
                }
    }
    struct sdp_format f;
    if (!sdp_static_format(payload_type, &f))
        return false;
    *ret = (struct format){
        .payload_type = payload_type, .channels = f.channels, .clock_rate = f.clock_rate};
    (void)span_utf8(f.codec, ret->codec, sizeof ret->codec);
    return true;
}

void media_forget_formats(struct leg *l)
{
    for (int side = SIDE_CALLER; side <= SIDE_CALLEE; side++) {
        for (uint8_t i = 0; i < l->formats[side]; i++)
            codec_give(l->format[side - 1][i].codec);
        l->formats[side] = 0;
    }
}
