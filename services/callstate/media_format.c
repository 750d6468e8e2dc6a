// What payload types mean, by what the sides of a leg have said.
#include <string.h>
#include <strings.h>
#include "fmtp.h"
#include "media_join.h"

// Encoding names are case-insensitive (RFC 8866 6.6); the usual ones are shown as they are registered.
static void registered_name(char *codec)
{
    static const char *const names[] = {
        "PCMU",    "PCMA", "G722",   "G723", "G726-16", "G726-24", "G726-32",
        "G726-40", "G728", "G729",   "GSM",  "GSM-EFR", "iLBC",    "speex",
        "opus",    "AMR",  "AMR-WB", "EVS",  "L16",     "CN",      "telephone-event",
        "SILK",    "red",  "VP8",    "VP9",  "H264",    "H263"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(codec, names[i]) == 0)
            memcpy(codec, names[i], strlen(names[i]));
}

void media_on_format(struct leg *l, enum side side, const struct sdp_format *f)
{
    struct format *at = NULL;
    for (uint8_t i = 0; i < l->formats[side]; i++)
        if (l->format[side][i].payload_type == f->payload_type)
            at = &l->format[side][i];
    if (!at && l->formats[side] < FORMATS_MAX)
        at = &l->format[side][l->formats[side]++];
    if (!at || !f->codec.n)
        return;
    at->payload_type = f->payload_type;
    at->channels = f->channels;
    at->clock_rate = f->clock_rate;
    at->fmtp_flags = fmtp_flags(f->fmtp);
    (void)span_utf8(f->codec, at->codec, sizeof at->codec);
    registered_name(at->codec);
}

bool media_format(const struct stream *s, uint8_t payload_type, struct format *ret)
{
    const struct leg *l = s->leg;
    if (l && s->side) {
        enum side receiver = s->side == SIDE_CALLER ? SIDE_CALLEE : SIDE_CALLER;
        enum side order[2] = {receiver, (enum side)s->side};
        for (int k = 0; k < 2; k++)
            for (uint8_t i = 0; i < l->formats[order[k]]; i++)
                if (l->format[order[k]][i].payload_type == payload_type &&
                    l->format[order[k]][i].codec[0]) {
                    *ret = l->format[order[k]][i];
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
