#include "codec.h"

#include <string.h>
#include <strings.h>

struct fixed {
    const char *name;
    uint32_t clock;
};

// RFC 3551, tables 4 and 5: the audio types. 2 is what its first edition (RFC 1890) said, and what gateways still send.
static const struct fixed fixed[] = {
    [0] = {"PCMU", 8000},   [2] = {"G726-32", 8000}, [3] = {"GSM", 8000},   [4] = {"G723", 8000},
    [5] = {"DVI4", 8000},   [6] = {"DVI4", 16000},   [7] = {"LPC", 8000},   [8] = {"PCMA", 8000},
    [9] = {"G722", 8000},   [10] = {"L16", 44100},   [11] = {"L16", 44100}, [12] = {"QCELP", 8000},
    [13] = {"CN", 8000},    [14] = {"MPA", 90000},   [15] = {"G728", 8000}, [16] = {"DVI4", 11025},
    [17] = {"DVI4", 22050}, [18] = {"G729", 8000},   [19] = {"CN", 8000},
};

static struct codec make(const char *name, uint32_t clock, uint8_t channels, uint8_t flags)
{
    struct codec c = {CODEC_OTHER, name, clock, NULL, channels, flags};
    if (strcasecmp(name, "CN") == 0)
        c.kind = CODEC_NOISE;
    else if (strcasecmp(name, "telephone-event") == 0 ||
             strncasecmp(name, "telephone-even", 14) == 0)
        c.kind = CODEC_EVENT;
    if (c.kind != CODEC_OTHER)
        return c;
    struct codec_params p = codec_params_of(&c);
    c.impl = codec_find(&p);
    if (!c.impl)
        c.impl = codec_find_apart(&p);
    if (c.impl)
        c.kind = strcasecmp(name, "PCMU") == 0   ? CODEC_PCMU
                 : strcasecmp(name, "PCMA") == 0 ? CODEC_PCMA
                                                 : CODEC_DECODED;
    return c;
}

bool codec_is_fixed(uint32_t payload_type, const char *name)
{
    return payload_type < sizeof(fixed) / sizeof(fixed[0]) && fixed[payload_type].name && name &&
           strcasecmp(fixed[payload_type].name, name) == 0;
}

struct codec codec_of(const struct job_stream *s, uint8_t payload_type, size_t payload_bytes)
{
    for (uint8_t i = 0; i < s->maps; i++) {
        const struct job_codec *m = &s->map[i];
        if (m->payload_type == payload_type && m->name[0] != '\0') {
            uint32_t clock = m->clock > 0 ? m->clock : 8000;
            return make(m->name, clock, m->channels, m->flags);
        }
    }
    if (payload_type < sizeof(fixed) / sizeof(fixed[0]) && fixed[payload_type].name) {
        const struct fixed *f = &fixed[payload_type];
        return make(f->name, f->clock, payload_type == 10 ? 2 : 1, 0);
    }
    if (payload_type >= 96 && payload_bytes == 4)
        return make("telephone-event", 8000, 1, 0);
    if (s->codec[0] != '\0')
        return make(s->codec, 8000, 1, 0);
    return make("unknown", 8000, 1, 0);
}
