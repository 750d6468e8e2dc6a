// SIP messages, and every reader of values on every header. The whole input is the message.
#include "fuzz.h"
#include "wire/sdp.h"
#include "wire/sip.h"
#include "wire/sip_story.h"

static struct sip_msg m;

static void value_read(struct span value)
{
    static char line[65536];
    struct sip_addr a;
    struct sip_via v;
    struct span rest = value, item;
    size_t n = sip_unfold(value, line, sizeof line);
    fuzz_check(n <= value.n);
    for (size_t i = 0; sip_list_next(&rest, &item); i++) {
        fuzz_inside(item, value);
        fuzz_check(i <= value.n);
    }
    if (sip_addr_parse(value, &a)) {
        const struct span parts[] = {a.display, a.uri, a.scheme, a.user, a.host, a.port, a.params};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            fuzz_inside(parts[i], value);
        if (sip_param(a.params, SPAN_LIT("tag"), &item))
            fuzz_inside(item, value);
    }
    if (sip_via_parse(value, &v)) {
        fuzz_inside(v.transport, value);
        fuzz_inside(v.host, value);
        fuzz_inside(v.port, value);
        fuzz_inside(v.params, value);
    }
}

// What joins calls: all readers on every value.
static void story_read(struct span value)
{
    static struct sip_refer_to refer;
    struct sip_replaces r;
    struct sip_session_id id;
    uint32_t seconds;
    uint16_t n;
    if (sip_replaces_parse(value, &r)) {
        fuzz_inside(r.call_id, value);
        fuzz_inside(r.to_tag, value);
        fuzz_inside(r.from_tag, value);
        fuzz_check(r.call_id.n && r.to_tag.n && r.from_tag.n);
    }
    if (sip_refer_to_parse(value, &refer)) {
        fuzz_inside(refer.target.user, value);
        if (refer.has_replaces)
            fuzz_inside(refer.replaces.call_id, span_of(refer.text, sizeof refer.text));
    }
    if (sip_session_id_parse(value, &id))
        fuzz_touch(span_of(&id, sizeof id));
    fuzz_check(!sip_session_expires_parse(value, &seconds) || seconds > 0);
    fuzz_check(!sip_reason_q850(value, &n) || (n > 0 && n < 128));
    fuzz_check(!sip_frag_status(value, &n) || (n >= 100 && n <= 699));
    (void)sip_contact_is_focus(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span raw = span_of(data, size);
    bool usable = sip_parse(raw, &m);
    const struct span parts[] = {
        m.method_text, m.uri,       m.reason, m.call_id,     m.cseq_method_text,
        m.from,        m.to,        m.body,   m.from_tag,    m.to_tag,
        m.via_branch,  sip_sdp(&m), m.raw,    m.content_type};
    fuzz_check(m.headers <= SIP_HEADERS_MAX);
    fuzz_check(usable || m.event != WIRE_NONE);
    fuzz_check(m.event_offset <= size);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fuzz_inside(parts[i], raw);
        fuzz_touch(parts[i]);
    }
    for (uint32_t i = 0; i < m.headers; i++) {
        fuzz_inside(m.header[i].name, raw);
        fuzz_inside(m.header[i].value, raw);
        value_read(m.header[i].value);
        story_read(m.header[i].value);
        fuzz_check(sip_header_by_name(&m, m.header[i].name, 0).p != NULL);
    }
    if (usable) {
        fuzz_check(m.call_id.n > 0 && m.cseq_method_text.n > 0);
        fuzz_check(m.request ? m.method != SIP_METHOD_NONE : m.status >= 100 && m.status <= 699);
        fuzz_check(sip_sniff(raw) || size > 8192 || raw.p[0] == '\r' || raw.p[0] == '\n');
    }
    story_read(m.body);
    story_read(raw);
    (void)sip_sniff(raw);
    return 0;
}
