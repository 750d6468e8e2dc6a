// Names: methods and headers, long and compact (RFC 3261 7.3.3 and the IANA register).
#include "wire/sip_text.h"

#define SIP_METHODS(X)                                                                             \
    X(INVITE)                                                                                      \
    X(ACK)                                                                                         \
    X(BYE)                                                                                         \
    X(CANCEL)                                                                                      \
    X(REGISTER)                                                                                    \
    X(OPTIONS)                                                                                     \
    X(PRACK)                                                                                       \
    X(UPDATE)                                                                                      \
    X(INFO)                                                                                        \
    X(REFER)                                                                                       \
    X(NOTIFY)                                                                                      \
    X(SUBSCRIBE)                                                                                   \
    X(PUBLISH)                                                                                     \
    X(MESSAGE)

static const struct {
    struct span name;
    enum sip_method method;
} methods[] = {
#define METHOD_ROW(m) {SPAN_LIT(#m), SIP_##m},
    SIP_METHODS(METHOD_ROW)
#undef METHOD_ROW
};

const char *sip_method_name(enum sip_method m)
{
    switch (m) {
#define METHOD_CASE(m)                                                                             \
    case SIP_##m:                                                                                  \
        return #m;
        SIP_METHODS(METHOD_CASE)
#undef METHOD_CASE
    case SIP_METHOD_OTHER:
        return "OTHER";
    default:
        return "";
    }
}

// Methods are case-sensitive (RFC 3261 7.1).
enum sip_method sip_method_lookup(struct span method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (span_eq(method, methods[i].name))
            return methods[i].method;
    return method.n ? SIP_METHOD_OTHER : SIP_METHOD_NONE;
}

static const struct header_name {
    struct span name;
    enum sip_header_id id;
    uint8_t compact; // lower case; 0: none
} header_names[] = {
    {SPAN_LIT("Via"), SIP_H_VIA, 'v'},
    {SPAN_LIT("From"), SIP_H_FROM, 'f'},
    {SPAN_LIT("To"), SIP_H_TO, 't'},
    {SPAN_LIT("Call-ID"), SIP_H_CALL_ID, 'i'},
    {SPAN_LIT("CSeq"), SIP_H_CSEQ, 0},
    {SPAN_LIT("Contact"), SIP_H_CONTACT, 'm'},
    {SPAN_LIT("Max-Forwards"), SIP_H_MAX_FORWARDS, 0},
    {SPAN_LIT("Content-Type"), SIP_H_CONTENT_TYPE, 'c'},
    {SPAN_LIT("Content-Length"), SIP_H_CONTENT_LENGTH, 'l'},
    {SPAN_LIT("Content-Encoding"), SIP_H_CONTENT_ENCODING, 'e'},
    {SPAN_LIT("User-Agent"), SIP_H_USER_AGENT, 0},
    {SPAN_LIT("Server"), SIP_H_SERVER, 0},
    {SPAN_LIT("Date"), SIP_H_DATE, 0},
    {SPAN_LIT("Expires"), SIP_H_EXPIRES, 0},
    {SPAN_LIT("Route"), SIP_H_ROUTE, 0},
    {SPAN_LIT("Record-Route"), SIP_H_RECORD_ROUTE, 0},
    {SPAN_LIT("Reason"), SIP_H_REASON, 0},
    {SPAN_LIT("Session-ID"), SIP_H_SESSION_ID, 0},
    {SPAN_LIT("Session-Expires"), SIP_H_SESSION_EXPIRES, 'x'},
    {SPAN_LIT("Replaces"), SIP_H_REPLACES, 0},
    {SPAN_LIT("Refer-To"), SIP_H_REFER_TO, 'r'},
    {SPAN_LIT("Referred-By"), SIP_H_REFERRED_BY, 'b'},
    {SPAN_LIT("P-Asserted-Identity"), SIP_H_P_ASSERTED_IDENTITY, 0},
    {SPAN_LIT("Remote-Party-ID"), SIP_H_REMOTE_PARTY_ID, 0},
    {SPAN_LIT("Diversion"), SIP_H_DIVERSION, 0},
    {SPAN_LIT("History-Info"), SIP_H_HISTORY_INFO, 0},
    {SPAN_LIT("Event"), SIP_H_EVENT, 'o'},
    // Only so that the compact form is found by the long name.
    {SPAN_LIT("Supported"), SIP_H_OTHER, 'k'},
    {SPAN_LIT("Subject"), SIP_H_OTHER, 's'},
    {SPAN_LIT("Allow-Events"), SIP_H_OTHER, 'u'},
    {SPAN_LIT("Identity"), SIP_H_OTHER, 'y'},
    {SPAN_LIT("Identity-Info"), SIP_H_OTHER, 'n'},
    {SPAN_LIT("Request-Disposition"), SIP_H_OTHER, 'd'},
    {SPAN_LIT("Accept-Contact"), SIP_H_OTHER, 'a'},
    {SPAN_LIT("Reject-Contact"), SIP_H_OTHER, 'j'},
};

static const struct header_name *header_find(struct span name)
{
    uint8_t compact = name.n == 1 ? name.p[0] | 0x20 : 0;
    for (size_t i = 0; i < sizeof header_names / sizeof header_names[0]; i++) {
        const struct header_name *h = &header_names[i];
        if (compact ? h->compact == compact
                    : h->name.n == name.n && (h->name.p[0] | 0x20) == (name.p[0] | 0x20) &&
                          span_ieq(h->name, name))
            return h;
    }
    return NULL;
}

enum sip_header_id sip_header_lookup(struct span name)
{
    const struct header_name *h = name.n ? header_find(name) : NULL;
    return h ? h->id : SIP_H_OTHER;
}

struct span sip_header_value(const struct sip_msg *m, enum sip_header_id id, uint32_t n)
{
    for (uint32_t i = 0; i < m->headers; i++)
        if (m->header[i].id == id && n-- == 0)
            return m->header[i].value;
    return span_sub(m->raw, m->raw.n, 0);
}

struct span sip_header_by_name(const struct sip_msg *m, struct span name, uint32_t n)
{
    const struct header_name *h = name.n ? header_find(name) : NULL;
    if (h && h->id != SIP_H_OTHER)
        return sip_header_value(m, h->id, n);
    for (uint32_t i = 0; i < m->headers; i++) {
        struct span have = m->header[i].name;
        bool same = span_ieq(have, name);
        if (!same && h)
            same = have.n == 1 ? (have.p[0] | 0x20) == h->compact : span_ieq(have, h->name);
        if (same && n-- == 0)
            return m->header[i].value;
    }
    return span_sub(m->raw, m->raw.n, 0);
}
