#include "wire/h245.h"
#include "wire/per.h"

// Alternatives by their index in H.245 (version 13).
enum {
    REQUEST = 0,
    RESPONSE = 1,
    REQUEST_OPEN = 3,
    RESPONSE_OPEN_ACK = 5,
    DATA_NULL = 1,
    DATA_AUDIO = 3,
    AUDIO_NON_STANDARD = 0,
    AUDIO_G7231 = 8,
    AUDIO_G729A = 11,
    UNICAST = 0,
    UNICAST_IP4 = 0,
    UNICAST_IP6 = 2,
};
#define NON_STANDARD_MAX 16

// What is asked for that we cannot pass: the end of reading, no flaw.
struct reader {
    struct per p;
    bool unread;
};

static void unread(struct reader *r)
{
    r->unread |= !r->p.failed; // what is cut is cut
    r->p.failed = true;
}

static void non_standard(struct per *p)
{
    bool extended;
    if (per_choice(p, 1, &extended) == 0 || extended) {
        (void)per_open(p); // object identifier
    } else {
        (void)per_bool(p); // h221NonStandard: country, extension, manufacturer
        (void)per_octets(p, 4);
    }
    (void)per_open(p);
}

// By index: the payload type of RFC 3551, or 255.
static const uint8_t root_payload_type[14] = {255, 8, 8, 0, 0, 9, 9, 9, 4, 15, 18, 18, 255, 255};
static const uint8_t more_payload_type[4] = {18, 18, 4, 3}; // G.729 B, A and B, G.723.1 C, GSM

static void audio(struct reader *r, struct h245_channel *c)
{
    bool extended;
    uint32_t i = per_choice(&r->p, 4, &extended);
    uint8_t payload_type = 255;
    if (extended) {
        (void)per_open(&r->p);
        payload_type = i < sizeof more_payload_type ? more_payload_type[i] : 255;
    } else if (i == AUDIO_NON_STANDARD) {
        non_standard(&r->p);
    } else if (i > AUDIO_G729A) {
        unread(r);
    } else {
        (void)per_u8(&r->p); // frames
        if (i == AUDIO_G7231)
            (void)per_bool(&r->p);
        payload_type = root_payload_type[i];
    }
    if (payload_type != 255 && !r->p.failed) {
        c->payload_type = payload_type;
        c->payload_type_known = true;
    }
}

static void data_type(struct reader *r, struct h245_channel *c)
{
    bool extended;
    uint32_t i = per_choice(&r->p, 3, &extended);
    if (extended)
        (void)per_open(&r->p);
    else if (i == DATA_AUDIO)
        audio(r, c);
    else if (i != DATA_NULL)
        unread(r); // video, T.38, encrypted: deep and not sound
}

static bool address(struct reader *r, struct endpoint *ret)
{
    struct per *p = &r->p;
    bool extended;
    if (per_choice(p, 1, &extended) != UNICAST || extended) {
        unread(r);
        return false;
    }
    uint32_t kind = per_choice(p, 3, &extended);
    if (extended || (kind != UNICAST_IP4 && kind != UNICAST_IP6)) {
        unread(r);
        return false;
    }
    bool more = per_bool(p);
    size_t n = kind == UNICAST_IP4 ? 4 : 16;
    struct span ip = per_octets(p, n);
    uint16_t port = (uint16_t)per_u16(p);
    struct per_extensions ext;
    per_extensions(p, more, &ext);
    if (p->failed)
        return false;
    *ret = (struct endpoint){.port = port};
    ret->ip.family = kind == UNICAST_IP4 ? 4 : 6;
    memcpy(ret->ip.b, ip.p, n);
    return true;
}

// The elements before the addresses are the same in both structures but for which there are.
static void non_standards(struct reader *r)
{
    size_t n = per_length(&r->p);
    for (size_t i = 0; i < n && !r->p.failed; i++) {
        if (i == NON_STANDARD_MAX)
            unread(r);
        else
            non_standard(&r->p);
    }
}

