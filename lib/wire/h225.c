// The user information of H.225: the way to what calls need, the rest passed by its lengths.
#include "wire/h225.h"
#include "wire/per.h"

// Bodies by their index; PROGRESS is the first behind the mark.
enum {
    BODY_SETUP,
    BODY_CALL_PROCEEDING,
    BODY_CONNECT,
    BODY_ALERTING,
    BODY_INFORMATION,
    BODY_RELEASE_COMPLETE,
    BODY_FACILITY,
};

// ---- user information ---------------------------------------------------------------------------------------------

struct reader {
    struct per p;
    bool unread;
};

static void unread(struct reader *r)
{
    r->unread |= !r->p.failed; // what is cut is cut
    r->p.failed = true;
}

static void extensions_skip(struct reader *r, bool present)
{
    struct per_extensions ext;
    per_extensions(&r->p, present, &ext);
}

static void h221(struct reader *r)
{
    bool more = per_bool(&r->p);
    (void)per_octets(&r->p, 4); // country, extension, manufacturer
    extensions_skip(r, more);
}

static void non_standard(struct reader *r)
{
    bool extended;
    uint32_t i = per_choice(&r->p, 1, &extended);
    if (extended || i == 0)
        (void)per_open(&r->p);
    else
        h221(r);
    (void)per_open(&r->p);
}

// GatekeeperInfo, TerminalInfo, H3xxCaps, VoiceCaps, ...: nonStandardData and what came later.
static void capabilities(struct reader *r)
{
    bool more = per_bool(&r->p);
    if (per_bool(&r->p))
        non_standard(r);
    extensions_skip(r, more);
}

static void vendor(struct reader *r)
{
    bool more = per_bool(&r->p), product = per_bool(&r->p), version = per_bool(&r->p);
    h221(r);
    if (product)
        (void)per_octets(&r->p, per_u8(&r->p) + 1); // SIZE (1..256)
    if (version)
        (void)per_octets(&r->p, per_u8(&r->p) + 1);
    extensions_skip(r, more);
}

static void gateway(struct reader *r)
{
    bool more = per_bool(&r->p), protocols = per_bool(&r->p), own = per_bool(&r->p);
    size_t n = protocols ? per_length(&r->p) : 0;
    for (size_t i = 0; i < n && !r->p.failed; i++) {
        bool extended;
        uint32_t kind = per_choice(&r->p, 4, &extended);
        if (i == H225_LIST_MAX)
            unread(r);
        else if (extended)
            (void)per_open(&r->p);
        else if (kind == 0)
            non_standard(r);
        else
            capabilities(r);
    }
    if (own)
        non_standard(r);
    extensions_skip(r, more);
}

static void endpoint_type(struct reader *r)
{
    bool more = per_bool(&r->p), own = per_bool(&r->p), has_vendor = per_bool(&r->p);
    bool gatekeeper = per_bool(&r->p), has_gateway = per_bool(&r->p), mcu = per_bool(&r->p);
    bool terminal = per_bool(&r->p);
    if (own)
        non_standard(r);
    if (has_vendor)
        vendor(r);
    if (gatekeeper)
        capabilities(r);
    if (has_gateway)
        gateway(r);
    if (mcu)
        capabilities(r);
    if (terminal)
        capabilities(r);
    (void)per_bits(&r->p, 2); // mc, undefinedNode
    extensions_skip(r, more);
}

static bool transport_address(struct reader *r, struct endpoint *ret)
{
    bool extended;
    uint32_t kind = per_choice(&r->p, 3, &extended);
    if (extended) {
        (void)per_open(&r->p);
        return false;
    }
    if (kind != 0 && kind != 3) { // source routes, IPX, NetBIOS, NSAP
        unread(r);
        return false;
    }
    bool more = kind == 3 && per_bool(&r->p);
    size_t n = kind == 0 ? 4 : 16;
    struct span ip = per_octets(&r->p, n);
    uint16_t port = (uint16_t)per_u16(&r->p);
    extensions_skip(r, more);
    if (r->p.failed)
        return false;
    *ret = (struct endpoint){.port = port};
    ret->ip.family = kind == 0 ? 4 : 6;
    memcpy(ret->ip.b, ip.p, n);
    return true;
}

