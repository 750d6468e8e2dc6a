// IAX2: signalling and media on one port. Each side of a call has a number of its own choice; a full frame has both, a mini
// frame only its sender's. The media goes on as RTP made here (worker_signalling.c): mini frames have no sequence numbers,
// so they are given ones by their time stamps and the length of a frame, which makes loss, doubles and reordering seen again.
// A gap of a second and more is taken for silence.
#include <stdio.h>
#include "sigcalls.h"
#include "wire/iax2.h"

#define CAUSE_BUSY       17
#define CAUSE_NO_CIRCUIT 34
#define SILENCE_STEPS    50
#define FRAME_MS         20
#define AGAIN_US         (INT64_C(10) * 1000 * 1000) // a NEW of the same numbers within: told again

static struct sigkey key_of(const struct endpoint *from, const struct endpoint *to, uint16_t number)
{
    return sigkey_of(SIGKEY_IAX2, from, to, number);
}

// The same packets give the same streams (FNV-1a).
static uint32_t ssrc_of(const struct sigcall *c, int64_t at_us, enum sigside side)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (uint8_t i = 0; i < c->key_n; i++)
        h = (h ^ (uint8_t)c->key[i]) * UINT64_C(0x100000001b3);
    h = (h ^ (uint64_t)at_us) * UINT64_C(0x100000001b3);
    h = (h ^ (uint64_t)side) * UINT64_C(0x100000001b3);
    uint32_t ssrc = (uint32_t)(h >> 32 ^ h);
    return ssrc ? ssrc : 1;
}

// What side receives: at its end, the other's SSRC. Dynamic payload types are always the same, so that calls on one port agree.
static struct sigmedia media_of(const struct sigcall *c, enum sigside side)
{
    static const struct {
        uint8_t payload_type;
        const char *codec;
    } dynamic[] = {{IAX2_PT_L16, "L16"},
                   {IAX2_PT_G726, "G726-32"},
                   {IAX2_PT_SPEEX, "speex"},
                   {IAX2_PT_ILBC, "iLBC"}};
    struct sigmedia m = {.side = side,
                         .at = side == SIGSIDE_CALLER ? c->src : c->dst,
                         .ssrc = c->iax2.dir[sigside_other(side)].ssrc};
    for (size_t i = 0; i < sizeof dynamic / sizeof dynamic[0]; i++)
        sigmedia_add_format(&m, &(struct sdp_format){.payload_type = dynamic[i].payload_type,
                                                     .codec = span_str(dynamic[i].codec),
                                                     .clock_rate = 8000,
                                                     .channels = 1});
    return m;
}

static void tell_media(struct sigcalls *t, struct sigcall *c, int64_t at_us, const char *message)
{
    struct sigmedia media[2] = {media_of(c, SIGSIDE_CALLER), media_of(c, SIGSIDE_CALLEE)};
    sigcalls_tell(
        t, c,
        &(struct sigcall_event){.at_us = at_us, .message = message, .media = media, .medias = 2});
}

static void end(struct sigcalls *t, struct sigcall *c, int64_t at_us, const char *message,
                enum sigside by, uint32_t cause)
{
    sigcalls_tell(t, c,
                  &(struct sigcall_event){.kind = SIGKIND_ENDED,
                                          .at_us = at_us,
                                          .message = message,
                                          .side = by,
                                          .cause = cause ? cause : c->iax2.cause});
    sigcalls_end(t, c);
}

// Of one side; the other has the same until it says something else. SIGSIDE_NONE: agreed, of both.
static void set_format(struct sigcall *c, enum sigside of, uint64_t format)
{
    uint8_t known;
    if (!iax2_payload_type(format, &known))
        return;
    for (enum sigside s = SIGSIDE_CALLER; s <= SIGSIDE_CALLEE; s++)
        if (s == of || of == SIGSIDE_NONE || !c->iax2.dir[s].format)
            c->iax2.dir[s].format = format;
}

static void begin(struct sigcalls *t, const struct pkt *p, const struct iax2 *f,
                  const struct iax2_elements *e)
{
    struct sigcall *c = sigcalls_begin(t, SIGPROTO_IAX2, p->at_us);
    char src[46], dst[46];
    c->src = (struct endpoint){p->src, p->sport};
    c->dst = (struct endpoint){p->dst, p->dport};
    c->transport = p->protocol;
    ip_addr_format(&p->src, src, sizeof src);
    ip_addr_format(&p->dst, dst, sizeof dst);
    sigcall_set_key(c, "%u@%s:%u;%s:%u", f->source, src, p->sport, dst, p->dport);
    struct sigkey k = key_of(&c->src, &c->dst, f->source);
    sigcalls_key(t, c, &k, SIGSIDE_CALLER);
    for (enum sigside s = SIGSIDE_CALLER; s <= SIGSIDE_CALLEE; s++)
        c->iax2.dir[s].ssrc = ssrc_of(c, p->at_us, s);
    sigparty_user(&c->from, e->calling.n ? e->calling : e->username);
    sigparty_name(&c->from, e->name);
    sigparty_user(&c->to, e->called);
    c->iax2.begun_us = p->at_us;
    set_format(c, SIGSIDE_NONE, e->format);
    tell_media(t, c, p->at_us, "NEW");
}

static void on_new(struct sigcalls *t, const struct pkt *p, struct sigcall *c, const struct iax2 *f,
                   const struct iax2_elements *e)
{
    if (c && p->at_us - c->iax2.begun_us < AGAIN_US)
        return; // retransmitted, or again with the token that was asked for
    if (c)      // the number is used again; the end of its call was not seen
        end(t, c, p->at_us, "NEW", SIGSIDE_NONE, 0);
    begin(t, p, f, e);
}

