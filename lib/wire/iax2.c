#include "wire/iax2.h"

// Formats are bits (RFC 5456 8.7).
enum {
    FORMAT_G723 = 0x1,
    FORMAT_GSM = 0x2,
    FORMAT_PCMU = 0x4,
    FORMAT_PCMA = 0x8,
    FORMAT_G726 = 0x10,
    FORMAT_L16 = 0x40,
    FORMAT_G729 = 0x100,
    FORMAT_SPEEX = 0x200,
    FORMAT_ILBC = 0x400,
    FORMAT_G722 = 0x1000,
};

#define TYPE_MAX   12
#define META_TRUNK 1

static enum wire_event full(struct cur *c, struct iax2 *f)
{
    uint16_t destination = cur_u16be(c);
    f->kind = IAX2_FULL;
    f->retransmission = destination & 0x8000;
    f->destination = destination & 0x7fff;
    f->timestamp = cur_u32be(c);
    cur_skip(c, 2); // sequence numbers out and in
    f->type = cur_u8(c);
    uint8_t subclass = cur_u8(c);
    if (c->failed)
        return WIRE_IAX2_SHORT;
    if (f->type == 0 || f->type > TYPE_MAX)
        return WIRE_IAX2_TYPE;
    f->subclass = subclass & 0x80 ? UINT64_C(1) << (subclass & 0x3f) : subclass;
    f->payload = cur_rest(c);
    return WIRE_NONE;
}

static enum wire_event trunk(struct cur *c, struct iax2 *f)
{
    f->kind = IAX2_TRUNK;
    uint8_t command = cur_u8(c);
    f->untimed = !(cur_u8(c) & 1);
    cur_skip(c, 4); // the trunk's own time
    if (c->failed)
        return WIRE_IAX2_SHORT;
    if (command != META_TRUNK)
        return WIRE_IAX2_TYPE; // video
    f->payload = cur_rest(c);
    return WIRE_NONE;
}

enum wire_event iax2_parse(struct span datagram, struct iax2 *ret)
{
    *ret = (struct iax2){0};
    struct cur c = cur_of(datagram);
    uint16_t first = cur_u16be(&c);
    ret->source = first & 0x7fff;
    if (c.failed)
        return WIRE_IAX2_SHORT;
    if (first & 0x8000)
        return full(&c, ret);
    if (first == 0)
        return trunk(&c, ret);
    ret->kind = IAX2_MINI;
    ret->timestamp = cur_u16be(&c);
    ret->payload = cur_rest(&c);
    return c.failed ? WIRE_IAX2_SHORT : WIRE_NONE;
}

bool iax2_trunk_next(struct iax2 *trunk, struct iax2 *ret)
{
    struct cur c = cur_of(trunk->payload);
    *ret = (struct iax2){.kind = IAX2_MINI, .untimed = trunk->untimed};
    uint16_t length = 0;
    if (!trunk->untimed)
        length = cur_u16be(&c);
    ret->source = cur_u16be(&c) & 0x7fff;
    if (!trunk->untimed)
        ret->timestamp = cur_u16be(&c);
    else
        length = cur_u16be(&c);
    ret->payload = cur_take(&c, length);
    trunk->payload = cur_rest(&c);
    return !c.failed;
}

enum wire_event iax2_elements(struct span payload, struct iax2_elements *ret)
{
    *ret = (struct iax2_elements){0};
    struct cur c = cur_of(payload);
    for (int i = 0; i < IAX2_ELEMENTS_MAX && cur_left(&c) > 0; i++) {
        uint8_t element = cur_u8(&c);
        struct span value = cur_take(&c, cur_u8(&c));
        if (c.failed)
            return WIRE_IAX2_ELEMENT;
        switch (element) {
        case 1:
            ret->called = value;
            break;
        case 2:
            ret->calling = value;
            break;
        case 4:
            ret->name = value;
            break;
        case 6:
            ret->username = value;
            break;
        case 9: {
            struct cur v = cur_of(value);
            ret->format = cur_u32be(&v);
            break;
        }
        case 31:
            ret->encrypted = true;
            break;
        case 42:
            ret->cause = value.n == 1 ? value.p[0] & 127 : 0;
            break;
        default:
            break;
        }
    }
    return WIRE_NONE;
}

const char *iax2_name(const struct iax2 *f)
{
    static const char *const commands[] = {NULL,     "NEW",    "PING",   "PONG",    "ACK",
                                           "HANGUP", "REJECT", "ACCEPT", "AUTHREQ", "AUTHREP"};
    static const char *const controls[] = {
        NULL, "HANGUP", NULL, "RINGING", "ANSWER", "BUSY",     NULL,         NULL,   "CONGESTION",
        NULL, NULL,     NULL, NULL,      NULL,     "PROGRESS", "PROCEEDING", "HOLD", "UNHOLD"};
    const char *name = NULL;
    if (f->type == IAX2_IAX && f->subclass < sizeof commands / sizeof commands[0])
        name = commands[f->subclass];
    else if (f->type == IAX2_CONTROL && f->subclass < sizeof controls / sizeof controls[0])
        name = controls[f->subclass];
    else if (f->type == IAX2_VOICE)
        name = "voice";
    return name ? name : "frame";
}

bool iax2_payload_type(uint64_t format, uint8_t *ret)
{
    static const struct {
        uint16_t format;
        uint8_t payload_type;
    } known[] = {{FORMAT_PCMU, 0},
                 {FORMAT_PCMA, 8},
                 {FORMAT_GSM, 3},
                 {FORMAT_G729, 18},
                 {FORMAT_G722, 9},
                 {FORMAT_G723, 4},
                 {FORMAT_L16, IAX2_PT_L16},
                 {FORMAT_G726, IAX2_PT_G726},
                 {FORMAT_SPEEX, IAX2_PT_SPEEX},
                 {FORMAT_ILBC, IAX2_PT_ILBC}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].format == format) {
            *ret = known[i].payload_type;
            return true;
        }
    return false;
}

uint32_t iax2_duration_ms(uint64_t format, size_t n)
{
    switch (format) {
    case FORMAT_PCMU:
    case FORMAT_PCMA:
    case FORMAT_G722:
        return (uint32_t)(n / 8);
    case FORMAT_L16:
        return (uint32_t)(n / 16);
    case FORMAT_G726:
        return (uint32_t)(n / 4);
    case FORMAT_GSM:
        return (uint32_t)(n / 33) * 20;
    case FORMAT_G729:
        return (uint32_t)n;
    case FORMAT_G723:
        return (uint32_t)(n / 20) * 30;
    case FORMAT_ILBC:
        return n % 50 == 0 ? (uint32_t)(n / 50) * 30 : (uint32_t)(n / 38) * 20;
    default:
        return 0;
    }
}