static void aliases(struct reader *r)
{
    size_t n = per_length(&r->p);
    for (size_t i = 0; i < n && !r->p.failed; i++) {
        bool extended;
        uint32_t kind = per_choice(&r->p, 1, &extended);
        if (i == H225_LIST_MAX) {
            unread(r);
        } else if (extended) {
            (void)per_open(&r->p);
        } else if (kind == 0) { // digits of four bits, SIZE (1..128)
            size_t digits = per_bits(&r->p, 7) + 1;
            per_align(&r->p);
            for (size_t k = 0; k < digits; k++)
                (void)per_bits(&r->p, 4);
        } else { // BMPString, SIZE (1..256)
            (void)per_octets(&r->p, 2 * ((size_t)per_u8(&r->p) + 1));
        }
    }
}

static void list(struct reader *r, struct span open, struct span *ret, uint32_t *ret_n)
{
    struct per p = per_of(open);
    size_t n = open.n ? per_length(&p) : 0;
    *ret_n = 0;
    r->unread |= n > H225_CHANNELS_MAX; // those before are good
    for (size_t i = 0; i < n && i < H225_CHANNELS_MAX; i++) {
        struct span item = per_open(&p);
        if (p.failed)
            return;
        ret[(*ret_n)++] = item;
    }
}

static struct span addition(const struct per_extensions *e, uint32_t i)
{
    return i < e->n ? e->at[i] : span_of("", 0);
}

// callIdentifier is a SEQUENCE of one, so a bit and 16 bytes.
static void take_identifier(struct span open, struct h225 *m)
{
    struct per p = per_of(open);
    (void)per_bool(&p);
    struct span guid = per_octets(&p, 16);
    if (!p.failed)
        m->identifier = guid;
}

static void take_h245(struct span open, struct h225 *m)
{
    struct reader r = {.p = per_of(open)};
    if (open.n && transport_address(&r, &m->h245))
        m->has_h245 = true;
}

static void setup(struct reader *r, struct h225 *m)
{
    struct per_extensions ext;
    bool more = per_bool(&r->p), h245 = per_bool(&r->p), source = per_bool(&r->p);
    bool destination = per_bool(&r->p), signal = per_bool(&r->p), extra = per_bool(&r->p);
    bool crv = per_bool(&r->p), services = per_bool(&r->p), extended;
    struct endpoint skip;
    (void)per_open(&r->p); // protocol identifier
    if (h245)
        m->has_h245 = transport_address(r, &m->h245);
    if (source)
        aliases(r);
    endpoint_type(r);
    if (destination)
        aliases(r);
    if (signal)
        (void)transport_address(r, &skip);
    if (extra)
        aliases(r);
    for (size_t n = crv ? per_length(&r->p) : 0; n > 0 && !r->p.failed; n--)
        (void)per_u16(&r->p);
    (void)per_bool(&r->p);
    (void)per_octets(&r->p, 16); // conference
    (void)per_choice(&r->p, 2, &extended);
    if (extended)
        (void)per_open(&r->p);
    if (services)
        unread(r);
    (void)per_choice(&r->p, 2, &extended);
    if (extended)
        (void)per_open(&r->p);
    per_extensions(&r->p, more, &ext);
    take_identifier(addition(&ext, 2), m);
    list(r, addition(&ext, 6), m->fast_start, &m->fast_starts);
}

