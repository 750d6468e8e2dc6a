// SDP into the table of media addresses, which has four places: row of SDPs, each after two bytes of length; time goes on a second
// each. What an SDP named last is found, with its formats; the table never holds more than it has.
#include "fuzz.h"
#include "media_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sdp sdp;
    struct media_table *t = media_table_new(4, 3000000);
    struct cur c = cur_of(span_of(data, size));
    fuzz_check(t);
    for (int64_t at_us = 1000000; cur_left(&c) > 2; at_us += 1000000) {
        size_t n = cur_u16be(&c);
        struct span text = cur_take(&c, n < cur_left(&c) ? n : cur_left(&c));
        if (!sdp_parse(text, &sdp))
            continue;
        fuzz_check(sdp.medias <= 16);
        (void)media_table_name(t, &sdp, at_us);
        for (uint32_t i = sdp.medias; i-- > 0;) {
            const struct sdp_media *m = &sdp.media[i];
            const struct media_addr *a = media_table_find(t, &m->rtp_at.ip, m->rtp_at.port);
            if (!a)
                continue;
            fuzz_check(endpoint_eq(&a->at, &m->rtp_at) && a->formats <= MEDIA_FORMATS_MAX);
            for (int pt = 0; pt < 128; pt++) {
                const struct media_format *f = media_addr_format(a, (uint8_t)pt);
                fuzz_check(!f || (f->payload_type == pt && memchr(f->codec, 0, sizeof f->codec)));
            }
        }
        if (n % 3 == 0)
            media_table_age(t, at_us);
        struct media_table_stat s = media_table_stat(t);
        fuzz_check(s.used <= s.slots);
    }
    media_table_free(t);
    return 0;
}
