#include "envelope.h"

#include "base/fail.h"

// Wire types of protobuf: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
struct field {
    uint32_t number;
    uint64_t value;    // of a varint
    struct span bytes; // of a length-delimited field
    bool is_bytes;
};

static uint64_t varint_read(struct cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = cur_u8(c);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    c->failed = true; // more than ten bytes
    return 0;
}

// False at the end, and when the message is not well formed (c->failed).
static bool field_next(struct cur *c, struct field *f)
{
    if (c->failed || cur_left(c) == 0)
        return false;
    uint64_t tag = varint_read(c);
    *f = (struct field){.number = (uint32_t)(tag >> 3), .bytes = span_of(c->p, 0)};
    switch (tag & 7) {
    case 0:
        f->value = varint_read(c);
        break;
    case 1:
        cur_skip(c, 8);
        break;
    case 2: {
        uint64_t n = varint_read(c);
        if (n > cur_left(c))
            c->failed = true;
        else
            f->bytes = cur_take(c, (size_t)n);
        f->is_bytes = true;
        break;
    }
    case 5:
        cur_skip(c, 4);
        break;
    default:
        c->failed = true;
    }
    if (tag > UINT32_MAX || f->number == 0)
        c->failed = true;
    return !c->failed;
}

// ---- writing: fields in ascending order, zero values left out, as protobuf does ------------------------------------