// H2250LogicalChannelParameters, up to the media channel.
static void parameters(struct reader *outer, struct span open, struct h245_channel *c)
{
    struct reader r = {.p = per_of(open)};
    (void)per_bool(&r.p); // additions stand behind what we want
    bool vendor = per_bool(&r.p), associated = per_bool(&r.p), media = per_bool(&r.p);
    (void)per_bits(&r.p,
                   7); // guarantees, control channel, silence, destination, payload type, packets
    if (vendor)
        non_standards(&r);
    (void)per_u8(&r.p); // session
    if (associated)
        (void)per_bits(&r.p, 8);
    if (media)
        c->found = address(&r, &c->media);
    outer->unread |= r.unread;
    outer->p.failed |= r.p.failed;
}

// CHOICE of multiplex parameters: H.225's is the first behind the mark in all of them.
static void multiplex(struct reader *r, unsigned root_bits, struct h245_channel *c)
{
    bool extended;
    uint32_t i = per_choice(&r->p, root_bits, &extended);
    if (!extended) {
        unread(r); // of other networks
        return;
    }
    struct span open = per_open(&r->p);
    if (i == 0 && !r->p.failed)
        parameters(r, open, c);
}

static void open_channel(struct reader *r, struct h245_channel *c)
{
    struct per_extensions ext;
    (void)per_bool(&r->p);
    bool reverse = per_bool(&r->p);
    (void)per_u16(&r->p); // number
    bool more = per_bool(&r->p);
    if (per_bool(&r->p))
        (void)per_u16(&r->p); // port
    data_type(r, c);
    multiplex(r, 2, c);
    per_extensions(&r->p, more, &ext);
    if (!reverse || c->found || r->p.failed)
        return;
    (void)per_bool(&r->p);
    bool has = per_bool(&r->p);
    data_type(r, c);
    if (has)
        multiplex(r, 1, c);
}

static enum wire_event verdict(const struct reader *r, struct h245_channel *ret)
{
    if (!r->p.failed)
        return WIRE_NONE;
    *ret = (struct h245_channel){0};
    return r->unread ? WIRE_H245_UNREAD : WIRE_H245_SHORT;
}

enum wire_event h245_open_channel(struct span channel, struct h245_channel *ret)
{
    struct reader r = {.p = per_of(channel)};
    *ret = (struct h245_channel){0};
    open_channel(&r, ret);
    return verdict(&r, ret);
}

// forwardMultiplexAckParameters: a CHOICE of one, H2250LogicalChannelAckParameters.
static void ack_parameters(struct reader *outer, struct span open, struct h245_channel *c)
{
    struct reader r = {.p = per_of(open)};
    if (per_bool(&r.p))
        return;
    (void)per_bool(&r.p);
    bool vendor = per_bool(&r.p), session = per_bool(&r.p), media = per_bool(&r.p);
    (void)per_bits(&r.p, 2); // control channel, payload type
    if (vendor)
        non_standards(&r);
    if (session)
        (void)per_bits(&r.p, 8);
    if (media)
        c->found = address(&r, &c->media);
    outer->unread |= r.unread;
    outer->p.failed |= r.p.failed;
}

static void open_ack(struct reader *r, struct h245_channel *c)
{
    struct per_extensions ext;
    bool more = per_bool(&r->p), reverse = per_bool(&r->p);
    (void)per_u16(&r->p);
    if (reverse) { // of a channel in both directions; not sound
        unread(r);
        return;
    }
    per_extensions(&r->p, more, &ext);
    if (ext.n > 1 && ext.at[1].n > 0)
        ack_parameters(r, ext.at[1], c);
}

enum wire_event h245_parse(struct span message, struct h245_channel *ret)
{
    struct reader r = {.p = per_of(message)};
    bool extended;
    *ret = (struct h245_channel){0};
    uint32_t kind = per_choice(&r.p, 2, &extended);
    if (extended || kind > RESPONSE)
        return r.p.failed ? WIRE_H245_SHORT : WIRE_NONE;
    uint32_t i = per_choice(&r.p, kind == REQUEST ? 4 : 5, &extended);
    if (!extended && kind == REQUEST && i == REQUEST_OPEN)
        open_channel(&r, ret);
    else if (!extended && kind == RESPONSE && i == RESPONSE_OPEN_ACK)
        open_ack(&r, ret);
    return verdict(&r, ret);
}
