// sip_text.h: private to lib/wire. The characters, lines and names of SIP, shared by the parser, the value readers
// and the stream cutter, so that all three agree on where a line, a name or a message ends. Pure.
#pragma once
#include "wire/sip.h"

#define SIP_START_LINE_MAX  8192
#define SIP_HEADER_LINE_MAX 16384
#define SIP_MESSAGE_MAX     65535
#define SIP_CALL_ID_MAX     4096
#define SIP_METHOD_MAX      64

// RFC 3261 25.1.
// alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" as bits.
extern const uint32_t sip_token_bits[8];
static inline bool sip_is_token(uint8_t c)
{
    return sip_token_bits[c >> 5] >> (c & 31) & 1;
}
bool sip_all_token(struct span s); // and not empty
static inline bool sip_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

// Takes one line off the front, without its LF and the CR before it. False: no LF in sight (*rest untouched).
bool sip_line_next(struct span *rest, struct span *ret_line);
// The same with the folded lines that follow it (RFC 3261 7.3.1).
bool sip_header_next(struct span *rest, struct span *ret_line);
// Splits "name : value" (HCOLON). False: no colon, or the name is no token.
bool sip_header_split(struct span line, struct span *ret_name, struct span *ret_value);

enum sip_header_id sip_header_lookup(struct span name);
enum sip_method sip_method_lookup(struct span method);

// Do these bytes begin with a SIP start line?
enum sip_start {
    SIP_START_NO,
    SIP_START_MORE,
    SIP_START_YES
};
// `line` is all that is known of it; whole: its end has been seen (`line` is without it).
enum sip_start sip_start_judge(struct span line, bool whole);
// On bytes as they come: finds the end of the line itself.
enum sip_start sip_start_of(struct span s);

// The Content-Length rule: digits only, at most 10. False: not a length.
bool sip_content_length(struct span value, uint64_t *ret);

// sip_addr_parse, and whether the form was by the book (RFC 4475 3.1.2.13 to 15).
bool sip_addr_read(struct span value, struct sip_addr *ret, bool *ret_strict);
// A URI by the book as far as monitoring cares: no spaces, no brackets around, host and port that can be.
bool sip_uri_strict(struct span uri);
bool sip_via_strict(const struct sip_via *v);
// One multipart body (RFC 2046 5.1): the first application/sdp part, `depth` levels down. False: no boundary found.
bool sip_multipart_sdp(struct span content_type, struct span body, unsigned depth,
                       struct span *ret_sdp);
bool sip_is_multipart(struct span content_type);
