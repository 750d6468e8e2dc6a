#include "codec.h"

#include <string.h>
#include <strings.h>

struct fixed {
    const char *name;
    uint32_t clock;
};

// RFC 3551, tables 4 and 5: the audio types.
static const struct fixed fixed[] = {
    [0] = {"PCMU", 8000},  [3] = {"GSM", 8000},   [4] = {"G723", 8000},   [5] = {"DVI4", 8000},
    [6] = {"DVI4", 16000}, [7] = {"LPC", 8000},   [8] = {"PCMA", 8000},   [9] = {"G722", 8000},
    [10] = {"L16", 44100}, [11] = {"L16", 44100}, [12] = {"QCELP", 8000}, [13] = {"CN", 8000},
    [14] = {"MPA", 90000}, [15] = {"G728", 8000}, [16] = {"DVI4", 11025}, [17] = {"DVI4", 22050},
    [18] = {"G729", 8000}, [19] = {"CN", 8000},
};

static enum codec_kind kind_of(const char *name, uint32_t clock)
{
    if (strcasecmp(name, "CN") == 0)
        return CODEC_NOISE;
    if (strcasecmp(name, "telephone-event") == 0 || strncasecmp(name, "telephone-even", 14) == 0)
        return CODEC_EVENT;
    if (clock == 8000 && strcasecmp(name, "PCMU") == 0)
        return CODEC_PCMU;
    if (clock == 8000 && strcasecmp(name, "PCMA") == 0)
        return CODEC_PCMA;
    return CODEC_OTHER;
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
            return (struct codec){kind_of(m->name, clock), m->name, clock};
        }
    }
    if (payload_type < sizeof(fixed) / sizeof(fixed[0]) && fixed[payload_type].name) {
        const struct fixed *f = &fixed[payload_type];
        return (struct codec){kind_of(f->name, f->clock), f->name, f->clock};
    }
    if (payload_type >= 96 && payload_bytes == 4)
        return (struct codec){CODEC_EVENT, "telephone-event", 8000};
    if (s->codec[0] != '\0')
        return (struct codec){kind_of(s->codec, 8000), s->codec, 8000};
    return (struct codec){CODEC_OTHER, "unknown", 8000};
}
