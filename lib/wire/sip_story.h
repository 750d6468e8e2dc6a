// sip_story.h: header values that tell how dialogs hang together: Replaces, Refer-To, Session-ID, Session-Expires, Reason, and the
// sipfrag of a NOTIFY. Pure; views borrow the value, what had to be unescaped stands in a given buffer. Strict: what these say
// joins calls, so a value that is not as its RFC has it says nothing.
#pragma once
#include "wire/sip.h"

#define SIP_REPLACES_TEXT 700 // a Call-ID of 512 and two tags fit

// RFC 3891 6.1: Replaces: <call-id>;to-tag=..;from-tag=..[;early-only]
struct sip_replaces {
    struct span call_id, to_tag, from_tag;
    bool early_only;
};
bool sip_replaces_parse(struct span value, struct sip_replaces *ret);

// RFC 3515 2.1: who the other is to call; with Replaces among the URI's headers (RFC 3891 4), the transfer is attended.
struct sip_refer_to {
    struct sip_addr target; // its URI still has the headers
    bool has_replaces;
    struct sip_replaces replaces; // views into text
    char text[SIP_REPLACES_TEXT];
};
bool sip_refer_to_parse(struct span value, struct sip_refer_to *ret);

// RFC 7989 5: 32 hexadecimal digits, and those of the other end in remote=. All zero: not known.
struct sip_session_id {
    uint8_t local[16], remote[16];
};
bool sip_session_id_parse(struct span value, struct sip_session_id *ret);

// RFC 4028 4: seconds, 90 at least by its Min-SE; at most a week here.
bool sip_session_expires_parse(struct span value, uint32_t *ret_seconds);

// RFC 3326: the cause of protocol Q.850, 1 to 127. False: there is none.
bool sip_reason_q850(struct span value, uint16_t *ret_cause);

// RFC 3515 2.4.5: the status line of a message/sipfrag body. False: there is none.
bool sip_frag_status(struct span body, uint16_t *ret_status);

// RFC 4579 4.2: this Contact is the focus of a conference.
bool sip_contact_is_focus(struct span value);
