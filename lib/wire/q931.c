// The frame of H.225 messages: TPKT, and the elements of Q.931.
#include "wire/h225.h"

#define TPKT_VERSION 3
#define IES_MAX      64

// Information elements of Q.931.
enum {
    IE_CAUSE = 0x08,
    IE_NOTIFICATION = 0x27,
    IE_DISPLAY = 0x28,
    IE_CALLING = 0x6c,
    IE_CALLED = 0x70,
    IE_USER_USER = 0x7e,
};
int32_t tpkt_frame(struct span head)
{
    if (head.n > 0 && head.p[0] != TPKT_VERSION)
        return -1;
    if (head.n > 1 && head.p[1] != 0)
        return -1;
    if (head.n < TPKT_HEADER_BYTES)
        return 0;
    int32_t n = head.p[2] << 8 | head.p[3];
    return n >= TPKT_HEADER_BYTES ? n : -1;
}

const char *h225_name(uint8_t type)
{
    switch (type) {
    case H225_ALERTING:
        return "Alerting";
    case H225_CALL_PROCEEDING:
        return "CallProceeding";
    case H225_PROGRESS:
        return "Progress";
    case H225_SETUP:
        return "Setup";
    case H225_CONNECT:
        return "Connect";
    case H225_RELEASE_COMPLETE:
        return "ReleaseComplete";
    case H225_FACILITY:
        return "Facility";
    case H225_NOTIFY:
        return "Notify";
    default:
        return "?";
    }
}

// Octets 3 and 3a: a second one when the first has no extension bit.
static struct span behind_octets_3(struct span value)
{
    size_t n = value.n > 0 && !(value.p[0] & 0x80) ? 2 : 1;
    return span_sub(value, n, value.n);
}

static void element(uint8_t id, struct span value, struct h225 *m)
{
    switch (id) {
    case IE_CAUSE:
        value = behind_octets_3(value);
        m->cause = value.n > 0 ? value.p[0] & 0x7f : 0;
        break;
    case IE_NOTIFICATION: // Q.932: remote hold, remote retrieval
        m->hold = value.n == 1 && (value.p[0] & 0x7f) == 0x79;
        m->retrieve = value.n == 1 && (value.p[0] & 0x7f) == 0x7a;
        break;
    case IE_DISPLAY:
        m->display = value;
        break;
    case IE_CALLING:
        m->calling = behind_octets_3(value);
        break;
    case IE_CALLED:
        m->called = span_sub(value, 1, value.n);
        break;
    default:
        break;
    }
}

enum wire_event h225_parse(struct span message, struct h225 *ret)
{
    *ret = (struct h225){0};
    struct cur c = cur_of(message);
    uint8_t discriminator = cur_u8(&c), length = cur_u8(&c);
    uint16_t reference = cur_u16be(&c);
    ret->type = cur_u8(&c);
    if (c.failed || discriminator != 8 || length != 2)
        return WIRE_Q931_HEADER;
    ret->reference = reference & 0x7fff;
    ret->by_originator = !(reference & 0x8000);
    for (int i = 0; i < IES_MAX && cur_left(&c) > 0; i++) {
        uint8_t id = cur_u8(&c);
        if (id & 0x80)
            continue; // one octet
        size_t n = id == IE_USER_USER ? cur_u16be(&c) : cur_u8(&c);
        struct span value = cur_take(&c, n);
        if (c.failed)
            return WIRE_Q931_ELEMENT;
        if (id != IE_USER_USER)
            element(id, value, ret);
        else if (value.n > 1) // the first octet: X.208 and X.209
            return h225_user_information(span_sub(value, 1, value.n), ret);
    }
    return WIRE_NONE;
}