static uint8_t *varint_put(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *number_put(uint8_t *p, uint32_t field, uint64_t v)
{
    return v ? varint_put(varint_put(p, field << 3), v) : p;
}

static uint8_t *bytes_put(uint8_t *p, uint32_t field, struct span s)
{
    if (s.n == 0)
        return p;
    p = varint_put(varint_put(p, field << 3 | 2), s.n);
    memcpy(p, s.p, s.n);
    return p + s.n;
}

size_t envelope_head(uint8_t *buf, const struct envelope *e)
{
    must(e->publisher.n <= ENVELOPE_NAME_MAX && e->site.n <= ENVELOPE_SITE_MAX &&
         e->incarnation.n <= ENVELOPE_BIRTH && e->signature.n <= ENVELOPE_SIGNATURE);
    uint8_t *p = number_put(buf, 1, e->version);
    p = bytes_put(p, 2, e->publisher);
    p = bytes_put(p, 3, e->incarnation);
    p = number_put(p, 4, e->epoch);
    p = number_put(p, 5, e->seq);
    p = number_put(p, 6, e->kind);
    p = number_put(p, 7, (uint64_t)e->sent_at_us);
    p = bytes_put(p, 8, e->site);
    p = number_put(p, 10, e->first_of_epoch);
    p = bytes_put(p, 11, e->signature);
    if (e->payload.n)
        p = varint_put(varint_put(p, 9 << 3 | 2), e->payload.n);
    return (size_t)(p - buf);
}

size_t ask_head(uint8_t *buf, const struct ask_msg *a)
{
    must(a->publisher.n <= ENVELOPE_NAME_MAX && a->site.n <= ENVELOPE_SITE_MAX &&
         a->incarnation.n <= ENVELOPE_BIRTH && a->signature.n <= ENVELOPE_SIGNATURE);
    uint8_t *p = number_put(buf, 1, a->version);
    p = bytes_put(p, 2, a->publisher);
    p = bytes_put(p, 3, a->incarnation);
    p = number_put(p, 4, a->epoch);
    p = number_put(p, 5, a->first_seq);
    p = number_put(p, 6, a->head_seq);
    p = number_put(p, 7, (uint64_t)a->sent_at_us);
    p = bytes_put(p, 8, a->site);
    p = number_put(p, 9, a->kind);
    p = number_put(p, 11, a->waiting);
    p = number_put(p, 12, a->paused);
    p = number_put(p, 13, a->committed_seq);
    p = number_put(p, 14, (uint64_t)a->clock_offset_us);
    p = number_put(p, 15, a->backfill_from);
    p = bytes_put(p, 16, a->signature);
    p = number_put(p, 17, a->ask_no);
    p = number_put(p, 18, a->orders_version);
    return (size_t)(p - buf);
}

size_t ask_envelope_head(uint8_t *buf, size_t envelope_bytes)
{
    return (size_t)(varint_put(varint_put(buf, 10 << 3 | 2), envelope_bytes) - buf);
}

// ---- reading ------------------------------------------------------------------------------------------------------

static bool names_good(struct span publisher, struct span site, struct span incarnation)
{
    if (publisher.n == 0 || publisher.n > ENVELOPE_NAME_MAX || site.n > ENVELOPE_SITE_MAX)
        return false;
    if (memchr(publisher.p, 0, publisher.n) || (site.n && memchr(site.p, 0, site.n)))
        return false;
    return incarnation.n == ENVELOPE_BIRTH;
}

bool envelope_read(struct span bytes, struct envelope *ret)
{
    if (bytes.n == 0)
        return false;
    struct cur c = cur_of(bytes);
    struct envelope e = {.site = span_of(bytes.p, 0),
                         .payload = span_of(bytes.p, 0),
                         .signature = span_of(bytes.p, 0)};
    struct field f;
    while (field_next(&c, &f)) {
        switch (f.number) {
        case 1:
            e.version = f.value;
            break;
        case 2:
            e.publisher = f.bytes;
            break;
        case 3:
            e.incarnation = f.bytes;
            break;
        case 4:
            e.epoch = f.value;
            break;
        case 5:
            e.seq = f.value;
            break;
        case 6:
            e.kind = f.value;
            break;
        case 7:
            e.sent_at_us = (int64_t)f.value;
            break;
        case 8:
            e.site = f.bytes;
            break;
        case 9:
            e.payload = f.bytes;
            break;
        case 10:
            e.first_of_epoch = f.value != 0;
            break;
        case 11:
            e.signature = f.bytes;
            break;
        default:
            e.more = true;
            break;
        }
    }
    if (c.failed || !names_good(e.publisher, e.site, e.incarnation) ||
        e.signature.n > ENVELOPE_SIGNATURE)
        return false;
    *ret = e;
    return true;
}

bool envelope_split(struct span bytes, uint32_t first, struct span *ret, size_t n, uint8_t *rest,
                    size_t *ret_rest)
{
    struct cur c = cur_of(bytes);
    struct field f;
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        ret[i] = span_of(bytes.p, 0);
    for (const uint8_t *from = c.p; bytes.n > 0 && field_next(&c, &f); from = c.p) {
        if (f.number >= first && f.number - first < n && f.is_bytes) {
            ret[f.number - first] = f.bytes;
            continue;
        }
        memcpy(rest + used, from, (size_t)(c.p - from));
        used += (size_t)(c.p - from);
    }
    *ret_rest = used;
    return !c.failed;
}

bool ask_read(struct span bytes, struct ask_msg *ret)
{
    if (bytes.n == 0)
        return false;
    struct cur c = cur_of(bytes);
    struct ask_msg a = {
        .site = span_of(bytes.p, 0), .signature = span_of(bytes.p, 0), .backfill = cur_of(bytes)};
    struct field f;
    while (field_next(&c, &f)) {
        switch (f.number) {
        case 1:
            a.version = f.value;
            break;
        case 2:
            a.publisher = f.bytes;
            break;
        case 3:
            a.incarnation = f.bytes;
            break;
        case 4:
            a.epoch = f.value;
            break;
        case 5:
            a.first_seq = f.value;
            break;
        case 6:
            a.head_seq = f.value;
            break;
        case 7:
            a.sent_at_us = (int64_t)f.value;
            break;
        case 8:
            a.site = f.bytes;
            break;
        case 9:
            a.kind = f.value;
            break;
        case 11:
            a.waiting = f.value != 0;
            break;
        case 12:
            a.paused = f.value != 0;
            break;
        case 13:
            a.committed_seq = f.value;
            break;
        case 14:
            a.clock_offset_us = (int64_t)f.value;
            break;
        case 15:
            a.backfill_from = f.value;
            break;
        case 16:
            a.signature = f.bytes;
            break;
        case 17:
            a.ask_no = f.value;
            break;
        case 18:
            a.orders_version = f.value;
            break;
        default:
            break;
        }
    }
    if (c.failed || !names_good(a.publisher, a.site, a.incarnation) ||
        a.signature.n > ENVELOPE_SIGNATURE)
        return false;
    *ret = a;
    return true;
}

bool ask_next_envelope(struct ask_msg *a, struct span *ret)
{
    struct field f;
    while (field_next(&a->backfill, &f)) {
        if (f.number == 10) {
            *ret = f.bytes;
            return true;
        }
    }
    return false;
}