static void on_control(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                       const struct iax2 *f, enum sigside by)
{
    static const uint8_t kinds[18] = {[IAX2_CONTROL_RINGING] = SIGKIND_RINGING,
                                      [IAX2_CONTROL_ANSWER] = SIGKIND_ANSWERED,
                                      [IAX2_CONTROL_HOLD] = SIGKIND_HELD,
                                      [IAX2_CONTROL_UNHOLD] = SIGKIND_RESUMED};
    if (f->subclass == IAX2_CONTROL_BUSY)
        c->iax2.cause = CAUSE_BUSY;
    else if (f->subclass == IAX2_CONTROL_CONGESTION)
        c->iax2.cause = CAUSE_NO_CIRCUIT;
    else if (f->subclass == IAX2_CONTROL_HANGUP)
        end(t, c, p->at_us, "HANGUP", by, 0);
    else if (f->subclass < sizeof kinds && kinds[f->subclass])
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = (enum sigkind)kinds[f->subclass],
                                              .at_us = p->at_us,
                                              .message = iax2_name(f),
                                              .side = by});
}

// The call of a full frame, by its sender's number, else by its receiver's; the sender's is known from then on.
static struct sigcall *call_of(struct sigcalls *t, const struct pkt *p, const struct iax2 *f,
                               enum sigside *ret_by)
{
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    struct sigkey own = key_of(&src, &dst, f->source), other = key_of(&dst, &src, f->destination);
    uint32_t tag;
    struct sigcall *c = sigcalls_find(t, &own, &tag);
    if (c) {
        *ret_by = (enum sigside)tag;
        return c;
    }
    c = f->destination ? sigcalls_find(t, &other, &tag) : NULL;
    if (!c)
        return NULL;
    *ret_by = sigside_other((enum sigside)tag);
    sigcalls_key(t, c, &own, *ret_by);
    return c;
}

bool sigcall_iax2(struct sigcalls *t, const struct pkt *p, const struct iax2 *f,
                  const struct iax2_elements *e)
{
    enum sigside by = SIGSIDE_NONE;
    struct sigcall *c = call_of(t, p, f, &by);
    bool is_new = f->type == IAX2_IAX && f->subclass == IAX2_NEW;
    if (c)
        sigcalls_touch(t, c, p->at_us);
    if (is_new) {
        on_new(t, p, by == SIGSIDE_CALLER ? c : NULL, f, e);
        return true;
    }
    if (!c)
        return false;
    if (f->type == IAX2_CONTROL)
        on_control(t, c, p, f, by);
    else if (f->type == IAX2_VOICE)
        set_format(c, by, f->subclass);
    else if (f->subclass == IAX2_ACCEPT && f->type == IAX2_IAX)
        set_format(c, SIGSIDE_NONE, e->format);
    else if (f->type == IAX2_IAX && (f->subclass == IAX2_HANGUP || f->subclass == IAX2_REJECT))
        end(t, c, p->at_us, iax2_name(f), by, e->cause);
    return true;
}

// ---- media --------------------------------------------------------------------------------------------------------

// All 32 bits of a mini frame's time stamp: the nearest to the last one.
static uint32_t whole_timestamp(const struct iax2_dir *d, const struct iax2 *f)
{
    if (f->kind == IAX2_FULL)
        return f->timestamp;
    uint32_t ahead = (f->timestamp - d->timestamp) & 0xffff;
    return ahead < 0x8000 ? d->timestamp + ahead : d->timestamp - (0x10000 - ahead);
}

static void next_seq(struct iax2_dir *d, uint32_t timestamp, uint32_t frame_ms,
                     struct iax2_voice *ret)
{
    int32_t delta = (int32_t)(timestamp - d->timestamp);
    int32_t ms = frame_ms ? (int32_t)frame_ms : FRAME_MS;
    int32_t steps = (delta + (delta < 0 ? -ms / 2 : ms / 2)) / ms;
    ret->marker = !d->begun || steps > SILENCE_STEPS;
    if (!d->begun || steps > SILENCE_STEPS || (steps == 0 && delta > 0))
        steps = 1;
    ret->seq = (uint16_t)(d->seq + (uint16_t)steps);
    if (steps > 0) {
        d->seq = ret->seq;
        d->timestamp = timestamp;
    }
    d->begun = true;
}

bool sigcall_iax2_voice(struct sigcalls *t, const struct pkt *p, const struct iax2 *f,
                        struct iax2_voice *ret)
{
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    struct sigkey k = key_of(&src, &dst, f->source);
    uint32_t tag;
    struct sigcall *c = sigcalls_find(t, &k, &tag);
    if (!c || f->payload.n == 0)
        return false;
    struct iax2_dir *d = &c->iax2.dir[tag];
    if (!iax2_payload_type(d->format, &ret->payload_type))
        return false;
    sigcalls_touch(t, c, p->at_us);
    uint32_t frame_ms = iax2_duration_ms(d->format, f->payload.n);
    uint32_t timestamp =
        f->untimed ? d->timestamp + (frame_ms ? frame_ms : FRAME_MS) : whole_timestamp(d, f);
    next_seq(d, timestamp, frame_ms, ret);
    ret->timestamp = timestamp * 8;
    ret->ssrc = d->ssrc;
    ret->media = media_of(c, sigside_other((enum sigside)tag));
    return true;
}
