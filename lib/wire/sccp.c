#include "wire/sccp.h"

#define HEADER_BYTES 12
#define VERSION_MAX  0x40
// From this header version on addresses may be IPv6: a word that tells, then 16 bytes.
#define VERSION_ADDRESS_16 16

int32_t sccp_frame(struct span head)
{
    struct cur c = cur_of(head);
    uint32_t length = cur_u32le(&c), version = cur_u32le(&c), id = cur_u32le(&c);
    // What is here already may say that it is none.
    if (head.n >= 4 && (length < 4 || length > SCCP_MESSAGE_MAX - 8))
        return -1;
    if (head.n >= 8 && version > VERSION_MAX)
        return -1;
    if (c.failed)
        return 0;
    return (id & 0x7fff) < 0x400 && id < 0x10000 ? (int32_t)length + 8 : -1;
}

// Up to the zero byte, within a field of fixed size.
static struct span text_of(struct span field)
{
    return span_sub(field, 0, span_find(field, 0));
}

static struct span fixed_text(struct cur *c, size_t n)
{
    return text_of(cur_take(c, n));
}

// One of several texts, each ended by a zero byte; the last may lack it.
static struct span next_text(struct cur *c)
{
    struct span s = text_of(cur_rest(c));
    cur_skip(c, s.n < cur_left(c) ? s.n + 1 : s.n);
    return s;
}

static enum wire_event address(struct cur *c, struct sccp_msg *m)
{
    uint32_t v6 = m->version >= VERSION_ADDRESS_16 ? cur_u32le(c) : 0;
    struct span ip = cur_take(c, m->version >= VERSION_ADDRESS_16 ? 16 : 4);
    uint32_t port = cur_u32le(c);
    if (c->failed)
        return WIRE_SCCP_SHORT;
    if (v6 > 1 || port > UINT16_MAX)
        return WIRE_SCCP_ADDRESS;
    m->at.ip.family = v6 ? 6 : 4;
    memcpy(m->at.ip.b, ip.p, v6 ? 16 : 4);
    m->at.port = (uint16_t)port;
    return WIRE_NONE;
}

// Fields at the end that older phones do not send: what is not there stays 0.
static uint32_t optional(struct cur *c)
{
    return cur_left(c) >= 4 ? cur_u32le(c) : 0;
}

static enum wire_event receive_ack(struct cur *c, struct sccp_msg *m)
{
    m->status = cur_u32le(c);
    enum wire_event e = address(c, m);
    m->pass_through = optional(c);
    m->call_ref = optional(c);
    return e;
}

static enum wire_event start_media(struct cur *c, struct sccp_msg *m)
{
    uint32_t conference = cur_u32le(c);
    m->pass_through = cur_u32le(c);
    enum wire_event e = address(c, m);
    m->ptime_ms = cur_u32le(c);
    m->codec = cur_u32le(c);
    cur_skip(c, 16); // precedence, silence suppression, frames a packet, parameters of the codec
    m->call_ref = optional(c);
    if (!m->call_ref)
        m->call_ref = conference; // the same number where there is no conference
    return c->failed ? WIRE_SCCP_SHORT : e;
}

static void open_receive(struct cur *c, struct sccp_msg *m)
{
    uint32_t conference = cur_u32le(c);
    m->pass_through = cur_u32le(c);
    m->ptime_ms = cur_u32le(c);
    m->codec = cur_u32le(c);
    cur_skip(c, 8); // echo cancelling, parameters of the codec
    m->call_ref = optional(c);
    if (!m->call_ref)
        m->call_ref = conference;
}

static void call_info(struct cur *c, struct sccp_msg *m)
{
    m->calling_name = fixed_text(c, 40);
    m->calling = fixed_text(c, 24);
    m->called_name = fixed_text(c, 40);
    m->called = fixed_text(c, 24);
    m->line = cur_u32le(c);
    m->call_ref = cur_u32le(c);
    m->call_type = cur_u32le(c);
}

static void call_info_v2(struct cur *c, struct sccp_msg *m)
{
    m->line = cur_u32le(c);
    m->call_ref = cur_u32le(c);
    m->call_type = cur_u32le(c);
    cur_skip(c, 20); // reasons of redirection, instance, security, what may not be shown
    m->calling = next_text(c);
    (void)next_text(c); // alternate calling
    m->called = next_text(c);
    for (int i = 0; i < 6; i++) // original called, last redirecting, four voice mail boxes
        (void)next_text(c);
    m->calling_name = next_text(c);
    m->called_name = next_text(c);
}

static enum wire_event body(struct cur *c, struct sccp_msg *m)
{
    switch (m->id) {
    case SCCP_OFF_HOOK:
    case SCCP_ON_HOOK:
        m->line = optional(c);
        m->call_ref = optional(c);
        break;
    case SCCP_SOFT_KEY_EVENT:
        m->key = cur_u32le(c);
        m->line = optional(c);
        m->call_ref = optional(c);
        break;
    case SCCP_OPEN_RECEIVE_CHANNEL_ACK:
        return receive_ack(c, m);
    case SCCP_START_MEDIA_TRANSMISSION:
        return start_media(c, m);
    case SCCP_OPEN_RECEIVE_CHANNEL:
        open_receive(c, m);
        break;
    case SCCP_CALL_STATE:
        m->state = cur_u32le(c);
        m->line = cur_u32le(c);
        m->call_ref = cur_u32le(c);
        break;
    case SCCP_CALL_INFO:
        call_info(c, m);
        break;
    case SCCP_CALL_INFO_V2:
        call_info_v2(c, m);
        break;
    case SCCP_DIALED_NUMBER:
        // 24 bytes of digits, 25 (padded to 28) since later versions; the two numbers stand at the end.
        m->called = fixed_text(c, cur_left(c) >= 36 ? 28 : 24);
        m->line = cur_u32le(c);
        m->call_ref = cur_u32le(c);
        break;
    default:
        break;
    }
    return c->failed ? WIRE_SCCP_SHORT : WIRE_NONE;
}

enum wire_event sccp_parse(struct span message, struct sccp_msg *ret)
{
    *ret = (struct sccp_msg){0};
    struct cur c = cur_of(message);
    uint32_t length = cur_u32le(&c);
    ret->version = cur_u32le(&c);
    if (c.failed || length < 4 || length > cur_left(&c))
        return WIRE_SCCP_SHORT;
    struct cur part = cur_part(&c, length);
    ret->id = cur_u32le(&part);
    return body(&part, ret);
}

bool sccp_payload_type(uint32_t codec, uint8_t *ret)
{
    static const struct {
        uint8_t codec, payload_type;
    } known[] = {{2, 8}, {3, 8},   {4, 0},   {5, 0},   {6, 9},   {7, 9},   {8, 9},
                 {9, 4}, {10, 15}, {11, 18}, {12, 18}, {15, 18}, {16, 18}, {18, 3}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].codec == codec) {
            *ret = known[i].payload_type;
            return true;
        }
    return false;
}

const char *sccp_state_name(uint32_t state)
{
    static const char *const names[] = {NULL,           "OffHook",
                                        "OnHook",       "RingOut",
                                        "RingIn",       "Connected",
                                        "Busy",         "Congestion",
                                        "Hold",         "CallWaiting",
                                        "CallTransfer", "CallPark",
                                        "Proceed",      "CallRemoteMultiline",
                                        "InvalidNumber"};
    return state < sizeof names / sizeof names[0] ? names[state] : NULL;
}
