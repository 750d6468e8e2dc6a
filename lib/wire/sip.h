// sip.h: a SIP message as views (RFC 3261 section 7 and 25). Pure; views borrow the message. Tolerant where the
// field is (LF-only lines, odd case, compact names, folding, white space before the colon), strict where
// tolerance would let an attacker choose keys. A message that is not well-formed still yields what could be read.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "wire/wire_event.h"

enum sip_method {
    SIP_METHOD_NONE,
    SIP_INVITE,
    SIP_ACK,
    SIP_BYE,
    SIP_CANCEL,
    SIP_REGISTER,
    SIP_OPTIONS,
    SIP_PRACK,
    SIP_UPDATE,
    SIP_INFO,
    SIP_REFER,
    SIP_NOTIFY,
    SIP_SUBSCRIBE,
    SIP_PUBLISH,
    SIP_MESSAGE,
    SIP_METHOD_OTHER,
};

enum sip_header_id {
    SIP_H_OTHER,
    SIP_H_CALL_ID,
    SIP_H_FROM,
    SIP_H_TO,
    SIP_H_CSEQ,
    SIP_H_VIA,
    SIP_H_CONTACT,
    SIP_H_CONTENT_TYPE,
    SIP_H_CONTENT_LENGTH,
    SIP_H_MAX_FORWARDS,
    SIP_H_USER_AGENT,
    SIP_H_SERVER,
    SIP_H_EXPIRES,
    SIP_H_ROUTE,
    SIP_H_RECORD_ROUTE,
    SIP_H_REASON,
    SIP_H_SESSION_ID,
    SIP_H_SESSION_EXPIRES,
    SIP_H_REPLACES,
    SIP_H_REFER_TO,
    SIP_H_REFERRED_BY,
    SIP_H_P_ASSERTED_IDENTITY,
    SIP_H_REMOTE_PARTY_ID,
    SIP_H_DIVERSION,
    SIP_H_HISTORY_INFO,
    SIP_H_EVENT,
    SIP_H_CONTENT_ENCODING,
    SIP_H_DATE,
    SIP_H_COUNT,
};

struct sip_header {
    enum sip_header_id id;
    struct span name;
    struct span
        value; // trimmed; may span folded lines (CRLF + white space inside): sip_unfold makes it one line
};

#define SIP_HEADERS_MAX 256

struct sip_msg {
    struct span raw;
    bool request;
    enum sip_method method;  // requests; for responses the method of CSeq
    struct span method_text; // as written
    struct span uri;         // Request-URI
    uint16_t status;         // responses: 100..699
    struct span reason;
    struct sip_header header[SIP_HEADERS_MAX];
    uint32_t headers;
    struct span call_id;
    uint32_t cseq;
    enum sip_method cseq_method;
    struct span cseq_method_text;
    struct span from, to;         // whole values
    struct span from_tag, to_tag; // empty when there is none
    struct span via_branch;       // of the top Via
    struct span body;             // as far as it is there
    uint64_t content_length;      // as stated; body.n may be less (WIRE_SIP_BODY_SHORT)
    bool has_content_length;
    struct span content_type;
    enum wire_event event; // the first thing that was wrong, WIRE_NONE when well-formed
    uint32_t event_offset; // where, in bytes from the start
};

// Does this look like the first bytes of a SIP message? Cheap; for sorting packets.
bool sip_sniff(struct span s);
// False: not usable as a SIP message (no start line, or no Call-ID, or no CSeq, ...); m->event says why and what could
// be read is filled. True: usable; m->event may still name a flaw. Never reads outside `raw`.
bool sip_parse(struct span raw, struct sip_msg *m);
// Header by id, the n-th occurrence; empty span when there is none. Comma lists are not split.
struct span sip_header_value(const struct sip_msg *m, enum sip_header_id id, uint32_t n);
struct span sip_header_by_name(const struct sip_msg *m, struct span name, uint32_t n);
// Copies with each fold (CRLF + white space) turned into one space. Returns length, cut at cap.
size_t sip_unfold(struct span value, char *dst, size_t cap);
// The SDP of the message: the body, or the first application/sdp part of a multipart body (RFC 5621, depth 2). Empty: none.
struct span sip_sdp(const struct sip_msg *m);
const char *sip_method_name(enum sip_method m);

// From, To, Contact, Refer-To, ...: name-addr or addr-spec with parameters (RFC 3261 20.10).
struct sip_addr {
    struct span display; // without the quotes, escapes left in
    struct span uri;     // whole, without < >
    struct span scheme, user, host,
        port;           // of the URI; user without password, IPv6 host without brackets
    struct span params; // header parameters after the address, from the first ';'
};
bool sip_addr_parse(struct span value, struct sip_addr *ret);
// name=value among ;-separated parameters; quoted strings kept whole. False: not there.
bool sip_param(struct span params, struct span name, struct span *ret_value);
// Top Via: sent-by and parameters.
struct sip_via {
    struct span transport, host, port, params;
};
bool sip_via_parse(struct span value, struct sip_via *ret);
// Splits a comma list (outside quotes and < >): the next element, or false at the end.
bool sip_list_next(struct span *rest, struct span *ret_item);