// CallProceeding, Alerting and Connect: the same but for the order, and the conference of Connect.
static void answer(struct reader *r, struct h225 *m, bool connect)
{
    struct per_extensions ext;
    bool more = per_bool(&r->p), h245 = per_bool(&r->p);
    (void)per_open(&r->p);
    if (connect && h245)
        m->has_h245 = transport_address(r, &m->h245);
    endpoint_type(r);
    if (!connect && h245)
        m->has_h245 = transport_address(r, &m->h245);
    if (connect)
        (void)per_octets(&r->p, 16);
    per_extensions(&r->p, more, &ext);
    take_identifier(addition(&ext, 0), m);
    list(r, addition(&ext, 4), m->fast_start, &m->fast_starts);
}

// Progress has what the others have as additions in its root.
static void progress(struct reader *outer, struct span open, struct h225 *m)
{
    struct reader r = {.p = per_of(open)};
    (void)per_bool(&r.p);
    bool h245 = per_bool(&r.p), mode = per_bool(&r.p), tokens = per_bool(&r.p);
    bool crypto = per_bool(&r.p), fast = per_bool(&r.p);
    (void)per_open(&r.p);
    endpoint_type(&r);
    if (h245)
        m->has_h245 = transport_address(&r, &m->h245);
    bool more = per_bool(&r.p);
    m->identifier = per_octets(&r.p, 16);
    extensions_skip(&r, more);
    if (mode || tokens || crypto || !fast || r.p.failed)
        return;
    per_align(&r.p);
    list(outer, span_sub(open, r.p.bit / 8, open.n), m->fast_start, &m->fast_starts);
}

static void facility(struct reader *r, struct h225 *m)
{
    struct per_extensions ext;
    bool more = per_bool(&r->p), address = per_bool(&r->p), alias = per_bool(&r->p);
    bool conference = per_bool(&r->p), extended;
    struct endpoint skip;
    (void)per_open(&r->p);
    if (address)
        (void)transport_address(r, &skip);
    if (alias)
        aliases(r);
    if (conference)
        (void)per_octets(&r->p, 16);
    (void)per_choice(&r->p, 2, &extended);
    if (extended)
        (void)per_open(&r->p);
    per_extensions(&r->p, more, &ext);
    take_identifier(addition(&ext, 0), m);
    take_h245(addition(&ext, 6), m);
    list(r, addition(&ext, 7), m->fast_start, &m->fast_starts);
}

static void release_complete(struct reader *r)
{
    bool more = per_bool(&r->p), reason = per_bool(&r->p), extended = false;
    (void)per_open(&r->p);
    if (reason && (per_choice(&r->p, 4, &extended), extended))
        (void)per_open(&r->p);
    extensions_skip(r, more);
}

static void information(struct reader *r)
{
    bool more = per_bool(&r->p);
    (void)per_open(&r->p);
    extensions_skip(r, more);
}

static void body(struct reader *r, struct h225 *m)
{
    bool extended;
    uint32_t i = per_choice(&r->p, 3, &extended);
    if (extended) {
        struct span open = per_open(&r->p);
        if (i == 0)
            progress(r, open, m);
        return;
    }
    switch (i) {
    case BODY_SETUP:
        setup(r, m);
        break;
    case BODY_CALL_PROCEEDING:
    case BODY_ALERTING:
        answer(r, m, false);
        break;
    case BODY_CONNECT:
        answer(r, m, true);
        break;
    case BODY_INFORMATION:
        information(r);
        break;
    case BODY_RELEASE_COMPLETE:
        release_complete(r);
        break;
    case BODY_FACILITY:
        facility(r, m);
        break;
    default:
        r->p.failed = true;
        break;
    }
}

enum wire_event h225_user_information(struct span s, struct h225 *m)
{
    struct reader r = {.p = per_of(s)};
    struct per_extensions ext;
    (void)per_bits(&r.p, 2); // additions, user data: they stand behind
    bool more = per_bool(&r.p), own = per_bool(&r.p);
    body(&r, m);
    if (own)
        non_standard(&r);
    per_extensions(&r.p, more, &ext);
    list(&r, addition(&ext, 2), m->tunnelled, &m->tunnelleds);
    if (r.unread)
        return WIRE_H225_UNREAD;
    return r.p.failed ? WIRE_H225_SHORT : WIRE_NONE;
}
