// dialog_states.h: the INVITE dialog as seen from outside (RFC 3261 12, 13, 14, 15, 17.1.1), as one table.
// One row a state, one column an event; each cell says where it goes and what that means for the leg.
// A passive observer sees doubles, holes and reordering: every cell is defined, and what already happened
// happens no second time. States, for the drawing in README.md:
//
//   CALLING -> PROCEEDING -> EARLY -> ANSWERED -> CONFIRMED -> ENDED        AUTH: 401/407, a new attempt may come
//                                                                           ENDED: BYE, final failure, time, input's end
#pragma once
#include <stdint.h>

enum dialog_state {
    DIALOG_CALLING,    // INVITE seen
    DIALOG_PROCEEDING, // 100 seen
    DIALOG_EARLY,      // 101-199 seen
    DIALOG_AUTH,       // 401, 407, 421, 422, 494: the same caller may try again within the same leg
    DIALOG_ANSWERED,   // 2xx seen, ACK not yet
    DIALOG_CONFIRMED,  // ACK seen, or traffic that only a confirmed dialog has
    DIALOG_ENDED,
    DIALOG_STATES,
};

enum dialog_event {
    EVENT_INVITE, // outside a dialog: the first, a retransmission, another hop, or a new attempt (higher CSeq)
    EVENT_100,
    EVENT_1XX, // 101-199
    EVENT_2XX,
    EVENT_RETRY, // a final answer after which the same caller tries again: 401, 407, 421, 422, 494
    EVENT_FINAL, // any other 3xx-6xx
    EVENT_ACK_2XX,   // ACK with a branch of its own
    EVENT_ACK_FINAL, // ACK with the INVITE's branch: there was a final answer, seen or not
    EVENT_BYE,
    EVENT_LOST_FORK, // another fork of the same INVITE answered
    DIALOG_EVENTS,
};

enum dialog_action {
    ACT_NONE,
    ACT_ATTEMPT,  // a new attempt begins: early state is forgotten
    ACT_PROGRESS, // ringing or early, by status and SDP
    ACT_ANSWER,
    ACT_RETRY,  // remember status; the leg waits
    ACT_REJECT, // the leg ends with this status
    ACT_ACK,
    ACT_END_UNSEEN, // the leg ends; its final answer was not captured
    ACT_BYE,
    ACT_LOSE,
};

struct dialog_cell {
    uint8_t next, action;
};
extern const struct dialog_cell dialog_table[DIALOG_STATES][DIALOG_EVENTS];
