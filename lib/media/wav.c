#include "media/wav.h"

#include <string.h>

size_t wav_sample_bytes(enum wav_format format)
{
    return format == WAV_L16 ? 2 : 1;
}

const char *wav_format_name(enum wav_format format)
{
    switch (format) {
    case WAV_PCMA:
        return "PCMA";
    case WAV_PCMU:
        return "PCMU";
    case WAV_L16:
        break;
    }
    return "L16";
}

static uint8_t *put_tag(uint8_t *p, const char *tag)
{
    memcpy(p, tag, 4);
    return p + 4;
}

static uint8_t *put_u16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    return p + 2;
}

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    return put_u16(put_u16(p, v & 0xFFFFu), v >> 16);
}

// Tag 1 has the plain 16-byte "fmt "; the others want its extension length and a "fact" chunk (Multimedia Programming
// Interface and Data Specifications 1.0, "WAVE").
size_t wav_write_header(struct wav_info *w, uint8_t *buf)
{
    uint32_t bytes = (uint32_t)wav_sample_bytes(w->format), align = bytes * w->channels;
    if (w->frames > WAV_DATA_MAX / align)
        return 0;
    uint32_t data = (uint32_t)w->frames * align;
    bool plain = w->format == WAV_L16;
    uint32_t head = plain ? 44 : 58;
    uint8_t *p = put_tag(buf, "RIFF");
    p = put_u32(p, head - 8 + data + (data & 1));
    p = put_tag(p, "WAVE");
    p = put_tag(p, "fmt ");
    p = put_u32(p, plain ? 16 : 18);
    p = put_u16(p, (uint32_t)w->format);
    p = put_u16(p, w->channels);
    p = put_u32(p, w->sample_rate);
    p = put_u32(p, w->sample_rate * align);
    p = put_u16(p, align);
    p = put_u16(p, bytes * 8);
    if (!plain) {
        p = put_u16(p, 0);
        p = put_tag(p, "fact");
        p = put_u32(p, 4);
        p = put_u32(p, (uint32_t)w->frames);
    }
    p = put_tag(p, "data");
    p = put_u32(p, data);
    w->header_bytes = (size_t)(p - buf);
    return w->header_bytes;
}

static bool read_fmt(struct cur *c, struct wav_info *w, uint16_t *ret_align)
{
    uint16_t tag = cur_u16le(c);
    w->channels = cur_u16le(c);
    w->sample_rate = cur_u32le(c);
    cur_skip(c, 4);
    *ret_align = cur_u16le(c);
    uint16_t bits = cur_u16le(c);
    if (c->failed || w->channels == 0 || w->channels > 2)
        return false;
    if (tag != WAV_L16 && tag != WAV_PCMA && tag != WAV_PCMU)
        return false;
    w->format = (enum wav_format)tag;
    return bits == 8 * wav_sample_bytes(w->format) &&
           *ret_align == w->channels * wav_sample_bytes(w->format) && w->sample_rate > 0;
}

bool wav_read_header(struct span s, struct wav_info *ret)
{
    struct cur c = cur_of(s);
    struct wav_info w = {0};
    uint16_t align = 0;
    if (!span_eq(cur_take(&c, 4), SPAN_LIT("RIFF")))
        return false;
    cur_skip(&c, 4);
    if (!span_eq(cur_take(&c, 4), SPAN_LIT("WAVE")))
        return false;
    for (int chunk = 0; chunk < 16 && !c.failed; chunk++) {
        struct span tag = cur_take(&c, 4);
        uint32_t n = cur_u32le(&c);
        if (c.failed)
            return false;
        if (span_eq(tag, SPAN_LIT("data"))) {
            if (align == 0)
                return false;
            w.frames = n / align;
            w.header_bytes = s.n - cur_left(&c);
            *ret = w;
            return true;
        }
        struct cur part = cur_part(&c, (size_t)n + (n & 1));
        if (span_eq(tag, SPAN_LIT("fmt ")) && !read_fmt(&part, &w, &align))
            return false;
    }
    return false;
}
