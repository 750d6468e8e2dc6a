#include "codecs.h"
#include <string.h>
#include "base/fail.h"
#include "fmtp.h"
#include "stats.h"

#define PLACES 256

static struct {
    char name[CODEC_NAME];
    uint32_t users;
} place[PLACES];

// In the order in which they are met most.
static const char *const common[] = {
    "PCMU",      "PCMA",    "telephone-event",
    "G722",      "opus",    "G729",
    "GSM",       "CN",      "AMR",
    "iLBC",      "AMR-WB",  "speex",
    "G726-32",   "EVS",     "L16",
    "H264",      "VP8",     "G723",
    "red",       "SILK",    "G7221",
    "DVI4",      "G728",    "G726-16",
    "G726-24",   "G726-40", "H263",
    "H263-1998", "rtx",     "ulpfec",
    "t140",      "VP9",     "H265",
    "AV1",
};
#define COMMON (sizeof common / sizeof common[0])

static void set_common(void)
{
    for (size_t i = 0; i < COMMON && !place[1].name[0]; i++)
        (void)span_copy(span_str(common[COMMON - 1 - i]), place[COMMON - i].name, CODEC_NAME);
}

uint8_t codec_take(struct span text)
{
    char name[CODEC_NAME];
    size_t empty = 0;
    set_common();
    if (!text.n)
        return CODEC_NONE;
    (void)span_utf8(text, name, sizeof name);
    fmtp_registered_name(name);
    for (size_t i = 1; i < PLACES; i++) {
        bool used = i <= COMMON || place[i].users;
        if (!used && !empty)
            empty = i;
        if (!used || strcmp(place[i].name, name) != 0)
            continue;
        place[i].users++;
        return (uint8_t)i;
    }
    if (!empty) {
        count(STAT_FULL_CODECS);
        return CODEC_NONE;
    }
    memcpy(place[empty].name, name, sizeof name);
    place[empty].users = 1;
    return (uint8_t)empty;
}

void codec_give(uint8_t codec)
{
    if (codec == CODEC_NONE)
        return;
    must(place[codec].users > 0);
    place[codec].users--;
}

const char *codec_name(uint8_t codec)
{
    return codec == CODEC_NONE ? "" : place[codec].name;
}
