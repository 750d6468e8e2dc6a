// Session descriptions. The whole input is the body.
#include "fuzz.h"
#include "wire/sdp.h"

static struct sdp s;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of(data, size);
    bool usable = sdp_parse(body, &s);
    fuzz_check(s.medias <= SDP_MEDIA_MAX);
    fuzz_check(usable || s.event != WIRE_NONE);
    fuzz_inside(s.origin, body);
    fuzz_inside(s.session_name, body);
    for (uint32_t i = 0; i < s.medias; i++) {
        const struct sdp_media *m = &s.media[i];
        fuzz_inside(m->type, body);
        fuzz_inside(m->proto, body);
        fuzz_check(m->formats <= SDP_FORMATS_MAX);
        for (uint32_t j = 0; j < m->formats; j++) {
            fuzz_touch(m->format[j].codec); // of the body or of the static table
            fuzz_inside(m->format[j].fmtp, body);
            fuzz_check(m->format[j].payload_type < 128);
            fuzz_check(m->format[j].codec.n == 0 || m->format[j].clock_rate > 0);
        }
    }
    return 0;
}
