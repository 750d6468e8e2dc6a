// mgcp.h: MGCP (RFC 3435): a message's first line and the parameters that make calls, lists of events and signals. Several
// messages may stand in one datagram. Pure; texts are views.
#pragma once
#include "wire/pkt.h"

#define MGCP_MESSAGES_MAX 16 // of a datagram
#define MGCP_LINES_MAX    64 // of a message

enum mgcp_verb {
    MGCP_RESPONSE,
    MGCP_CRCX,
    MGCP_MDCX,
    MGCP_DLCX,
    MGCP_RQNT,
    MGCP_NTFY,
    MGCP_OTHER, // EPCF, AUEP, AUCX, RSIP, MESG
};

struct mgcp_msg {
    enum mgcp_verb verb;
    uint32_t status; // of a response
    uint32_t transaction;
    struct span endpoint;            // local name, @, host
    struct span call_id, connection; // C: I:
    struct span mode;                // M:
    struct span observed, signals;   // O: S:
    bool has_signals;                // an empty S: stops all signals
    struct span sdp;
};

// Does a datagram begin with a command? Responses have no mark of their own: the ports must say it.
bool mgcp_sniff(struct span s);
// The next message of a datagram (RFC 3435 3.5.5: a line with one dot between them). False: none.
bool mgcp_next(struct span *rest, struct span *ret_message);
enum wire_event mgcp_parse(struct span message, struct mgcp_msg *ret);
// One element of an O: or S: list: name without its package, and what stands in brackets behind it. False: the end.
bool mgcp_list_next(struct span *rest, struct span *ret_name, struct span *ret_parameters);
